"""What verbs that test values share: where the result goes, in which format, and the exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from gausscheck_cli.guard import COULD_NOT_AUDIT, complain

if TYPE_CHECKING:
    from gausscheck.finding import Verdict
    from gausscheck.report import Report
    from gausscheck.text import Line
    from gausscheck.validation import Validation

__all__ = ["FAILED", "FORMATS", "Lines", "Wanted", "deliver", "exit_code", "output_options"]

FORMATS = ("table", "json", "junit", "github", "markdown")
FAILED = 1
_FORMAT_OF_ENDING = {".json": "json", ".txt": "table", ".xml": "junit", ".md": "markdown"}
_STDOUT = "-"
_MINE = ("form", "outputs", "show_all", "strict", "quiet", "no_progress")
_F = TypeVar("_F", bound=Callable[..., Any])


class Lines(Protocol):
    """Makes the lines of a table of a result, as :func:`gausscheck.text.report_lines` does."""

    def __call__(self, result: Any, /, *, width: int, show_all: bool, how_to_see_all: str) -> Iterable[Line]:
        """Yield lines; parameters as there."""


@dataclass(frozen=True)
class Wanted:
    """What the options of :func:`output_options` ask for.

    Attributes
    ----------
    form : str
        One of :data:`FORMATS`, for standard output.
    outputs : tuple of str
        Files to write besides; ``-`` is standard output.
    show_all : bool
        Every finding in tables.
    strict : bool
        Suspect counts as failed in the exit code.
    quiet : bool
        Nothing on standard output unless `outputs` asks.
    progress : bool
        Whether a progress bar is welcome.
    """

    form: str = "table"
    outputs: tuple[str, ...] = ()
    show_all: bool = False
    strict: bool = False
    quiet: bool = False
    progress: bool = True

    @classmethod
    def take(cls, options: dict[str, Any]) -> Wanted:
        """Take what :func:`output_options` added out of the arguments of a verb; the rest are its own."""
        form, outputs, show_all, strict, quiet, no_progress = (options.pop(name) for name in _MINE)
        return cls(form, outputs, show_all, strict, quiet, not (no_progress or quiet))

    @property
    def to_stdout(self) -> bool:
        """Whether the result goes to standard output."""
        return not self.quiet or _STDOUT in self.outputs

    @property
    def files(self) -> tuple[str, ...]:
        """Files to write."""
        return tuple(name for name in self.outputs if name != _STDOUT)


def _checked(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Check the outputs before any work is done for them."""
    from gausscheck.writing import cannot_write

    for name in given:
        if name == _STDOUT:
            continue
        if Path(name).suffix.lower() not in _FORMAT_OF_ENDING:
            endings = ", ".join(_FORMAT_OF_ENDING)
            msg = f"{name!r}: the format is told by the ending, one of {endings}; - is standard output"
            raise click.BadParameter(msg)
        if why := cannot_write(Path(name)):
            raise click.BadParameter(why)
    if len(set(given)) < len(given):
        msg = "the same output is given twice"
        raise click.BadParameter(msg)
    return given


_OPTIONS = (
    click.option(
        "--format",
        "form",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="What standard output gets. It never changes the exit code.",
    ),
    click.option(
        "-o",
        "--output",
        "outputs",
        multiple=True,
        callback=_checked,
        metavar="FILE|-",
        help=f"Write FILE too, whole or not at all, format by ending ({', '.join(_FORMAT_OF_ENDING)}); "
        "- is stdout. Repeatable.",
    ),
    click.option(
        "-a",
        "--all",
        "show_all",
        is_flag=True,
        help="Show every finding in tables, not only what matters.",
    ),
    click.option("--strict", is_flag=True, help="Exit with 1 for suspect tensors too."),
    click.option(
        "-q", "--quiet", is_flag=True, help="Nothing on standard output unless -o - asks; only errors."
    ),
    click.option("--no-progress", is_flag=True, help="No progress bar."),
)


def output_options(verb: _F) -> _F:
    """Add the options of outputs to a verb, which hands its keyword arguments to :meth:`Wanted.take`."""
    for option in reversed(_OPTIONS):
        verb = option(verb)
    return verb


def deliver(result: Report | Validation, wanted: Wanted, *, lines: Lines | None = None) -> int:
    """Write a result to files and standard output, what went wrong to standard error.

    Parameters
    ----------
    result : Report or Validation
    wanted : Wanted
    lines : callable, optional
        Makes the table; of a report by default.

    Returns
    -------
    int
        Exit code: that of the result, or 2 where a file could not be written.
    """
    from gausscheck.text import report_lines
    from gausscheck_cli.terminal import is_terminal

    make = lines or report_lines
    # Files first: whoever stops reading stdout early still gets them.
    lost = sum(not _write(name, result, wanted, make) for name in wanted.files)
    if wanted.form == "github":
        from gausscheck_cli.step_summary import append_summary

        append_summary(result)
    if wanted.to_stdout:
        _print(result, wanted, make)
    # The table on a terminal already says what went wrong.
    if not (wanted.to_stdout and wanted.form == "table" and is_terminal()):
        from gausscheck.wording import error

        for problem in result.errors:
            complain(error(problem))
    return COULD_NOT_AUDIT if lost else exit_code(result, strict=wanted.strict)


def exit_code(result: Report | Validation, *, strict: bool = False) -> int:
    """Return 1 for a failure; else 2 if something could not be tested; else 1 if suspect counts; else 0."""
    from gausscheck.formats import report_of

    tested = bool(report_of(result).tensors)
    verdict: Verdict = result.verdict
    if tested and verdict == "fail":
        return FAILED
    if result.errors or not tested:
        return COULD_NOT_AUDIT
    return FAILED if strict and verdict == "suspect" else 0


def _print(result: Report | Validation, wanted: Wanted, lines: Lines) -> None:
    from gausscheck_cli.terminal import emit_bytes, emit_lines, page_width

    if wanted.form == "table":
        how = "" if wanted.show_all else "--all shows them"
        emit_lines(lines(result, width=page_width(), show_all=wanted.show_all, how_to_see_all=how))
    else:
        emit_bytes(_bytes(result, wanted.form))


def _write(name: str, result: Report | Validation, wanted: Wanted, lines: Lines) -> bool:
    from gausscheck.text import plain
    from gausscheck.writing import write_whole

    form = _FORMAT_OF_ENDING[Path(name).suffix.lower()]
    if form == "table":
        text = plain(lines(result, width=100, show_all=wanted.show_all, how_to_see_all=""))
        data = (text + "\n").encode()
    else:
        data = _bytes(result, form)
    try:
        write_whole(Path(name), data)
    except OSError as error:
        complain(f"{name}: cannot be written ({error.strerror or error}); nothing was left behind")
        return False
    return True


def _bytes(result: Report | Validation, form: str) -> bytes:
    """Encode a result for programs: UTF-8 whatever the locale says."""
    from gausscheck.formats import render
    from gausscheck_cli.terminal import json_bytes

    if form == "json":
        return json_bytes(result.to_json())
    text = render(result, form)
    return (text + "\n").encode() if text else b""
