"""Cells that values are counted in, in ascending order, and their exact probabilities under H0."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from gausscheck.errors import ArgumentError
from gausscheck.floats import decode_table, float_format
from gausscheck.gaussian import log_lower_tail, log_upper_tail
from gausscheck.lattice import Lattice, lattice_of_format
from gausscheck.summaries.counts import Counts

__all__ = ["Cells", "cells"]

_ROOT_HALF = np.sqrt(0.5)


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of a count table and their law: N(0, scale²), rounded to a lattice or not.

    Cell j has probability ``P(low[j] < X < high[j])`` of X ~ N(0, scale²), unrounded. Values at or beyond an
    edge, seen from 0, are just those of the cells beyond it: no point of a lattice lies on an edge, and
    unrounded values that do belong to the cell farther out. Cells without a point of the lattice stay, with
    probability 0 and ``low == high``: every finite value is in some cell.

    Attributes
    ----------
    dtype : str
        Storage format of the counts.
    order : numpy.ndarray of intp
        Codes of the finite values, ascending by value.
    start : numpy.ndarray of intp
        Shape ``(count,)``: where in `order` each cell begins.
    log_p, log_lower, log_upper : numpy.ndarray of float64
        Shape ``(count,)``: natural logarithm of the probability of each cell, of all up to it, and of it and
        all above. Relative error of each probability below 1e-12 out to 40 deviations.
    low, high : numpy.ndarray of float64
        Shape ``(count,)``: edges, in units of the data; the outermost are infinite.
    """

    dtype: str
    order: NDArray[np.intp]
    start: NDArray[np.intp]
    log_p: NDArray[np.float64]
    log_lower: NDArray[np.float64]
    log_upper: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @property
    def count(self) -> int:
        """Number of cells."""
        return int(self.start.size)

    def observed(self, counts: Counts) -> NDArray[np.int64]:
        """Finite values in each cell, shape ``(..., count)``: leading axes as those of the count table.

        Raises
        ------
        ArgumentError
            For counts of another storage format.
        """
        if counts.dtype != self.dtype:
            msg = f"these are cells of {self.dtype}, but the counts are of {counts.dtype}; use its cells"
            raise ArgumentError(msg)
        total: NDArray[np.int64] = np.add.reduceat(counts.table[..., self.order], self.start, axis=-1)
        return total


@lru_cache(maxsize=8)
def cells(dtype: str, lattice: str | None, scale: float = 1.0) -> Cells:
    """Cells of the count table of a storage format, and their probabilities under H0.

    Parameters
    ----------
    dtype : str
        Storage format: ``float32``, ``bfloat16`` …
    lattice : str or None
        Lattice that the values were rounded to. 8- and 16-bit storage rounds to its own without being told.
    scale : float
        Standard deviation before rounding, positive.

    Returns
    -------
    Cells
        8- and 16-bit storage: one cell a value, bounded by the midpoints to its neighbours; -0 and 0 share
        one. float32 and float64: one cell for each pattern of the upper 16 bits of a float32, ``[v, v')``
        with v' the next bfloat16 value away from 0; of a lattice in such storage, the points in it (and -0
        and 0 share a cell).

    Raises
    ------
    ArgumentError
        Unknown format or lattice, or a scale that is no positive number.
    """
    if not (np.isfinite(scale) and scale > 0):
        msg = f"scale {scale!r} is not a positive number"
        raise ArgumentError(msg)
    fmt = float_format(dtype)
    table = decode_table(dtype if fmt.bits <= 16 else "bfloat16").astype(np.float64)
    finite = np.flatnonzero(np.isfinite(table))
    # By value, and -0 before 0.
    order = finite[np.lexsort((~np.signbit(table[finite]), table[finite]))]
    value = table[order]
    own = lattice_of_format(dtype)
    if lattice is None and own is None:
        start = np.arange(order.size)
        low, high = _truncation_edges(value)
        log_p = _log_between(low / scale, high / scale)
    else:
        # A cell a value: the two zeros are one.
        start = np.flatnonzero(np.diff(value, prepend=-np.inf))
        of = Lattice(lattice or own or "")
        holder = _holders(of, value[start], own)
        low, high = _lattice_edges(of, holder, start.size)
        log_p = np.full(start.size, -np.inf)
        first = np.flatnonzero(np.diff(holder, prepend=-1))
        log_p[holder[first]] = np.logaddexp.reduceat(of.log_probabilities(scale), first)
    upper, lower = log_upper_tail(low / scale), log_lower_tail(high / scale)
    arrays = (order.astype(np.intp), start.astype(np.intp), log_p, lower, upper, low, high)
    for array in arrays:
        array.flags.writeable = False
    return Cells(dtype, *arrays)


def _truncation_edges(value: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Edges of cells that reach from a value away from 0 to the next one; the outermost to infinity."""
    negative = np.signbit(value)
    low = np.where(negative, np.concatenate(([-np.inf], value[:-1])), value)
    high = np.where(negative, value, np.concatenate((value[1:], [np.inf])))
    return low, high


def _holders(lattice: Lattice, value: NDArray[np.float64], own: str | None) -> NDArray[np.intp]:
    """Cell that each point of a lattice is counted in, ascending."""
    points = lattice.points
    if own is not None:
        # Storage that lacks a point rounds it once more.
        return np.searchsorted(value, Lattice(own).round(points))
    # The upper 16 bits: the next value towards 0.
    return np.where(
        points < 0, np.searchsorted(value, points, "left"), np.searchsorted(value, points, "right") - 1
    )


def _lattice_edges(
    lattice: Lattice, holder: NDArray[np.intp], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Edges around the points of each cell; without any, twice the edge that lies there."""
    edges = np.concatenate(([-np.inf], lattice.edges, [np.inf]))
    high = edges[np.searchsorted(holder, np.arange(count), "right")]
    return np.concatenate(([-np.inf], high[:-1])), high


def _log_between(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log of P(low < Z < high) for intervals that do not contain 0 inside, Z ~ N(0, 1).

    For ends with |high - low| > 2**-8 |low| neither form cancels more than some bits: a difference of error
    functions below 1, ``log Q(a) + log(1 - Q(b)/Q(a))`` from there on.
    """
    near = np.minimum(np.abs(low), np.abs(high))
    far = np.maximum(np.abs(low), np.abs(high))
    inner = near < 1.0
    result = np.empty_like(near)
    result[inner] = np.log(0.5 * (erf(far[inner] * _ROOT_HALF) - erf(near[inner] * _ROOT_HALF)))
    with np.errstate(over="ignore", invalid="ignore"):
        tail = log_upper_tail(near[~inner])
        step = log_upper_tail(far[~inner]) - tail
        # So far out that squares leave the range of doubles a cell has probability 0.
        result[~inner] = np.where(np.isneginf(tail), -np.inf, tail + np.log(-np.expm1(step)))
    return result
