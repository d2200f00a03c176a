"""The floors of the house, and a reader of source trees that reports what breaks its rules.

`FLOORS` and `PLACES` are the rules; ``docs/floors.md`` shows the same two tables.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

FLOORS: dict[int, tuple[str, ...]] = {
    6: ("gausscheck_cli",),
    5: (
        "gausscheck",
        "gausscheck.auditing",
        "gausscheck.checking",
        "gausscheck.looking",
        "gausscheck.merging",
        "gausscheck.pytest_plugin",
        "gausscheck.streaming",
        "gausscheck.testing",
        "gausscheck.validating",
    ),
    4: (
        "gausscheck.across",
        "gausscheck.asking",
        "gausscheck.assertion_text",
        "gausscheck.battery",
        "gausscheck.codec",
        "gausscheck.conclude",
        "gausscheck.decide",
        "gausscheck.drawing",
        "gausscheck.drift",
        "gausscheck.effective",
        "gausscheck.examine",
        "gausscheck.form",
        "gausscheck.formats",
        "gausscheck.gather",
        "gausscheck.gathered",
        "gausscheck.hints",
        "gausscheck.losses",
        "gausscheck.options",
        "gausscheck.replay",
        "gausscheck.report",
        "gausscheck.schema",
        "gausscheck.selection",
        "gausscheck.shard",
        "gausscheck.sources",
        "gausscheck.spending",
        "gausscheck.text",
        "gausscheck.tolerance",
        "gausscheck.validation",
        "gausscheck.validation_text",
        "gausscheck.wording",
    ),
    3: (
        "gausscheck.catalogue",
        "gausscheck.collect",
        "gausscheck.effects",
        "gausscheck.finding",
        "gausscheck.judging",
        "gausscheck.needs",
        "gausscheck.sharing",
        "gausscheck.spectral",
        "gausscheck.views",
    ),
    2: ("gausscheck.engines",),
    1: ("gausscheck.nulls", "gausscheck.summaries"),
    0: (
        "gausscheck.arrays",
        "gausscheck.errors",
        "gausscheck.floats",
        "gausscheck.gaussian",
        "gausscheck.interrupts",
        "gausscheck.lattice",
        "gausscheck.layout",
        "gausscheck.version",
        "gausscheck.writing",
    ),
}
"""Floor -> modules and packages on it. A package stands for all that is inside it."""

PLACES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "numpy": (("gausscheck",), ()),
    "scipy": (("gausscheck.decide", "gausscheck.nulls"), ("gausscheck",)),
    "scipy.stats": ((), ()),
    "numba": (("gausscheck.engines.kernels",), ("gausscheck.engines",)),
    "torch": (
        ("gausscheck.engines.torch", "gausscheck.losses"),
        ("gausscheck.engines", "gausscheck.sources"),
    ),
    "jax": ((), ("gausscheck.sources",)),
    "matplotlib": ((), ()),
    "pytest": (("gausscheck.pytest_plugin",), ()),
    "click": (("gausscheck_cli",), ()),
    "rich": (("gausscheck_cli",), ()),
}
"""Package -> (where it may be imported, where only inside a function). The longest name that fits rules."""

UNPICKLERS = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
MOST_LINES = 399
# Paths of one machine have no place in code; hosts only where they name a format or a source.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|home|tmp|opt)/")
ADDRESS = re.compile(r"https?://([\w.-]+)")
HOSTS = {"arxiv.org", "doi.org", "git-lfs.github.com", "github.com", "json-schema.org"}


@dataclass(frozen=True, order=True)
class Breach:
    """One broken rule: `rule` is a short name, `text` a sentence."""

    path: str
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


@dataclass(frozen=True)
class Import:
    """A module that is imported, where, and whether only when a function runs."""

    target: str
    line: int
    lazy: bool


def module_name(path: PurePosixPath) -> str:
    """``gausscheck/nulls/base.py`` -> ``gausscheck.nulls.base``."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor_of(module: str) -> int | None:
    """Floor of a module by the longest name that fits; only itself stands on the floor of ``gausscheck``."""
    places = {name: floor for floor, names in FLOORS.items() for name in names}
    if module in places:
        return places[module]
    parts = module.split(".")
    for length in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:length])
        if name in places and name != "gausscheck":
            return places[name]
    return None


def imports(tree: ast.Module, module: str, *, package: bool, known: Iterable[str]) -> Iterator[Import]:
    """Yield what a module imports: statements, and ``import_module`` with a literal name."""
    modules = set(known)

    def walk(node: ast.AST, lazy: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            yield from (Import(a.name, node.lineno, lazy) for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")
                keep = len(parents) - node.level + (1 if package else 0)
                base = ".".join(filter(None, [*parents[:keep], base]))
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield Import(inner if inner in modules or inner in PLACES else base, node.lineno, lazy)
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__") and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield Import(name.value, node.lineno, lazy)
        inside = lazy or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for child in ast.iter_child_nodes(node):
            yield from walk(child, inside)

    yield from walk(tree, False)


def _called(node: ast.Call) -> str:
    """Last name of what is called: ``load`` for ``torch.load``."""
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def breaches(root: Path) -> list[Breach]:
    """Every broken rule of the packages ``gausscheck`` and ``cli/gausscheck_cli`` below `root`."""
    files = {
        PurePosixPath(p.relative_to(base).as_posix()): p
        for base in (root, root / "cli")
        for package in ("gausscheck", "gausscheck_cli")
        for p in sorted((base / package).rglob("*.py"))
    }
    modules = {module_name(name) for name in files}
    found: list[Breach] = []
    for name, path in files.items():
        shown = path.relative_to(root).as_posix()
        source = path.read_text(encoding="utf-8")
        found += of_text(shown, source)
        tree = ast.parse(source)
        if not ast.get_docstring(tree):
            found.append(Breach(shown, 1, "docstring", "the module has no docstring"))
        module = module_name(name)
        found += _of_floor(shown, module)
        package = name.name == "__init__.py"
        for item in imports(tree, module, package=package, known=modules):
            found += _of_import(shown, module, item)
        if module.split(".")[0] == "gausscheck":
            found += _of_conduct(shown, tree)
    return sorted(found)


def of_text(shown: str, source: str) -> Iterator[Breach]:
    """Rules that hold for every text file: length, paths and hosts."""
    lines = source.splitlines()
    if len(lines) > MOST_LINES:
        yield Breach(shown, len(lines), "length", f"{len(lines)} lines, at most {MOST_LINES}")
    for number, line in enumerate(lines, 1):
        if match := MACHINE_PATH.search(line):
            yield Breach(shown, number, "path", f"names {match[0]!r}, a path of one machine")
        for host in set(ADDRESS.findall(line)) - HOSTS:
            yield Breach(shown, number, "host", f"names the host {host!r}")


def _of_floor(shown: str, module: str) -> Iterator[Breach]:
    if floor_of(module) is None:
        yield Breach(shown, 1, "floor", f"{module} stands on no floor; add it to FLOORS and docs/floors.md")


def _of_import(shown: str, module: str, item: Import) -> Iterator[Breach]:
    top = item.target.split(".")[0]
    if top in ("gausscheck", "gausscheck_cli"):
        here, there = floor_of(module), floor_of(item.target)
        if here is not None and there is not None and there > here:
            text = f"{module} (floor {here}) imports {item.target} (floor {there})"
            yield Breach(shown, item.line, "upward", text)
        return
    if top in UNPICKLERS:
        yield Breach(shown, item.line, "unpickle", f"imports {item.target}")
    if top in sys.stdlib_module_names:
        return
    rule = max((name for name in PLACES if _inside(item.target, name)), key=len, default=None)
    if rule is None:
        yield Breach(shown, item.line, "foreign", f"{item.target} is no dependency")
        return
    always, lazily = PLACES[rule]
    allowed = (*always, *lazily) if item.lazy else always
    if not any(_inside(module, place) for place in allowed):
        how = "imports" if item.lazy else "imports at its top"
        yield Breach(shown, item.line, "place", f"{module} {how} {item.target}")


def _inside(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def _of_conduct(shown: str, tree: ast.Module) -> Iterator[Breach]:
    """The library prints nothing, reads no command line, and runs no code from data."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _of_call(shown, node)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sys":
            if node.attr in ("argv", "orig_argv"):
                yield Breach(shown, node.lineno, "argv", "reads the command line")
            if node.attr in ("stdout", "stderr", "__stdout__", "__stderr__"):
                yield Breach(shown, node.lineno, "print", f"uses sys.{node.attr}")
        elif isinstance(node, ast.ImportFrom) and node.module == "sys":
            for alias in node.names:
                if alias.name in ("argv", "orig_argv", "stdout", "stderr"):
                    yield Breach(shown, node.lineno, "argv", f"takes {alias.name} from sys")


def _of_call(shown: str, node: ast.Call) -> Iterator[Breach]:
    keywords = {k.arg: k.value for k in node.keywords}
    plain = isinstance(node.func, ast.Name)
    if plain and _called(node) in ("print", "input", "breakpoint"):
        yield Breach(shown, node.lineno, "print", f"calls {_called(node)}()")
    if plain and _called(node) in ("eval", "exec"):
        yield Breach(shown, node.lineno, "unpickle", f"calls {_called(node)}()")
    if "allow_pickle" in keywords and not _is(keywords["allow_pickle"], False):
        yield Breach(shown, node.lineno, "unpickle", "allow_pickle is not False")
    function = node.func
    if (
        isinstance(function, ast.Attribute)
        and function.attr == "load"
        and isinstance(function.value, ast.Name)
        and function.value.id == "torch"
        and not _is(keywords.get("weights_only"), True)
    ):
        yield Breach(shown, node.lineno, "unpickle", "torch.load without weights_only=True")


def _is(node: ast.expr | None, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value
