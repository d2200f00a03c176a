"""A null moved and stretched to another mean and standard deviation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gausscheck.nulls.base import Grade, Null

__all__ = ["AffineNull"]


class AffineNull(Null):
    """Law of ``mean + (T - T.mean) std / T.std`` for T with a known null.

    Serves values that were rounded to a lattice: rounding changes the first two moments of a statistic by
    known amounts and its shape by far less.

    Parameters
    ----------
    base : Null
        Law of T.
    mean, std : float
        Exact mean and standard deviation of the statistic on the lattice.
    grade : Grade
        How good the match is.
    """

    def __init__(self, base: Null, *, mean: float, std: float, grade: Grade) -> None:
        self.base = base
        self.grade = grade
        self._mean, self._std = mean, std

    @property
    def mean(self) -> float:
        """Mean of the moved law."""
        return self._mean

    @property
    def std(self) -> float:
        """Standard deviation of the moved law."""
        return self._std

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T > t), elementwise."""
        return self.base.logsf(self._back(t))

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T < t), elementwise."""
        return self.base.logcdf(self._back(t))

    def _back(self, t: ArrayLike) -> NDArray[np.float64]:
        t = np.asarray(t, dtype=np.float64)
        return self.base.mean + (t - self._mean) * (self.base.std / self._std)
