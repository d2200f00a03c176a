"""Smallest and largest value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Extremes"]


@dataclass(frozen=True)
class Extremes:
    """Smallest and largest finite value, by sample.

    Attributes
    ----------
    low, high : numpy.ndarray of float64
        Shape ``(...)``. Without a finite value ``low = +inf`` and ``high = -inf``, neutral in `merge`.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @property
    def magnitude(self) -> NDArray[np.float64]:
        """Largest ``|x|``, shape ``(...)``; ``-inf`` without a finite value."""
        return np.maximum(-self.low, self.high)

    def merge(self, other: Extremes) -> Extremes:
        """Extremes of both sets of values, sample by sample."""
        return Extremes(np.minimum(self.low, other.low), np.maximum(self.high, other.high))

    def pool(self) -> Extremes:
        """All samples as one."""
        low = np.min(self.low, initial=np.inf)
        high = np.max(self.high, initial=-np.inf)
        return Extremes(np.asarray(low), np.asarray(high))
