"""Null of a count: how many of n independent values fall into a set of given probability."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincc

from gausscheck.errors import ArgumentError
from gausscheck.nulls.base import Grade, Null

__all__ = ["BinomialNull"]

# Tails below this: the continued fraction ends within some 50 terms at any n, and is the more accurate.
_FAR = 1e-3
_TERMS = 100_000
_LOG_TWO_PI = math.log(2 * math.pi)


class BinomialNull(Null):
    r"""Binomial law of a count of n values, each of which is counted with probability p.

    Tails include the value asked for: ``logsf(t)`` is log P(T >= t), ``logcdf(t)`` is log P(T <= t).

    .. math:: P(T \ge k) = I_p(k, n-k+1) = P(T = k)\, {}_2F_1(1, k-n; k+1; -p/q)

    The incomplete beta function down to 1e-3; below, the logarithm of P(T = k) by Loader's saddle-point form
    (2000, "Fast and accurate computation of binomial probabilities"), times the continued fraction of Gauss
    for the sum of ratios that follows. Relative error of each tail below 1e-10 up to n = 1e12.

    Parameters
    ----------
    n : int
        Number of values, at least 1.
    log_p : float
        Natural logarithm of the probability of each, below 0.
    """

    grade = Grade.EXACT

    def __init__(self, n: int, log_p: float) -> None:
        if n < 1:
            msg = f"a count of values needs at least one value, got n = {n}"
            raise ArgumentError(msg)
        if not -700 < log_p < 0:
            msg = f"log of a probability {log_p!r} is not between -700 and 0"
            raise ArgumentError(msg)
        self.n = int(n)
        self._p, self._q = math.exp(log_p), -math.expm1(log_p)

    @property
    def mean(self) -> float:
        """``n p``."""
        return self.n * self._p

    @property
    def std(self) -> float:
        """Root of ``n p (1 - p)``."""
        return math.sqrt(self.n * self._p * self._q)

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T >= t), elementwise."""
        return _each(np.ceil(np.asarray(t, dtype=np.float64)), self._log_at_least)

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T <= t), elementwise."""
        # T <= t of those counted is n - T >= n - t of the others.
        least = self.n - np.floor(np.asarray(t, dtype=np.float64))
        return _each(least, lambda k: _log_at_least(k, self.n, self._q, self._p))

    def _log_at_least(self, k: float) -> float:
        return _log_at_least(k, self.n, self._p, self._q)


def _each(k: NDArray[np.float64], function: Callable[[float], float]) -> NDArray[np.float64]:
    tails: NDArray[np.float64] = np.vectorize(function, otypes=[np.float64])(k)
    return tails


def _log_at_least(k: float, n: int, p: float, q: float) -> float:
    """Log of P(T >= k) for whole k, T ~ binomial(n, p), q = 1 - p."""
    if math.isnan(k):
        return math.nan
    if k <= 0:
        return 0.0
    if k > n:
        return -math.inf
    # Of p and q the smaller is known to more digits: I_p(a, b) = 1 - I_q(b, a), which scipy computes as such.
    if p <= q:
        tail, rest = (float(side(k, n - k + 1, p)) for side in (betainc, betaincc))
    else:
        tail, rest = (float(side(n - k + 1, k, q)) for side in (betaincc, betainc))
    if tail > 0.5:
        return math.log1p(-rest)
    if tail > _FAR:
        return math.log(tail)
    return _log_mass(k, n, p, q) + math.log(_ratio_sum(k, n, p / q))


def _ratio_sum(k: float, n: int, odds: float) -> float:
    """``sum_{j >= k} P(T = j) / P(T = k)`` for k above the mean, by the continued fraction (Lentz)."""
    left, c, tiny = n - k, k + 1.0, 1e-300
    if left == 0:
        return 1.0
    upper, lower = 1.0, 0.0
    fraction = 1.0
    for i in range(1, _TERMS):
        j = i // 2
        if i == 1:
            term = -left * odds / c
        elif i % 2:
            term = -(left - j) * (c - 1 + j) * odds / ((c + 2 * j - 1) * (c + 2 * j))
        else:
            term = j * (c + left - 1 + j) * odds / ((c + 2 * j - 2) * (c + 2 * j - 1))
        lower = 1 / (1 + term * lower or tiny)
        upper = 1 + term / upper or tiny
        fraction *= upper * lower
        if abs(upper * lower - 1) < 1e-16:
            break
    return 1 / fraction


def _log_mass(k: float, n: int, p: float, q: float) -> float:
    """Log of P(T = k)."""
    if k == n:
        return n * (math.log1p(-q) if q < 0.5 else math.log(p))
    deviance = _deviance(k, n * p) + _deviance(n - k, n * q)
    stirling = _stirling_error(float(n)) - _stirling_error(k) - _stirling_error(n - k)
    return stirling - deviance + 0.5 * (math.log(n / (n - k)) - math.log(k) - _LOG_TWO_PI)


def _deviance(x: float, mean: float) -> float:
    """``x log(x/mean) + mean - x`` without cancellation where x is near the mean."""
    difference = x - mean
    if abs(difference) >= 0.1 * (x + mean):
        return x * math.log(x / mean) - difference
    v = difference / (x + mean)
    total, power = difference * v, 2 * x * v
    for i in range(1, 50):
        power *= v * v
        following = total + power / (2 * i + 1)
        if following == total:
            break
        total = following
    return total


def _stirling_error(n: float) -> float:
    """``log n! - log(sqrt(2 pi n) (n/e)^n)`` for n >= 1."""
    if n < 16:
        return math.lgamma(n + 1) - (n + 0.5) * math.log(n) + n - 0.5 * _LOG_TWO_PI
    square = n * n
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / (1188 * square)) / square) / square) / square) / n
