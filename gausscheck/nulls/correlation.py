"""Null of the uncentred correlation of two independent rows of iid N(0, 1) values, exact, both log tails."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincc, gammaln

from gausscheck.errors import ArgumentError
from gausscheck.nulls.base import Grade, Null

__all__ = ["CorrelationNull"]

# Below this the incomplete beta function loses digits to underflow; its continued fraction takes over.
_SMALL = 1e-280
_TERMS = 100_000
_LARGE_SHAPE = 50.0


class CorrelationNull(Null):
    r"""Law of :math:`r = \sum x_i y_i / \sqrt{\sum x_i^2 \sum y_i^2}` over n pairs of values.

    The direction of y is uniform on the sphere whatever x is, so that :math:`r^2` is
    Beta(1/2, (n - 1)/2), and :math:`r \sqrt{n - 1} / \sqrt{1 - r^2}` is Student's t with n - 1 degrees of
    freedom: nothing is estimated, no degree is lost. (Fisher 1915, Biometrika 10, 507.)

    Tails under 1e-280 come from the continued fraction of the incomplete beta function in logarithms (NIST
    Digital Library of Mathematical Functions 8.17.22).

    Parameters
    ----------
    n : int
        Values in a row, at least 3.
    grade : Grade
        ``exact`` for values that were not rounded coarsely.
    """

    def __init__(self, n: int, grade: Grade = Grade.EXACT) -> None:
        if n < 3:
            msg = f"the law of a correlation needs at least 3 values, got n = {n}"
            raise ArgumentError(msg)
        self.n = int(n)
        self.grade = grade
        self._shape = (n - 1) / 2

    @property
    def mean(self) -> float:
        """Zero."""
        return 0.0

    @property
    def std(self) -> float:
        """Exactly 1/√n."""
        return 1 / math.sqrt(self.n)

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(R > t), elementwise."""
        t = np.asarray(t, dtype=np.float64)
        return np.where(t > 0, self._log_tail(np.abs(t)), self._log_rest(np.abs(t)))

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(R < t), elementwise; the law is symmetric."""
        return self.logsf(-np.asarray(t, dtype=np.float64))

    def _log_rest(self, r: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.log1p(-np.exp(self._log_tail(r)))

    def _log_tail(self, r: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log of P(R > r) for r from 0 up; minus infinity from 1 on."""
        inside = np.minimum(r, 1.0)
        p = np.asarray(0.5 * betaincc(0.5, self._shape, inside * inside))
        with np.errstate(divide="ignore"):
            result = np.log(p)
        far = (p < _SMALL) & (inside < 1)
        if far.any():
            result = np.where(far, np.vectorize(self._log_far, otypes=[float])(np.where(far, r, 0.5)), result)
        return np.where(inside >= 1, -math.inf, result)

    def _log_far(self, r: float) -> float:
        """Log of I_x((n - 1)/2, 1/2)/2 at x = 1 - r^2, by its continued fraction (Lentz)."""
        a, b, tiny = self._shape, 0.5, 1e-300
        x = (1 - r) * (1 + r)
        c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or tiny)
        h = d
        for m in range(1, _TERMS):
            for numerator in (
                m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
            ):
                d = 1 / (1 + numerator * d or tiny)
                c = 1 + numerator / c or tiny
                h *= d * c
            if abs(d * c - 1) < 1e-15:
                break
        front = a * (math.log1p(-r) + math.log1p(r)) + math.log(r) - math.log(2 * a) - _log_beta(a)
        return front + math.log(h)


def _log_beta(a: float) -> float:
    """Log of B(a, 1/2); for large a without the difference of two large numbers."""
    if a < _LARGE_SHAPE:
        return float(gammaln(a) + gammaln(0.5) - gammaln(a + 0.5))
    # Stirling's series of log(Gamma(a + 1/2)/Gamma(a)); the next term is below 1e-15.
    step = 0.5 * math.log(a) - 1 / (8 * a) + 1 / (192 * a**3) - 1 / (640 * a**5)
    return 0.5 * math.log(math.pi) - step
