"""Hand-built validations of a generator."""

from __future__ import annotations

import math
from typing import Any

from cli.reports import error, failing, passing, report, scale_fault, tensor, worst_sample

from gausscheck.validation import Look, Validation

__all__ = ["confirmed", "look", "refuted", "rejected", "stopped", "validation"]

SOURCE = "noise:draw"
_HERE = {"path": SOURCE, "key": ""}
SUSPECT = report(tensor(verdict="suspect", findings=(worst_sample(),), **_HERE))


def look(n: int, log10_p: float, verdict: str = "pass", **changes: Any) -> Look:
    kinds = {"pass": report(passing(**_HERE)), "suspect": SUSPECT, "fail": report(failing(**_HERE))}
    given: dict[str, Any] = {
        "n": n,
        "log_p": log10_p * math.log(10),
        "level": 2.5e-7,
        "statistic": "moment 2",
        "verdict": verdict,
        "stage": 1,
        "seed": 7,
        "report": kinds[verdict],
        **changes,
    }
    return Look(**given)


def validation(*looks: Look, **changes: Any) -> Validation:
    given: dict[str, Any] = {
        "version": "0.1.0",
        "source": SOURCE,
        "report": looks[-1].report,
        "looks": looks,
        "confirmations": (),
        "budget": 1e-6,
        "suspicion": 3.5e-4,
        "seed": 7,
        "streams": 1,
        "n": looks[-1].n,
        "planned": 131072,
        "caught_at": None,
        "replay": "gausscheck validate noise:draw --seed 7 --n 131072",
        "elapsed_s": 1.234,
        **changes,
    }
    return Validation(**given)


def rejected(**changes: Any) -> Validation:
    """A run that fails at once at its first look."""
    return validation(look(65536, -5319.7, "fail"), **{"caught_at": 65536, **changes})


def confirmed(**changes: Any) -> Validation:
    """A run whose suspect look fresh values confirm."""
    found = report(failing(findings=(scale_fault(log_p=-40.0, log_adjusted_p=-38.0),), **_HERE))
    fresh = look(1048576, -16.5, "fail", stage=2, seed=99, report=found, decides=65536, level=7.1e-4)
    return validation(
        look(65536, -4.2, "suspect"), **{"confirmations": (fresh,), "caught_at": 65536, **changes}
    )


def refuted(**changes: Any) -> Validation:
    """A run whose suspect look fresh values refute."""
    fresh = look(1048576, -0.3, stage=2, seed=99, decides=65536, level=7.1e-4)
    return validation(look(65536, -4.2, "suspect"), look(131072, -1.0), confirmations=(fresh,), **changes)


def stopped(**changes: Any) -> Validation:
    """A run whose source breaks."""
    trouble = error(path=SOURCE, message=f"{SOURCE}: raised RuntimeError: no device")
    return validation(look(65536, -0.5), **{"errors": (trouble,), **changes})
