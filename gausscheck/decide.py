"""From p-values to verdicts: Holm over the findings, one combined p, smallest effects that could be seen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import ndtri

from gausscheck.finding import Finding, Verdict

__all__ = ["SUSPECT", "cauchy", "decide", "detectable", "holm", "verdict_of"]

SUSPECT = 1e-3
"""Adjusted p below which a finding is at least suspect."""

_POWER = 0.9
# Above this a p-value's Cauchy score would cancel real evidence (it tends to minus infinity at p = 1).
_LARGEST_P = 0.99


def holm(log_p: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in logarithms, in the order given.

    Valid under any dependence (Holm 1979, Scand. J. Statist. 6, 65).
    """
    m = len(log_p)
    adjusted = [0.0] * m
    running = -math.inf
    for rank, i in enumerate(sorted(range(m), key=lambda i: log_p[i])):
        running = max(running, min(0.0, log_p[i] + math.log(m - rank)))
        adjusted[i] = running
    return adjusted


def cauchy(log_p: Iterable[float]) -> float:
    """Log of the Cauchy combination p-value (Liu and Xie 2020, JASA 115, 393), equal weights.

    For tiny p the Cauchy score is 1/(π p), which is summed in logarithms.
    """
    logs = np.array(list(log_p), dtype=np.float64)
    if logs.size == 0:
        return 0.0
    least = float(logs.min())
    if least == -math.inf:
        return least
    if least < math.log(1e-12):
        # The large scores decide: p = m / sum of 1/p.
        return min(0.0, least + math.log(logs.size) - math.log(np.sum(np.exp(least - logs))))
    p = np.minimum(np.exp(logs), _LARGEST_P)
    score = float(np.mean(1 / np.tan(p * math.pi)))  # tan((1/2 - p) pi)
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
    adjusted = holm([f.log_p for f in tested])
    judged = [
        replace(f, log_adjusted_p=a, verdict=verdict_of(a, alpha))
        for f, a in [*zip(tested, adjusted, strict=True), *((f, f.log_p) for f in validity)]
    ]
    judged.sort(key=lambda f: (f.log_p, -abs(f.z) if math.isfinite(f.z) else 0.0))
    invalid = [f.log_p for f in validity if f.log_p < 0]
    return tuple(judged), min([cauchy(f.log_p for f in tested), *invalid])


def detectable(findings: Iterable[Finding], alpha: float, tests: int) -> tuple[dict[str, Any], ...]:
    """Smallest effects that pooled findings would have failed with power 0.9.

    To first order: (z_{alpha/2m} + z_{0.9}) standard errors, m the number of tests.
    """
    reach = float(-ndtri(alpha / 2 / max(tests, 1)) + ndtri(_POWER))
    lines: list[dict[str, Any]] = []
    for f in findings:
        if f.scope != "pooled" or f.std <= 0:
            continue
        order = f.parameters.get("order")
        known: dict[tuple[str, Any], tuple[str, float]] = {
            ("moment", 1): ("mean", 1.0),
            ("moment", 2): ("scale", 0.5),
            ("hermite", 3): ("skewness", math.sqrt(6)),
            ("hermite", 4): ("excess kurtosis", math.sqrt(24)),
        }
        if (f.statistic, order) in known:
            name, factor = known[f.statistic, order]
            lines.append({"family": f.family, "name": name, "value": reach * f.std * factor})
        elif f.statistic == "power_spectrum" and f.view == "stored":
            value = reach * f.std / f.expected
            lines.append({"family": f.family, "name": "spectrum discrepancy ratio", "value": value})
    return tuple(lines)
