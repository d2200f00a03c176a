"""One line of truth: what was looked at, what was seen, what H0 expects, how surprising that is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "LOG10_P_FLOOR",
    "Effect",
    "Finding",
    "Scope",
    "Surprise",
    "Tail",
    "Verdict",
    "View",
    "log10_of",
    "p_of",
]

Verdict = Literal["pass", "suspect", "fail"]
Scope = Literal["pooled", "sample", "channel"]
View = Literal["stored", "permuted"]
Tail = Literal["upper", "lower"]

LOG10_P_FLOOR = -1e9
"""Stands for "impossible under H0", so that log10 p stays finite and comparable."""


def log10_of(log_p: float) -> float:
    """Decimal logarithm of a p-value from its natural logarithm, not below :data:`LOG10_P_FLOOR`."""
    return max(log_p / math.log(10), LOG10_P_FLOOR) + 0.0


def p_of(log_p: float) -> float:
    """p-value from its natural logarithm; 0.0 below 1e-323."""
    return math.exp(log_p) if log_p > -745 else 0.0


class Surprise:
    """What has a p-value, kept as its natural logarithm `log_p`."""

    log_p: float

    @property
    def p_value(self) -> float:
        """p-value; 0.0 where it underflows."""
        return p_of(self.log_p)

    @property
    def log10_p(self) -> float:
        """Decimal logarithm of the p-value, finite."""
        return log10_of(self.log_p)


@dataclass(frozen=True)
class Effect:
    """How large a deviation is, as a quantity of the population, with a 95 % confidence interval."""

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Finding(Surprise):
    """Result of one statistic on one tensor.

    Attributes
    ----------
    statistic : str
        Name in :data:`gausscheck.statistics`.
    parameters : dict
        Its parameters, such as ``{"order": 4}``.
    family : str
        ``moments``, ``marginal``, ``spectrum``, ``dependence`` or ``validity``.
    view : str
        ``stored`` or ``permuted``.
    scope : str
        ``pooled``: all values; ``sample``, ``channel``: the worst sample (or channel of a sample), the worst
        channel over all samples; the p-value is corrected for their number.
    n : int
        Values that the statistic saw (in one sample, for scope ``sample``).
    value, expected, std : float
        The statistic, and its mean and standard deviation under H0.
    log_p : float
        Natural logarithm of the two-sided p-value; minus infinity where H0 forbids what was seen.
    tail : str
        Side of `expected` on which the value lies, by p-value.
    grade : str
        ``exact``, ``saddlepoint``, ``asymptotic`` or ``simulated``.
    effect : Effect or None
        Size of the deviation in the population.
    where : dict
        Place, such as ``{"sample": 3}``.
    extra : dict
        Further values of the statistic, such as the discrepancy L_n of a moment.
    weight : float
        Share of alpha that the test has, relative to the others.
    log_adjusted_p : float
        `log_p` after the correction for the number of tests and their weights (Holm).
    verdict : str
        ``pass``, ``suspect`` or ``fail``.
    """

    statistic: str
    family: str
    n: int
    value: float
    expected: float
    std: float
    log_p: float
    tail: Tail
    grade: str
    parameters: dict[str, Any] = field(default_factory=dict)
    view: View = "stored"
    scope: Scope = "pooled"
    effect: Effect | None = None
    where: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    log_adjusted_p: float = 0.0
    verdict: Verdict = "pass"

    @property
    def adjusted_p(self) -> float:
        """p-value after the correction for the number of tests."""
        return p_of(self.log_adjusted_p)

    @property
    def z(self) -> float:
        """Deviation from the expected value in standard deviations under H0."""
        return (self.value - self.expected) / self.std if self.std > 0 else math.nan

    @property
    def label(self) -> str:
        """Name with its parameters: ``moment 4``, ``spectral_peak real``, ``power_spectrum permuted x4``."""
        words = [self.statistic]
        words += [str(self.parameters[name]) for name in ("order", "bins", "unit") if name in self.parameters]
        if self.view == "permuted":
            words.append(f"permuted x{self.parameters.get('permutations', 1)}")
        return " ".join(words)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON: no NaN, no infinity."""
        return {
            "statistic": self.statistic,
            "parameters": dict(self.parameters),
            "family": self.family,
            "view": self.view,
            "scope": self.scope,
            "n": self.n,
            "value": _finite(self.value),
            "expected": _finite(self.expected),
            "std": _finite(self.std),
            "p_value": self.p_value,
            "log10_p": self.log10_p,
            "tail": self.tail,
            "grade": self.grade,
            "effect": None
            if self.effect is None
            else {
                "name": self.effect.name,
                "value": _finite(self.effect.value),
                "low": _finite(self.effect.low),
                "high": _finite(self.effect.high),
            },
            "where": dict(self.where),
            "extra": {k: _finite(v) if isinstance(v, float) else v for k, v in self.extra.items()},
            "weight": self.weight,
            "adjusted_p": self.adjusted_p,
            "verdict": self.verdict,
        }


def _finite(x: float) -> float | None:
    return float(x) if math.isfinite(x) else None
