"""Products of rows with each other: channels over all samples and places, or samples over places."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.errors import ArgumentError

__all__ = ["GROUP", "Correlated", "Gram", "OpenGroup", "SampleGram", "on_host", "places_kept", "products_of"]

GROUP = 4096
"""Most samples that are compared with each other; of more, those in each group of neighbours."""

_ROWS = 256  # of correlations looked at together
_COPIES = 1 - 1e-6  # correlation from which on rows count as the same: products are sums of float32
_COLUMNS = 2**16  # places whose products are added in the precision of the rows
_KEPT = 2**22  # values of samples kept as float32: 16 MiB
_MOST_PRODUCTS = 2**34  # of two values each: a quarter of a second on one core
_LATER = 1024  # places of samples of later groups


@dataclass(frozen=True)
class Correlated:
    """The pair of rows with the largest absolute correlation.

    Attributes
    ----------
    r : float
        Uncentred correlation, in -1..1; 0 before any pair was seen.
    first, second : int
        The rows, in order; -1 before any pair was seen.
    pairs : int
        Pairs that were compared: those of rows that are not zero throughout.
    """

    r: float = 0.0
    first: int = -1
    second: int = -1
    pairs: int = 0

    def merge(self, other: Correlated) -> Correlated:
        """The larger of both; of equal ones that of the earlier rows."""
        best = min(self, other, key=lambda c: (-abs(c.r), c.first % 2**63, c.second % 2**63))
        return replace(best, pairs=self.pairs + other.pairs)

    def shifted(self, rows: int) -> Correlated:
        """The same pair where rows have higher numbers."""
        return self if self.first < 0 else replace(self, first=self.first + rows, second=self.second + rows)


@dataclass(frozen=True)
class Gram:
    """Products of K rows of n values.

    Attributes
    ----------
    products : numpy.ndarray of float64
        Shape ``(K, K)``: ``sum x_i x_j`` with row i divided by ``2**exponents[i]``.
    exponents : numpy.ndarray of int64
        Shape ``(K,)``; 0 for rows of ordinary magnitude.
    n : int
        Values behind each product.
    """

    products: NDArray[np.float64]
    exponents: NDArray[np.int64]
    n: int

    def largest(self) -> Correlated:
        """The pair of rows with the largest absolute correlation; rows that are zero throughout have none."""
        square = np.diag(self.products)
        inverse = np.where(square > 0, 1 / np.sqrt(np.where(square > 0, square, 1.0)), 0.0)
        some = np.flatnonzero(square > 0)
        if some.size < 2:
            return Correlated()
        best = Correlated(0.0, int(some[0]), int(some[1]))
        for start in range(0, len(square), _ROWS):
            r = self.products[start : start + _ROWS, start:] * inverse[start:]
            r *= inverse[start : start + _ROWS, np.newaxis]
            # Copies are equal, whatever rounding says: of several the first counts.
            r[np.abs(r) > _COPIES] = np.sign(r[np.abs(r) > _COPIES])
            # Each pair once, and no row with itself.
            r[np.tril_indices(r.shape[0], 0, r.shape[1])] = 0.0
            first, second = divmod(
                int(max(r.argmax(), r.argmin(), key=lambda at: abs(r.flat[at]))), r.shape[1]
            )
            value = float(r[first, second])
            if value != 0:
                best = best.merge(Correlated(value, start + first, start + second))
        return replace(best, pairs=some.size * (some.size - 1) // 2)

    def merge(self, other: Gram) -> Gram:
        """Products over both sets of values."""
        if self.products.shape != other.products.shape:
            shapes = f"{self.products.shape} and {other.products.shape}"
            msg = f"cannot merge products of different rows: shapes {shapes}"
            raise ArgumentError(msg)
        exponents = np.maximum(self.exponents, other.exponents)
        products = _rescaled(self, exponents) + _rescaled(other, exponents)
        return Gram(products, exponents, self.n + other.n)


def _rescaled(gram: Gram, exponents: NDArray[np.int64]) -> NDArray[np.float64]:
    shift = gram.exponents - exponents
    if not shift.any():
        return gram.products
    # What is shifted out of range is nothing beside the other part.
    shift = np.maximum(shift, -2000)
    return np.ldexp(gram.products, shift[:, np.newaxis] + shift)


@dataclass(frozen=True)
class OpenGroup:
    """Samples of a group that may still grow.

    Attributes
    ----------
    index : numpy.ndarray of int64
        Numbers of the samples, shape ``(m,)``.
    rows : numpy.ndarray of float32
        Values at the first of :func:`gausscheck.collect.gram.places_of`, shape ``(m, places)``; or a tensor
        on the device of the values.
    """

    index: NDArray[np.int64]
    rows: NDArray[np.float32]

    @classmethod
    def of(cls, parts: list[tuple[NDArray[np.int64], Any]], size: int) -> OpenGroup:
        """One group of several parts, by number of sample; rows are cut to what such a group keeps."""
        parts = sorted(parts, key=lambda part: int(part[0][0]))
        index = np.concatenate([at for at, _ in parts])
        width = places_kept(index.size, int(index[0]) // GROUP, size)
        width = min(width, *(int(rows.shape[1]) for _, rows in parts))
        group = cls(index, _stacked([rows[:, :width] for _, rows in parts]))
        if np.all(index[1:] > index[:-1]):
            return group
        order = np.argsort(index, kind="stable")
        return cls(index[order], on_host(group.rows)[order])

    def largest(self) -> Correlated:
        """The pair of samples with the largest absolute correlation."""
        products = products_of(self.rows)
        found = Gram(products, np.zeros(len(products), np.int64), int(self.rows.shape[1])).largest()
        if found.pairs == 0:
            return Correlated()
        return replace(found, first=int(self.index[found.first]), second=int(self.index[found.second]))


def products_of(x: Any) -> NDArray[np.float64]:
    """``x x^T`` of rows, where they live, in their precision over stretches of places, added in float64."""
    total = np.zeros((int(x.shape[0]), int(x.shape[0])))
    for start in range(0, int(x.shape[1]), _COLUMNS):
        part = x[:, start : start + _COLUMNS]
        total += on_host(part @ part.swapaxes(0, 1))
    return total


def on_host(x: Any) -> NDArray[Any]:
    """Small results as arrays of NumPy, wherever they were computed."""
    return x if isinstance(x, np.ndarray) else x.cpu().numpy()


def _stacked(parts: list[Any]) -> Any:
    """Rows of some arrays as one: where they live, if all live on one device."""
    if len(parts) == 1:
        return parts[0]
    if any(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate([on_host(part) for part in parts])
    x = parts[0].new_empty((sum(int(part.shape[0]) for part in parts), int(parts[0].shape[1])))
    first = 0
    for part in parts:
        x[first : first + int(part.shape[0])] = part
        first += int(part.shape[0])
    return x


def places_kept(samples: int, group: int, size: int) -> int:
    """Places at which so many samples of `size` values are compared, the members of one group.

    As many as fit into 2**22 values and 2**34 products in the first group. In later ones, of which there may
    be any number, so few that a value costs about 64 products, but not less than 64.
    """
    if group > 0:
        return min(size, _LATER, max(size // 64, 64))
    return min(size, max(1, min(_KEPT // max(samples, 4), _MOST_PRODUCTS // max(samples, 1) ** 2)))


@dataclass(frozen=True)
class SampleGram:
    """Correlations of samples with each other over places common to all, within groups of 4096 neighbours.

    Attributes
    ----------
    samples, size : int
        Samples seen, and values in each.
    closed : dict of int to Correlated
        The most correlated pair among groups that are complete, by the number of places compared.
    open : dict of int to OpenGroup
        The other groups, by number: sample k belongs to group ``k // 4096``.
    """

    samples: int
    size: int
    closed: dict[int, Correlated] = field(default_factory=dict)
    open: dict[int, OpenGroup] = field(default_factory=dict)

    @cached_property
    def largest(self) -> dict[int, Correlated]:
        """The most correlated pair of all, by the number of places compared."""
        found = dict(self.closed)
        for group in self.open.values():
            _add(found, group)
        return found

    @property
    def complete(self) -> bool:
        """True where every sample was compared with every other."""
        return len(self.open) + (1 if self.closed else 0) <= 1 and self.samples <= GROUP

    def closing(self, groups: set[int]) -> SampleGram:
        """Give up the rows of these groups: no more of their samples will come."""
        if not groups:
            return self
        closed = dict(self.closed)
        for number in sorted(groups):
            _add(closed, self.open[number])
        left = {number: group for number, group in self.open.items() if number not in groups}
        return replace(self, closed=closed, open=left)

    def merge(self, other: SampleGram) -> SampleGram:
        """Both sets of samples."""
        if self.size != other.size:
            msg = f"cannot merge products of samples of {self.size} and of {other.size} values"
            raise ArgumentError(msg)
        closed = dict(self.closed)
        for n, pair in other.closed.items():
            closed[n] = closed[n].merge(pair) if n in closed else pair
        opened = dict(self.open)
        for number, group in other.open.items():
            mine = opened.get(number)
            parts = [(g.index, g.rows) for g in (mine, group) if g is not None]
            opened[number] = OpenGroup.of(parts, self.size)
        both = SampleGram(self.samples + other.samples, self.size, closed, opened)
        return both.closing({number for number, group in opened.items() if group.index.size >= GROUP})

    def shifted(self, samples: int) -> SampleGram:
        """The same of samples with higher numbers; those of open groups come to the groups of these."""
        parts: dict[int, list[tuple[NDArray[np.int64], Any]]] = {}
        for group in self.open.values():
            index = group.index + samples
            for number in np.unique(index // GROUP).tolist():
                low, high = np.searchsorted(index, (number * GROUP, (number + 1) * GROUP)).tolist()
                parts.setdefault(number, []).append((index[low:high], group.rows[low:high]))
        return replace(
            self,
            closed={n: pair.shifted(samples) for n, pair in self.closed.items()},
            open={number: OpenGroup.of(held, self.size) for number, held in parts.items()},
        )


def _add(found: dict[int, Correlated], group: OpenGroup) -> None:
    n = int(group.rows.shape[1])
    found[n] = found.get(n, Correlated()).merge(group.largest())
