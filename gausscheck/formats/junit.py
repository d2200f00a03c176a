"""A result as JUnit XML, as Jenkins, GitLab and the actions of GitHub read it.

One ``<testsuite>`` a tensor, one ``<testcase>`` a family of statistics. Elements and attributes are those of
the schema ``junit-10.xsd`` of Jenkins, whose order of children (properties, test cases, output) older schemas
ask for too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from gausscheck import selection, wording
from gausscheck.finding import Finding, log10_of
from gausscheck.formats import looks as of_looks
from gausscheck.report import Report, ReportError, TensorReport

if TYPE_CHECKING:
    from gausscheck.validation import Validation

__all__ = ["junit", "junit_validation"]

# What XML 1.0 cannot hold, not even as a reference.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> str:
    """Return a report as JUnit XML.

    A family fails where one of its findings does; suspect findings are in its ``<system-out>``. What could
    not be audited, and a call that audited nothing, is an ``<error>``.
    """
    return _document([*_suites(report)], report.elapsed_s)


def junit_validation(validation: Validation) -> str:
    """Return a validation as JUnit XML: a suite of its looks, then those of its report."""
    suite = _Suite(f"validation of {wording.printable(validation.source)}", of_looks.facts(validation))
    decider = of_looks.decider(validation)
    for look in of_looks.looks(validation):
        case = suite.case(of_looks.look_name(look))
        if look is decider:
            suite.failure(
                case,
                of_looks.worst_sentence(look) or of_looks.look_sentence(look),
                wording.printable(look.statistic),
                [*of_looks.story(look), _replay(validation)],
            )
        else:
            suite.out(case, [of_looks.look_sentence(look)])
    if fault := of_looks.fault(validation):
        suite.failure(suite.case("drift over runs"), fault, "drift", [fault, _replay(validation)])
    for problem in validation.errors:
        suite.error(suite.case(wording.printable(problem.path) or "source"), problem)
    suite.out(suite.element, [wording.printable(note) for note in validation.notes])
    suites = [suite, *_suites(of_looks.standing(validation))]
    if decider is not None and decider.stage == 2:
        suites += [_tensor(t, decider.report, of_looks.look_name(decider)) for t in decider.report.tensors]
    return _document(suites, validation.elapsed_s)


def _replay(validation: Validation) -> str:
    return f"replay: {wording.printable(validation.replay)}"


class _Suite:
    """A ``<testsuite>`` that counts its cases."""

    def __init__(self, name: str, properties: Iterable[tuple[str, str]] = ()) -> None:
        self.name = name
        self.element = ET.Element("testsuite", name=_text(name))
        self.counts = {"tests": 0, "failures": 0, "errors": 0}
        pairs = [{"name": key, "value": _text(value)} for key, value in properties]
        if pairs:
            holder = ET.SubElement(self.element, "properties")
            for pair in pairs:
                ET.SubElement(holder, "property", pair)

    def case(self, name: str) -> ET.Element:
        self.counts["tests"] += 1
        return ET.SubElement(self.element, "testcase", classname=_text(self.name), name=_text(name))

    def failure(self, case: ET.Element, message: str, kind: str, lines: Iterable[str]) -> None:
        self._mark("failure", "failures", case, {"message": message, "type": kind}, lines)

    def error(self, case: ET.Element, problem: ReportError) -> None:
        text = wording.error(problem)
        first = text.splitlines()[0]
        self._mark("error", "errors", case, {"message": first, "type": "could not be audited"}, [text])

    def out(self, element: ET.Element, lines: Iterable[str]) -> None:
        if text := "\n".join(lines):
            ET.SubElement(element, "system-out").text = _text(text)

    def _mark(
        self, tag: str, count: str, case: ET.Element, given: Mapping[str, str], lines: Iterable[str]
    ) -> None:
        self.counts[count] += 1
        mark = ET.SubElement(case, tag, {key: _text(value) for key, value in given.items()})
        mark.text = _text("\n".join(lines)) or None

    def closed(self) -> ET.Element:
        for name, count in self.counts.items():
            self.element.set(name, str(count))
        return self.element


def _document(suites: list[_Suite], seconds: float) -> str:
    root = ET.Element("testsuites", name="gausscheck")
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(suite.counts[name] for suite in suites)))
    root.set("time", f"{seconds:.3f}")
    root.extend(suite.closed() for suite in suites)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode")


def _suites(report: Report) -> Iterator[_Suite]:
    for tensor in report.tensors:
        yield _tensor(tensor, report)
    if report.shared:
        suite = _Suite("copies across tensors", _settings(report))
        for item in report.shared:
            text = wording.between(item)
            case = suite.case(f"{wording.printable(item.first)} and {wording.printable(item.second)}")
            if item.verdict == "fail":
                suite.failure(case, text, "shared", [text])
            else:
                suite.out(case, [f"{item.verdict}: {text}"])
        yield suite
    for problem in report.errors:
        suite = _Suite(wording.printable(problem.path) or "gausscheck", _settings(report))
        suite.error(suite.case(wording.printable(problem.key) or "audit"), problem)
        yield suite
    if report.notes:
        suite = _Suite("notes", _settings(report))
        suite.out(suite.element, [wording.printable(note) for note in report.notes])
        yield suite
    if not report.tensors and not report.errors:
        suite = _Suite("gausscheck", _settings(report))
        suite.error(suite.case("audit"), ReportError("gausscheck", "nothing was audited"))
        yield suite


def _settings(report: Report) -> list[tuple[str, str]]:
    return [
        ("version", report.version),
        ("alpha", f"{report.alpha:g}"),
        ("battery", wording.printable(report.battery)),
        ("seed", str(report.seed)),
    ]


def _tensor(tensor: TensorReport, report: Report, title: str = "") -> _Suite:
    name = wording.printable(tensor.name)
    own = [
        ("n", str(tensor.n)),
        ("p", wording.probability(tensor.log10_p)),
        ("verdict", tensor.verdict),
        ("shape", "x".join(map(str, tensor.shape))),
        ("layout", wording.printable(tensor.layout)),
        ("dtype", wording.printable(tensor.dtype)),
        ("lattice", tensor.lattice or "none"),
    ]
    suite = _Suite(f"{name}: {title}" if title else name, [*_settings(report), *own])
    families: dict[str, list[Finding]] = {}
    for finding in tensor.findings:
        families.setdefault(finding.family, []).append(finding)
    for family, findings in families.items():
        _family(suite, family, selection.ordered(findings), tensor)
    if tensor.verdict == "fail" and not suite.counts["failures"]:
        facts = wording.tensor_facts(tensor)
        suite.failure(suite.case("verdict"), facts, "verdict", [facts, *_hints(tensor)])
    seen = wording.detectable(tensor)
    suite.out(
        suite.element,
        [
            wording.tensor_facts(tensor),
            *([f"would have seen: {seen}"] if seen else []),
            *(f"not tested: {wording.printable(text)}" for text in tensor.untested),
        ],
    )
    return suite


def _family(suite: _Suite, family: str, findings: list[Finding], tensor: TensorReport) -> None:
    """Add the case of one family; `findings` are ordered."""
    case = suite.case(wording.printable(family))
    failed = [f for f in findings if f.verdict == "fail"]
    if failed:
        worst = selection.headline(failed)
        lines = [_line(f) for f in (worst, *(f for f in failed if f is not worst))]
        suite.failure(case, wording.reading(worst), wording.printable(worst.label), [*lines, *_hints(tensor)])
    suite.out(case, [f"suspect: {_line(f)}" for f in findings if f.verdict == "suspect"])


def _line(finding: Finding) -> str:
    """Return the sentence of a finding, then its figures."""
    p, adjusted = (wording.probability(x) for x in (finding.log10_p, log10_of(finding.log_adjusted_p)))
    figures = [
        wording.printable(finding.label),
        f"value {wording.observed(finding)}",
        f"expected {wording.expected(finding)}",
        f"p {p}",
        f"adjusted p {adjusted}",
        wording.effect(finding.effect),
    ]
    return f"{wording.reading(finding)}\n    {' · '.join(text for text in figures if text)}"


def _hints(tensor: TensorReport) -> list[str]:
    return [f"hint: {wording.printable(hint)}" for hint in tensor.hints]


def _text(text: str) -> str:
    r"""Escape what XML 1.0 forbids as ``\x1b``, wherever it came from."""
    return _FORBIDDEN.sub(lambda m: m[0].encode("unicode_escape").decode(), text)
