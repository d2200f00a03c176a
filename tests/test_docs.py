"""Pages say what is true: their code runs, their links lead somewhere, what is generated is current."""

import doctest
import importlib
import importlib.util
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import floors
import pytest

import gausscheck

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MODULES = sorted(m.name for m in pkgutil.walk_packages(gausscheck.__path__, "gausscheck."))


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def blocks(path, language):
    """Fenced code blocks of a page, by language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(encoding="utf-8"), re.S | re.M)


@pytest.mark.parametrize("name", ["gausscheck", *MODULES])
def test_examples_of_the_docstrings(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_examples_of_the_pages(path):
    result = doctest.testfile(str(path), module_relative=False, encoding="utf-8")
    assert result.failed == 0


def test_the_docstrings_and_the_first_pages_have_examples():
    """A test of examples that finds none would always pass."""
    finder = doctest.DocTestFinder()
    counted = sum(len(t.examples) for m in MODULES for t in finder.find(importlib.import_module(m)))
    assert counted >= 10
    for page in ("README.md", "docs/quickstart.md"):
        assert doctest.DocTestParser().get_examples((ROOT / page).read_text(encoding="utf-8")), page


def heading_anchors(text):
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_somewhere(path):
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), target
        if anchor:
            assert anchor in heading_anchors(linked.read_text(encoding="utf-8")), target


def test_every_page_is_reached_from_the_index():
    reached, todo = set(), [ROOT / "docs/index.md"]
    while todo:
        path = todo.pop()
        if path in reached or path.suffix != ".md":
            continue
        reached.add(path)
        links = re.findall(r"\]\(([^)\s#]+)", path.read_text(encoding="utf-8"))
        todo += [(path.parent / link).resolve() for link in links if not re.match(r"[a-z]+:", link)]
    assert {p for p in PAGES if p.parent != ROOT} <= reached


CODE = [p for d in ("gausscheck", "cli", "tests", "docs") for p in sorted((ROOT / d).rglob("*.py"))]


def test_files_that_pages_and_code_name_exist():
    """Names of files of this project, as pages and docstrings write them."""
    named = re.compile(r"`((?:gausscheck|cli|tests|docs|data|\.ci)/[\w./-]*)`")
    planned = {"gausscheck/catalogue/root_mean_square.py", "tests/catalogue/test_root_mean_square.py"}
    missing = [
        f"{name_of(path)}: {name}"
        for path in [*PAGES, *CODE]
        for name in named.findall(path.read_text(encoding="utf-8"))
        if name not in planned and not (ROOT / name).exists()
    ]
    assert not missing, "\n".join(missing)


def generator():
    spec = importlib.util.spec_from_file_location("make_statistics", ROOT / "docs/make_statistics.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_statistics_is_current():
    made = generator()
    assert made.PAGE.read_text(encoding="utf-8") == made.page(), "run python docs/make_statistics.py"
    assert all(f"(`{name}`)" in made.page() for name in gausscheck.statistics)


def test_a_statistic_is_added_as_the_page_says(tmp_path):
    """The page's file goes into a copy of the package, and the page's test passes against it."""
    module, test = blocks(ROOT / "docs/add-a-statistic.md", "python")
    assert "root_mean_square" not in gausscheck.statistics
    kept_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "gausscheck", tmp_path / "gausscheck", ignore=kept_out)
    (tmp_path / "gausscheck/catalogue/root_mean_square.py").write_text(module, encoding="utf-8")
    (tmp_path / "test_root_mean_square.py").write_text(test, encoding="utf-8")
    assert not [b for b in floors.breaches(tmp_path) if b.path.endswith("/root_mean_square.py")]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-W",
            "error",
            "test_root_mean_square.py",
        ],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
