"""A lower tail continued to zero as a power."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gausscheck.nulls.base import Null

__all__ = ["PowerTail"]


class PowerTail:
    """``P(T < t) = P(T < limit) (t / limit)^exponent`` below `limit`.

    A mean of n independent deviations, each with a density that is finite at zero, vanishes like ``t^n``; an
    approximate law whose support does not end exactly at zero gives way to that power there.

    Parameters
    ----------
    null : Null
        The law above `limit`.
    limit : float
        Where the power takes over.
    exponent : float
        How many deviations are averaged.
    """

    def __init__(self, null: Null, limit: float, exponent: float) -> None:
        self.limit = limit
        self._null = null
        self._exponent = exponent

    @cached_property
    def _anchor(self) -> float:
        return float(self._null.logcdf(self.limit))

    def logcdf(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Natural logarithm of P(T < t) for 0 < t <= limit."""
        return np.asarray(self._anchor + self._exponent * (np.log(t) - np.log(self.limit)), np.float64)
