"""Products of rows with each other: channels over all samples and places, or samples over places."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gausscheck.errors import ArgumentError

__all__ = ["Correlated", "Gram", "SampleGram"]

_ROWS = 256  # of correlations looked at together


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
            # Each pair once, and no row with itself.
            r[np.tril_indices(r.shape[0], 0, r.shape[1])] = 0.0
            first, second = divmod(
                int(max(r.argmax(), r.argmin(), key=lambda at: abs(r.flat[at]))), r.shape[1]
            )
            value = min(max(float(r[first, second]), -1.0), 1.0)
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
class SampleGram:
    """Correlations of samples with each other over places common to all.

    Attributes
    ----------
    largest : Correlated
        Among all pairs within groups; its rows are numbers of samples.
    n : int
        Places compared, of each sample.
    samples, size : int
        Samples compared, and values in each.
    group : int
        Neighbouring samples that are compared with each other.
    """

    largest: Correlated
    n: int
    samples: int
    size: int
    group: int

    @property
    def complete(self) -> bool:
        """True where every sample was compared with every other."""
        return self.samples <= self.group
