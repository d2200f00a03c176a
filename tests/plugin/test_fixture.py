"""The plugin in sessions of pytest inside this process: shares, seeds, markers, verdicts, summary.

Good noise fails a session here with probability 1e-8 at most, by the ledger itself.
"""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import gausscheck as gc
from gausscheck.pytest_plugin.ledger import derived_seed
from gausscheck.pytest_plugin.record import records_of

pytest_plugins = "pytester"


PLUGIN = ("-p", "gausscheck.pytest_plugin.plugin", "--gaussian-budget=1e-8")


@pytest.fixture(autouse=True, scope="module")
def loaded():
    """Sessions inside forget what they import, which NumPy does not survive; so all is imported before."""
    gc.assert_gaussian(np.random.default_rng(0).standard_normal((4, 64)), alpha=1e-8, battery="quick")
    with pytest.raises(AssertionError):
        gc.assert_gaussian(np.zeros(64), battery="quick")


@pytest.fixture
def session(pytester, monkeypatch):
    """Run a session on one file; its outcomes, the records of its checks by test, and its output.

    To look for installed plugins takes most of a second; `test_project` does.
    """
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(source, *arguments, conftest="", ini="", plugin=PLUGIN):
        pytester.makepyfile(test_it="import numpy as np, pytest, gausscheck\n" + source)
        pytester.makeconftest(conftest)
        pytester.makeini(f"[pytest]\n{ini}")
        result = pytester.runpytest_inprocess("-p", "no:cacheprovider", *plugin, *arguments)
        records, outcomes = {}, {}
        # Without a recorder where the session ended before it began.
        recorded = hasattr(result.reprec, "getreports")
        reports = result.reprec.getreports("pytest_runtest_logreport") if recorded else []
        for report in reports:
            test = report.nodeid.partition("::")[2]
            if report.when == "call" or report.outcome == "failed":
                outcomes[test] = report.outcome
            if report.when == "teardown":
                records[test] = records_of(report.user_properties)
        return result, outcomes, records

    return run


def section(result):
    """Lines of the plugin's section of the summary, without times."""
    lines = result.stdout.str().splitlines()
    start = next((i for i, line in enumerate(lines) if re.fullmatch("=+ gausscheck =+", line)), len(lines))
    found = []
    for line in lines[start + 1 :]:
        if line.startswith("="):
            break
        if not line.startswith("slowest: "):
            found.append(line)
    return found


QUICK = "def good(gaussian, n=512): return gaussian.rng.standard_normal(n)\n"

MIXED = (
    QUICK
    + """
def test_good(gaussian):
    report = gaussian.check(good(gaussian), name="noise", battery="quick")
    assert report.verdict == "pass" and report.alpha == 9.8e-10 / 2
    gaussian.check(good(gaussian), battery="quick")

@pytest.mark.parametrize("scale", [1, 2])
def test_scale(gaussian, scale):
    gaussian.check(scale * good(gaussian), name="scaled", battery="quick")

def test_nan(gaussian):
    x = good(gaussian)
    x[7] = np.nan
    gaussian.check(x, battery="quick")

def test_integers(gaussian):
    gaussian.check(np.arange(99))

def test_empty(gaussian):
    gaussian.check(np.zeros(0))

def test_unused(gaussian):
    assert repr(gaussian) == f"<gaussian seed={gaussian.seed} alpha=9.8e-10>"

def test_expected(gaussian):
    with pytest.raises(gausscheck.GaussianityError):
        gaussian.check(3 * good(gaussian), name="thrice", battery="quick")

@pytest.mark.gaussian(alpha=2e-9, n=12345)
class TestMarked:
    def test_by_class(self, gaussian):
        gaussian.check(good(gaussian), alpha=1.5e-9, battery="quick")

    @pytest.mark.gaussian(alpha=1e-10)
    def test_closer(self, gaussian):
        with pytest.raises(gausscheck.ArgumentError, match="the 1e-10 that is left of the 1e-10"):
            gaussian.check(good(gaussian), alpha=2e-10)

def test_without(request):
    with pytest.raises(pytest.UsageError, match="has no share of the budget"):
        request.getfixturevalue("gaussian")
"""
)


def test_a_session(session):
    result, outcomes, records = session(MIXED, "--gaussian-seed=3")
    failing = {"test_scale[2]", "test_nan", "test_integers", "test_empty"}
    assert {test for test, outcome in outcomes.items() if outcome != "passed"} == failing
    assert len(outcomes) == 11
    # Eight tests share what two markers leave: (1e-8 - 2e-9 - 1e-10) / 8, to two digits below.
    alphas = {test: [r.alpha for r in found] for test, found in records.items()}
    assert alphas == {
        "test_good": [9.8e-10 / 2, 9.8e-10 / 4],
        "test_scale[1]": [9.8e-10 / 2],
        "test_scale[2]": [9.8e-10 / 2],
        "test_nan": [9.8e-10 / 2],
        "test_integers": [],
        "test_empty": [],
        "test_unused": [],
        "test_expected": [9.8e-10 / 2],
        "TestMarked::test_by_class": [1.5e-9],
        "TestMarked::test_closer": [],
        "test_without": [],
    }

    # The same test has the same seed in any order, and no two tests have one.
    seeds = {test: derived_seed(3, f"test_it.py::{test}") for test in outcomes}
    assert len(set(seeds.values())) == len(seeds)
    shown = dict(re.findall(r"gaussian = <gaussian seed=(\d+) alpha=9.8e-10>()", result.stdout.str()))
    assert set(map(int, shown)) == {seeds[test] for test in failing}

    text = result.stdout.str()
    assert "gausscheck: budget 1e-8, --gaussian-seed=3" in text.splitlines()
    # Nothing of the package's inside is shown to whoever wrote the test.
    assert not re.search(r"^[^\s:]*gausscheck[^\s:]*\.py:\d+:", text, re.M)
    assert "DataError: integers (int64)" in text
    assert re.search(r"^E +gausscheck.errors.GaussianityError: scaled is not N\(0, 1\): scale 2", text, re.M)
    replay = 'pytest "test_it.py::test_scale[2]" --gaussian-seed=3 --gaussian-budget=9.8e-10'
    assert re.search(rf"^E +replay +{re.escape(replay)}$", text, re.M)

    expected = """\
7 checks in 6 tests: 4 passed, 3 failed
budget 1e-8, spent 4.195e-9 · seed 3
  failed   test_it.py::test_expected
           thrice: moment 2, p = P (budget 4.9e-10), 512 values; the test did not fail by it
  failed   test_it.py::test_nan
           array: nonfinite (budget 4.9e-10), 512 values
  failed   test_it.py::test_scale[2]
           scaled: moment 2, p = P (budget 4.9e-10), 512 values
"""
    assert [re.sub(r"p = \S+", "p = P", line) for line in section(result)] == expected.splitlines()


def test_selected_tests_share_the_whole_budget_and_keep_their_seeds(session):
    source = """
@pytest.mark.parametrize("k", range(3))
def test_it(gaussian, k, record_property):
    record_property("told", (gaussian.seed, repr(gaussian).split("alpha=")[1]))
    assert gaussian.rng is gaussian.rng
    assert gaussian.rng.random() == np.random.default_rng(gaussian.seed).random()
"""
    reverse = "def pytest_collection_modifyitems(items): items.reverse()"

    def run(*arguments, **options):
        result, outcomes, _ = session(source, "--gaussian-seed=9", *arguments, **options)
        assert set(outcomes.values()) == {"passed"}
        reports = result.reprec.getreports("pytest_runtest_logreport")
        return [(r.nodeid, *dict(r.user_properties)["told"]) for r in reports if r.when == "teardown"]

    first, second, third = run()
    assert {alpha for _, _, alpha in (first, second, third)} == {"3.3e-9>"}
    assert run(conftest=reverse) == [third, second, first]
    assert run("-k", "1") == [(*second[:2], "1e-8>")]


def test_a_seed_of_its_own_for_every_run_unless_one_is_given(session):
    source = "def test_it(gaussian, record_property): record_property('seed', gaussian.seed)"

    def run(*arguments, **options):
        result, _, _ = session(source, *arguments, **options)
        seed = re.search(r"^gausscheck: budget 1e-8, --gaussian-seed=(\d+)$", result.stdout.str(), re.M)
        assert section(result) == []
        return int(seed[1])

    # Two fresh seeds are the same with probability 2**-31.
    assert run() != run()
    assert run(ini="gaussian_seed = 77") == 77
    assert run("--gaussian-seed=5", ini="gaussian_seed = 77") == 5


RERUN = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for _ in range(2):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        if all(report.passed for report in reports):
            break
        item._initrequest()
    return True
"""


def test_a_test_that_is_run_again_gets_the_same_seed_and_is_told(session):
    source = QUICK + (
        """
runs = []
def test_seeded(gaussian):
    gaussian.check(2 * good(gaussian), name="seeded", battery="quick")

def test_unseeded(gaussian):
    runs.append(gaussian.seed)
    assert len(set(runs)) == 1
    gaussian.check((3 - len(runs)) * good(gaussian), name="unseeded", battery="quick")
"""
    )
    result, outcomes, records = session(source, "--gaussian-seed=4", conftest=RERUN)
    assert outcomes == {"test_seeded": "failed", "test_unseeded": "passed"}
    first, second = records["test_seeded"]
    assert (first.run, second.run) == (1, 2)
    assert first.log10_p == second.log10_p
    lines = section(result)
    # Spent once: the run fails by a test only if it fails both times.
    assert lines[:2] == ["2 checks in 2 tests: 1 passed, 1 failed", "budget 1e-8, spent 5e-9 · seed 4"]
    assert [line for line in lines if "run again" in line] == [lines[3], lines[7]]
    assert lines[6] == "  failed   test_it.py::test_unseeded"


@pytest.mark.parametrize(
    ("source", "ini", "arguments", "words"),
    [
        (
            "@pytest.mark.gaussian(alpha=2e-8)\ndef test_it(gaussian): pass",
            "",
            [],
            "1 test .* add up to 2e-8",
        ),
        ("@pytest.mark.gaussian(alpha=0)\ndef test_it(gaussian): pass", "", [], "test_it: alpha .* got 0"),
        ("@pytest.mark.gaussian(n=-5)\ndef test_it(gaussian): pass", "", [], "test_it: n .* got -5"),
        ("@pytest.mark.gaussian(1e-9)\ndef test_it(gaussian): pass", "", [], "test_it: .* takes alpha="),
        (
            "def test_it(gaussian): pass",
            "",
            ["--gaussian-budget=1"],
            "gaussian_budget .* between 0 and 1, got '1'",
        ),
        ("def test_it(gaussian): pass", "gaussian_seed = x", [], "gaussian_seed .* got 'x'"),
    ],
)
def test_errors_of_usage_end_the_session(session, source, ini, arguments, words):
    result, outcomes, _ = session(source, *arguments, ini=ini)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert outcomes == {}
    assert re.search(f"^ERROR: .*{words}", result.stderr.str(), re.M), result.stderr.str()


def test_sessions_that_check_nothing_look_as_without_the_plugin(session):
    plain = "def test_it(): pass"
    (result, _, _), (without, _, _) = session(plain), session(plain, plugin=())
    shown, expected = (re.sub(r"in [\d.]+s", "", r.stdout.str()) for r in (result, without))
    assert shown == expected
    collected, outcomes, _ = session("def test_it(gaussian): 1 / 0", "--collect-only")
    assert (collected.ret, outcomes) == (0, {})
    assert section(collected) == []


def test_checks_are_properties_in_junit(session, pytester):
    source = QUICK + "def test_it(gaussian): gaussian.check(good(gaussian), name='noise', battery='quick')"
    session(source, "--junitxml=report.xml")
    (item,) = ElementTree.parse(pytester.path / "report.xml").iter("property")
    (record,) = records_of([(item.get("name"), item.get("value"))])
    assert (record.test, record.name, record.verdict) == ("test_it.py::test_it", "noise", "pass")


def test_what_is_suspect_passes_and_is_told(session):
    """A mean five standard errors off: p is small, but above the budget of 5e-9 after the count of tests."""
    source = (
        "def test_it(gaussian):\n    x = gaussian.rng.standard_normal(4096)\n"
        "    report = gaussian.check(x - x.mean() + 5 / 64, name='shifted', battery='quick')\n"
        "    assert report.verdict == 'suspect'"
    )
    result, outcomes, _ = session(source, "--gaussian-seed=1")
    assert outcomes == {"test_it": "passed"}
    assert section(result)[2] == "  suspect  test_it.py::test_it"
    assert re.search(r"shifted: \w+ \d, p = \S+ \(budget 5e-9\), 4,096 values$", section(result)[3])
