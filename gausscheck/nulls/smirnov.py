r"""One-sided Smirnov tail in logarithms, at any sample size.

For n iid uniform values and their distribution function F_n,

.. math:: P(\sup (F_n - F) \ge d)
          = \sum_{j = 0}^{\lfloor n (1 - d) \rfloor} \frac{d}{q_j} \binom{n}{j} q_j^j (1 - q_j)^{n - j} ,
          \qquad q_j = d + j / n

(Birnbaum and Tingey 1951, Ann. Math. Stat. 22, 592). All terms are positive: term j is the chance that the
process last leaves the line at the j-th value from the end. Each binomial weight is taken in the form of
Loader (2000), ``exp(-n KL(j/n, q))`` times Stirling corrections, in which nothing cancels.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["log_binomial", "log_one_sided", "stirling_error"]

_ALL = 1 << 14  # sums of at most so many terms are taken whole
_POINTS = 2001
_SILENT = 46.0  # natural logarithm of what no longer counts in a sum
_FIRST_ERRORS = np.array(
    [0.0]
    + [math.lgamma(k + 1) - (k + 0.5) * math.log(k) + k - 0.5 * math.log(2 * math.pi) for k in range(1, 16)]
)


def stirling_error(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """``log x! - log(sqrt(2 pi x) (x / e)**x)`` for x of at least 1, whole below 16; 0 for x = 0."""
    small = x < 16
    y = np.where(small, 16.0, x)
    series = (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / y**2) / y**2) / y**2) / y**2) / y
    return np.where(small, _FIRST_ERRORS[np.minimum(x, 15.0).astype(np.int64)], series)


def _bend(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(1 + u) log(1 + u) - u`` for u of at least -1, without cancellation near 0."""
    near = np.abs(u) < 0.05
    v = np.where(near, u, 0.0)
    series = np.zeros_like(v)
    for k in range(14, 1, -1):
        series = series * v + (-1) ** k / (k * (k - 1))
    far = np.where(near, 1.0, u)
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = np.where(far > -1, (1 + far) * np.log1p(far) - far, 1.0)
    return np.where(near, series * v * v, plain)


def log_binomial(
    n: float, j: NDArray[np.float64], q: NDArray[np.float64], gap: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Log of the binomial weight of j among n with chance `q`, where ``gap = q - j / n`` is given exactly.

    `j` may lie between whole numbers; outside 0..n, and where `q` is no chance, the weight is 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = (j >= 0) & (j <= n) & (q > 0) & (q < 1)
        j = np.where(inside, j, 0.0)
        q = np.where(inside, q, 0.5)
        gap = np.where(inside, gap, 0.5)
        distance = n * (q * _bend(np.maximum(-gap / q, -1.0)) + (1 - q) * _bend(gap / (1 - q)))
        rest = n - j
        inner = (j > 0) & (rest > 0)
        prefactor = 0.5 * np.log(np.where(inner, n / (2 * math.pi * np.where(inner, j * rest, 1.0)), 1.0))
        error = (
            stirling_error(np.atleast_1d(np.asarray(float(n))))[0] - stirling_error(j) - stirling_error(rest)
        )
        return np.where(inside, prefactor + np.where(inner, error, 0.0) - distance, -math.inf)


def _log_terms(n: float, d: float, j: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logs of the terms of the sum; the first is ``(1 - d)**n``."""
    q = d + j / n
    return math.log(d) - np.log(q) + log_binomial(n, j, q, d)


def log_sum(logs: NDArray[np.float64]) -> float:
    """Log of a sum of exponentials; minus infinity for none."""
    top = float(logs.max(initial=-math.inf))
    return top if math.isinf(top) else top + math.log(float(np.exp(logs - top).sum()))


def log_one_sided(n: int, d: float) -> float:
    """Log of P(sup (F_n - F) >= d).

    Parameters
    ----------
    n : int
        Number of values, up to 1e12.
    d : float

    Notes
    -----
    Above 16,384 terms the sum runs over the window around its largest term outside which nothing counts, in
    whole strides of it: the terms form a smooth bell there, of which sums at 2,000 points are exact to 1e-12.
    This needs ``d sqrt(n)`` above 0.1 or so; below, the terms at the ends are no bell, and the tail is 1
    to what can be told.
    """
    if d <= 0:
        return 0.0
    if d >= 1:
        return -math.inf
    last = math.floor(n * (1 - d) * (1 + 1e-15))
    low, high = 0, last
    if high - low > _ALL:
        for _ in range(40):
            j = np.linspace(low, high, _POINTS)
            logs = _log_terms(n, d, j)
            heard = np.flatnonzero(logs > logs.max() - _SILENT)
            first, final = max(heard[0] - 1, 0), min(heard[-1] + 1, _POINTS - 1)
            if final - first > _POINTS // 4 or high - low <= _ALL:
                break
            low, high = math.floor(j[first]), min(math.ceil(j[final]), last)
    if high - low <= _ALL:
        return min(0.0, log_sum(_log_terms(n, d, np.arange(low, high + 1, dtype=np.float64))))
    stride = max(1, (high - low) // _POINTS)
    j = np.arange(low, high + 1, stride, dtype=np.float64)
    return min(0.0, log_sum(_log_terms(n, d, j)) + math.log(stride))
