"""What the validation of a generator says: its looks, its confirmations, its verdict."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from gausscheck.finding import Surprise, Verdict
from gausscheck.report import Report, ReportError

if TYPE_CHECKING:
    from gausscheck.drift import Drift

__all__ = ["SCHEMA", "Look", "Pulse", "Validation", "Watcher"]

SCHEMA = "gausscheck/validation/1"


@dataclass(frozen=True)
class Look(Surprise):
    """The battery, asked once.

    Attributes
    ----------
    n : int
        Values that it saw.
    log_p : float
        Natural logarithm of the smallest p-value, adjusted for the number of tests; minus infinity where H0
        forbids what was seen.
    level : float
        It fails below this p-value.
    statistic : str
        Name of the test with that p-value.
    verdict : str
        ``fail``: rejected. ``suspect``: fresh values are to decide. ``pass``.
    stage : int
        1: a look at the run. 2: fresh values, drawn to decide on a suspect look.
    seed : int or None
        That these values were drawn from (the first stream; the others have the next seeds); None where the
        source takes no seed and the values that came next were taken.
    report : Report
        All findings.
    decides : int or None
        Of stage 2: values at the look that it decides on.
    """

    n: int
    log_p: float
    level: float
    statistic: str
    verdict: Verdict
    stage: int
    seed: int | None
    report: Report
    decides: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data; the report only of fresh values, for the last look's is that of the validation."""
        return {
            "stage": self.stage,
            "n": self.n,
            "decides": self.decides,
            "statistic": self.statistic,
            "p_value": self.p_value,
            "log10_p": self.log10_p,
            "level": self.level,
            "verdict": self.verdict,
            "seed": self.seed,
            "report": self.report.to_dict() if self.stage == 2 else None,
        }


class Pulse(NamedTuple):
    """How far a validation is.

    Attributes
    ----------
    done, n : int
        Values drawn in this stage, and planned in it.
    rate : float
        Values per second since the start, in all stages.
    log_p : float
        Natural logarithm of the smallest adjusted p-value of the looks so far; 0 before the first.
    statistic : str
        Its test.
    stage : int
        1, or 2 while fresh values are drawn.
    look : Look or None
        The look that was just taken.
    """

    done: int
    n: int
    rate: float
    log_p: float
    statistic: str
    stage: int
    look: Look | None


Watcher = Callable[[Pulse], None]
"""Called after each block and after each look."""


@dataclass(frozen=True)
class Validation:
    """Result of :func:`gausscheck.validate`.

    Attributes
    ----------
    version : str
        Of gausscheck.
    source : str
        Name of the generator.
    report : Report
        Of everything drawn in stage 1.
    looks, confirmations : tuple of Look
        In the order they were taken; stage 1 and stage 2.
    budget : float
        Probability that a correct generator fails the run, at most.
    suspicion : float
        Adjusted p-value of a look below which fresh values decide.
    seed : int
        Of the run; all that was drawn follows from it, where the source takes seeds.
    streams, n, planned : int
        Streams side by side; values seen in stage 1, in all streams; values that were to be seen.
    caught_at : int or None
        Values at the look that decided that the run fails.
    replay : str
        Command, or line of Python, that does the same again.
    elapsed_s : float
        Seconds that it took.
    errors : tuple of ReportError
        What went wrong with the source; what was seen before it counts.
    notes : tuple of str
        What else should be known.
    interrupted : bool
        Stopped by Ctrl-C.
    drift : Drift or None
        Evidence gathered over runs, this one included.
    """

    version: str
    source: str
    report: Report
    looks: tuple[Look, ...]
    confirmations: tuple[Look, ...]
    budget: float
    suspicion: float
    seed: int
    streams: int
    n: int
    planned: int
    caught_at: int | None
    replay: str
    elapsed_s: float
    errors: tuple[ReportError, ...] = ()
    notes: tuple[str, ...] = ()
    interrupted: bool = False
    drift: Drift | None = None

    @property
    def undecided(self) -> tuple[Look, ...]:
        """Suspect looks that no fresh values decided on."""
        decided = {c.decides for c in self.confirmations}
        return tuple(k for k in self.looks if k.verdict == "suspect" and k.n not in decided)

    @property
    def verdict(self) -> Verdict:
        """``fail`` if a look or its fresh values were rejected; ``suspect`` if something is left open."""
        if self.caught_at is not None or (
            self.drift is not None and self.drift.verdict(self.budget) == "fail"
        ):
            return "fail"
        return "suspect" if self.errors or self.undecided else "pass"

    @property
    def passed(self) -> bool:
        """True if nothing failed and nothing went wrong."""
        return self.verdict != "fail" and not self.errors

    def __bool__(self) -> bool:
        return self.passed

    def to_dict(self) -> dict[str, Any]:
        """Plain data that the JSON Schema of the package describes."""
        return {
            "schema": SCHEMA,
            "version": self.version,
            "source": self.source,
            "verdict": self.verdict,
            "caught_at": self.caught_at,
            "n": self.n,
            "planned": self.planned,
            "streams": self.streams,
            "budget": self.budget,
            "suspicion": self.suspicion,
            "seed": self.seed,
            "replay": self.replay,
            "interrupted": self.interrupted,
            "elapsed_s": self.elapsed_s,
            "looks": [k.to_dict() for k in self.looks],
            "confirmations": [k.to_dict() for k in self.confirmations],
            "drift": None if self.drift is None else self.drift.to_dict(),
            "errors": [e.to_dict() for e in self.errors],
            "notes": list(self.notes),
            "report": self.report.to_dict(),
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Strict JSON (no NaN, no Infinity)."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False, ensure_ascii=False)

    def __str__(self) -> str:
        from gausscheck.validation_text import validation_text

        return validation_text(self)
