"""A result as GitHub-flavoured Markdown: for step summaries, merge requests and artefacts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gausscheck import selection, wording
from gausscheck.finding import Finding
from gausscheck.formats import looks as of_looks
from gausscheck.report import Report, ReportError, TensorReport

if TYPE_CHECKING:
    from gausscheck.validation import Validation

__all__ = ["markdown", "markdown_validation"]

_WORDS = {"fail": "✗ failed", "suspect": "! suspect", "pass": "✓ passed", "error": "✗ could not test all"}
_OVERVIEW = ("verdict", "tensor", "values", "stored as", "p")
_FINDINGS = ("", "test", "observed", "expected", "off by", "p", "where and how much")
_ROWS_ALONE, _ROWS_AMONG = 12, 5
# Room for the titles of sections, and for the line that says what is left out.
_RESERVE = 1000
_MARKUP = re.compile(r"[\\`*_\[\]|~$]")
_PLAIN_CODE = re.compile(r"[^`|\s](?:[^`|]*[^`|\s])?")


class _Unit(NamedTuple):
    """What is shown whole or not at all: its place in the page, what it counts as, its text."""

    place: str
    counts_as: str
    row: str = ""
    detail: str = ""


def markdown(report: Report, *, limit: int | None = None) -> str:
    """Return a report as Markdown.

    Parameters
    ----------
    report : Report
    limit : int, optional
        Bytes in UTF-8, at most. Tensors that have no room are left out whole, passed ones first, and a line
        says how many; so are errors and notes.
    """
    head = f"## gausscheck: {_WORDS[selection.standing(report)]}\n\n{_escape(wording.summary(report))}\n"
    return _page(head, report, limit)


def markdown_validation(validation: Validation, *, limit: int | None = None) -> str:
    """Return a validation as Markdown: what was drawn, its looks, then its report; `limit` as above."""
    broken = validation.errors and validation.verdict != "fail"
    word = _WORDS["error" if broken else validation.verdict]
    facts = [f"* {name}: {_code(value)}" for name, value in of_looks.facts(validation)]
    texts = [_escape(of_looks.fault(validation)), *(_escape(wording.printable(n)) for n in validation.notes)]
    errors = [_problem(problem) for problem in validation.errors]
    rows = [_row(map(_escape, of_looks.look_row(look))) for look in of_looks.looks(validation)]
    pieces = [f"## gausscheck validate: {word}\n", "\n".join(facts) + "\n"]
    pieces += [f"{text}\n" for text in texts if text]
    pieces += ["\n".join(errors) + "\n"] if errors else []
    if rows:
        pieces.append("### Looks\n\n" + _table(of_looks.COLUMNS, rows, right=(1, 3, 4, 5)))
    decider = of_looks.decider(validation)
    if decider is not None and decider.stage == 2:
        details = [_detail(t, frozenset(), alone=True) for t in decider.report.tensors]
        pieces.append("\n".join([f"## {_escape(of_looks.look_name(decider))}\n", *details]))
    pieces.append("## Everything of the run\n")
    return _page("\n".join(pieces), of_looks.standing(validation), limit)


def _page(head: str, report: Report, limit: int | None) -> str:
    alone = len(report.tensors) == 1
    untested = [frozenset(t.untested) for t in report.tensors]
    common = frozenset[str]() if alone or not untested else frozenset.intersection(*untested)
    taken: list[_Unit] = []
    left: dict[str, int] = {}
    missed = _untested(common, report.tensors[0].untested) if common else ""
    room = None if limit is None else limit - _size(head) - _size(missed) - _RESERVE
    for unit in _units(report, common, alone=alone):
        cost = _size(unit.row) + _size(unit.detail) + 2
        if room is not None and cost > room:
            left[unit.counts_as] = left.get(unit.counts_as, 0) + 1
            continue
        room = None if room is None else room - cost
        taken.append(unit)
    pieces = [head]
    rows = [unit.row for unit in taken if unit.row]
    if rows:
        pieces.append(_table(_OVERVIEW, rows, right=(2, 4)))
    pieces += [unit.detail for unit in taken if unit.place == "tensor" and unit.detail]
    for place, title in (("shared", "Copies across tensors"), ("error", "Errors"), ("note", "Notes")):
        items = [unit.detail for unit in taken if unit.place == place]
        if items:
            pieces.append(f"### {title}\n\n" + "\n".join(items) + "\n")
    pieces += [missed] if missed else []
    if left:
        counts = ", ".join(f"{wording.number(count)} {what}" for what, count in left.items())
        pieces.append(f"**Left out for size:** {counts}. The JSON report has all.\n")
    page = "\n".join(pieces).rstrip()
    # A head that fills the room by itself (a name of a megabyte) is no page at all.
    return page if limit is None or _size(page) <= limit else ""


def _units(report: Report, common: frozenset[str], *, alone: bool) -> Iterator[_Unit]:
    """Yield what the page is made of, what matters most first: failed, errors, suspect, passed, notes."""
    tensors = selection.by_severity(report.tensors)
    for tensor in tensors:
        if tensor.verdict == "fail":
            yield _of_tensor(tensor, common, alone=alone)
    for item in report.shared:
        yield _Unit(
            "shared", "pairs of tensors that share values", detail=f"* {_code(wording.between(item))}"
        )
    for problem in report.errors:
        yield _Unit("error", "errors", detail=_problem(problem))
    for tensor in tensors:
        if tensor.verdict != "fail":
            yield _of_tensor(tensor, common, alone=alone)
    for note in report.notes:
        yield _Unit("note", "notes", detail=f"* {_code(wording.printable(note))}")


def _of_tensor(tensor: TensorReport, common: frozenset[str], *, alone: bool) -> _Unit:
    row = _row(
        [
            _WORDS[tensor.verdict],
            _code(wording.printable(tensor.name)),
            wording.number(tensor.n),
            _escape(wording.storage(tensor)),
            wording.probability(tensor.log10_p),
        ]
    )
    detail = _detail(tensor, common, alone=alone) if alone or tensor.verdict != "pass" else ""
    counts_as = {"fail": "failed tensors", "suspect": "suspect tensors", "pass": "passed tensors"}
    return _Unit("tensor", counts_as[tensor.verdict], "" if alone else row, detail)


def _detail(tensor: TensorReport, common: frozenset[str], *, alone: bool) -> str:
    """Return the section of one tensor."""
    lines = [
        f"### {_WORDS[tensor.verdict]}: {_code(wording.printable(tensor.name))}",
        "",
        _escape(wording.tensor_facts(tensor)),
        "",
    ]
    findings = selection.ordered(tensor.findings)
    if findings:
        lines += [f"**{_escape(selection.sentence(tensor))}**", ""]
        lines += [f"* hint: {_escape(wording.printable(hint))}" for hint in tensor.hints]
        lines += [""] if tensor.hints else []
        shown = selection.telling(findings, _ROWS_ALONE if alone else _ROWS_AMONG)
        rows = [_row(map(_escape, _finding(f))) for f in shown]
        lines.append(_table(_FINDINGS, rows, right=(2, 3, 4, 5)))
        if more := selection.left_out(findings, shown):
            lines += [f"{more}.", ""]
    if seen := wording.detectable(tensor):
        lines += [f"Would have seen: {_escape(seen)}.", ""]
    if text := _untested((t for t in tensor.untested if t not in common), tensor.untested):
        lines += [text]
    return "\n".join(lines)


def _untested(texts: Iterable[str], order: Sequence[str]) -> str:
    """Say what was not tested, in the order of the report."""
    wanted = set(texts)
    listed = "; ".join(_escape(wording.printable(text)) for text in order if text in wanted)
    return f"Not tested: {listed}.\n" if listed else ""


def _finding(finding: Finding) -> tuple[str, ...]:
    return (
        {"fail": "✗", "suspect": "!", "pass": "·"}[finding.verdict],
        wording.printable(finding.label),
        wording.observed(finding),
        wording.expected(finding),
        wording.deviation(finding),
        wording.probability(finding.log10_p),
        wording.where_and_effect(finding),
    )


def _problem(problem: ReportError) -> str:
    return "* " + "<br>".join(_code(line) for line in wording.error(problem).splitlines())


def _table(columns: Sequence[str], rows: Iterable[str], right: Sequence[int]) -> str:
    rule = ["---:" if i in right else "---" for i in range(len(columns))]
    return "\n".join([_row(columns), _row(rule), *rows]) + "\n"


def _row(cells: Iterable[str]) -> str:
    """Join cells that are escaped."""
    return f"| {' | '.join(cells)} |"


def _escape(text: str) -> str:
    """Escape what Markdown, HTML or a table could obey."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKUP.sub(lambda m: "\\" + m[0], " ".join(text.split()))


def _code(text: str) -> str:
    """Return a code span, which Markdown does not read: in backticks, or with references where it must be."""
    if _PLAIN_CODE.fullmatch(text):
        return f"`{text}`"
    return f"<code>{''.join(c if c.isalnum() or c in ' ./-' else f'&#{ord(c)};' for c in text)}</code>"


def _size(text: str) -> int:
    return len(text.encode())
