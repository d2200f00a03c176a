"""The step summary of GitHub Actions: a file that every step may append to, shown on the page of the run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gausscheck.report import Report
    from gausscheck.validation import Validation

__all__ = ["append_summary"]

_VARIABLE = "GITHUB_STEP_SUMMARY"


def append_summary(result: Report | Validation) -> None:
    """Append a result to the file that the environment names, if any; that it cannot be is only a warning.

    GitHub drops a summary that is too large as a whole, so that what is in the file already counts.
    """
    from gausscheck.formats.github import MOST_BYTES, step_summary
    from gausscheck.wording import printable

    name = os.environ.get(_VARIABLE)
    if not name:
        return
    path = Path(name)
    try:
        held = path.stat().st_size if path.exists() else 0
        text = step_summary(result, room=MOST_BYTES - held - 2)
        if not text:
            why = f"it holds {held:,} bytes already, and may not grow beyond {MOST_BYTES:,}"
        else:
            with path.open("ab") as file:
                # In one call, so that a full disk is the only way to half a summary.
                file.write(f"{text}\n\n".encode())
            return
    except OSError as error:
        why = error.strerror or str(error)
    click.echo(f"Warning: no step summary in {printable(name)} ({_VARIABLE}): {why}", err=True)
