"""Edges of cells at which distributions are compared, for each way of storing values."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gausscheck.errors import ArgumentError
from gausscheck.nulls.anderson_darling import AndersonDarlingGrid
from gausscheck.nulls.cells import cells
from gausscheck.nulls.grid_kolmogorov import Grid

__all__ = ["anderson_darling_grid", "kolmogorov_grid", "thinned"]

_FINEST, _COARSEST = 2.0**-10, 2.0**-6


def thinned(below: NDArray[np.float64], gap: float) -> NDArray[np.intp]:
    """Which of ascending points of (0, 1) to keep so that neighbours, 0 and 1 are at least `gap` apart."""
    kept: list[int] = []
    last = 0.0
    while last + gap <= 1 - gap:
        place = int(np.searchsorted(below, last + gap))
        if place == below.size or below[place] > 1 - gap:
            break
        kept.append(place)
        last = float(below[place])
    return np.array(kept, dtype=np.intp)


@lru_cache(maxsize=16)
def kolmogorov_grid(dtype: str, lattice: str | None, scale: float) -> tuple[NDArray[np.intp], Grid | None]:
    """Edges that Kolmogorov's distance is taken at.

    Neighbours are at least 1/1024 of the mass apart, or an eighth of the most probable cell up to 1/64: in
    between, the distances differ by a hundredth of their size.

    Parameters
    ----------
    dtype, lattice, scale
        As of :func:`~gausscheck.nulls.cells.cells`.

    Returns
    -------
    kept : numpy.ndarray of intp
        Cells whose upper edge is used, ascending.
    grid : Grid or None
        F at these edges; None where nearly all values fall into one cell.
    """
    of = cells(dtype, lattice, scale)
    gap = min(max(_FINEST, float(np.exp(of.log_p.max())) / 8), _COARSEST)
    below = np.exp(of.log_lower)
    kept = thinned(below, gap)
    return kept, Grid(below[kept]) if kept.size else None


@lru_cache(maxsize=16)
def anderson_darling_grid(dtype: str, lattice: str | None, scale: float) -> AndersonDarlingGrid | None:
    """Edges of Anderson and Darling's statistic, by number of the cell below; None where there are none."""
    of = cells(dtype, lattice, scale)
    try:
        return AndersonDarlingGrid(of.log_lower[:-1], of.log_upper[1:])
    except ArgumentError:
        return None
