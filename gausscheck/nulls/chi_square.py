"""Null of the mean of n squared iid N(0, 1) values: chi-square over n, exact, with both log tails."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammainc, gammaincc, gammaln, log_ndtr

from gausscheck.errors import ArgumentError
from gausscheck.nulls.base import Grade, Null

__all__ = ["ChiSquareMeanNull"]

# From this shape on Temme's expansion is good to 1e-13; scipy's own ends too early far out in the lower tail.
_LARGE_SHAPE = 5e4
# Below this the incomplete gamma functions lose digits to underflow; the expansions take over.
_SMALL = 1e-280
_TERMS = 20_000


class ChiSquareMeanNull(Null):
    r"""Law of :math:`m_2 = \frac1n \sum x_i^2`: :math:`\chi^2_n / n`.

    From n = 1e5 on both tails come from Temme's uniform expansion in logarithms. Below, tails under 1e-280
    come from the continued fraction (upper) and the power series (lower) of the incomplete
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
        t = np.asarray(t, dtype=np.float64)
        if self._shape >= _LARGE_SHAPE:
            return self._temme(t, upper=True)
        return self._log_tail(np.maximum(self._shape * t, 0.0), gammaincc, self._log_far_upper)

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T < t), elementwise."""
        t = np.asarray(t, dtype=np.float64)
        if self._shape >= _LARGE_SHAPE:
            return self._temme(t, upper=False)
        return self._log_tail(np.maximum(self._shape * t, 0.0), gammainc, self._log_far_lower)

    def _temme(self, t: NDArray[np.float64], *, upper: bool) -> NDArray[np.float64]:
        r"""Log tail of Gamma(a)/a at t.

        .. math:: Q = \Phi(-\eta\sqrt a) + e^{-a\eta^2/2} (c_0 + c_1/a) / \sqrt{2\pi a}, \quad
                  \eta^2/2 = t - 1 - \log t

        Temme 1979, SIAM J. Math. Anal. 10, 757; next term of relative size a^-2.
        """
        a = self._shape
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            mu = np.clip(t, 0.0, 1e300) - 1.0
            half_square = np.maximum(mu - np.log1p(mu), 0.0)
            small = np.abs(mu) < 1e-3
            # mu - log(1 + mu) without cancellation
            series = mu**2 * (0.5 - mu * (1 / 3 - mu * (0.25 - mu * (0.2 - mu / 6))))
            eta = np.sign(mu) * np.sqrt(2 * np.where(small, series, half_square))
            near = np.abs(eta) < 0.03
            c0 = np.where(
                near,
                -1 / 3 + eta * (1 / 12 - eta * (2 / 135 - eta * (1 / 864 + eta * (1 / 2835)))),
                1 / mu - 1 / eta,
            )
            c1 = np.where(
                near,
                -1 / 540 - eta * (1 / 288 - eta * (25 / 12096)),
                1 / eta**3 - 1 / mu**3 - 1 / mu**2 - 1 / (12 * mu),
            )
            side = 1.0 if upper else -1.0
            y = eta * math.sqrt(a)
            normal = log_ndtr(-side * y)
            ratio = np.exp(-y * y / 2 - 0.5 * math.log(2 * math.pi * a) - normal) * side * (c0 + c1 / a)
            result = normal + np.log1p(ratio)
        result = np.where(t <= 0, 0.0 if upper else -math.inf, result)
        return np.where(np.isnan(t), math.nan, np.minimum(result, 0.0))

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
