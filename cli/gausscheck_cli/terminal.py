"""Standard output: colours where it is a terminal, no complaint where nobody reads on."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress

from gausscheck.text import Line, plain

__all__ = ["emit", "emit_bytes", "emit_json", "emit_lines", "is_terminal", "json_bytes", "page_width"]

_WIDTH_ELSEWHERE, _WIDEST, _NARROWEST = 100, 140, 40
# Colours of the 16 that every theme, dark or light, keeps readable.
_STYLES = {
    "badge fail": "bold white on red",
    "badge suspect": "bold black on yellow",
    "badge pass": "bold black on green",
    "fail": "red",
    "suspect": "yellow",
    "pass": "green",
    "head": "dim",
    "dim": "dim",
    "strong": "bold",
}
# For terminals that know ASCII only.
_PLAINER = str.maketrans({"✗": "x", "✓": "+", "·": "-", "σ": "sd", "×": "x", "±": "+-", "…": "~", "≈": "~"})


def page_width() -> int:
    """Columns of the terminal (``COLUMNS`` first), within reason; 100 where there is none."""
    columns = shutil.get_terminal_size((_WIDTH_ELSEWHERE, 24)).columns
    return min(max(columns, _NARROWEST), _WIDEST)


def is_terminal() -> bool:
    """Tell whether somebody may be looking at stdout."""
    return sys.stdout is not None and sys.stdout.isatty()


def emit_lines(lines: Iterable[Line]) -> None:
    """Print lines, coloured where stdout is a terminal; NO_COLOR and FORCE_COLOR are honoured."""
    # Closed by whoever started us (>&-): nobody listens.
    if sys.stdout is None:
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        emit(plain(lines))
        return
    with console.capture() as captured:
        for line in lines:
            pieces = [(span.text, _STYLES.get(span.role, "")) for span in line]
            console.print(Text.assemble(*pieces), soft_wrap=True)
    emit(captured.get().removesuffix("\n"))


def emit(text: str) -> None:
    """Print text, in plainer characters where the encoding of stdout lacks some."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        data = text.encode(encoding)
    except UnicodeEncodeError:
        data = text.translate(_PLAINER).encode(encoding, "replace")
    emit_bytes(data + b"\n")


def emit_json(text: str) -> None:
    """Print JSON: UTF-8 whatever the locale says."""
    emit_bytes(json_bytes(text))


def json_bytes(text: str) -> bytes:
    r"""Encode JSON; names that are not UTF-8 on disk (lone surrogates) become the escape ``\udcXX``."""
    return text.encode("utf-8", "backslashreplace") + b"\n"


def emit_bytes(data: bytes) -> None:
    """Print what is encoded already."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _let_go()
    except OSError as error:
        _let_go()
        msg = f"standard output cannot be written: {error.strerror or error}"
        raise OSError(msg) from error


def _let_go() -> None:
    """Point stdout at nothing, so that the interpreter does not complain again when it ends."""
    with suppress(OSError, ValueError):
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, sys.stdout.fileno())
        os.close(devnull)
