"""Null of the mean of n squared iid N(0, 1) values: chi-square over n, exact, with both log tails."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammainc, gammaincc, gammaln

from gausscheck.errors import ArgumentError
from gausscheck.nulls.base import Grade, Null

__all__ = ["ChiSquareMeanNull"]

# Below this the incomplete gamma functions lose digits to underflow; the expansions take over.
_SMALL = 1e-280
_TERMS = 20_000


class ChiSquareMeanNull(Null):
    r"""Law of :math:`m_2 = \frac1n \sum x_i^2`: :math:`\chi^2_n / n`.

    Tails below 1e-280 come from the continued fraction (upper) and the power series (lower) of the incomplete
    gamma function in logarithms (Abramowitz and Stegun 6.5.31, 6.5.29).
    """

    grade = Grade.EXACT

    def __init__(self, n: int) -> None:
        if n < 1:
            msg = f"the mean square needs at least one value, got n = {n}"
            raise ArgumentError(msg)
        self.n = int(n)
        self._shape = n / 2

    @property
    def mean(self) -> float:
        """One."""
        return 1.0

    @property
    def std(self) -> float:
        """√(2/n)."""
        return math.sqrt(2 / self.n)

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T > t), elementwise."""
        x = self._shape * np.asarray(t, dtype=np.float64)
        return self._log_tail(np.maximum(x, 0.0), gammaincc, self._log_far_upper)

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T < t), elementwise."""
        x = self._shape * np.asarray(t, dtype=np.float64)
        return self._log_tail(np.maximum(x, 0.0), gammainc, self._log_far_lower)

    def _log_tail(
        self,
        x: NDArray[np.float64],
        direct: Callable[..., Any],
        far: Callable[[float], float],
    ) -> NDArray[np.float64]:
        p = np.asarray(direct(self._shape, x))
        small = p < _SMALL
        with np.errstate(divide="ignore"):
            result = np.log(p)
        if small.any():
            result = np.where(small, np.vectorize(far, otypes=[float])(np.where(small, x, math.nan)), result)
        return result

    def _log_front(self, x: float) -> float:
        return self._shape * math.log(x) - x - float(gammaln(self._shape))

    def _log_far_upper(self, x: float) -> float:
        """Log of Q(a, x) for x well above a, by the continued fraction evaluated from its tail (Lentz)."""
        if math.isnan(x) or math.isinf(x):
            return -x
        a, tiny = self._shape, 1e-300
        b = x + 1 - a
        c, d = 1 / tiny, 1 / b
        h = d
        for i in range(1, _TERMS):
            an = -i * (i - a)
            b += 2
            d = 1 / (an * d + b or tiny)
            c = b + an / c or tiny
            h *= d * c
            if abs(d * c - 1) < 1e-15:
                break
        return self._log_front(x) + math.log(h)

    def _log_far_lower(self, x: float) -> float:
        """Log of P(a, x) for x well below a, by the power series of positive terms."""
        if math.isnan(x):
            return x
        if x == 0:
            return -math.inf
        term = total = 1 / self._shape
        for i in range(1, _TERMS):
            term *= x / (self._shape + i)
            total += term
            if term < total * 1e-16:
                break
        return self._log_front(x) + math.log(total)
