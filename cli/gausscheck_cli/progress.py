"""A progress bar on stderr, for those who watch and have waited."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

__all__ = ["Bar", "Live", "live_progress"]

_PATIENCE_S = 0.5
_REFRESH_S = 0.05


class Live:
    """A line on stderr while work goes on: none before half a second, and none where nobody watches.

    Parameters
    ----------
    wanted : bool
        False for none at all; there is also none where stderr is no terminal.
    """

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted and sys.stderr is not None and sys.stderr.isatty()
        self._start = time.monotonic()
        self._drawn = 0.0
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def _due(self, refresh_s: float, *, at_once: bool) -> bool:
        """Whether to draw now: not before someone has waited, and not too often unless `at_once`."""
        now = time.monotonic()
        if not self._wanted or now - self._start < _PATIENCE_S:
            return False
        if not at_once and now - self._drawn < refresh_s:
            return False
        self._drawn = now
        return True

    def _replace_task(self, title: str, total: int, **fields: Any) -> TaskID:
        """Begin another line instead of the one before."""
        assert self._progress is not None
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(title, total=total, **fields)
        return self._task


class Bar(Live):
    """Callable ``(name, done, total)`` that shows a bar once the work has taken half a second.

    Parameters
    ----------
    wanted : bool
        As of :class:`Live`.
    """

    def __init__(self, wanted: bool) -> None:
        super().__init__(wanted)
        self._name: str | None = None

    def __call__(self, name: str, done: int, total: int) -> None:
        """Take note of the progress; cheap enough to be called often."""
        if not self._due(_REFRESH_S, at_once=name != self._name or done >= total):
            return
        if self._progress is None:
            from rich.progress import TimeRemainingColumn

            self._progress = live_progress(30, TimeRemainingColumn())
        task = self._task
        if task is None or name != self._name:
            from gausscheck.text import cut
            from gausscheck.wording import printable

            self._name = name
            task = self._replace_task(cut(printable(name), 40), total)
            self._progress.start()
        self._progress.update(task, completed=done, total=total, refresh=True)


def live_progress(width: int, *columns: ProgressColumn) -> Progress:
    """A line with a name, a bar of a width, the share done, and further columns."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    return Progress(
        # A name in brackets is a name, not markup.
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=width),
        TaskProgressColumn(),
        *columns,
        console=Console(stderr=True),
        transient=True,
        auto_refresh=False,
    )
