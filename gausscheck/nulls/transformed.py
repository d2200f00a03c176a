r"""Law of a discrepancy f(S) of a statistic S with a known null.

With ``{s: f(s) <= t} = [low(t), high(t)]``,

.. math:: P(f(S) > t) = P(S < low(t)) + P(S > high(t)), \qquad
          E f = \int_0^\infty P(f > t) dt, \quad E f^2 = \int_0^\infty 2 t P(f > t) dt .
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from math import inf, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gausscheck.nulls.base import LOG_TWO, Null
from gausscheck.nulls.normal_scores import NormalScores

__all__ = ["Interval", "TransformedNull", "Value", "log_one_less"]

Interval = Callable[[float], tuple[float, float]]
Value = Callable[[NDArray[np.float64]], NDArray[np.float64]]

# Intervals this narrow (in standard deviations) have the probability of one about the same centre and so
# wide, in proportion: curvature of the density costs 1e-7, the difference of two tails 1e-8.
_NARROW = 1e-3
# The eighth power of a level is still a float.
_LARGEST = 1e30
_NODES = 96
_TINY, _HUGE = float(np.finfo(float).tiny), float(np.finfo(float).max)


def log_one_less(log_p: NDArray[np.float64]) -> NDArray[np.float64]:
    """``log(1 - exp(log_p))``, to all digits whether log_p is near 0 or far below."""
    with np.errstate(divide="ignore"):
        return np.where(log_p < -LOG_TWO, np.log1p(-np.exp(log_p)), np.log(-np.expm1(log_p)))


class TransformedNull(Null):
    """Law of a discrepancy f(S).

    Parameters
    ----------
    base : Null
        Law of S, continuous; its grade is kept.
    value : callable
        f of an array.
    interval : callable
        Level to ``(low, high)``, the range of s with ``f(s) <= level``; ``(inf, -inf)`` for none.

    Notes
    -----
    Relative error of a tail as that of `base`; 1e-7 where the interval is narrower than a thousandth of its
    standard deviation; to all digits of the other tail where the two are complements. Where f is 0 on a whole
    interval the law has an atom: `logcdf` is then P(T <= t), so that it stays the complement of `logsf`,
    P(T > t), and the two-sided p-value at 0 is 1.
    """

    def __init__(self, base: Null, value: Value, interval: Interval) -> None:
        self.grade = base.grade
        self.base, self.value, self.interval = base, value, interval

    @cached_property
    def scores(self) -> NormalScores:
        """Normal scores of S."""
        return NormalScores(self.base)

    def bounds(self, t: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Ranges of S for each level, flattened."""
        pairs = [self.interval(min(level, _LARGEST)) for level in t.ravel().tolist()]
        low, high = np.array(pairs, np.float64).reshape(-1, 2).T
        return low, high

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T > t), elementwise."""
        t = np.asarray(t, np.float64)
        low, high = self.bounds(t)
        outer = np.logaddexp(self._tail(low, upper=False), self._tail(high, upper=True))
        outer = np.minimum(np.where(low > high, 0.0, outer), 0.0).reshape(t.shape)
        return np.where(np.isnan(t), np.nan, np.where(t == inf, -inf, outer))

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T <= t), elementwise; -inf below 0, and at 0 unless there is an atom."""
        t = np.asarray(t, np.float64)
        low, high = self.bounds(t)
        inner = np.full(low.shape, -inf)
        some = np.flatnonzero(low < high)
        inner[some] = self._inside(low[some], high[some])
        return np.where(np.isnan(t), np.nan, np.where(t == inf, 0.0, inner.reshape(t.shape)))

    def log_two_sided(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of ``min(1, 2 min(P(T >= t), P(T <= t)))``, elementwise."""
        t = np.asarray(t, np.float64)
        low, high = self.interval(-_TINY)
        # with nothing below 0, P(T >= 0) is 1 even where P(T > 0) is not
        upper = np.where((t == 0) & (low > high), 0.0, self.logsf(t))
        return np.minimum(0.0, np.minimum(upper, self.logcdf(t)) + LOG_TWO)

    def _tail(self, s: NDArray[np.float64], *, upper: bool) -> NDArray[np.float64]:
        """Log tail of S; at infinities, which some laws do not take, without asking."""
        end = np.where(s > 0, -inf if upper else 0.0, 0.0 if upper else -inf)
        inside = np.isfinite(s)
        if inside.any():
            end[inside] = self.base.logsf(s[inside]) if upper else self.base.logcdf(s[inside])
        return end

    def _inside(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log of P(low < S < high) by the difference on the smaller side."""
        width = _NARROW * self.base.std
        narrow = high - low < width
        share = np.zeros(low.shape)
        centre = np.where(narrow, 0.5 * high + 0.5 * low, 0.0)
        share[narrow] = np.log((high - low)[narrow] / width)
        low = np.where(narrow, centre - 0.5 * width, low)
        high = np.where(narrow, centre + 0.5 * width, high)
        below, above = self._tail(low, upper=False), self._tail(high, upper=True)
        to_high, to_low = self._tail(high, upper=False), self._tail(low, upper=True)
        lower = to_high < -LOG_TWO
        upper = (to_low < -LOG_TWO) & ~lower
        start = np.where(lower, to_high, np.where(upper, to_low, 0.0))
        loss = np.where(lower, below, np.where(upper, above, np.logaddexp(below, above)))
        # an interval where the law puts nothing at all starts from -inf
        start = np.where(loss >= start, -inf, start)
        lost = np.where(start > -inf, loss - np.maximum(start, -_HUGE), -inf)
        return np.minimum(start + log_one_less(lost) + share, 0.0)

    @cached_property
    def _moments(self) -> tuple[float, float]:
        ends = self.value(self.scores.statistic[[0, -1]])
        # Where f only grows with s its law may be narrow and far from 0.
        first = float(ends[0]) if self.interval(0.0)[0] == -inf else 0.0
        node, weight = np.polynomial.legendre.leggauss(_NODES)
        half = 0.5 * sqrt(float(ends.max()) - first)
        q = half * (node + 1.0)
        beyond = np.exp(self.logsf(first + q * q))
        mean = float(np.sum(half * weight * 2 * q * beyond))
        square = float(np.sum(half * weight * 4 * q**3 * beyond))
        return first + mean, sqrt(square - mean * mean)

    @property
    def mean(self) -> float:
        """Expected value, to 1e-9 of the standard deviation."""
        return self._moments[0]

    @property
    def std(self) -> float:
        """Standard deviation."""
        return self._moments[1]
