"""Hooks, fixture and marker of the plugin."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from gausscheck.errors import ArgumentError
from gausscheck.pytest_plugin.checker import Gaussian
from gausscheck.pytest_plugin.ledger import SEED_BITS, Account, is_level, shares, shown
from gausscheck.pytest_plugin.record import Record, records_of

__all__ = ["gaussian"]

_FIXTURE = "gaussian"
_BUDGET = "1e-6"
_NODE_SEED = "gausscheck_seed"
_PROBLEM = "gausscheck_problem"


@dataclass
class Session:
    """What holds for a whole run.

    Attributes
    ----------
    seed : int
    budget : float
    shares : dict
        Node id of each test that uses the fixture to its share of the budget.
    problem : str
        Why nothing can be shared out, on a worker.
    """

    seed: int
    budget: float
    shares: dict[str, float] = field(default_factory=dict)
    problem: str = ""


_SESSION = pytest.StashKey[Session]()
_NODE_ID = pytest.StashKey[str]()
_RUNS = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare options and ini values."""
    group = parser.getgroup("gausscheck", "checks of noise (gausscheck)")
    group.addoption(
        "--gaussian-budget",
        metavar="P",
        help=f"probability with which good noise fails the run, at most (default {_BUDGET})",
    )
    group.addoption(
        "--gaussian-seed", metavar="SEED", help="seed of the run, to replay it (default: a fresh one)"
    )
    parser.addini("gaussian_budget", "as --gaussian-budget", default=_BUDGET)
    parser.addini("gaussian_seed", "as --gaussian-seed", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Settle seed and budget; where the results are shown, gather them."""
    config.addinivalue_line(
        "markers",
        "gaussian(alpha=None, n=None): probability with which a test that uses the fixture gaussian may fail "
        "good noise, taken from the budget of the run; how many values it draws from a generator",
    )
    handed: dict[str, Any] | None = getattr(config, "workerinput", None)
    seed = _seed(_setting(config, "gaussian_seed")) if handed is None else int(handed[_NODE_SEED])
    config.stash[_SESSION] = Session(seed, _budget(_setting(config, "gaussian_budget")))
    if handed is None:
        config.pluginmanager.register(Desk(config.stash[_SESSION]), "gausscheck-desk")


def _setting(config: pytest.Config, name: str) -> str:
    given = config.getoption(name)
    return str(config.getini(name) if given is None else given).strip()


def _budget(text: str) -> float:
    try:
        budget = float(text)
    except ValueError:
        budget = 0.0
    if not is_level(budget):
        msg = f"gaussian_budget must be a number between 0 and 1, got {text!r}"
        raise pytest.UsageError(msg)
    return budget


def _seed(text: str) -> int:
    if not text:
        return int.from_bytes(os.urandom(4), "big") >> (32 - SEED_BITS)
    if not (text.isascii() and text.isdigit()):
        msg = f"gaussian_seed must be an integer from 0 up, got {text!r}"
        raise pytest.UsageError(msg)
    return int(text)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the node ids as they are: pytest-xdist adds names of groups to them."""
    for item in items:
        if _takes_part(item):
            item.stash[_NODE_ID] = item.nodeid


def _takes_part(item: pytest.Item) -> bool:
    return _FIXTURE in getattr(item, "fixturenames", ()) or item.get_closest_marker(_FIXTURE) is not None


@pytest.hookimpl(tryfirst=True)  # before the header is written, which shows what it settles
def pytest_collection_finish(session: pytest.Session) -> None:
    """Share the budget among the tests that are left to run."""
    items = [item for item in session.items if _NODE_ID in item.stash]
    if not items:
        return
    ours = session.config.stash[_SESSION]
    try:
        ours.shares = shares(ours.budget, {i.stash[_NODE_ID]: _marked(i).get("alpha") for i in items})
    except (ArgumentError, pytest.UsageError) as error:
        if not hasattr(session.config, "workerinput"):
            raise pytest.UsageError(str(error)) from None
        # The controller would report a worker that stops here as crashed.
        ours.problem = str(error)


def _marked(item: pytest.Item) -> dict[str, Any]:
    """What the markers of a test say, the closest first."""
    said: dict[str, Any] = {}
    for mark in item.iter_markers(_FIXTURE):
        if mark.args or set(mark.kwargs) - {"alpha", "n"}:
            msg = f"{item.nodeid}: the marker gaussian takes alpha=... and n=... only, got {mark}"
            raise pytest.UsageError(msg)
        said = {**mark.kwargs, **said}
    alpha, n = said.get("alpha"), said.get("n")
    if alpha is not None and not is_level(alpha):
        msg = f"{item.nodeid}: alpha of the marker gaussian must lie between 0 and 1, got {alpha!r}"
        raise pytest.UsageError(msg)
    if n is not None and not (isinstance(n, int) and n > 0):
        msg = f"{item.nodeid}: n of the marker gaussian must be a positive integer, got {n!r}"
        raise pytest.UsageError(msg)
    return said


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Name the seed where tests use it."""
    ours = config.stash[_SESSION]
    return [_header(ours)] if ours.shares and config.get_verbosity() >= 0 else []


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Name the seed in a run on several workers, which alone know what they collect."""
    return [_header(config.stash[_SESSION])] if config.getoption("dist", "no") != "no" else []


def _header(ours: Session) -> str:
    return f"gausscheck: budget {shown(ours.budget)}, --gaussian-seed={ours.seed}"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand the seed to a worker of pytest-xdist."""
    node.workerinput[_NODE_SEED] = node.config.stash[_SESSION].seed


@pytest.fixture
def gaussian(request: pytest.FixtureRequest) -> Gaussian:
    """Check noise: ``gaussian.check(array or generator)``; ``gaussian.seed``, ``gaussian.rng``."""
    __tracebackhide__ = True
    item, ours = request.node, request.config.stash[_SESSION]
    test = item.stash.get(_NODE_ID, item.nodeid)
    if ours.problem:
        raise pytest.UsageError(ours.problem)
    if test not in ours.shares:
        msg = (
            f"{test} has no share of the budget, for it asks for the fixture gaussian only while it runs; "
            "name the fixture among its arguments, or mark it @pytest.mark.gaussian"
        )
        raise pytest.UsageError(msg)
    # A test that is run again draws from the same seeds: what failed fails again.
    item.stash[_RUNS] = item.stash.get(_RUNS, 0) + 1
    share = ours.shares[test]
    return Gaussian(
        test,
        ours.seed,
        account=Account(share),
        n=_marked(item).get("n"),
        run=item.stash[_RUNS],
        replay=_replay(request.config, test, ours.seed, share),
        keep=lambda record: item.user_properties.append(record.to_property()),
    )


def _replay(config: pytest.Config, test: str, seed: int, share: float) -> str:
    """The command that runs a test alone as it was run among others."""
    path, colons, rest = test.partition("::")
    shown = config.rootpath.joinpath(path)
    here = config.invocation_params.dir
    path = (shown.relative_to(here) if shown.is_relative_to(here) else shown).as_posix()
    return f"pytest {_quoted(path + colons + rest)} --gaussian-seed={seed} --gaussian-budget={share!r}"


def _quoted(text: str) -> str:
    if set(text) & set('"$`\\!'):
        import shlex

        return shlex.quote(text)
    return f'"{text}"'


class Desk:
    """Where the records of all tests arrive, from all workers, and are shown.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._records: dict[tuple[str, int, int], Record] = {}
        self._passed: dict[str, bool] = {}
        self._outcomes: dict[str, bool] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the records of a test at its end; earlier reports lack those of later phases."""
        if report.when == "call":
            self._outcomes[report.nodeid] = report.outcome != "failed"
        elif report.when == "teardown":
            passed = self._outcomes.pop(report.nodeid, False)
            for record in records_of(report.user_properties):
                self._records[record.key] = record
                self._passed[record.test] = passed

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Write the section, if anything was checked."""
        if not self._records:
            return
        terminalreporter.section("gausscheck")
        for line in self._lines(verbose=terminalreporter.config.get_verbosity() > 0):
            terminalreporter.line(line)

    def _lines(self, *, verbose: bool) -> Iterator[str]:
        from gausscheck.pytest_plugin.summary import summary_lines

        records: Sequence[Record] = list(self._records.values())
        return summary_lines(
            records,
            budget=self._session.budget,
            seed=self._session.seed,
            passed=self._passed,
            verbose=verbose,
        )
