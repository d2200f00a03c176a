"""A progress bar on stderr, for those who watch and have waited."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Bar"]

_PATIENCE_S = 0.5
_REFRESH_S = 0.05


class Bar:
    """Callable ``(name, done, total)`` that shows a bar once the work has taken half a second.

    Parameters
    ----------
    wanted : bool
        False for none at all; there is also none where stderr is no terminal.
    """

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted and sys.stderr is not None and sys.stderr.isatty()
        self._start = time.monotonic()
        self._drawn = 0.0
        self._name: str | None = None
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, name: str, done: int, total: int) -> None:
        """Take note of the progress; cheap enough to be called often."""
        now = time.monotonic()
        if not self._wanted or now - self._start < _PATIENCE_S:
            return
        if name == self._name and now - self._drawn < _REFRESH_S and done < total:
            return
        self._drawn = now
        if self._progress is None:
            self._progress = _make()
        if self._task is None or name != self._name:
            from gausscheck.text import cut
            from gausscheck.wording import printable

            if self._task is not None:
                self._progress.remove_task(self._task)
            self._name = name
            self._task = self._progress.add_task(cut(printable(name), 40), total=total)
            self._progress.start()
        self._progress.update(self._task, completed=done, total=total, refresh=True)


def _make() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    return Progress(
        # A name in brackets is a name, not markup.
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        auto_refresh=False,
    )
