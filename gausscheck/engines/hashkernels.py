"""Compiled loops that hash values; importing this module imports Numba.

The definitions are those of :mod:`gausscheck.engines.hashes`.
"""

# ruff: noqa: PLR0917 - kernels take their arguments by position, as compiled code does

from __future__ import annotations

import numpy as np

from gausscheck.engines.base import GOLDEN, MIX_FIRST, MIX_SECOND
from gausscheck.engines.hashes import FINAL_FIRST, FINAL_SECOND, OFFSET
from gausscheck.engines.kernels import BLOCK, CHUNK, jit

__all__ = ["STEP", "bottom", "hash_narrow", "hash_wide", "mix32", "mix64"]

STEP = 64  # values added up before their sum is multiplied by a power of its own

_OFFSET, _FINAL_FIRST, _FINAL_SECOND = np.uint32(OFFSET), np.uint32(FINAL_FIRST), np.uint32(FINAL_SECOND)
_GOLDEN, _FIRST, _SECOND = np.uint64(GOLDEN), np.uint64(MIX_FIRST), np.uint64(MIX_SECOND)


@jit()
def mix32(z):  # type: ignore[no-untyped-def]
    """As :func:`gausscheck.engines.hashes.mix32`, of one pattern."""
    z = np.uint32(z + _OFFSET)
    z = np.uint32((z ^ (z >> np.uint32(16))) * _FINAL_FIRST)
    z = np.uint32((z ^ (z >> np.uint32(13))) * _FINAL_SECOND)
    return z ^ (z >> np.uint32(16))


@jit()
def mix64(z):  # type: ignore[no-untyped-def]
    """As :func:`gausscheck.engines.base.mix`, of one number."""
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


@jit()
def _narrow_sum(patterns, negative_zero, table):  # type: ignore[no-untyped-def]
    total = np.uint64(0)
    for i in range(patterns.size):
        p = np.uint32(patterns[i])
        p = np.uint32(0) if p == negative_zero else p
        total += np.uint64(mix32(p)) * table[i]
    return total


@jit()
def _wide_sum(patterns, negative_zero, table):  # type: ignore[no-untyped-def]
    total = np.uint64(0)
    for i in range(patterns.size):
        z = np.uint64(0) if patterns[i] == negative_zero else patterns[i]
        total += mix64(z + _GOLDEN) * table[i]
    return total


@jit()
def hash_narrow(data, length, negative_zero, table, factor, start, stop, out):  # type: ignore[no-untyped-def]
    """Hash blocks `start` to `stop` of patterns of at most 32 bits.

    Parameters
    ----------
    data : (B, D) unsigned integers
    length : int
        Values in a block; the last one of a row may be shorter.
    negative_zero : uint32
        Pattern of -0.
    table : (STEP,) uint64
        ``c**i``; `factor` is ``c**STEP``.
    start, stop : int
        Blocks, row after row.
    out : (B, blocks of a row) uint64
        Result.
    """
    size = data.shape[1]
    blocks = (size + length - 1) // length
    for k in range(start, stop):
        row = k // blocks
        begin = (k % blocks) * length
        end = min(begin + length, size)
        total = np.uint64(0)
        power = np.uint64(1)
        for low in range(begin, end, STEP):
            total += _narrow_sum(data[row, low : min(low + STEP, end)], negative_zero, table) * power
            power *= factor
        out[row, k % blocks] = total


@jit()
def hash_wide(data, length, negative_zero, table, factor, start, stop, out):  # type: ignore[no-untyped-def]
    """As :func:`hash_narrow`, of patterns of 64 bits."""
    size = data.shape[1]
    blocks = (size + length - 1) // length
    for k in range(start, stop):
        row = k // blocks
        begin = (k % blocks) * length
        end = min(begin + length, size)
        total = np.uint64(0)
        power = np.uint64(1)
        for low in range(begin, end, STEP):
            total += _wide_sum(data[row, low : min(low + STEP, end)], negative_zero, table) * power
            power *= factor
        out[row, k % blocks] = total


_GROUP = 64  # marks looked at together: of large data mostly none of them is small enough


@jit()
def _mix_block(patterns, mixed):  # type: ignore[no-untyped-def]
    for i in range(patterns.size):
        p = patterns[i]
        p = np.uint32(0) if p == np.uint32(0x80000000) else p
        mixed[i] = mix32(p)


@jit()
def bottom(data, singles, patterns, mixed, largest, start, stop, out):  # type: ignore[no-untyped-def]
    """Values of pieces `start` to `stop` whose mixed float32 pattern is at most `largest`; their number.

    Parameters
    ----------
    data : (B, D) float32 or float64
    singles, patterns, mixed : (BLOCK,) float32, uint32, uint32
        Scratch; the first two are one memory under two types.
    largest : uint32
    start, stop : int
        Pieces: row after row, each row in pieces of CHUNK values.
    out : float64
        Result; one place more than there are values in these pieces.
    """
    size = data.shape[1]
    pieces = (size + CHUNK - 1) // CHUNK
    found = 0
    for piece in range(start, stop):
        row = piece // pieces
        begin = (piece % pieces) * CHUNK
        end = min(begin + CHUNK, size)
        for low in range(begin, end, BLOCK):
            n = min(low + BLOCK, end) - low
            values = data[row, low : low + n]
            for i in range(n):
                singles[i] = np.float32(values[i])
            _mix_block(patterns[:n], mixed[:n])
            for first in range(0, n, _GROUP):
                last = min(first + _GROUP, n)
                if _count_small(mixed[first:last], largest) == 0:
                    continue
                for i in range(first, last):
                    out[found] = np.float64(values[i]) + 0.0
                    found += 1 if mixed[i] <= largest else 0
    return found


@jit()
def _count_small(mixed, largest):  # type: ignore[no-untyped-def]
    count = 0
    for i in range(mixed.size):
        count += 1 if mixed[i] <= largest else 0
    return count
