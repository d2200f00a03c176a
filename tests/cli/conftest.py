"""The command line, run in this process, its audit replaced by a hand-built report where asked."""

from __future__ import annotations

from collections.abc import Callable
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
