"""What a failed assertion says: one sentence with numbers, where, why, what to do, then the evidence.

The text is made for the ``E`` lines of pytest and for plain tracebacks alike: the first line stands alone,
for it is all that a summary of a test run shows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from gausscheck import text, wording
from gausscheck.finding import Finding, log10_of
from gausscheck.report import Report, TensorReport
from gausscheck.selection import by_severity, headline, left_out, ordered, telling
from gausscheck.tolerance import EFFECTS

__all__ = ["assertion_text", "claim"]

_ROWS = 5
_WIDTH = 100


def assertion_text(
    report: Report,
    *,
    name: str,
    alpha: float,
    reference: str = "standard",
    history: str = "",
    replay: str = "",
) -> str:
    """Return the message of an assertion that failed.

    Parameters
    ----------
    report : Report
        Of the values that were rejected.
    name : str
        What was checked, as the first line names it.
    alpha : float
        Probability with which this check fails good noise.
    reference : str
        The reference of the audit.
    history : str
        What was looked at, and when it was rejected.
    replay : str
        Command that does the same again; kept in one line.

    Returns
    -------
    str
        Ends without a line break.
    """
    tensor = by_severity(report.tensors)[0]
    findings = ordered(tensor.findings)
    # Where values are not finite or all equal, nothing else needs an explanation.
    worst = next((f for f in findings if f.family == "validity" and f.verdict == "fail"), headline(findings))
    p = wording.p_phrase(log10_of(worst.log_adjusted_p))
    chance = "as noise never does" if worst.family == "validity" else p
    first = (
        f"{wording.printable(name)} is not {_law(reference)}: {claim(worst)}, "
        f"{chance} (budget {wording.number(alpha)} for this check)"
    )
    paragraphs = [
        ("where", _where(worst, tensor)),
        *(("likely cause", wording.printable(_in_python(hint))) for hint in tensor.hints),
        ("looks", history),
    ]
    shown = telling(findings, _ROWS)
    rest = left_out(findings, shown)
    return "\n".join(
        [
            first,
            *_paragraphs(paragraphs),
            *([f"  {'replay':<17}{wording.printable(replay)}"] if replay else []),
            "",
            text.plain(text.finding_lines(shown, _WIDTH)),
            *([f"    {rest}"] if rest else []),
        ]
    )


def claim(finding: Finding) -> str:
    """Return what is wrong, without its p-value: ``scale 1.3 [1.29, 1.31] where 1 is expected``."""
    if finding.statistic == "nonfinite":
        return f"it holds {wording.place(finding)}"
    if finding.statistic == "constant":
        return "all its values are equal"
    effect = finding.effect
    if effect is not None and all(map(math.isfinite, (effect.value, effect.low, effect.high))):
        part = "" if finding.scope == "pooled" else f" in {wording.scope(finding).removeprefix('worst ')},"
        return f"{wording.effect(effect)}{part} where {_centre(effect.name):g} is expected"
    sentence = wording.reading(finding).removesuffix(f" ({wording.p_phrase(finding.log10_p)}).")
    return sentence[0].lower() + sentence[1:]


def _in_python(hint: str) -> str:
    """Return a hint with options as a call has them: hints name those of the command line."""
    hint = re.sub(r'--tolerance "([^"=]+)=([^"]+)"', r'tolerance={"\1": \2}', hint)
    hint = re.sub(r'--(reference|layout) (?:"([^"]+)"|(scale=[\d.e+-]*\d))', r'\1="\2\3"', hint)
    return re.sub(r"--(layout)\b", r"\1=", hint)


def _law(reference: str) -> str:
    name, _, scale = reference.partition("=")
    return f"N(0, {scale}²)" if name == "scale" else "N(0, 1)"


def _centre(effect: str) -> float:
    """What an effect is without any deviation."""
    return EFFECTS.get(effect, 1.0 if effect.endswith("ratio") else 0.0)


def _where(finding: Finding, tensor: TensorReport) -> str:
    place = "" if finding.family == "validity" else wording.place(finding)
    seen = ", ".join(t for t in (wording.scope(finding), place) if t)
    return f"{seen} · {wording.tensor_facts(tensor).rpartition(' · ')[0]}"


def _paragraphs(paragraphs: Iterable[tuple[str, str]]) -> Iterable[str]:
    for title, content in paragraphs:
        if content:
            yield text.plain(text.paragraph(title, "", content, _WIDTH))
