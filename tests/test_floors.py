"""The floors hold, and a tree that breaks a rule is caught at it."""

import re
import subprocess
import sys
from pathlib import Path

import floors
import pytest

import gausscheck

ROOT = Path(__file__).parents[1]
GOOD = '"""A module."""\n'


def plant(root, files):
    """Write a small tree, every file good but for what is given."""
    for name, body in {"gausscheck/__init__.py": "", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body if body.startswith(("'''", '"""')) else GOOD + body)
    return root


def test_the_house_stands():
    found = floors.breaches(ROOT)
    assert not found, "\n".join(map(str, found))


def test_the_reader_sees_the_whole_house():
    """An empty report must not come from an empty reading."""
    source = (ROOT / "gausscheck/auditing.py").read_text()
    seen = {
        i.target
        for i in floors.imports(
            floors.ast.parse(source), "gausscheck.auditing", package=False, known={"gausscheck.errors"}
        )
    }
    assert {"gausscheck.errors", "gausscheck.decide", "gausscheck.examine", "time"} <= seen


def test_every_name_of_the_table_exists():
    for names in floors.FLOORS.values():
        for name in names:
            base = ROOT / "cli" if name.startswith("gausscheck_cli") else ROOT
            path = base / name.replace(".", "/")
            assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), name


@pytest.mark.parametrize("folder", ["tests", "docs", "data"])
def test_files_outside_the_package_are_short_too(folder):
    found = [
        breach
        for path in sorted((ROOT / folder).rglob("*.py"))
        for breach in floors.of_text(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        if breach.rule == "length"
    ]
    assert not found, "\n".join(map(str, found))


# Each mutant: what is planted, and the rules that it breaks, no more and no fewer.
MUTANTS = {
    "upward": ({"gausscheck/nulls/bad.py": "from gausscheck.report import Report\n"}, ["upward"]),
    "upward, inside a function": (
        {"gausscheck/errors.py": "def f():\n    import gausscheck.engines.base\n"},
        ["upward"],
    ),
    "upward, by from-import of a module": (
        {"gausscheck/layout.py": "from gausscheck import views\n", "gausscheck/views.py": ""},
        ["upward"],
    ),
    "upward, relative": (
        {"gausscheck/nulls/bad.py": "from ..catalogue import statistics\n"},
        ["upward"],
    ),
    "upward, relative in a package": (
        {"gausscheck/nulls/__init__.py": "from ..decide import holm\n"},
        ["upward"],
    ),
    "upward, by name": (
        {"gausscheck/nulls/bad.py": "import importlib\nimportlib.import_module('gausscheck.decide')\n"},
        ["upward"],
    ),
    "the public face from below": ({"gausscheck/nulls/bad.py": "import gausscheck\n"}, ["upward"]),
    "the library asks the command line": (
        {"gausscheck/auditing.py": "from gausscheck_cli import main\n"},
        ["upward"],
    ),
    "no floor": ({"gausscheck/helpers.py": ""}, ["floor"]),
    "numba on floor 0": ({"gausscheck/lattice.py": "def f():\n    import numba as nb\n"}, ["place"]),
    "numba at the top": ({"gausscheck/engines/numba.py": "from numba import njit\n"}, ["place"]),
    "torch": ({"gausscheck/arrays.py": "def f():\n    import torch\n"}, ["place"]),
    "torch, its part": ({"gausscheck/arrays.py": "from torch.nn import Module\n"}, ["place"]),
    "matplotlib": ({"gausscheck/text.py": "def f():\n    import matplotlib.pyplot\n"}, ["place"]),
    "scipy at the top": ({"gausscheck/gaussian.py": "from scipy.special import ndtri\n"}, ["place"]),
    "scipy.stats": ({"gausscheck/nulls/bad.py": "def f():\n    from scipy import stats\n"}, ["place"]),
    "scipy.stats, its part": ({"gausscheck/decide.py": "from scipy.stats import norm\n"}, ["place"]),
    "click in the library": ({"gausscheck/options.py": "import click\n"}, ["place"]),
    "rich in the library": ({"gausscheck/text.py": "def f():\n    from rich import table\n"}, ["place"]),
    "pytest outside its plugin": ({"gausscheck/checking.py": "def f():\n    import pytest\n"}, ["place"]),
    "numpy in the command line": ({"cli/gausscheck_cli/main.py": "import numpy as np\n"}, ["place"]),
    "no dependency": ({"gausscheck/lattice.py": "import ml_dtypes\n"}, ["foreign"]),
    "print": ({"gausscheck/errors.py": "print('x')\n"}, ["print"]),
    "stdout": ({"gausscheck/errors.py": "import sys\nsys.stdout.write('x')\n"}, ["print"]),
    "argv": ({"gausscheck/errors.py": "import sys\nname = sys.argv[0]\n"}, ["argv"]),
    "argv by name": ({"gausscheck/errors.py": "from sys import argv\n"}, ["argv"]),
    "pickle": ({"gausscheck/sources/bad.py": "import pickle\n"}, ["unpickle"]),
    "allow_pickle": (
        {"gausscheck/sources/bad.py": "import numpy as np\nnp.load('x', allow_pickle=True)\n"},
        ["unpickle"],
    ),
    "torch.load": (
        {"gausscheck/sources/bad.py": "def f(torch):\n    torch.load('x', mmap=True)\n"},
        ["unpickle"],
    ),
    "eval": ({"gausscheck/sources/bad.py": "eval('1')\n"}, ["unpickle"]),
    "long": ({"gausscheck/errors.py": "#\n" * 399}, ["length"]),
    "no docstring": ({"gausscheck/errors.py": "'''''' \n"}, ["docstring"]),
    "a path of one machine": ({"gausscheck/errors.py": "HOME = '/work/main'\n"}, ["path"]),
    "a host": ({"gausscheck/errors.py": "# see https://registry.example/x\n"}, ["host"]),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_rule_is_reported(name, tmp_path):
    files, rules = MUTANTS[name]
    found = floors.breaches(plant(tmp_path, files))
    assert [b.rule for b in found] == rules, "\n".join(map(str, found))


def test_every_rule_has_a_mutant():
    rules = set(re.findall(r'Breach\(\w+, [\w.()]+, "(\w+)"', Path(floors.__file__).read_text()))
    assert rules == {rule for _, expected in MUTANTS.values() for rule in expected}


def test_what_is_allowed_is_not_reported(tmp_path):
    files = {
        "gausscheck/__init__.py": "from gausscheck.auditing import audit\n",
        "gausscheck/auditing.py": "from gausscheck import report\nfrom gausscheck.nulls.base import Null\n",
        "gausscheck/report.py": "import numpy as np\ndef f():\n    from gausscheck import text\n",
        "gausscheck/text.py": "from .report import Report\nfrom .errors import DataError\n",
        "gausscheck/nulls/base.py": "from scipy.special import ndtri\n",
        "gausscheck/engines/kernels.py": "import numba\n",
        "gausscheck/engines/__init__.py": "def f():\n    __import__('numba')\n",
        "gausscheck/gaussian.py": "def f():\n    from scipy.special import ndtri\n",
        "gausscheck/errors.py": "# https://github.com/x\n" + "#\n" * 397,
        "gausscheck/sources/base.py": "def f(torch, np):\n    torch.load('x', weights_only=True)\n"
        "    np.load('x', allow_pickle=False)\n",
        "cli/gausscheck_cli/main.py": "import click\nprint(click.__name__)\nimport gausscheck\n",
    }
    assert floors.breaches(plant(tmp_path, files)) == []


def test_import_costs_nothing():
    """`import gausscheck` alone, and its names, load no heavy package."""
    code = (
        "import sys, gausscheck, gausscheck_cli, gausscheck.pytest_plugin.plugin\n"
        "assert dir(gausscheck)\n"
        "heavy = {'numpy', 'scipy', 'numba', 'torch', 'matplotlib', 'click', 'rich', 'pickle'}\n"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_an_audit_of_a_small_array_loads_neither_numba_nor_torch():
    code = (
        "import sys, numpy as np, gausscheck\n"
        "gausscheck.audit(np.random.default_rng(0).standard_normal((4, 64, 64)))\n"
        "assert 'scipy' in sys.modules\n"
        "print(*sorted({'numba', 'torch', 'scipy.stats', 'matplotlib', 'click', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def table(page, columns):
    """Rows of the one table with this heading, cells without markup."""
    heading = "| " + " | ".join(columns) + " |"
    assert page.count(heading) == 1, heading
    rows = []
    for line in page.split(heading)[1].splitlines()[2:]:
        if not line.startswith("|"):
            break
        rows.append([re.sub(r"[`*]", "", cell).strip() for cell in line.strip("|").split("|")])
    return rows


def short(name):
    return name.removeprefix("gausscheck.")


def test_the_page_shows_the_table_of_floors():
    page = (ROOT / "docs/floors.md").read_text()
    shown = {
        int(floor): names.split() for floor, names, _ in table(page, ["floor", "modules", "what is there"])
    }
    assert shown == {floor: [short(n) for n in names] for floor, names in floors.FLOORS.items()}


def test_the_page_shows_the_table_of_places():
    page = (ROOT / "docs/floors.md").read_text()
    shown = {
        package: (always.split(), lazily.split())
        for package, always, lazily in table(page, ["package", "anywhere in", "inside functions of"])
    }
    dash = {
        name: tuple([short(p) for p in part] or ["–"] for part in parts)
        for name, parts in floors.PLACES.items()
    }
    assert shown == dash


def test_public_names_are_the_table_of_the_package():
    assert sorted(gausscheck.__all__, key=str.lower) == sorted(
        [*gausscheck._HOME, "__version__"], key=str.lower
    )
    assert all(getattr(gausscheck, name) is not None for name in gausscheck.__all__)
