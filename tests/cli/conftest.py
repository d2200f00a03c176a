"""The command line, run in this process, its audit replaced by a hand-built report where asked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from gausscheck_cli.main import cli

import gausscheck
from gausscheck.report import Report

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Run ``gausscheck`` with words; keyword arguments are variables of the environment."""

    def runner(*words: str, **variables: str) -> Result:
        env: dict[str, Any] = {"NO_COLOR": None, "FORCE_COLOR": None, "COLUMNS": "80", "TERM": "xterm"}
        env |= {"COLORTERM": None, "TTY_COMPATIBLE": None, "GITHUB_STEP_SUMMARY": None, **variables}
        return CliRunner(env=env).invoke(cli, words, prog_name="gausscheck")

    return runner


@pytest.fixture
def audits(monkeypatch: pytest.MonkeyPatch) -> Callable[[Report | BaseException], list[dict[str, Any]]]:
    """Let ``gausscheck.audit_files`` return a report, or raise; gives the list of its calls."""

    def replace(outcome: Report | BaseException) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []

        def audit_files(paths: list[str], **options: Any) -> Report:
            calls.append({"paths": paths, **options})
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        monkeypatch.setattr(gausscheck, "audit_files", audit_files)
        return calls

    return replace


SOURCES = """
import numpy as np

def good(seed):
    rng = np.random.default_rng(seed)
    return lambda size: rng.standard_normal(size, dtype=np.float32)

def wide(seed):
    rng = np.random.default_rng(seed)
    return lambda size: 1.5 * rng.standard_normal(size)

def breaks(seed):
    rng = np.random.default_rng(seed)
    state = []
    def draw(size):
        if state:
            raise RuntimeError("the device is gone")
        state.append(1)
        return rng.standard_normal(size)
    return draw

def none(seed):
    raise RuntimeError("no device")

def empty(seed):
    return iter([])

def interrupted(seed):
    raise KeyboardInterrupt

def talks(size, rng):
    print("drawing", size)
    return rng.standard_normal(size)
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a module of sources."""
    (tmp_path / "sources.py").write_text(SOURCES)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("sources", None)
