"""The law of the deviation of one group of amplitudes, which needs no integral."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gausscheck.nulls.amplitude import AmplitudeDeviation
from gausscheck.nulls.base import Grade, Null
from gausscheck.nulls.cgf import FARTHEST
from gausscheck.nulls.rayleigh import transforms
from gausscheck.nulls.small_sum import SmallSum

__all__ = ["OneGroup"]


class OneGroup(Null):
    """``|B - mu|`` for a single group: both tails of B from its transform, and the series near zero."""

    grade = Grade.EXACT

    def __init__(self, deviation: AmplitudeDeviation, unit: float) -> None:
        self._deviation = deviation
        self._unit = unit
        self._small = SmallSum(((1, deviation),))

    @property
    def mean(self) -> float:
        """Expected value under H0."""
        return self._unit * float(self._deviation.cumulants[0])

    @property
    def std(self) -> float:
        """Standard deviation under H0."""
        return self._unit * float(np.sqrt(self._deviation.cumulants[1]))

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Natural logarithm of P(T > t), elementwise."""
        points = np.asarray(t, np.float64) / self._unit
        flat = points.ravel()
        out = np.where(np.isnan(flat), np.nan, np.where(flat > 0, -np.inf, 0.0))
        index = np.flatnonzero((flat > 0) & np.isfinite(flat))
        if index.size:
            b, mu = self._deviation.b, self._deviation.mu
            a = np.minimum(flat[index], FARTHEST)
            (upper,), scale, side = transforms(b, mu + a, range(-1, 0))
            above = np.where(
                side > 0, scale + np.log(np.abs(upper)), np.log1p(-np.exp(scale) * np.abs(upper))
            )
            inside = a < mu
            (lower,), scale, side = transforms(b, np.where(inside, mu - a, mu), range(-1, 0))
            below = np.where(
                side < 0, scale + np.log(np.abs(lower)), np.log1p(-np.exp(scale) * np.abs(lower))
            )
            out[index] = np.minimum(np.logaddexp(above, np.where(inside, below, -np.inf)), 0.0)
        return out.reshape(points.shape)

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Natural logarithm of P(T < t), elementwise."""
        points = np.asarray(t, np.float64) / self._unit
        small = (points > 0) & (points <= self._small.limit)
        series = self._small.logcdf(np.where(small, points, self._small.limit))
        with np.errstate(divide="ignore"):
            complement = np.log(-np.expm1(self.logsf(points * self._unit)))
        return np.where(small, series, complement)
