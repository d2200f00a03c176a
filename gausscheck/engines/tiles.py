"""One pass over values in tiles, so that the memory beside the data is bounded."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.arrays import Values
from gausscheck.summaries import Extremes, Moments, Nonfinite, OnePass

__all__ = ["pass_in_tiles"]


def pass_in_tiles(values: Values, tile: int, reduce: Callable[[Values], OnePass]) -> OnePass:
    """One pass by a function that takes a tile as a whole.

    Parameters
    ----------
    values : Values
        Shape ``(B, D)``, zero sizes allowed.
    tile : int
        Values of a tile: whole rows, or a piece of one.
    reduce : callable
        Summary of a tile.
    """
    rows, size = values.shape
    step = max(1, tile // max(size, 1))
    parts = [
        _strip(values.like(values.data[start : start + step]), tile, reduce) for start in range(0, rows, step)
    ]
    return _stack(parts) if parts else reduce(values)


def _strip(strip: Values, tile: int, reduce: Callable[[Values], OnePass]) -> OnePass:
    """One pass over whole rows, in tiles of columns."""
    size = strip.shape[1]
    edges = [*range(0, size, tile), size] if size else [0, 0]
    parts = (reduce(strip.columns(low, high)).shifted(low) for low, high in pairwise(edges))
    whole = next(parts)
    for part in parts:
        whole = whole.merge(part)
    return whole


def _stack(parts: list[OnePass]) -> OnePass:
    def join(*fields: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate(fields, axis=0)

    return OnePass(
        Moments(join(*(p.moments.n for p in parts)), join(*(p.moments.sums for p in parts))),
        Extremes(join(*(p.extremes.low for p in parts)), join(*(p.extremes.high for p in parts))),
        Nonfinite(
            join(*(p.nonfinite.nan for p in parts)),
            join(*(p.nonfinite.posinf for p in parts)),
            join(*(p.nonfinite.neginf for p in parts)),
            join(*(p.nonfinite.first for p in parts)),
        ),
    )
