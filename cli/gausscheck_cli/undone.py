"""Runs that came to no result: every output says so, and none keeps what an earlier run said."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from gausscheck.errors import GausscheckError
from gausscheck_cli.guard import INTERRUPTED, show_traceback
from gausscheck_cli.outputs import Wanted, deliver

__all__ = ["TERMINATED", "reported", "terminable"]

TERMINATED = 143


@contextmanager
def reported(
    context: click.Context, wanted: Wanted, *, name: str, alpha: float, battery: str, seed: int = 0
) -> Iterator[None]:
    """Deliver a report of nothing but an error where what is inside raises one, and end the verb.

    Parameters
    ----------
    context, wanted
        Of the verb.
    name : str
        What was to be tested; a file that a message begins with is named instead.
    alpha, battery, seed
        For the report.
    """
    start = time.perf_counter()
    code = None
    try:
        yield
        return
    except KeyboardInterrupt as error:
        # The cursor stands behind the ^C that the terminal echoes.
        click.echo("", err=True)
        code = TERMINATED if isinstance(error, _Terminated) else INTERRUPTED
        told = f"{name}: interrupted before there was anything to report; nothing was tested"
    except MemoryError:
        show_traceback(context)
        told = f"{name}: not enough memory"
    except (GausscheckError, OSError) as error:
        show_traceback(context)
        told = str(error)
    from gausscheck import Report, __version__
    from gausscheck.report import ReportError

    place = told.partition(": ")[0]
    report = Report(
        version=__version__,
        alpha=alpha,
        battery=battery,
        seed=seed,
        elapsed_s=round(time.perf_counter() - start, 6),
        tensors=(),
        log_p=0.0,
        errors=(ReportError(place if Path(place).is_file() else name, told),),
    )
    could_not = deliver(report, wanted)
    context.exit(code or could_not)


class _Terminated(KeyboardInterrupt):
    """Raised where SIGTERM arrives."""


@contextmanager
def terminable() -> Iterator[list[int]]:
    """Let SIGTERM, by which schedulers and CI runners end a job, interrupt what is inside as Ctrl-C does.

    Yields a list that is no longer empty once it came. It stays ignored where it is ignored; outside the main
    thread, where signals do not arrive, nothing is done.
    """
    came: list[int] = []
    former = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or former == signal.SIG_IGN:
        yield came
        return

    def stop(number: int, _frame: Any) -> None:
        came.append(number)
        raise _Terminated

    signal.signal(signal.SIGTERM, stop)
    try:
        yield came
    finally:
        signal.signal(signal.SIGTERM, former or signal.SIG_DFL)
