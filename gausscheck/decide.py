"""From p-values to verdicts: Holm over the findings, one combined p, smallest effects that could be seen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import ndtri_exp

from gausscheck.catalogue import statistics
from gausscheck.finding import Finding, Verdict
from gausscheck.nulls.base import Null

__all__ = ["SUSPECT", "cauchy", "decide", "detectable", "holm", "verdict_of"]

SUSPECT = 1e-3
"""Adjusted p below which a finding is at least suspect."""

_Z90 = 1.2815515655446004
_FARTHEST = 1e5
_EFFECTS: dict[tuple[str, Any], str] = {
    ("moment", 1): "mean",
    ("moment", 2): "scale",
    ("hermite", 3): "skewness",
    ("hermite", 4): "excess kurtosis",
    ("power_spectrum", None): "spectrum discrepancy ratio",
}
_RELATIONS = ("autocorrelation", "channel_correlation", "sample_correlation")
# Hermite means in units of the cumulants that they stand for.
_UNITS = {"skewness": math.sqrt(6), "excess kurtosis": math.sqrt(24)}
# Above this a p-value's Cauchy score would cancel real evidence (it tends to minus infinity at p = 1).
_LARGEST_P = 0.99


def holm(log_p: Sequence[float], weights: Sequence[float] | None = None) -> list[float]:
    """Holm's adjusted p-values, in logarithms, in the order given.

    Parameters
    ----------
    log_p : sequence of float
        Natural logarithms.
    weights : sequence of float, optional
        Positive: the share of the level that each test has to begin with; equal by default.

    Notes
    -----
    In the order of p/w, ``max over the steps so far of (sum of the weights not yet passed) p / w``. Valid
    under any dependence (Holm 1979, Scand. J. Statist. 6, 65, section 4).
    """
    m = len(log_p)
    weight = [1.0] * m if weights is None else list(weights)
    adjusted = [0.0] * m
    running = -math.inf
    left = math.fsum(weight)
    for i in sorted(range(m), key=lambda i: log_p[i] - math.log(weight[i])):
        running = max(running, min(0.0, log_p[i] + math.log(max(left, weight[i]) / weight[i])))
        adjusted[i] = running
        left -= weight[i]
    return adjusted


def cauchy(log_p: Iterable[float], weights: Iterable[float] | None = None) -> float:
    """Log of the Cauchy combination p-value (Liu and Xie 2020, JASA 115, 393), by default of equal weights.

    For tiny p the Cauchy score is 1/(π p), which is summed in logarithms.
    """
    logs = np.array(list(log_p), dtype=np.float64)
    if logs.size == 0:
        return 0.0
    weight = np.ones_like(logs) if weights is None else np.array(list(weights), dtype=np.float64)
    share = weight / weight.sum()
    least = float(logs.min())
    if least == -math.inf:
        return least
    if least < math.log(1e-12):
        # The large scores decide: p = 1 / sum of w/p.
        return min(0.0, least - math.log(np.sum(share * np.exp(least - logs))))
    p = np.minimum(np.exp(logs), _LARGEST_P)
    score = float(np.sum(share / np.tan(p * math.pi)))  # tan((1/2 - p) pi)
    # atan(1/score) is what is left of pi/2, without cancellation.
    return math.log((math.atan(1 / score) if score > 0 else math.pi / 2 - math.atan(score)) / math.pi)


def verdict_of(log_adjusted_p: float, alpha: float) -> Verdict:
    """``fail`` below `alpha`, ``suspect`` below 1e-3, else ``pass``."""
    if log_adjusted_p < math.log(alpha):
        return "fail"
    return "suspect" if log_adjusted_p < math.log(SUSPECT) else "pass"


def decide(findings: Sequence[Finding], alpha: float) -> tuple[tuple[Finding, ...], float]:
    """Adjust, judge and sort findings; also the log of their combined p-value.

    Findings on validity stand outside the multiplicity: under H0 they cannot err.
    """
    tested = [f for f in findings if f.family != "validity"]
    validity = [f for f in findings if f.family == "validity"]
    weights = [f.weight for f in tested]
    adjusted = holm([f.log_p for f in tested], weights)
    judged = [
        replace(f, log_adjusted_p=a, verdict=verdict_of(a, alpha))
        for f, a in [*zip(tested, adjusted, strict=True), *((f, f.log_p) for f in validity)]
    ]
    judged.sort(key=lambda f: (f.log_p, -abs(f.z) if math.isfinite(f.z) else 0.0))
    invalid = [f.log_p for f in validity if f.log_p < 0]
    return tuple(judged), min([cauchy((f.log_p for f in tested), weights), *invalid])


def _critical(null: Null, log_level: float) -> float:
    """Standard deviations from the mean at which the upper tail falls to a level, to four percent.

    The upper tail of every statistic here is the longer one, so that this serves both directions.
    """
    low = high = -float(ndtri_exp(log_level))
    while float(null.logsf(null.mean + high * null.std)) > log_level:
        low, high = high, 1.5 * high
        if high > _FARTHEST:
            return math.inf
    while high / low > 1.04:
        middle = math.sqrt(low * high)
        over = float(null.logsf(null.mean + middle * null.std)) > log_level
        low, high = (middle, high) if over else (low, middle)
    return high


def detectable(findings: Sequence[Finding], alpha: float) -> tuple[dict[str, Any], ...]:
    """Smallest effects that pooled findings would have failed with power about 0.9.

    The critical value of the null at the test's share of alpha/2, and z_{0.9} standard errors beyond.
    The errors are those of the null: heavy tails, which widen them, need more than is stated at small n.
    """
    total = math.fsum(f.weight for f in findings if f.family != "validity")
    lines: list[dict[str, Any]] = []
    for f in findings:
        log_level = math.log(alpha) - math.log(2 * max(total, f.weight) / f.weight)
        order = f.parameters.get("order")
        name = _EFFECTS.get((f.statistic, order))
        if f.scope == "pooled" and f.statistic in _RELATIONS and f.effect is not None:
            # A correlation, nearly normal; the most surprising of many had to be the largest.
            level = log_level - math.log(f.extra.get("choices", 1))
            value = (-float(ndtri_exp(level)) + _Z90) / math.sqrt(f.n)
            if value < 1:
                lines.append({"family": f.family, "name": f.effect.name, "value": value})
            continue
        if f.statistic == "kolmogorov":
            # Kolmogorov's tail 2 exp(-2 n d^2); at the median F_n has a spread of 1/(2 sqrt(n))
            value = (math.sqrt(-log_level / 2) + 0.5 * _Z90) / math.sqrt(f.n)
            if value < 0.5:
                lines.append({"family": f.family, "name": "distribution gap", "value": value})
            continue
        if f.scope != "pooled" or f.view != "stored" or f.std <= 0 or name is None:
            continue
        if name == "spectrum discrepancy ratio":
            # A mean of many groups: nearly normal.
            value = (-float(ndtri_exp(log_level)) + _Z90) * f.std / f.expected
        else:
            critical = _critical(statistics[f.statistic].null(n=f.n, **f.parameters), log_level)
            if name == "scale":
                # s^2 times the tenth percentile of m_2 is to reach the critical value
                value = math.sqrt((1 + critical * f.std) / max(1 - _Z90 * f.std, 0.1)) - 1
            else:
                value = (critical + _Z90) * f.std * _UNITS.get(name, 1.0)
        if math.isfinite(value):
            lines.append({"family": f.family, "name": name, "value": value})
    return tuple(lines)
