"""From a summary to a judgement: what a statistic says of a tensor in a given situation."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from gausscheck.finding import Effect, Tail
from gausscheck.nulls.base import LOG_TWO, Grade, Null

__all__ = ["Judgement", "Situation", "Unasked", "judged", "log_any_of", "two_sided"]

_ASYMPTOTIC_FLOOR = -300 * math.log(10)


@dataclass(frozen=True)
class Situation:
    """What a null depends on besides the parameters of its statistic.

    Attributes
    ----------
    n : int
        Finite values that the summary saw.
    samples, channels : int
        Samples in the summary, and channels in each.
    shape : tuple of int
        Lengths of the ordered axes: of one *field*, what a sample holds of one channel.
    lattice : str or None
        Lattice that the values were rounded to.
    scale : float
        Standard deviation under H0, before rounding.
    dtype : str
        Storage format.
    """

    n: int
    samples: int = 1
    channels: int = 1
    shape: tuple[int, ...] = ()
    lattice: str | None = None
    scale: float = 1.0
    dtype: str = "float64"

    @property
    def variance(self) -> float:
        """Variance of the values under H0, rounding included, in units of ``scale**2``."""
        from gausscheck.lattice import Lattice

        if self.lattice is None:
            return 1.0
        return float(Lattice(self.lattice).moments((2,), self.scale)[0]) / self.scale**2


@dataclass(frozen=True)
class Judgement:
    """Value of a statistic, its null, and how surprising the one is under the other.

    Attributes
    ----------
    value : float
    null : Null
        Of this value alone: where the most surprising of many was picked, `log_p` pays for that.
    log_p : float
        Natural logarithm of the p-value, choices paid for.
    tail : str
    n : int
        Values that the statistic saw.
    effect : Effect or None
    where, extra : dict
    """

    value: float
    null: Null
    log_p: float
    tail: Tail
    n: int
    effect: Effect | None = None
    where: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Unasked:
    """The question has no meaning here, or not enough values.

    Attributes
    ----------
    reason : str
        For the report; empty where nobody would miss it (the correlation of one channel).
    """

    reason: str = ""


def two_sided(null: Null, value: float) -> tuple[float, Tail]:
    """Log of the equal-tailed p-value, and the tail that `value` lies in."""
    upper, lower = float(null.logsf(value)), float(null.logcdf(value))
    log_p = min(0.0, LOG_TWO + min(upper, lower))
    if null.grade is Grade.ASYMPTOTIC:
        # Such a law says nothing of still smaller probabilities.
        log_p = max(log_p, _ASYMPTOTIC_FLOOR)
    return log_p, "upper" if upper < lower else "lower"


def log_any_of(log_p: float, count: int) -> float:
    """Log of 1 - (1 - p)^count, without cancellation for tiny p."""
    if log_p < -30:
        return min(0.0, log_p + math.log(count))
    p = math.exp(log_p)
    return 0.0 if p >= 1 else math.log(-math.expm1(count * math.log1p(-p)))


def judged(
    value: float,
    null: Null,
    *,
    n: int,
    choices: int = 1,
    effect: Effect | None = None,
    where: dict[str, Any] | None = None,
    extra: dict[str, Any] | None = None,
) -> Judgement:
    """Judge a value two-sidedly; it was the most surprising of `choices` (at most that many independent).

    Where there was a choice, `extra` says of how many.
    """
    log_p, tail = two_sided(null, value)
    further = {**(extra or {}), **({"choices": choices} if choices > 1 else {})}
    return Judgement(value, null, log_any_of(log_p, choices), tail, n, effect, where or {}, further)
