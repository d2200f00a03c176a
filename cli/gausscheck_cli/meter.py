"""How far a validation is, on stderr: a live line for those who watch, a line a look for logs."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from gausscheck.validation import Pulse

__all__ = ["Meter"]

_PATIENCE_S = 0.5
_REFRESH_S = 0.1


class Meter:
    """Callable for ``progress`` of :func:`gausscheck.validate`.

    Parameters
    ----------
    name : str
        Of the source.
    wanted : bool
        False for no live line; there is also none where stderr is no terminal.
    verbose : bool
        One line for each look, wherever stderr leads.
    """

    def __init__(self, name: str, *, wanted: bool, verbose: bool) -> None:
        self._name, self._verbose = name, verbose
        self._wanted = wanted and sys.stderr is not None and sys.stderr.isatty()
        self._start = time.monotonic()
        self._drawn = 0.0
        self._stage = 0
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Meter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, pulse: Pulse) -> None:
        """Take note of how far it is; cheap enough to be called often."""
        if self._verbose and pulse.look is not None:
            self._say(pulse)
        now = time.monotonic()
        if not self._wanted or now - self._start < _PATIENCE_S:
            return
        if pulse.stage == self._stage and now - self._drawn < _REFRESH_S:
            return
        self._drawn = now
        if self._progress is None:
            self._progress = _make()
            self._progress.start()
        if self._task is None or pulse.stage != self._stage:
            self._begin(pulse)
        assert self._task is not None
        self._progress.update(
            self._task, completed=pulse.done, total=pulse.n, facts=_facts(pulse), refresh=True
        )

    def _begin(self, pulse: Pulse) -> None:
        from gausscheck.text import cut
        from gausscheck.wording import printable

        assert self._progress is not None
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._stage = pulse.stage
        title = "fresh values" if pulse.stage == 2 else cut(printable(self._name), 24)
        self._task = self._progress.add_task(title, total=pulse.n, facts="")

    def _say(self, pulse: Pulse) -> None:
        from gausscheck.formats.looks import look_sentence

        assert pulse.look is not None
        text = look_sentence(pulse.look)
        if self._progress is None:
            click.echo(text, err=True)
        else:
            self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _facts(pulse: Pulse) -> str:
    from gausscheck.finding import log10_of
    from gausscheck.wording import number, p_phrase

    done, total, rate = (number(float(f"{x:.2e}"), 3) for x in (pulse.done, pulse.n, pulse.rate))
    seen = f"{done} of {total} · {rate}/s"
    return f"{seen} · lowest {p_phrase(log10_of(pulse.log_p))} {pulse.statistic}" if pulse.statistic else seen


def _make() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    return Progress(
        # A name in brackets is a name, not markup.
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16),
        TaskProgressColumn(),
        TextColumn("{task.fields[facts]}", markup=False),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
        transient=True,
        auto_refresh=False,
    )
