"""Hashes of blocks, rows, channels, frames, samples, windows; a sketch of the values: what tells repeats."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gausscheck.errors import ArgumentError

__all__ = [
    "LEAST_HALVINGS",
    "MOST_HASHES",
    "MOST_RUNS",
    "MOST_VALUES",
    "Repeats",
    "Units",
    "ValueSketch",
    "halvings_for",
]

MOST_HASHES = 2**22
"""Most hashes kept of one kind, on average: 64 MiB with their places."""

MOST_RUNS = 2**18
"""Most hashes of overlapping windows kept, on average."""

LEAST_HALVINGS = 4
"""Of overlapping windows one in sixteen is kept at most: less than the values themselves take."""

MOST_VALUES = 2**17
"""Most values kept in a sketch, on average."""

_LAST_HALF = 2.0**23  # from here on all numbers of float32 are whole


def halvings_for(count: int, most: int, least: int = 0) -> int:
    """Smallest h, from `least` up, with ``count / 2**h <= most``."""
    return max(least, math.ceil(math.log2(count / most))) if count > 0 else least


@dataclass(frozen=True)
class Units:
    """Hashes of all units of one kind; of very many, of those whose hash is below ``2**(64 - halvings)``.

    Which are kept depends on the contents alone: equal units are kept together.

    Attributes
    ----------
    length : int
        Values in a unit.
    per_sample : int
        Units in a sample.
    count : int
        Units seen.
    halvings : int
        The fraction kept is ``2**-halvings``.
    hashes : numpy.ndarray of uint64
    places : numpy.ndarray of int64
        ``sample * per_sample + unit`` of each hash.
    most : int
        Hashes kept at most, on average: where more units are seen, a fraction.
    """

    length: int
    per_sample: int
    count: int
    halvings: int
    hashes: NDArray[np.uint64]
    places: NDArray[np.int64]
    most: int = MOST_HASHES

    def thinned(self, halvings: int) -> Units:
        """The fraction ``2**-halvings`` of this, not more than is kept."""
        if halvings <= self.halvings:
            return self
        kept = self.hashes < np.uint64(2 ** (64 - halvings))
        return replace(self, halvings=halvings, hashes=self.hashes[kept], places=self.places[kept])

    def merge(self, other: Units) -> Units:
        """Both sets of units."""
        same = ("length", "per_sample", "most")
        if any(getattr(self, name) != getattr(other, name) for name in same):
            msg = f"cannot merge units of {self.length} and of {other.length} values"
            raise ArgumentError(msg)
        count = self.count + other.count
        halvings = max(self.halvings, other.halvings, halvings_for(count, self.most))
        left, right = self.thinned(halvings), other.thinned(halvings)
        return replace(
            left,
            count=count,
            hashes=np.concatenate((left.hashes, right.hashes)),
            places=np.concatenate((left.places, right.places)),
        )

    def shifted(self, samples: int) -> Units:
        """The same of samples with higher numbers."""
        return replace(self, places=self.places + samples * self.per_sample)

    @property
    def kept(self) -> int:
        """Units whose hashes are kept."""
        return int(self.hashes.size)

    @cached_property
    def repeated(self) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Hashes that occur more than once, each as often as it does, and their places, ascending."""
        some = _crowded(self.hashes, self.halvings)
        hashes, places = self.hashes[some], self.places[some]
        order = np.lexsort((places, hashes))
        hashes, places = hashes[order], places[order]
        equal = hashes[1:] == hashes[:-1]
        repeated = np.zeros(hashes.size, bool)
        repeated[1:] = equal
        repeated[:-1] |= equal
        order = np.argsort(places[repeated])
        return hashes[repeated][order], places[repeated][order]

    @property
    def repeats(self) -> int:
        """Kept units beyond the first occurrence of each."""
        hashes, _ = self.repeated
        return hashes.size - np.unique(hashes).size

    def distance(self, gap: int = 0) -> tuple[int, float]:
        """The most common distance of a repeated unit from its last occurrence, and how many in one have it.

        Parameters
        ----------
        gap : int
            Places after the last unit of a sample before the first one of the next.

        Returns
        -------
        distance : int
            In units; 0 where nothing repeats.
        share : float
        """
        hashes, places = self.repeated
        if hashes.size == 0:
            return 0, 0.0
        order = np.argsort(hashes, kind="stable")
        hashes, places = hashes[order], places[order]
        at = places + places // self.per_sample * gap
        apart = np.diff(at)[hashes[1:] == hashes[:-1]]
        distances, counts = np.unique(apart, return_counts=True)
        most = int(np.argmax(counts))
        return int(distances[most]), float(counts[most] / apart.size)

    @property
    def first_pair(self) -> tuple[int, int] | None:
        """Places of the first unit that repeats an earlier one: the earlier, and itself; None without any."""
        hashes, places = self.repeated
        if hashes.size == 0:
            return None
        _, first = np.unique(hashes, return_index=True)
        later = np.ones(hashes.size, bool)
        later[first] = False
        second = int(np.argmax(later))
        return int(places[np.argmax(hashes == hashes[second])]), int(places[second])


def _crowded(hashes: NDArray[np.uint64], halvings: int) -> NDArray[np.intp]:
    """Indices of hashes that share their upper bits with another one: most of those alone are left out.

    Two passes over a table that fits the cache cost a third of sorting all hashes.
    """
    bits = max(8, int(hashes.size).bit_length() + 2)
    bucket = ((hashes << np.uint64(halvings)) >> np.uint64(64 - bits)).astype(np.int64)
    number = np.arange(hashes.size, dtype=np.uint32)
    last = np.empty(2**bits, np.uint32)
    last[bucket] = number
    lost = last[bucket] != number
    crowded = np.zeros(2**bits, bool)
    crowded[bucket[lost]] = True
    return np.flatnonzero(crowded[bucket])


@dataclass(frozen=True)
class ValueSketch:
    """Values of a fixed fraction ``2**-halvings`` of all numbers, and how often each occurs.

    Attributes
    ----------
    total : int
        Values seen.
    halvings : int
    values : numpy.ndarray of float64
        Those kept, each once, ascending.
    counts : numpy.ndarray of int64
        Occurrences of each.
    marks : numpy.ndarray of uint32
        What the choice is made by: kept are marks below ``2**(32 - halvings)``.
    """

    total: int
    halvings: int
    values: NDArray[np.float64]
    counts: NDArray[np.int64]
    marks: NDArray[np.uint32]

    def thinned(self, halvings: int) -> ValueSketch:
        """The fraction ``2**-halvings`` of this, not more than is kept."""
        if halvings <= self.halvings:
            return self
        kept = self.marks.astype(np.uint64) < np.uint64(2 ** (32 - halvings))
        return ValueSketch(self.total, halvings, self.values[kept], self.counts[kept], self.marks[kept])

    def merge(self, other: ValueSketch) -> ValueSketch:
        """Both sets of values."""
        total = self.total + other.total
        halvings = max(self.halvings, other.halvings, halvings_for(total, MOST_VALUES))
        left, right = self.thinned(halvings), other.thinned(halvings)
        values, first, inverse = np.unique(
            np.concatenate((left.values, right.values)), return_index=True, return_inverse=True
        )
        counts = np.zeros(values.size, np.int64)
        np.add.at(counts, inverse, np.concatenate((left.counts, right.counts)))
        marks = np.concatenate((left.marks, right.marks))[first]
        return ValueSketch(total, halvings, values, counts, marks)

    @property
    def kept(self) -> int:
        """Values kept, with their repeats."""
        return int(self.counts.sum())

    @property
    def repeats(self) -> int:
        """Kept values beyond the first occurrence of each."""
        return self.kept - int(self.values.size)

    @property
    def tied_pairs(self) -> float:
        """Pairs of equal values among those kept."""
        counts = self.counts.astype(np.float64)
        return float(np.sum(counts * (counts - 1) / 2))

    @property
    def single(self) -> bool:
        """True where all values kept are numbers of float32."""
        with np.errstate(over="ignore"):
            return bool(np.all(self.values.astype(np.float32) == self.values))

    @property
    def whole(self) -> bool:
        """True where different values are all whole numbers, and so small that float32 has others between."""
        values = self.values
        if values.size < 2 or max(-values[0], values[-1]) >= _LAST_HALF:
            return False
        return bool(np.all(values == np.rint(values)))


@dataclass(frozen=True)
class Repeats:
    """What tells repeats within a tensor, and between tensors.

    Attributes
    ----------
    dtype : str
        Storage format.
    samples : int
        Samples seen.
    size : int
        Values in each.
    units : dict of str to Units
        By kind: ``block`` (64 consecutive values of a sample), ``row`` (along the last stored axis),
        ``channel`` and ``frame`` (one place in time) of one sample, ``sample``, ``run`` (16 consecutive
        values of a sample, from any place on); those that exist.
    values : ValueSketch or None
        None for formats of 8 and 16 bits, whose values repeat anyway.
    """

    dtype: str
    samples: int
    size: int
    units: dict[str, Units]
    values: ValueSketch | None

    def merge(self, other: Repeats) -> Repeats:
        """Both sets of samples of one tensor, or of tensors of one shape and format."""
        if (self.dtype, self.size, set(self.units)) != (other.dtype, other.size, set(other.units)):
            msg = (
                f"cannot merge repeats of {self.dtype} samples of {self.size} values and of {other.dtype} "
                f"samples of {other.size}"
            )
            raise ArgumentError(msg)
        both = self.values is not None and other.values is not None
        return Repeats(
            self.dtype,
            self.samples + other.samples,
            self.size,
            {kind: units.merge(other.units[kind]) for kind, units in self.units.items()},
            self.values.merge(other.values) if both and self.values and other.values else None,
        )

    def shifted(self, samples: int) -> Repeats:
        """The same of samples with higher numbers."""
        return replace(self, units={kind: units.shifted(samples) for kind, units in self.units.items()})
