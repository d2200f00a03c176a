"""A report as lines of plain text, each made of spans that a terminal may colour."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gausscheck import selection, wording
from gausscheck.finding import Finding, Verdict
from gausscheck.report import Report, TensorReport

__all__ = [
    "Line",
    "Span",
    "cut",
    "finding_lines",
    "paragraph",
    "plain",
    "report_lines",
    "report_text",
    "table",
]

_ROWS_ALONE, _ROWS_AMONG = 12, 5
_DETAILED = 10
_LISTED = 10
_PROSE = 100
_BESIDE = 40
_NARROWEST = 20
_MARKS: dict[Verdict, str] = {"fail": "✗", "suspect": "!", "pass": "·"}
_COLUMNS = ("test", "observed", "expected", "off by", "p")
_LAST_COLUMN = "where and how much"
_GAP = "  "
# What reads badly over two lines: p-values, intervals, coordinates, numbers with their unit.
_TOGETHER = re.compile(r"[01] ± \S+|p = \S+|[\[(][-+\d.e, ]+[\])]| σ|#\d+ of \d+")


class Span(NamedTuple):
    """A piece of text and its role: ``badge fail``, ``fail`` … or ``head``, ``strong``, ``dim``, ``""``."""

    text: str
    role: str = ""


Line = tuple[Span, ...]


@dataclass(frozen=True)
class _Page:
    """How wide, how much of it, what to do for more, and what is said once for all tensors."""

    width: int
    show_all: bool
    how_to_see_all: str
    alone: bool
    untested: frozenset[str]

    def more(self, text: str) -> Line:
        """Say what was left out."""
        return (Span(f"{text}; {self.how_to_see_all}" if self.how_to_see_all else text, "dim"),)


def report_text(report: Report, *, width: int = 100, show_all: bool = False) -> str:
    """Return a report as plain text.

    Parameters
    ----------
    report : Report
        What an audit says.
    width : int
        Columns to fill; only the names of the overview are shortened to fit.
    show_all : bool
        Every finding of every tensor, instead of those that matter.

    Returns
    -------
    str
        Ends without a line break.
    """
    return plain(report_lines(report, width=width, show_all=show_all))


def plain(lines: Iterable[Line]) -> str:
    """Join lines without their roles."""
    return "\n".join("".join(span.text for span in line).rstrip() for line in lines)


def report_lines(
    report: Report, *, width: int = 100, show_all: bool = False, how_to_see_all: str = ""
) -> Iterator[Line]:
    """Yield the lines of a report; parameters as for :func:`report_text`.

    Parameters
    ----------
    how_to_see_all : str
        What to do for all findings, such as ``"--all shows them"``; said where some are left out.
    """
    alone = len(report.tensors) == 1
    untested = [frozenset(t.untested) for t in report.tensors]
    common = frozenset[str]() if alone or not untested else frozenset.intersection(*untested)
    page = _Page(width, show_all, how_to_see_all, alone, common)
    if not alone and report.tensors:
        yield from _overview(report.tensors, width)
        yield ()
    detailed = [t for t in report.tensors if alone or show_all or t.verdict != "pass"]
    shown = detailed if show_all else selection.by_severity(detailed)[:_DETAILED]
    for tensor in shown:
        yield from _tensor(tensor, page)
        yield ()
    if len(shown) < len(detailed):
        yield page.more(f"  details of {len(detailed) - len(shown)} more that did not pass are left out")
        yield ()
    if common:
        shared = _untested(text for text in report.tensors[0].untested if text in common)
        yield from paragraph("not tested", "dim", shared, width)
        yield ()
    if report.shared:
        yield from _shared(report, page)
        yield ()
    notes = report.notes if show_all else report.notes[:_LISTED]
    for note in notes:
        yield from paragraph("note", "dim", wording.printable(note), width)
    if len(notes) < len(report.notes):
        yield page.more(f"  {len(report.notes) - len(notes)} more notes")
    if notes:
        yield ()
    # Errors are never left out: each is a file whose state is unknown.
    for problem in report.errors:
        yield from paragraph("error", "fail", wording.error(problem), width)
    if report.errors:
        yield ()
    yield from _summary(report, width)


def _shared(report: Report, page: _Page) -> Iterator[Line]:
    """What tensors share."""
    yield (Span(" "), *_badge("fail"), Span(" copies across tensors", "strong"))
    listed = report.shared if page.show_all else report.shared[:_LISTED]
    for item in listed:
        yield from paragraph("shared", "fail", wording.between(item), page.width)
    if len(listed) < len(report.shared):
        yield page.more(f"  {len(report.shared) - len(listed)} more pairs")


def _summary(report: Report, width: int) -> Iterator[Line]:
    broken = selection.standing(report) == "error"
    badge = Span(" ERROR ", "badge fail") if broken else _badge(report.verdict)[0]
    indent = len(badge.text) + 3
    first, *rest = _wrap(wording.summary(report), width - indent)
    yield (Span(" "), badge, Span(f"  {first}"))
    for text in rest:
        yield (Span(" " * indent), Span(text))


def _overview(tensors: Sequence[TensorReport], width: int) -> Iterator[Line]:
    numbers = [(wording.p_phrase(t.log10_p), wording.number(t.n), wording.storage(t)) for t in tensors]
    p_width, n_width, storage_width = (max(len(row[i]) for row in numbers) for i in range(3))
    for tensor, (p, n, storage) in zip(tensors, numbers, strict=True):
        middle = f" {p:<{p_width}}  {n:>{n_width}}  {storage:<{storage_width}}  "
        if width - 10 - len(middle) < _NARROWEST:
            middle = f" {p:<{p_width}}  "
        name = cut(wording.printable(tensor.name), max(width - 10 - len(middle), _NARROWEST))
        yield (Span(" "), *_badge(tensor.verdict), Span(middle), Span(name, "strong"))


def _badge(verdict: Verdict) -> tuple[Span, Span]:
    text = f" {verdict.upper()} "
    return Span(text, f"badge {verdict}"), Span(" " * (9 - len(text)))


def _tensor(tensor: TensorReport, page: _Page) -> Iterator[Line]:
    # A full name is worth more than a neat margin: it is wrapped, never shortened.
    name = _pieces(wording.printable(tensor.name), page.width - 11)
    yield (Span(" "), *_badge(tensor.verdict), Span(" "), Span(name[0], "strong"))
    for rest in name[1:]:
        yield (Span(" " * 11), Span(rest, "strong"))
    for text in _wrap(wording.tensor_facts(tensor), page.width - 11):
        yield (Span(" " * 11), Span(text, "dim"))
    ordered = selection.ordered(tensor.findings)
    if ordered:
        yield ()
        worst = selection.headline(ordered).verdict
        for text in _wrap(selection.sentence(tensor), min(page.width, _PROSE) - 4):
            yield (Span("  "), Span(text, worst if worst != "pass" else ""))
        # The cause is what people look for; the table is its evidence.
        for hint in tensor.hints:
            yield from paragraph("hint", "suspect", wording.printable(hint), page.width)
        yield ()
        rows = _ROWS_ALONE if page.alone else _ROWS_AMONG
        shown = ordered if page.show_all else selection.telling(ordered, rows)
        yield from finding_lines(shown, page.width)
        if len(shown) < len(ordered):
            yield page.more(f"    {selection.left_out(ordered, shown)}")
    notes = [
        # Among many, what a faulty tensor could have shown besides is no news.
        ("would have seen", "dim", wording.detectable(tensor) if page.alone or page.show_all else ""),
        ("not tested", "dim", _untested(t for t in tensor.untested if t not in page.untested)),
    ]
    if any(text for _, _, text in notes):
        yield ()
    for title, role, text in notes:
        if text:
            yield from paragraph(title, role, text, page.width)


def _untested(texts: Iterable[str]) -> str:
    return "; ".join(wording.printable(text) for text in texts)


def finding_lines(findings: Sequence[Finding], width: int = 100) -> Iterator[Line]:
    """Yield findings as a table, or as prose where that is too wide."""
    head, *lines = table(_COLUMNS, [_row(f) for f in findings], right=(1, 2, 3, 4))
    margin, own = 4, max(_line_width(line) for line in (head, *lines))
    if margin + own > width:
        for finding in findings:
            yield from _as_prose(finding, width)
        return
    left = width - margin - own - len(_GAP)
    beside = left >= _BESIDE
    yield (Span(" " * margin), *_padded(head, own), Span(_GAP + _LAST_COLUMN if beside else "", "head"))
    for finding, line in zip(findings, lines, strict=True):
        texts = _wrap(wording.where_and_effect(finding), left if beside else width - margin - 2)
        first = (Span(_GAP + texts.pop(0)),) if beside else ()
        yield (Span("  "), _mark(finding.verdict), Span(" "), *_padded(line, own), *first)
        for text in texts:
            indent = margin + own + len(_GAP) if beside else margin + 2
            yield (Span(" " * indent), Span(text, "" if beside else "dim"))


def _as_prose(finding: Finding, width: int) -> Iterator[Line]:
    test, observed, expected, off, p = _row(finding)
    parts = (
        f"{test}: {observed}",
        f"expected {expected}",
        off,
        f"p = {p}",
        wording.where_and_effect(finding),
    )
    for i, text in enumerate(_wrap(", ".join(t for t in parts if t), width - 4)):
        yield (Span("  "), _mark(finding.verdict) if i == 0 else Span(" "), Span(" "), Span(text))


def _padded(line: Line, width: int) -> Line:
    return (*line, Span(" " * (width - _line_width(line))))


def _mark(verdict: Verdict) -> Span:
    return Span(_MARKS[verdict], verdict)


def _row(f: Finding) -> tuple[str, ...]:
    label, p = wording.printable(f.label), wording.probability(f.log10_p)
    return label, wording.observed(f), wording.expected(f), wording.deviation(f), p


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> Iterator[Line]:
    """Yield a heading and one line a row, columns aligned by the widest cell.

    Parameters
    ----------
    columns : sequence of str
        Headings.
    rows : sequence of sequence of str
        Cells.
    right : sequence of int
        Columns to align to the right.
    """
    widths = [max(_width(row[i]) for row in (columns, *rows)) for i in range(len(columns))]
    for number, row in enumerate((columns, *rows)):
        cells = []
        for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - _width(cell))
            cells.append(space + cell if i in right else cell + space)
        text = _GAP.join(cells).rstrip()
        yield (Span(text, "head"),) if number == 0 else (Span(text),)


def paragraph(title: str, role: str, text: str, width: int) -> Iterator[Line]:
    """Yield ``title  text``, the text wrapped and indented; its own line breaks are kept."""
    indent = 19
    lines = [piece for line in text.splitlines() for piece in _wrap(line, min(width, _PROSE) - indent)]
    for i, piece in enumerate(lines or [""]):
        yield (Span(" " * 2), Span(f"{title if i == 0 else '':<{indent - 2}}", role), Span(piece))


def _wrap(text: str, width: int) -> list[str]:
    lead = text[: len(text) - len(text.lstrip())]
    bound = _TOGETHER.sub(lambda m: m[0].replace(" ", "\xa0"), text)
    lines = textwrap.wrap(bound, max(width, _NARROWEST), subsequent_indent=lead, break_on_hyphens=False)
    return [line.replace("\xa0", " ") for line in lines] or [""]


def _pieces(text: str, width: int) -> list[str]:
    width = max(width, _NARROWEST)
    return [text[i : i + width] for i in range(0, len(text), width)] or [""]


def cut(text: str, width: int) -> str:
    """Shorten a name to `width` columns by leaving out its middle; the end tells more than the beginning.

    Examples
    --------
    >>> cut("some/long/path/noise.safetensors", 20)
    'some/l…e.safetensors'
    """
    if _width(text) <= width:
        return text
    head = _take(text, (width - 1) // 3)
    tail = _take(text[::-1], width - 1 - _width(head))[::-1]
    return f"{head}…{tail}"


def _take(text: str, width: int) -> str:
    used = 0
    for i, character in enumerate(text):
        used += _width(character)
        if used > width:
            return text[:i]
    return text


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def _line_width(line: Line) -> int:
    return sum(_width(span.text) for span in line)
