r"""Hashes of overlapping windows, of which a fraction is kept by content: definitions, and the plain way.

The window of `length` values that starts at place i has the hash of :mod:`gausscheck.engines.hashes`,

.. math:: h_i = \sum_{j<length} m(b_{i+j}) \, c^j = c^{-i} (S_{i+length} - S_i) \bmod 2^{64},
          \qquad S_i = \sum_{k<i} m(b_k) \, c^k,

so that all windows cost a prefix sum and two products a value: c is odd and has an inverse. Kept are those
whose mixed hash is small. That depends on the contents alone, so that equal stretches keep equal windows
wherever they stand (content-defined sampling: Manber 1994, USENIX Winter, "Finding similar files in a large
file system"; Schleimer, Wilkerson, Aiken 2003, SIGMOD, "Winnowing").

Windows of fewer than :data:`LEAST_DIFFERENT` different values are left out: zeros, padding, clipping and
signs repeat without being copies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gausscheck.arrays import Values
from gausscheck.engines.base import checked_rows, mix
from gausscheck.engines.hashes import MULTIPLIER, geometric, mixed_patterns, patterns_of, powers
from gausscheck.errors import ArgumentError

__all__ = ["LEAST_DIFFERENT", "Windows", "checked_runs", "inverse_powers", "plain_runs"]

LEAST_DIFFERENT = 4
"""Different values that a window must have to be kept."""

Windows = tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]
"""Mixed hashes, rows, and places within a row."""

_TILE = 2**18
_MOST_HALVINGS = 63


def checked_runs(values: Values, length: int, halvings: int) -> int:
    """Windows in a row; raise unless the arguments fit :meth:`gausscheck.engines.base.Engine.runs`."""
    if length < LEAST_DIFFERENT:
        msg = f"a window has at least {LEAST_DIFFERENT} values, got length {length}"
        raise ArgumentError(msg)
    if not 0 <= halvings <= _MOST_HALVINGS:
        msg = f"a fraction of 2**-halvings needs 0 <= halvings <= {_MOST_HALVINGS}, got {halvings}"
        raise ArgumentError(msg)
    return max(checked_rows(values).shape[1] - length + 1, 0)


def inverse_powers(count: int) -> NDArray[np.uint64]:
    """``c**-k`` modulo 2**64 for k below `count`."""
    return geometric(pow(MULTIPLIER, -1, 2**64), count)


def plain_runs(values: Values, length: int, halvings: int) -> Windows:
    """See :meth:`gausscheck.engines.base.Engine.runs`."""
    windows = checked_runs(values, length, halvings)
    largest = np.uint64(2 ** (64 - halvings) - 1)
    rows, size = values.shape
    step = max(1, _TILE // max(size, 1))
    found: list[Windows] = [(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64))]
    inverse = inverse_powers(min(windows, _TILE))
    for start in range(0, rows, step):
        for low in range(0, windows, _TILE):
            high = min(low + _TILE, windows)
            patterns = patterns_of(values.data[start : start + step, low : high + length - 1])
            sums = np.zeros((patterns.shape[0], patterns.shape[1] + 1), np.uint64)
            terms = mixed_patterns(patterns) * powers(np.arange(patterns.shape[1]))
            np.cumsum(terms, axis=1, out=sums[:, 1:])
            hashes = mix((sums[:, length:] - sums[:, :-length]) * inverse[: high - low])
            row, place = np.nonzero(hashes <= largest)
            held = patterns[row[:, np.newaxis], place[:, np.newaxis] + np.arange(length)]
            held.sort(axis=1)
            various = np.count_nonzero(held[:, 1:] != held[:, :-1], axis=1) >= LEAST_DIFFERENT - 1
            row, place = row[various], place[various]
            found.append((hashes[row, place], row + start, place + low))
    hashes_found, rows_found, places_found = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return hashes_found, rows_found, places_found
