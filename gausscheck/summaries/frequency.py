"""Bookkeeping of the real Fourier transform of a field of any shape: which bins are what, exactly.

The transform of D real values holds D independent real numbers. Of its bins, in the layout of ``rfftn``
(the last axis halved),

* *real* bins are their own conjugates, each ``k_i`` is 0 or ``n_i / 2``. There are 2^(number of even n_i); an
  ordinate ``I = |F|^2 / D`` of one is chi-square with 1 degree of freedom;
* *complex* bins come in conjugate pairs, (D - number of real bins)/2 of them: I is exponential with mean 1.
  The planes of the last axis at 0 and n/2 hold both bins of a pair: one of them is *spare*.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod

import numpy as np
from numpy.typing import NDArray

__all__ = ["Band", "FrequencyBins", "frequency_bins"]

# Cycles a value. Octaves where structure of images lives, sixteenths above.
_RADII = (0.0, 1 / 64, 1 / 32, 1 / 16, *(k / 16 for k in range(2, 15)))
_QUARTERS = (0.0, 1 / 8, 1 / 4, 3 / 8, 1 / 2)
_OUT = 255


@dataclass(frozen=True)
class Band:
    """A set of bins, without DC.

    Attributes
    ----------
    kind : str
        ``radius`` (length of the frequency vector) or ``axis``.
    axis : int
        Which ordered axis, counted from the first; -1 for a radius.
    low, high : float
        Cycles a value: above `low` (from 0 on for an axis), up to `high`.
    complex_bins, real_bins : int
        Bins of either kind: twice the complex ordinates plus the real ones are chi-square with
        ``2 complex_bins + real_bins`` degrees of freedom.
    """

    kind: str
    axis: int
    low: float
    high: float
    complex_bins: int
    real_bins: int

    @property
    def degrees(self) -> int:
        """Degrees of freedom."""
        return 2 * self.complex_bins + self.real_bins


class FrequencyBins:
    """Bins of the ``rfftn`` of fields of one shape, flattened.

    Parameters
    ----------
    shape : tuple of int
        Lengths of the ordered axes.

    Attributes
    ----------
    size : int
        Values in a field, D.
    grid : tuple of int
        Shape of the transform: the last axis has ``n // 2 + 1`` bins.
    count : int
        Bins of the transform, M.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.size = prod(shape)
        self.grid = (*shape[:-1], shape[-1] // 2 + 1)
        self.count = prod(self.grid)

    @cached_property
    def weight(self) -> NDArray[np.int8]:
        """2 for a complex bin, 1 for a real one, 0 for a spare one; shape ``(M,)``.

        With the ordinates, ``sum weight * I = sum x^2``.
        """
        own = np.ones(self.grid, bool)
        lower = np.zeros(self.grid, bool)  # index(k) < index(-k mod n), axis by axis
        undecided = np.ones(self.grid, bool)
        for axis, n in enumerate(self.shape):
            k = np.arange(self.grid[axis])
            mirror = (-k) % n
            along = tuple(-1 if a == axis else 1 for a in range(len(self.shape)))
            own &= (k == mirror).reshape(along)
            lower |= undecided & (k < mirror).reshape(along)
            undecided &= (k == mirror).reshape(along)
        half = np.arange(self.grid[-1])
        inner = (half > 0) & (2 * half != self.shape[-1])
        # Away from the two planes the mirror image is not stored at all.
        weight = np.where(own, 1, np.where(inner | lower, 2, 0)).astype(np.int8)
        return weight.ravel()

    @cached_property
    def complex_at(self) -> NDArray[np.intp]:
        """Places of the complex bins, by length of the frequency vector, then by place."""
        places = np.flatnonzero(self.weight == 2)
        order: NDArray[np.intp] = places[np.argsort(self.radius[places], kind="stable")]
        return order

    @cached_property
    def real_at(self) -> NDArray[np.intp]:
        """Places of the real bins; DC is the first."""
        return np.flatnonzero(self.weight == 1)

    @property
    def complex_count(self) -> int:
        """Number of complex bins, (D - real bins)/2."""
        return (self.size - self.real_count) // 2

    @property
    def real_count(self) -> int:
        """Number of real bins, 2^(number of even lengths)."""
        return 2 ** sum(n % 2 == 0 for n in self.shape)

    def frequency(self, axis: int) -> NDArray[np.float32]:
        """Cycles a value along an axis, 0..1/2, shape broadcastable to `grid`."""
        n, length = self.shape[axis], self.grid[axis]
        k = np.arange(length)
        f = (np.minimum(k, n - k) / n).astype(np.float32)
        return f.reshape(tuple(-1 if a == axis else 1 for a in range(len(self.shape))))

    @cached_property
    def radius(self) -> NDArray[np.float32]:
        """Length of the frequency vector of each bin in cycles a value, shape ``(M,)``."""
        square = np.zeros(self.grid, np.float32)
        for axis in range(len(self.shape)):
            square += self.frequency(axis) ** 2
        return np.sqrt(square).ravel()

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """Number of the band of each bin, shape ``(1 + axes, M)``; 255 for DC and spare bins.

        The first row is by radius; with more than one axis a row for each axis follows.
        """
        rows = [np.searchsorted(_RADII, self.radius, side="left") - 1]
        several = len(self.shape) > 1
        for axis in range(len(self.shape)) if several else ():
            quarter = np.maximum(np.searchsorted(_QUARTERS, self.frequency(axis), side="left") - 1, 0)
            rows.append(np.broadcast_to(quarter, self.grid).ravel())
        labels = np.full((len(rows), self.count), _OUT, np.uint8)
        used = self.weight > 0
        used[0] = False
        start = 0
        for row, raw in zip(labels, rows, strict=True):
            # Only bands that hold bins get a number.
            present, number = np.unique(raw[used], return_inverse=True)
            row[used] = number + start
            start += present.size
        return labels

    @cached_property
    def bands(self) -> tuple[Band, ...]:
        """The bands, in the order of their numbers; empty for a single value."""
        bands: list[Band] = []
        for row, labels in enumerate(self.labels):
            axis = row - 1
            edges = _RADII if row == 0 else _QUARTERS
            along = self.radius if row == 0 else np.broadcast_to(self.frequency(axis), self.grid).ravel()
            for number in np.unique(labels[labels != _OUT]):
                inside = labels == number
                middle = float(along[inside].max())
                upper = int(np.searchsorted(edges, np.float32(middle), side="left"))
                upper = max(upper, 1)
                bands.append(
                    Band(
                        "radius" if row == 0 else "axis",
                        axis,
                        edges[upper - 1],
                        edges[upper],
                        int(np.count_nonzero(self.weight[inside] == 2)),
                        int(np.count_nonzero(self.weight[inside] == 1)),
                    )
                )
        return tuple(bands)

    def at(self, place: int) -> tuple[float, ...]:
        """Frequency vector of a bin in cycles a value, signed, each component in (-1/2, 1/2]."""
        index = np.unravel_index(place, self.grid)
        return tuple(
            float(k / n if 2 * k <= n else k / n - 1) for k, n in zip(index, self.shape, strict=True)
        )


@lru_cache(maxsize=8)
def frequency_bins(shape: tuple[int, ...]) -> FrequencyBins:
    """Bins of a shape; the tables are made once."""
    return FrequencyBins(shape)
