"""Compiled loops of the Numba engine; importing this module imports Numba.

Every kernel releases the interpreter lock and works on a range of *pieces*, so that threads split the range
and the result does not depend on how many there are.
"""

# ruff: noqa: PLR0917 - kernels take their arguments by position, as compiled code does

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba as nb
import numpy as np

from gausscheck.engines.base import GOLDEN, MIX_FIRST, MIX_SECOND

__all__ = [
    "BFLOAT",
    "BLOCK",
    "CHUNK",
    "HALF",
    "TABLE",
    "count",
    "decode",
    "group_rows",
    "jit",
    "pass_codes",
    "pass_floats",
    "shuffle",
]

BLOCK = 1024  # values kept in the first-level cache between reading, decoding and summing
CHUNK = 65536  # values in one piece of a sample: the unit of work of a thread

HALF, BFLOAT, TABLE = 1, 2, 3
"""How a code is read: the pattern of a float16, of a bfloat16, an index into a table."""

_SCALE, _UNSCALE = 2.0**-64, 2.0**64
_LARGEST = float(np.finfo(np.float64).max)
_GOLDEN, _FIRST, _SECOND = np.uint64(GOLDEN), np.uint64(MIX_FIRST), np.uint64(MIX_SECOND)
_LOW = np.uint64(0xFFFFFFFF)

# Sums may be reassociated (that is what vectors do); NaN and infinity keep their meaning.
_SUM_MATH = {"contract", "reassoc", "nsz"}


def jit(fastmath: set[str] | bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Decorator: compile a kernel at its first use, keep it on disk if that can be, release the lock."""
    options: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "boundscheck": False,
        "fastmath": fastmath,
    }

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return nb.njit(cache=True, **options)(function)
        except RuntimeError as error:
            # Numba's word for: neither the package's nor the user's cache folder can be written.
            if "cannot cache" not in str(error):
                raise
            return nb.njit(**options)(function)

    return decorate


@jit()
def _load(source, kind, table, values, patterns):  # type: ignore[no-untyped-def]
    """Decode `source` into `values`, whose bit patterns are `patterns`."""
    if kind == HALF:
        # Three plain loops vectorise where one that mixes both types of the same memory does not.
        for i in range(source.size):
            code = np.uint32(source[i])
            patterns[i] = ((code & np.uint32(0x8000)) << np.uint32(16)) | (
                (code & np.uint32(0x7FFF)) << np.uint32(13)
            )
        # Read as float32 the exponent is short by 112: a product repairs it, subnormals included.
        for i in range(source.size):
            values[i] = values[i] * np.float32(2.0**112)
        # What is 65536 or more now had the top exponent: infinity or NaN.
        for i in range(source.size):
            p = patterns[i]
            special = (p & np.uint32(0x7FFFFFFF)) >= np.uint32(0x47800000)
            patterns[i] = p | np.uint32(0x7F800000) if special else p
    elif kind == BFLOAT:
        for i in range(source.size):
            patterns[i] = np.uint32(source[i]) << np.uint32(16)
    else:
        for i in range(source.size):
            values[i] = table[np.int64(source[i]) & 255]


@jit(fastmath=_SUM_MATH)
def _add_powers(x, sums):  # type: ignore[no-untyped-def]
    a1 = a2 = a3 = a4 = a5 = a6 = a7 = a8 = 0.0
    for i in range(x.size):
        v = np.float64(x[i])
        v2 = v * v
        v3 = v2 * v
        v4 = v2 * v2
        a1 += v
        a2 += v2
        a3 += v3
        a4 += v4
        a5 += v4 * v
        a6 += v4 * v2
        a7 += v4 * v3
        a8 += v4 * v4
    sums[0] += a1
    sums[1] += a2
    sums[2] += a3
    sums[3] += a4
    sums[4] += a5
    sums[5] += a6
    sums[6] += a7
    sums[7] += a8


@jit()
def _add_finite(x, scale, sums, extremes, tally, offset):  # type: ignore[no-untyped-def]
    """Add power sums value by value, powers clamped and times `scale`; tally what is not finite."""
    partial = np.zeros(8)
    for i in range(x.size):
        v = np.float64(x[i])
        if np.isfinite(v):
            extremes[0] = min(extremes[0], v)
            extremes[1] = max(extremes[1], v)
            power = 1.0
            for k in range(8):
                power = min(max(power * v, -_LARGEST), _LARGEST)
                partial[k] += power * scale
        else:
            if tally[3] < 0:
                tally[3] = offset + i
            if np.isnan(v):
                tally[0] += 1
            elif v > 0:
                tally[1] += 1
            else:
                tally[2] += 1
    for k in range(8):
        sums[k] += partial[k]


@jit()
def _ordered_range(patterns, sign, magnitude):  # type: ignore[no-untyped-def]
    """Smallest and largest pattern as integers in the order of the floats, NaN outermost.

    Integers, because a float minimum that must respect NaN does not vectorise.
    """
    low = magnitude
    high = ~magnitude
    for i in range(patterns.size):
        p = patterns[i]
        ordered = p ^ ((p >> sign) & magnitude)
        low = min(low, ordered)
        high = max(high, ordered)
    return low, high


@jit()
def _reduce(x, bits, order, lone, lone_bits, careful, sums, extremes, tally, offset):  # type: ignore[no-untyped-def]
    """Reduce one block; the fast sums only where every value of the block is finite."""
    sign, magnitude, infinity = order
    if careful:
        _add_finite(x, _SCALE, sums, extremes, tally, offset)
        return
    low, high = _ordered_range(bits, sign, magnitude)
    if high >= infinity or low <= ~infinity:
        _add_finite(x, 1.0, sums, extremes, tally, offset)
        return
    _add_powers(x, sums)
    lone_bits[0] = low ^ ((low >> sign) & magnitude)
    extremes[0] = min(extremes[0], np.float64(lone[0]))
    lone_bits[0] = high ^ ((high >> sign) & magnitude)
    extremes[1] = max(extremes[1], np.float64(lone[0]))


@jit()
def _unscale(sums):  # type: ignore[no-untyped-def]
    for k in range(8):
        sums[k] = min(max(sums[k] * _UNSCALE, -_LARGEST), _LARGEST)


@jit()
def pass_floats(data, bits, order, lone, lone_bits, start, stop, sums, extremes, tally):  # type: ignore[no-untyped-def]
    """Reduce pieces `start` to `stop` of floats: power sums, extremes, non-finite tally of each piece.

    Parameters
    ----------
    data, bits : (B, D) floats, and the same memory as signed integers
    order : tuple of int
        Shift that leaves the sign bit, mask of the other bits, pattern of +infinity.
    lone, lone_bits : (1,)
        Scratch of the types of `data` and `bits`, in the same memory.
    start, stop : int
        Pieces: row after row, each row in pieces of CHUNK values.
    sums : (pieces, 8) float64; extremes : (pieces, 2) float64; tally : (pieces, 4) int64
        Results, set here; tally is NaN, +inf, -inf and the index within the row of the first one.
    """
    size = data.shape[1]
    pieces = (size + CHUNK - 1) // CHUNK
    for piece in range(start, stop):
        row = piece // pieces
        begin = (piece % pieces) * CHUNK
        end = min(begin + CHUNK, size)
        for careful in (False, True):
            _clear(sums[piece], extremes[piece], tally[piece])
            for low in range(begin, end, BLOCK):
                high = min(low + BLOCK, end)
                _reduce(
                    data[row, low:high], bits[row, low:high], order, lone, lone_bits, careful,
                    sums[piece], extremes[piece], tally[piece], low,
                )  # fmt: skip
            if careful:
                _unscale(sums[piece])
            elif np.all(np.isfinite(sums[piece])):
                break


@jit()
def pass_codes(  # type: ignore[no-untyped-def]
    data, kind, table, values, unsigned, signed, order, start, stop, sums, extremes, tally
):
    """Reduce pieces of 8- and 16-bit values, decoded block by block in cache; else as :func:`pass_floats`.

    Parameters
    ----------
    data : (B, D) codes
    kind : int
        HALF, BFLOAT or TABLE.
    table : (256,) float32
        Values of 8-bit codes.
    values, unsigned, signed : (BLOCK + 1,) float32, uint32, int32
        Scratch: one memory under three types.
    """
    size = data.shape[1]
    pieces = (size + CHUNK - 1) // CHUNK
    lone, lone_bits = values[BLOCK:], signed[BLOCK:]
    for piece in range(start, stop):
        row = piece // pieces
        begin = (piece % pieces) * CHUNK
        end = min(begin + CHUNK, size)
        for careful in (False, True):
            _clear(sums[piece], extremes[piece], tally[piece])
            for low in range(begin, end, BLOCK):
                n = min(low + BLOCK, end) - low
                _load(data[row, low : low + n], kind, table, values[:n], unsigned[:n])
                _reduce(
                    values[:n], signed[:n], order, lone, lone_bits, careful,
                    sums[piece], extremes[piece], tally[piece], low,
                )  # fmt: skip
            if careful:
                _unscale(sums[piece])
            elif np.all(np.isfinite(sums[piece])):
                break


@jit()
def _clear(sums, extremes, tally):  # type: ignore[no-untyped-def]
    sums[:] = 0.0
    extremes[0] = np.inf
    extremes[1] = -np.inf
    tally[:] = 0
    tally[3] = -1


@jit()
def decode(data, kind, table, unsigned, start, stop, out):  # type: ignore[no-untyped-def]
    """Decode pieces `start` to `stop` into `out`, (B, D) float32; `unsigned` is the same memory as uint32."""
    size = data.shape[1]
    pieces = (size + CHUNK - 1) // CHUNK
    for piece in range(start, stop):
        row = piece // pieces
        begin = (piece % pieces) * CHUNK
        end = min(begin + CHUNK, size)
        for low in range(begin, end, BLOCK):
            high = min(low + BLOCK, end)
            _load(data[row, low:high], kind, table, out[row, low:high], unsigned[row, low:high])


@jit()
def count(data, start, stop, tables):  # type: ignore[no-untyped-def]
    """Tally the codes of pieces `start` to `stop`; `tables` (4, patterns) uint32 are added up by the caller.

    Neighbouring values go to different tables: a repeated code need not wait for its last increment.
    """
    size = data.shape[1]
    pieces = (size + CHUNK - 1) // CHUNK
    for piece in range(start, stop):
        row = piece // pieces
        begin = (piece % pieces) * CHUNK
        codes = data[row, begin : min(begin + CHUNK, size)]
        quads = codes.size // 4 * 4
        for i in range(0, quads, 4):
            tables[0, codes[i]] += np.uint32(1)
            tables[1, codes[i + 1]] += np.uint32(1)
            tables[2, codes[i + 2]] += np.uint32(1)
            tables[3, codes[i + 3]] += np.uint32(1)
        for i in range(quads, codes.size):
            tables[0, codes[i]] += np.uint32(1)


@jit()
def _mix(z):  # type: ignore[no-untyped-def]
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


@jit()
def _draw(state, start, targets):  # type: ignore[no-untyped-def]
    """Fisher-Yates draws for positions `start` and on: a loop of its own, so that it vectorises."""
    for k in range(targets.size):
        bound = np.uint64(start + k + 1)
        h = _mix(state + bound * _GOLDEN)
        low = ((h & _LOW) * bound) >> np.uint64(32)
        targets[k] = ((h >> np.uint64(32)) * bound + low) >> np.uint64(32)


@jit()
def shuffle(x, keys, start, stop):  # type: ignore[no-untyped-def]
    """Permute rows `start` to `stop` of `x` in place by Fisher-Yates."""
    targets = np.empty(512, np.uint32)
    size = x.shape[1]
    for r in range(start, stop):
        row = x[r]
        state = _mix(keys[r] + _GOLDEN)
        for begin in range(0, size, 512):
            n = min(512, size - begin)
            _draw(state, begin, targets[:n])
            for k in range(n):
                i = begin + k
                j = targets[k]
                held = row[i]
                row[i] = row[j]
                row[j] = held


@jit()
def shuffled_counts(keys, out):  # type: ignore[no-untyped-def]
    """Rows 0, 1, 2 … as `shuffle` would leave them, built from the inside out."""
    targets = np.empty(512, np.uint32)
    for r in range(out.shape[0]):
        row = out[r]
        state = _mix(keys[r] + _GOLDEN)
        for begin in range(0, row.size, 512):
            n = min(512, row.size - begin)
            _draw(state, begin, targets[:n])
            for k in range(n):
                row[begin + k] = row[targets[k]]
                row[targets[k]] = begin + k


@jit(fastmath=_SUM_MATH)
def _group_sum(parts, begin, end):  # type: ignore[no-untyped-def]
    """Sum of |xhat_k| for k = begin..end-1, from real and imaginary parts side by side."""
    total = 0.0
    for k in range(begin, end):
        real = np.float64(parts[2 * k])
        imaginary = np.float64(parts[2 * k + 1])
        total += np.sqrt(real * real + imaginary * imaginary)
    return total


@jit()
def group_rows(parts, ordinates, block, mu, norm, start, stop, out):  # type: ignore[no-untyped-def]
    """``out[r] = mean over groups of |group mean of |xhat_k| / norm - mu|`` for rows `start` to `stop`."""
    for r in range(start, stop):
        total = 0.0
        groups = 0
        for begin in range(1, ordinates + 1, block):
            end = min(begin + block, ordinates + 1)
            total += abs(_group_sum(parts[r], begin, end) / ((end - begin) * norm) - mu)
            groups += 1
        out[r] = total / groups
