"""Ctrl-C and SIGTERM, held back while something must not be left half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["unbroken"]


@contextmanager
def unbroken() -> Iterator[None]:
    """Let what is inside finish before SIGINT or SIGTERM is handled as it would have been.

    Signals that Python does not handle are left alone. Outside the main thread nothing is done: they do not
    arrive there.
    """
    handlers = {k: h for k in (signal.SIGINT, signal.SIGTERM) if callable(h := signal.getsignal(k))}
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, Any]] = []
    for number in handlers:
        signal.signal(number, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if came:
        handlers[signal.Signals(came[0][0])](*came[0])
