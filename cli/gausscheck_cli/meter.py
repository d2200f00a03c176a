"""How far a validation is, on stderr: a live line for those who watch, a line a look for logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gausscheck_cli.progress import Live, live_progress

if TYPE_CHECKING:
    from rich.progress import Progress

    from gausscheck.validation import Pulse

__all__ = ["Meter"]

_REFRESH_S = 0.1


class Meter(Live):
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
        super().__init__(wanted)
        self._name, self._verbose = name, verbose
        self._stage = 0

    def __call__(self, pulse: Pulse) -> None:
        """Take note of how far it is; cheap enough to be called often."""
        if self._verbose and pulse.look is not None:
            self._say(pulse)
        if not self._due(_REFRESH_S, at_once=pulse.stage != self._stage):
            return
        if self._progress is None:
            self._progress = _make()
            self._progress.start()
        task = self._task
        if task is None or pulse.stage != self._stage:
            from gausscheck.text import cut
            from gausscheck.wording import printable

            self._stage = pulse.stage
            title = "fresh values" if pulse.stage == 2 else cut(printable(self._name), 24)
            task = self._replace_task(title, pulse.n, facts="")
        self._progress.update(task, completed=pulse.done, total=pulse.n, facts=_facts(pulse), refresh=True)

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
    from rich.progress import TextColumn, TimeRemainingColumn

    facts = TextColumn("{task.fields[facts]}", markup=False)
    return live_progress(16, facts, TimeRemainingColumn(compact=True))
