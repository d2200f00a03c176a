"""A statistic's values over many samples, reduced to what pooling and the worst sample need."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gausscheck.errors import ArgumentError
from gausscheck.summaries.moments import saturated, total_sums

__all__ = ["SampleValues"]


@dataclass(frozen=True)
class SampleValues:
    """Count, sum and both extremes of one statistic over samples, with the places of the extremes.

    Attributes
    ----------
    count : int
        Samples seen.
    total : float
        Sum of the values; ± the largest finite double where it overflows.
    low, high : float
        Extremes; infinite the wrong way round where `count` is 0.
    low_at, high_at : int
        Index of the sample of each, the first one where several tie; -1 where `count` is 0.
    low_sums, high_sums : tuple of float
        Power sums of these two samples, or empty.
    """

    count: int = 0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    low_at: int = -1
    high_at: int = -1
    low_sums: tuple[float, ...] = ()
    high_sums: tuple[float, ...] = ()

    @classmethod
    def of(cls, values: ArrayLike, index: ArrayLike, sums: NDArray[np.float64] | None = None) -> SampleValues:
        """Reduce `values`, those of the samples numbered `index`, whose power sums are the rows of `sums`.

        Values that overflowed, NaN among them, count as ± the largest finite double.
        """
        values = saturated(np.asarray(values, dtype=np.float64))
        index = np.asarray(index, dtype=np.int64)
        if values.shape != index.shape or values.ndim != 1:
            msg = f"expected one index a value, got shapes {values.shape} and {index.shape}"
            raise ArgumentError(msg)
        if values.size == 0:
            return cls()
        low, high = int(values.argmin()), int(values.argmax())
        rows = ((), ()) if sums is None else (tuple(sums[low].tolist()), tuple(sums[high].tolist()))
        return cls(
            values.size,
            float(total_sums(values, axis=0)),
            float(values[low]),
            float(values[high]),
            int(index[low]),
            int(index[high]),
            *rows,
        )

    @property
    def mean(self) -> float:
        """Mean over the samples, NaN for none."""
        return self.total / self.count if self.count else math.nan

    def merge(self, other: SampleValues) -> SampleValues:
        """Both sets of samples."""
        low = min((self, other), key=lambda s: (s.low, s.low_at % 2**63))
        high = min((self, other), key=lambda s: (-s.high, s.high_at % 2**63))
        return SampleValues(
            self.count + other.count,
            float(total_sums(np.array([self.total, other.total]), axis=0)),
            low.low,
            high.high,
            low.low_at,
            high.high_at,
            low.low_sums,
            high.high_sums,
        )

    def shifted(self, samples: int) -> SampleValues:
        """The same of samples with higher numbers."""
        if not self.count:
            return self
        return replace(self, low_at=self.low_at + samples, high_at=self.high_at + samples)
