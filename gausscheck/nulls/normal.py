"""Null of the mean of n iid N(0, 1) values: normal, exact."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_ndtr

from gausscheck.errors import ArgumentError
from gausscheck.nulls.base import Grade, Null

__all__ = ["NormalMeanNull"]


class NormalMeanNull(Null):
    """Law of the mean of `n` iid N(0, 1) values: N(0, 1/n)."""

    grade = Grade.EXACT

    def __init__(self, n: int) -> None:
        if n < 1:
            msg = f"the mean needs at least one value, got n = {n}"
            raise ArgumentError(msg)
        self.n = int(n)

    @property
    def mean(self) -> float:
        """Zero."""
        return 0.0

    @property
    def std(self) -> float:
        """1/√n."""
        return 1 / math.sqrt(self.n)

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T > t), elementwise."""
        return log_ndtr(-np.asarray(t, dtype=np.float64) * math.sqrt(self.n))

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T < t), elementwise."""
        return log_ndtr(np.asarray(t, dtype=np.float64) * math.sqrt(self.n))
