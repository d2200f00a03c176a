"""The progress bar: for terminals, after a while, and never in the way."""

import io
import sys

import pytest
from gausscheck_cli import progress
from gausscheck_cli.progress import Bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal_as_stderr(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    # Not a fixture: pytest puts its own stderr in place again between set-up and test.
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    for name, value in {"TERM": "xterm", "COLUMNS": "100", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    return stream


def work(bar: Bar) -> None:
    with bar:
        for done in range(0, 101, 10):
            bar("noise.safetensors[red]", done, 100)
        bar("other\x1b[2J", 0, 100)


def test_shows_names_after_a_while(monkeypatch):
    terminal = terminal_as_stderr(monkeypatch)
    monkeypatch.setattr(progress, "_PATIENCE_S", 0.0)
    work(Bar(wanted=True))
    shown = terminal.getvalue()
    assert "noise.safetensors[red]" in shown
    assert "other\\x1b[2J" in shown
    assert "100%" in shown


def test_shows_nothing_for_quick_work(monkeypatch):
    terminal = terminal_as_stderr(monkeypatch)
    work(Bar(wanted=True))
    assert terminal.getvalue() == ""


def test_shows_nothing_unwanted(monkeypatch):
    terminal = terminal_as_stderr(monkeypatch)
    monkeypatch.setattr(progress, "_PATIENCE_S", 0.0)
    work(Bar(wanted=False))
    assert terminal.getvalue() == ""


def test_shows_nothing_where_stderr_is_no_terminal(monkeypatch):
    monkeypatch.setattr(progress, "_PATIENCE_S", 0.0)
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    work(Bar(wanted=True))
    assert stream.getvalue() == ""


def test_a_thousand_calls_redraw_seldom(monkeypatch):
    terminal_as_stderr(monkeypatch)
    monkeypatch.setattr(progress, "_PATIENCE_S", 0.0)
    bar = Bar(wanted=True)
    updates = 0
    with bar:
        bar("x", 0, 1000)
        update = bar._progress.update

        def counted(*args, **options):
            nonlocal updates
            updates += 1
            update(*args, **options)

        monkeypatch.setattr(bar._progress, "update", counted)
        monkeypatch.setattr(progress.time, "monotonic", lambda: 1e9)
        for done in range(1000):
            bar("x", done, 1000)
    assert updates <= 2
