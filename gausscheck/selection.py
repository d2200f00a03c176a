"""What of a report is shown first: the order of findings and tensors, the headline, what is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from gausscheck import wording
from gausscheck.finding import Finding, Verdict
from gausscheck.report import Report, TensorReport

__all__ = ["by_severity", "headline", "left_out", "ordered", "sentence", "standing", "telling"]

_SURPRISING = 3
# Other statistics can see a wrong scale more sharply than the variance does: p is then a power of its p.
_AS_MUCH = 0.1
_WHOLE = ("sample", "frame", "channel", "row")
_SEVERITY: dict[Verdict, int] = {"fail": 0, "suspect": 1, "pass": 2}


def standing(report: Report) -> Literal["fail", "suspect", "pass", "error"]:
    """Say how a report stands, as the exit code does: what could not be audited outweighs what passed."""
    broken = not report.tensors or (report.errors and report.verdict != "fail")
    return "error" if broken else report.verdict


def by_severity(tensors: Iterable[TensorReport]) -> list[TensorReport]:
    """Sort tensors: failed, suspect, passed; the most surprising of each first."""
    return sorted(tensors, key=lambda t: (_SEVERITY[t.verdict], t.log_p))


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings: failed, suspect, passed; the most surprising of each first."""
    return sorted(findings, key=lambda f: (_SEVERITY[f.verdict], f.log_p))


def telling(findings: Sequence[Finding], most: int) -> list[Finding]:
    """Choose what to list of ordered findings: what did not pass, or else the most surprising.

    Parameters
    ----------
    findings : sequence of Finding
        Ordered, as :func:`ordered` gives them.
    most : int
        At most so many.
    """
    # One line a statistic: other scopes of it tell the same with less force.
    first = list({f.label: f for f in reversed(findings)}.values())
    first.sort(key=findings.index)
    matters = [f for f in first if f.verdict != "pass"]
    return (matters or first[:_SURPRISING])[:most]


def headline(findings: Sequence[Finding]) -> Finding:
    """Choose the finding to put in words: the worst, or a wrong mean or scale that explains as much.

    Parameters
    ----------
    findings : sequence of Finding
        Ordered, as :func:`ordered` gives them; at least one.
    """
    worst = findings[0]
    for f in findings:
        if f.statistic == "constant" and f.verdict == "fail":
            # Everything else follows from it.
            return f
    for f in findings:
        if f.statistic == "duplicates" and f.parameters.get("unit") in _WHOLE and f.verdict == "fail":
            # Copies of whole units explain every correlation and every peak.
            return f
    if worst.statistic == "duplicates":
        # Of stretches that are copies the values are, too.
        return next((f for f in findings if f.parameters.get("unit") == "run" and f.verdict == "fail"), worst)
    for f in findings:
        simple = f.statistic == "moment" and f.parameters.get("order") in (1, 2) and f.scope == "pooled"
        if worst.family != "validity" and simple and f.verdict == "fail" and f.log_p < _AS_MUCH * worst.log_p:
            return f
    return worst


def sentence(tensor: TensorReport) -> str:
    """Return the headline of a tensor in words; empty where it has no findings."""
    findings = ordered(tensor.findings)
    if not findings:
        return ""
    reading = wording.reading(headline(findings))
    if tensor.verdict == "pass":
        calm = f"Nothing stands out in {len(findings)} tests; the most surprising: "
        named = reading.startswith("Anderson")
        return calm + (reading if named else reading[0].lower() + reading[1:])
    return reading


def left_out(findings: Sequence[Finding], shown: Sequence[Finding]) -> str:
    """Count what is not shown: ``2 more failed, 46 passed``; empty where all is."""
    left = [f for f in findings if f not in shown]
    parts = []
    for verdict, word in (("fail", "failed"), ("suspect", "suspect"), ("pass", "passed")):
        count = sum(f.verdict == verdict for f in left)
        if count:
            parts.append(
                f"{count} more {word}" if any(f.verdict == verdict for f in shown) else f"{count} {word}"
            )
    return ", ".join(parts)
