"""Tally of NaN and infinities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Nonfinite"]


@dataclass(frozen=True)
class Nonfinite:
    """How many values are not finite, and where the first is, by sample.

    Attributes
    ----------
    nan, posinf, neginf : numpy.ndarray of int64
        Counts, shape ``(...)``.
    first : numpy.ndarray of int64
        Flat index within the sample of the first value that is not finite; -1 if all are.
    """

    nan: NDArray[np.int64]
    posinf: NDArray[np.int64]
    neginf: NDArray[np.int64]
    first: NDArray[np.int64]

    @property
    def total(self) -> NDArray[np.int64]:
        """Number of values that are not finite, shape ``(...)``."""
        return self.nan + self.posinf + self.neginf

    def shifted(self, offset: int) -> Nonfinite:
        """Move indices by `offset`, for a chunk that starts there within its sample."""
        return Nonfinite(
            self.nan, self.posinf, self.neginf, np.where(self.first < 0, -1, self.first + offset)
        )

    def merge(self, other: Nonfinite) -> Nonfinite:
        """Tally of both sets of values, sample by sample; the smaller index of the two stays."""
        return Nonfinite(
            self.nan + other.nan,
            self.posinf + other.posinf,
            self.neginf + other.neginf,
            _earlier(self.first, other.first),
        )

    def pool(self) -> Nonfinite:
        """All samples as one; `first` is the smallest index within a sample (see also `location`)."""
        found = self.first[self.first >= 0]
        return Nonfinite(
            np.asarray(np.sum(self.nan, dtype=np.int64)),
            np.asarray(np.sum(self.posinf, dtype=np.int64)),
            np.asarray(np.sum(self.neginf, dtype=np.int64)),
            np.asarray(np.min(found) if found.size else -1, dtype=np.int64),
        )

    def location(self) -> tuple[int, int] | None:
        """Sample, and index within it, of the first value that is not finite; None if all are."""
        first = self.first.reshape(-1)
        samples = np.flatnonzero(first >= 0)
        return (int(samples[0]), int(first[samples[0]])) if samples.size else None


def _earlier(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(a < 0, b, np.where(b < 0, a, np.minimum(a, b)))
