r"""Null of a sum of chi-square variables with positive weights, by contour integration, both log tails.

.. math:: P(Q > t) = \frac{1}{2 \pi i} \int e^{K(s) - s t} \frac{ds}{s} , \qquad
          K(s) = -\tfrac12 \sum_i d_i \log(1 - 2 \lambda_i s)

over a parabola through the saddle, opened to the right around the branch cut, along which the integrand
decays like a normal density. For the lower tail the saddle is negative and the sign turned. Neither tail is
a difference of nearly equal numbers.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gausscheck.errors import ArgumentError
from gausscheck.nulls.base import Grade, Null

__all__ = ["WeightedChiSquareNull"]

_STEP, _REACH = 0.04, 14.0
_BISECTIONS = 90
_SILENT = -80.0


class WeightedChiSquareNull(Null):
    """Law of ``sum_i weights_i chi^2_{degrees_i}``, independent.

    Parameters
    ----------
    weights : array_like
        Positive.
    degrees : array_like
        Degrees of freedom, positive, whole or not.
    grade : Grade
        How good the law is for the statistic in question; for the sum itself it is exact.
    """

    def __init__(self, weights: ArrayLike, degrees: ArrayLike, *, grade: Grade = Grade.EXACT) -> None:
        w, d = np.broadcast_arrays(np.atleast_1d(weights), np.atleast_1d(degrees))
        if not (np.all(w > 0) and np.all(d > 0)):
            msg = f"weights and degrees of freedom must be positive, got {w} and {d}"
            raise ArgumentError(msg)
        self.grade = grade
        self._unit = float(w.max())
        self._weights = w.astype(np.float64) / self._unit
        self._degrees = d.astype(np.float64)

    @property
    def mean(self) -> float:
        """``sum d_i lambda_i``."""
        return self._unit * float(self._degrees @ self._weights)

    @property
    def std(self) -> float:
        """``sqrt(2 sum d_i lambda_i^2)``."""
        return self._unit * math.sqrt(2 * float(self._degrees @ self._weights**2))

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T > t), elementwise."""
        return self._tail(t, wanted=True)

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T < t), elementwise."""
        return self._tail(t, wanted=False)

    def _tail(self, t: ArrayLike, *, wanted: bool) -> NDArray[np.float64]:
        """The tail beyond t as seen from the mean by contour, the other one as its complement."""
        t = np.asarray(t, dtype=np.float64) / self._unit
        flat = t.ravel()
        result = np.where(flat > 0, -math.inf if wanted else 0.0, 0.0 if wanted else -math.inf)
        result = np.where(np.isnan(flat), math.nan, result)
        usable = (flat > 1e-300) & (flat < 1e300)
        middle = float(self._degrees @ self._weights)
        for upper in (True, False):
            chosen = usable & ((flat > middle) == upper)
            tail = self._contour(flat[chosen], upper=upper)
            result[chosen] = tail if upper == wanted else np.log1p(-np.exp(tail))
        return result.reshape(t.shape)

    def _derivative(self, s: NDArray[np.float64], order: int) -> NDArray[np.float64]:
        """K', K'' or K''' at real points."""
        ratio = 2 * self._weights / (1 - 2 * self._weights * s[:, None])
        return 0.5 * math.factorial(order - 1) * (ratio**order @ self._degrees)

    def _saddle(self, t: NDArray[np.float64], *, upper: bool) -> NDArray[np.float64]:
        """Where ``K(s) - s t - log|s|`` is lowest, on (0, 1/2) or below 0."""
        low, high = np.full(t.shape, -745.0), np.full(t.shape, 36.0 if upper else 700.0)
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            s = 0.5 / (1 + np.exp(-middle)) if upper else -np.exp(middle)
            rising = self._derivative(s, 1) - t - 1 / s > 0
            # Going down the axis of the lower tail is going up in the logarithm.
            low, high = np.where(rising == upper, low, middle), np.where(rising == upper, middle, high)
        middle = 0.5 * (low + high)
        return 0.5 / (1 + np.exp(-middle)) if upper else -np.exp(middle)

    def _contour(self, t: NDArray[np.float64], *, upper: bool) -> NDArray[np.float64]:
        c = self._saddle(t, upper=upper)
        curvature = self._derivative(c, 2)
        width = 1 / np.sqrt(curvature + 1 / c**2)
        # The path of steepest descent of K(s) - s t, which opens to the right around pole and cut.
        bend = self._derivative(c, 3) / (6 * curvature)
        y = np.arange(0.0, _REACH, _STEP)
        u = width[:, None] * np.sinh(y)
        s = c[:, None] + bend[:, None] * u**2 + 1j * u
        at_saddle = -0.5 * np.log1p(-2 * self._weights * c[:, None]) @ self._degrees - c * t
        exponent = -s * t[:, None] - at_saddle[:, None]
        for weight, degree in zip(self._weights, self._degrees, strict=True):
            exponent -= 0.5 * degree * np.log(1 - 2 * weight * s)
        # Where the integrand no longer counts, the path may have left the range of floats.
        ended = np.logical_or.accumulate(exponent.real < _SILENT, axis=1)
        exponent = np.where(ended, -np.inf, exponent)
        integrand = (np.exp(exponent) / s * (1 - 2j * bend[:, None] * u)).real * np.cosh(y)
        integrand[:, 0] *= 0.5
        total = integrand.sum(axis=1) * width * _STEP / math.pi
        total = total if upper else -total
        return np.minimum(at_saddle + np.log(np.maximum(total, np.finfo(float).tiny)), 0.0)
