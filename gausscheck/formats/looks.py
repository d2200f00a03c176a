"""The looks of a validation in words: what formats for programs and pages share."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from gausscheck import selection, wording
from gausscheck.report import Report, worst

if TYPE_CHECKING:
    from gausscheck.validation import Look, Validation

__all__ = [
    "COLUMNS",
    "decider",
    "facts",
    "fault",
    "look_name",
    "look_row",
    "look_sentence",
    "looks",
    "standing",
    "story",
    "summary",
    "worst_sentence",
]

COLUMNS = ("look", "values", "most surprising", "adjusted p", "fails below", "seed", "verdict")
_WORDS = {"fail": "failed", "suspect": "suspect", "pass": "passed"}


def looks(validation: Validation) -> list[Look]:
    """Return looks and confirmations, each confirmation behind the look that it decides on."""
    rows: list[Look] = []
    for look in validation.looks:
        rows.append(look)
        rows += [c for c in validation.confirmations if c.decides == look.n]
    return rows


def look_name(look: Look) -> str:
    """Return ``look at 65,536 values`` or ``1,048,576 fresh values``."""
    values = f"{wording.number(look.n)} {'fresh ' if look.stage == 2 else ''}values"
    return values if look.stage == 2 else f"look at {values}"


def look_row(look: Look) -> tuple[str, ...]:
    """Return the cells of a look under :data:`COLUMNS`."""
    return (
        "fresh values" if look.stage == 2 else "run",
        wording.number(look.n),
        wording.printable(look.statistic),
        wording.probability(look.log10_p),
        wording.number(look.level, 2),
        "none" if look.seed is None else str(look.seed),
        _WORDS[look.verdict],
    )


def look_sentence(look: Look) -> str:
    """Return ``Look at 65,536 values: max_abs, adjusted p = 3e-9, fails below 4.5e-8: failed.``."""
    name = look_name(look)
    p = f"adjusted {wording.p_phrase(look.log10_p)}, fails below {wording.number(look.level, 2)}"
    return f"{name[0].upper()}{name[1:]}: {wording.printable(look.statistic)}, {p}: {_WORDS[look.verdict]}."


def worst_sentence(look: Look) -> str:
    """Return the headline of what the look saw; empty where it saw nothing."""
    worst = selection.by_severity(look.report.tensors)
    return selection.sentence(worst[0]) if worst else ""


def story(look: Look) -> list[str]:
    """Return lines that tell what the look saw, what it may come from, and how the look went."""
    hints = [f"hint: {wording.printable(hint)}" for tensor in look.report.tensors for hint in tensor.hints]
    return [*filter(None, [worst_sentence(look)]), *hints, look_sentence(look)]


def decider(validation: Validation) -> Look | None:
    """Return the look, or the fresh values, that decided that the run fails."""
    if validation.caught_at is None:
        return None
    failed = [k for k in looks(validation) if k.verdict == "fail"]
    return failed[-1] if failed else None


def fault(validation: Validation) -> str:
    """Say why the run failed, other than by what the report of the deciding look says; often empty."""
    drift = validation.drift
    if drift is None or drift.verdict(validation.budget) != "fail":
        return ""
    p = wording.p_phrase(-drift.max_log_e / math.log(10))
    return f"Evidence gathered over runs, {wording.number(drift.n)} values, is against N(0, 1): {p} at most."


def facts(validation: Validation) -> list[tuple[str, str]]:
    """Return what a run can be told by, as pairs of a name and a value."""
    n = f"{wording.number(validation.n)} of {wording.number(validation.planned)}"
    caught = validation.caught_at
    return [
        ("source", wording.printable(validation.source)),
        ("verdict", validation.verdict),
        ("values", n),
        ("streams", wording.number(validation.streams)),
        ("budget", wording.number(validation.budget)),
        ("seed", str(validation.seed)),
        *([] if caught is None else [("caught at", f"{wording.number(caught)} values")]),
        *([("interrupted", "yes")] if validation.interrupted else []),
        ("replay", wording.printable(validation.replay)),
        ("version", validation.version),
    ]


def standing(validation: Validation) -> Report:
    """Return the report of the run, in which no tensor passed where the run as a whole is left open."""
    report = validation.report
    if validation.verdict != "suspect":
        return report
    tensors = (replace(t, verdict=worst([t.verdict, "suspect"])) for t in report.tensors)
    return replace(report, tensors=tuple(tensors))


def summary(validation: Validation) -> str:
    """Return verdict, values, budget, seed and time in one line."""
    errors = len(validation.errors)
    parts = [
        f"{wording.printable(validation.source)} {_WORDS[validation.verdict]}",
        *([f"{errors} error{'s' if errors > 1 else ''}"] if errors else []),
        *(["interrupted"] if validation.interrupted else []),
        f"{wording.number(validation.n)} values",
        f"budget {wording.number(validation.budget)}",
        f"seed {validation.seed}",
        wording.duration(validation.elapsed_s),
    ]
    return " · ".join(parts)
