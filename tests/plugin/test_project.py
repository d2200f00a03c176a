"""The plugin as installed, in processes of its own: the example of docs/pytest.md, and pytest-xdist."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gausscheck.pytest_plugin.ledger import derived_seed

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/pytest.md").read_text(encoding="utf-8")


def maker():
    spec = importlib.util.spec_from_file_location("make_pytest", ROOT / "docs/make_pytest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def without_times(text):
    """Times left out, and what workers do in any order put in order."""
    text = re.sub(r"^slowest: .*\n", "", text, flags=re.M)
    text = re.sub(r"=* ?([^=\n]*) in [\d.]+s ?=*$", r"\1", text, flags=re.M)
    text = re.sub(r"^(bringing up nodes\.\.\.\n)+", "", text, flags=re.M)
    return re.sub(r"^[.F]+(?= +\[)", lambda m: "".join(sorted(m[0])), text, flags=re.M)


MAIN, REPLAY, WORKERS = maker().commands(PAGE)


@pytest.mark.slow
@pytest.mark.parametrize("shown", [MAIN, REPLAY, WORKERS], ids=str.strip)
def test_the_page_shows_what_pytest_prints(shown):
    made = maker()
    printed = made.page(PAGE, lambda arguments: made.run(arguments) if arguments == shown else "")
    (now,), (before,) = (
        [b for b in blocks(p) if b.startswith(f"$ pytest{shown}\n")] for p in (printed, PAGE)
    )
    assert without_times(now) == without_times(before), "run python docs/make_pytest.py"


def test_the_page_shows_the_files_of_the_example():
    made = maker()
    kept = dict(
        zip(
            made.commands(PAGE),
            (b.partition("\n")[2].rstrip() for b in blocks(PAGE) if b[0] == "$"),
            strict=True,
        )
    )
    assert made.page(PAGE, kept.__getitem__) == PAGE, "run python docs/make_pytest.py"


def blocks(text):
    return re.findall(r"^```(?:console|python)\n(.*?)^```$", text, re.S | re.M)


def test_the_command_of_the_page_is_the_one_that_the_failure_names():
    (failed,) = re.findall(r'^E +replay +pytest ("test_noise.py::test_cheap_values" .*)$', PAGE, re.M)
    assert f" {failed} --tb=no" == REPLAY
    # All three runs had the same values of everything.
    shown = [block for block in blocks(PAGE) if block.startswith("$ ")]
    told = [re.findall(r"noise\.cheap_values: heaps, p = \S+ \(budget \S+ [\d,]+ values", b) for b in shown]
    assert [len(t) for t in told] == [1, 1, 1]
    assert len({t[0] for t in told}) == 1


NOISE = """
import numpy as np, pytest

@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_scale(gaussian, scale, worker_id, record_property):
    record_property("drawn", [worker_id, gaussian.seed])
    gaussian.check(scale * gaussian.rng.standard_normal(512), name="noise", battery="quick")

@pytest.mark.xdist_group("one")
def test_grouped(gaussian, worker_id, record_property):
    record_property("drawn", [worker_id, gaussian.seed])
    gaussian.check(gaussian.rng.standard_normal(512), name="noise", battery="quick")
"""

REPORT = """
import json

def pytest_terminal_summary(config, terminalreporter):
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                print("drawn", report.nodeid, json.dumps(dict(report.user_properties)["drawn"]))
"""


def test_workers_agree_on_seeds_shares_and_verdicts(tmp_path):
    """One test is in a group, whose name pytest-xdist adds to its node id.

    It also shows that the installation knows the plugin; ``pip install --no-deps -e .`` renews one that does
    not.
    """
    pytest.importorskip("xdist")
    (tmp_path / "test_it.py").write_text(NOISE)
    (tmp_path / "conftest.py").write_text(REPORT)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-v", "--gaussian-seed=3"],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "gausscheck: budget 1e-6, --gaussian-seed=3" in done.stdout.splitlines()
    tests = ["test_scale[1.0]", "test_scale[2.0]", "test_grouped"]
    drawn = dict(re.findall(r'^drawn test_it\.py::(\S+) \["gw\d", (\d+)\]$', done.stdout, re.M))
    assert {name.partition("@")[0]: int(seed) for name, seed in drawn.items()} == {
        test: derived_seed(3, f"test_it.py::{test}") for test in tests
    }
    assert (
        'replay           pytest "test_it.py::test_scale[2.0]" --gaussian-seed=3 --gaussian-budget=3.3e-07'
        in done.stdout
    )
    summary = re.findall(
        r"^  (passed|failed) +test_it\.py::(\S+)\n +noise: .* \(budget 1\.65e-7\)", done.stdout, re.M
    )
    assert summary == [("failed", tests[1]), ("passed", tests[2]), ("passed", tests[0])]
    assert "budget 1e-6, spent 4.95e-7 · seed 3" in done.stdout


@pytest.mark.slow
def test_workers_name_what_is_wrong_with_the_budget(tmp_path):
    pytest.importorskip("xdist")
    (tmp_path / "test_it.py").write_text(
        "import pytest\n@pytest.mark.gaussian(alpha=1e-3)\ndef test_it(gaussian): pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "1"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 1
    assert (
        "UsageError: the alphas of 1 test marked gaussian(alpha=...) add up to 0.001, more than"
        in done.stdout
    )
