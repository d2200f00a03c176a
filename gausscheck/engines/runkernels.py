"""Compiled loops that hash overlapping windows; importing this module imports Numba.

The definitions are those of :mod:`gausscheck.engines.runs`.
"""

# ruff: noqa: PLR0917 - kernels take their arguments by position, as compiled code does

from __future__ import annotations

import numpy as np

from gausscheck.engines.base import GOLDEN
from gausscheck.engines.hashkernels import mix32, mix64
from gausscheck.engines.kernels import jit
from gausscheck.engines.runs import LEAST_DIFFERENT

__all__ = ["PIECE", "runs_narrow", "runs_wide"]

PIECE = 1024
"""Windows hashed together: their tables and sums stay in the first-level cache."""

_GROUP = 64  # hashes looked at together: mostly none of them is small enough

_GOLDEN = np.uint64(GOLDEN)


@jit()
def _narrow_terms(patterns, negative_zero, power, terms):  # type: ignore[no-untyped-def]
    for i in range(patterns.size):
        p = np.uint32(patterns[i])
        p = np.uint32(0) if p == negative_zero else p
        terms[i] = np.uint64(mix32(p)) * power[i]


@jit()
def _wide_terms(patterns, negative_zero, power, terms):  # type: ignore[no-untyped-def]
    for i in range(patterns.size):
        z = np.uint64(0) if patterns[i] == negative_zero else patterns[i]
        terms[i] = mix64(z + _GOLDEN) * power[i]


@jit()
def _add_up(terms, n, sums):  # type: ignore[no-untyped-def]
    """Sums of the terms before each place."""
    total = np.uint64(0)
    for i in range(n):
        sums[i] = total
        total += terms[i]
    sums[n] = total


@jit()
def _window_hashes(early, late, inverse, hashes):  # type: ignore[no-untyped-def]
    for i in range(early.size):
        hashes[i] = mix64((late[i] - early[i]) * inverse[i])


@jit()
def _count_small(hashes, largest):  # type: ignore[no-untyped-def]
    count = 0
    for i in range(hashes.size):
        count += 1 if hashes[i] <= largest else 0
    return count


@jit()
def _various(patterns, negative_zero, begin, length):  # type: ignore[no-untyped-def]
    """Whether a window has enough different values; -0 is 0."""
    # The first four of noise differ mostly.
    a, b, c, d = patterns[begin], patterns[begin + 1], patterns[begin + 2], patterns[begin + 3]
    zeros = (a == 0) | (b == 0) | (c == 0) | (d == 0)
    if (a != b) & (a != c) & (a != d) & (b != c) & (b != d) & (c != d) & (not zeros):
        return True
    different = 0
    for i in range(begin, begin + length):
        new = True
        for j in range(begin, i):
            both_zero = (patterns[i] == 0 or patterns[i] == negative_zero) and (
                patterns[j] == 0 or patterns[j] == negative_zero
            )
            if patterns[j] == patterns[i] or both_zero:
                new = False
                break
        if new:
            different += 1
            if different == LEAST_DIFFERENT:
                return True
    return False


@jit()
def _choose(  # type: ignore[no-untyped-def]
    patterns, length, negative_zero, hashes, largest, begin, few, found, kept, places
):
    """Windows of a piece whose hash is small, after those found before; how many are found then."""
    for low in range(0, hashes.size, _GROUP):
        high = min(low + _GROUP, hashes.size)
        if _count_small(hashes[low:high], largest) == 0:
            continue
        some = 0
        for i in range(low, high):
            few[some] = i
            some += 1 if hashes[i] <= largest else 0
        for k in range(some):
            i = few[k]
            if _various(patterns, negative_zero, i, length):
                # Of those that there is no room for the number alone is told.
                if found < kept.size:
                    kept[found] = hashes[i]
                    places[found] = begin + i
                found += 1
    return found


@jit()
def runs_narrow(  # type: ignore[no-untyped-def]
    data, length, negative_zero, tables, largest, start, stop, kept, places, counts
):
    """Windows of pieces `start` to `stop` of patterns of at most 32 bits whose hash is small; their number.

    Parameters
    ----------
    data : (B, D) unsigned integers
    length : int
        Values in a window, at most D.
    negative_zero : uint32
        Pattern of -0.
    tables : (2, PIECE + length) uint64
        ``c**i`` and ``c**-i``.
    largest : uint64
        Largest mixed hash that is kept.
    start, stop : int
        Pieces: row after row, each row in pieces of PIECE windows.
    kept, places : uint64, int64
        Result: mixed hashes, and where in their row these windows start; as many as there is room for.
    counts : (pieces,) int64
        Result: windows kept of each piece.
    """
    windows = data.shape[1] - length + 1
    pieces = (windows + PIECE - 1) // PIECE
    room = tables.shape[1]
    terms, sums, hashes = np.empty(room, np.uint64), np.empty(room, np.uint64), np.empty(room, np.uint64)
    few = np.empty(_GROUP, np.int64)
    found = 0
    for piece in range(start, stop):
        begin = (piece % pieces) * PIECE
        n = min(PIECE, windows - begin)
        m = n + length - 1
        patterns = data[piece // pieces, begin : begin + m]
        _narrow_terms(patterns, negative_zero, tables[0], terms)
        _add_up(terms, m, sums)
        _window_hashes(sums[:n], sums[length : length + n], tables[1, :n], hashes[:n])
        before = found
        found = _choose(patterns, length, negative_zero, hashes[:n], largest, begin, few, found, kept, places)
        counts[piece] = found - before
    return found


@jit()
def runs_wide(  # type: ignore[no-untyped-def]
    data, length, negative_zero, tables, largest, start, stop, kept, places, counts
):
    """As :func:`runs_narrow`, of patterns of 64 bits."""
    windows = data.shape[1] - length + 1
    pieces = (windows + PIECE - 1) // PIECE
    room = tables.shape[1]
    terms, sums, hashes = np.empty(room, np.uint64), np.empty(room, np.uint64), np.empty(room, np.uint64)
    few = np.empty(_GROUP, np.int64)
    found = 0
    for piece in range(start, stop):
        begin = (piece % pieces) * PIECE
        n = min(PIECE, windows - begin)
        m = n + length - 1
        patterns = data[piece // pieces, begin : begin + m]
        _wide_terms(patterns, negative_zero, tables[0], terms)
        _add_up(terms, m, sums)
        _window_hashes(sums[:n], sums[length : length + n], tables[1, :n], hashes[:n])
        before = found
        found = _choose(patterns, length, negative_zero, hashes[:n], largest, begin, few, found, kept, places)
        counts[piece] = found - before
    return found
