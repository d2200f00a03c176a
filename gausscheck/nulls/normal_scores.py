"""Normal scores of a statistic, ``z = Phi^-1(P(T < t))``, from a table of its null."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri_exp

from gausscheck.nulls.base import Null

__all__ = ["NormalScores"]

_REACH = 8.0
_POINTS = 401
# Standard deviations away from the mean where the table is first sought: even the eighth moment of eight
# values has its z = 8 within the last of them.
_STEPS = np.concatenate([np.linspace(0.0, 6.0, 25), np.geomspace(6.0, 1e6, 60)[1:]])
_EDGE = np.concatenate([[0.0], np.geomspace(1e-14, 1.0, 60)])


def _score(null: Null, t: NDArray[np.float64]) -> NDArray[np.float64]:
    lower, upper = null.logcdf(t), null.logsf(t)
    return np.where(lower < upper, ndtri_exp(lower), -ndtri_exp(upper))


class NormalScores:
    """Normal score of a statistic and back, linear between 401 exact pairs at most |z| = 8.

    Parameters
    ----------
    null : Null
        With a continuous law.

    Notes
    -----
    Error of z below 1e-4 within the table for the moments and spectra of a loss. Beyond it the last pieces
    go on, which leaves tails of the right order only.

    Attributes
    ----------
    statistic, score : numpy.ndarray
        The pairs, increasing.
    """

    def __init__(self, null: Null) -> None:
        above = self._finite(null, null.mean + null.std * _STEPS)
        below = null.mean - null.std * _STEPS[1:]
        z = _score(null, below)
        known = int(np.argmax(~np.isfinite(z))) if not np.isfinite(z).all() else z.size
        inner = below[known - 1] if known else null.mean
        if known < z.size and (known == 0 or z[known - 1] > -_REACH):
            floor = self._floor(null, below[known], inner)
            below = np.concatenate([below[:known], floor + (inner - floor) * _EDGE])
        t, z = self._joined(above, self._finite(null, below))
        low, high = max(-_REACH, float(z[0])), min(_REACH, float(z[-1]))
        fine = np.interp(np.linspace(low, high, _POINTS), z, t)
        self.statistic, self.score = self._joined(self._finite(null, fine))

    @staticmethod
    def _floor(null: Null, outer: float, inner: float) -> float:
        """Smallest value with a finite score, between one without and one with."""
        for _ in range(16):
            trial = np.linspace(outer, inner, 17)
            first = int(np.argmax(np.isfinite(_score(null, trial))))
            outer, inner = trial[max(first - 1, 0)], trial[first]
        return float(inner)

    @staticmethod
    def _finite(null: Null, t: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        z = _score(null, t)
        kept = np.isfinite(z)
        return t[kept], z[kept]

    @staticmethod
    def _joined(
        *parts: tuple[NDArray[np.float64], NDArray[np.float64]],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        t, first = np.unique(np.concatenate([p[0] for p in parts]), return_index=True)
        z = np.maximum.accumulate(np.concatenate([p[1] for p in parts])[first])
        rising = np.concatenate([[True], np.diff(z) > 0])
        return t[rising], z[rising]

    def to_score(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Normal score of a value."""
        return _line(t, self.statistic, self.score)

    def to_statistic(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Value of a normal score."""
        return _line(z, self.score, self.statistic)


def _line(
    x: NDArray[np.float64], points: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Linear interpolation whose end pieces go on."""
    y = np.interp(x, points, values)
    if x.size:
        for end, inner, outside in ((0, 1, x < points[0]), (-1, -2, x > points[-1])):
            slope = (values[end] - values[inner]) / (points[end] - points[inner])
            y[outside] = values[end] + slope * (x[outside] - points[end])
    return y
