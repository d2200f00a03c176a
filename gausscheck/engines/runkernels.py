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
    patterns, length, negative_zero, hashes, largest, row, begin, few, found, kept, rows, places
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
                kept[found] = hashes[i]
                rows[found] = row
                places[found] = begin + i
                found += 1
    return found


@jit()
def runs_narrow(  # type: ignore[no-untyped-def]
    data,
    length,
    negative_zero,
    power,
    inverse,
    terms,
    sums,
    hashes,
    few,
    largest,
    start,
    stop,
    kept,
    rows,
    places,
):
    """Windows of pieces `start` to `stop` of patterns of at most 32 bits whose hash is small; their number.

    Parameters
    ----------
    data : (B, D) unsigned integers
    length : int
        Values in a window, at most D.
    negative_zero : uint32
        Pattern of -0.
    power, inverse : (PIECE + length,) uint64
        ``c**i`` and ``c**-i``.
    terms, sums, hashes, few : (PIECE + length,) uint64, the last one int64
        Scratch.
    largest : uint64
        Largest mixed hash that is kept.
    start, stop : int
        Pieces: row after row, each row in pieces of PIECE windows.
    kept : uint64
        Result: mixed hashes; room for all windows of these pieces.
    rows, places : int64
        Result: where each of them starts.
    """
    windows = data.shape[1] - length + 1
    pieces = (windows + PIECE - 1) // PIECE
    found = 0
    for piece in range(start, stop):
        row = piece // pieces
        begin = (piece % pieces) * PIECE
        n = min(PIECE, windows - begin)
        m = n + length - 1
        patterns = data[row, begin : begin + m]
        _narrow_terms(patterns, negative_zero, power, terms)
        _add_up(terms, m, sums)
        _window_hashes(sums[:n], sums[length : length + n], inverse[:n], hashes[:n])
        found = _choose(
            patterns, length, negative_zero, hashes[:n], largest, row, begin, few, found, kept, rows, places
        )
    return found


@jit()
def runs_wide(  # type: ignore[no-untyped-def]
    data,
    length,
    negative_zero,
    power,
    inverse,
    terms,
    sums,
    hashes,
    few,
    largest,
    start,
    stop,
    kept,
    rows,
    places,
):
    """As :func:`runs_narrow`, of patterns of 64 bits."""
    windows = data.shape[1] - length + 1
    pieces = (windows + PIECE - 1) // PIECE
    found = 0
    for piece in range(start, stop):
        row = piece // pieces
        begin = (piece % pieces) * PIECE
        n = min(PIECE, windows - begin)
        m = n + length - 1
        patterns = data[row, begin : begin + m]
        _wide_terms(patterns, negative_zero, power, terms)
        _add_up(terms, m, sums)
        _window_hashes(sums[:n], sums[length : length + n], inverse[:n], hashes[:n])
        found = _choose(
            patterns, length, negative_zero, hashes[:n], largest, row, begin, few, found, kept, rows, places
        )
    return found
