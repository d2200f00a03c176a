"""A validation as lines of plain text, each made of spans that a terminal may colour."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gausscheck import wording
from gausscheck.formats.looks import COLUMNS, fault, look_row, looks, summary
from gausscheck.text import Line, Span, paragraph, plain, report_lines, table

if TYPE_CHECKING:
    from gausscheck.validation import Look, Validation

__all__ = ["validation_lines", "validation_text"]

_MARKS = {"fail": "✗", "suspect": "!", "pass": "·"}
_NUMBERS = (1, 3, 4, 5)


def validation_text(validation: Validation, *, width: int = 100, show_all: bool = False) -> str:
    """Return a validation as plain text, without a line break at the end; parameters as for reports."""
    return plain(validation_lines(validation, width=width, show_all=show_all))


def validation_lines(
    validation: Validation, *, width: int = 100, show_all: bool = False, how_to_see_all: str = ""
) -> Iterator[Line]:
    """Yield the lines of a validation; parameters as for :func:`gausscheck.text.report_lines`."""
    badge = _badge(validation)
    deciding = _deciding(validation)
    for line in _without_summary(deciding, width, show_all=show_all, how_to_see_all=how_to_see_all):
        yield _headed(line, badge)
    yield from _looks(validation)
    yield ()
    yield from paragraph("budget", "dim", _rule(validation), width)
    yield from paragraph("replay", "dim", wording.printable(validation.replay), max(width, 200))
    for note in validation.notes:
        yield from paragraph("note", "dim", wording.printable(note), width)
    if validation.drift is not None:
        yield from paragraph("drift", "fail" if fault(validation) else "dim", _drift(validation), width)
    for problem in validation.errors:
        yield from paragraph("error", "fail", wording.error(problem), width)
    yield ()
    yield (Span(" "), badge, Span(f"  {summary(validation)}"))


def _deciding(validation: Validation) -> Look:
    """Whose findings to show: fresh values that failed, else the last look."""
    failed = [c for c in validation.confirmations if c.verdict == "fail"]
    return failed[-1] if failed else validation.looks[-1]


def _without_summary(look: Look, width: int, *, show_all: bool, how_to_see_all: str) -> Iterator[Line]:
    # The last line of a report counts tensors; a run has its own.
    lines = list(report_lines(look.report, width=width, show_all=show_all, how_to_see_all=how_to_see_all))
    end = max(i for i, line in enumerate(lines) if not line)
    yield from lines[: end + 1]


def _looks(validation: Validation) -> Iterator[Line]:
    taken = looks(validation)
    head, *rows = table(COLUMNS, [look_row(k) for k in taken], right=_NUMBERS)
    yield (Span("    "), *head)
    for look, row in zip(taken, rows, strict=True):
        yield (Span("  "), Span(_MARKS[look.verdict], look.verdict), Span(" "), *row)


def _rule(validation: Validation) -> str:
    share = wording.number(validation.looks[0].level, 2)
    return (
        f"a correct generator fails with probability {wording.number(validation.budget)} at most, over all "
        f"looks: at once below {share}; below {wording.number(validation.suspicion, 2)} fresh values decide"
    )


def _drift(validation: Validation) -> str:
    drift = validation.drift
    assert drift is not None
    so_far = f"{wording.number(drift.n)} values over all runs: p at most {wording.number(drift.p_value, 2)}"
    return fault(validation) or f"{so_far} at any time"


def _badge(validation: Validation) -> Span:
    if validation.errors and validation.verdict != "fail":
        return Span(" ERROR ", "badge fail")
    return Span(f" {validation.verdict.upper()} ", f"badge {validation.verdict}")


def _headed(line: Line, badge: Span) -> Line:
    """Line of a report, its badge replaced by that of the run, which may be suspect for other reasons."""
    place = next((i for i, span in enumerate(line) if span.role.startswith("badge")), None)
    if place is None:
        return line
    # The gap behind it keeps the name in its column.
    gap = len(line[place].text) + len(line[place + 1].text) - len(badge.text)
    return (*line[:place], badge, Span(" " * gap), *line[place + 2 :])
