r"""Hashes of runs of values that combine into hashes of longer runs: definitions, and the plain way.

A run of values with bit patterns :math:`b_0 \dots b_{n-1}` has the hash

.. math:: h = \sum_i m(b_i) \, c^i \bmod 2^{64}

with m a one-to-one mixing function of patterns and c odd. It tells orders apart, and the hash of a run made
of pieces is ``sum over pieces of h_piece c**offset``: blocks, rows, channels and samples all follow from one
pass over the values. Two given unlike runs have the same hash with a probability near 2**-64; runs that
differ in one value of up to 32 bits never do.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.arrays import Values
from gausscheck.engines.base import GOLDEN, checked_rows, mix
from gausscheck.errors import ArgumentError

__all__ = [
    "FINAL_FIRST",
    "FINAL_SECOND",
    "MULTIPLIER",
    "OFFSET",
    "checked_bottom",
    "checked_length",
    "geometric",
    "marks_of",
    "mix32",
    "mixed_patterns",
    "patterns_of",
    "plain_bottom",
    "plain_hashes",
    "powers",
]

MULTIPLIER = 0x5851F42D4C957F2D
"""c, of Knuth's MMIX generator (The Art of Computer Programming 2, 3.3.4): 5 modulo 8."""

# Finaliser of MurmurHash3 (Appleby 2011), and what is added before, so that 0 is nothing special.
OFFSET = 0x9E3779B9
FINAL_FIRST = 0x85EBCA6B
FINAL_SECOND = 0xC2B2AE35

_TILE = 2**18
_LOW_BITS = 12


def mix32(pattern: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Mixed patterns m of up to 32 bits, one-to-one modulo 2**32."""
    z = pattern + np.uint32(OFFSET)
    z = (z ^ (z >> np.uint32(16))) * np.uint32(FINAL_FIRST)
    z = (z ^ (z >> np.uint32(13))) * np.uint32(FINAL_SECOND)
    return z ^ (z >> np.uint32(16))


def powers(exponent: Any) -> NDArray[np.uint64]:
    """``c**exponent`` modulo 2**64, elementwise, for exponents from 0 up."""
    shape = np.shape(exponent)
    exponent = np.asarray(exponent, dtype=np.int64).reshape(-1)
    top = int(exponent.max(initial=0)) >> _LOW_BITS
    low, high = _power_tables(top.bit_length())
    powered: NDArray[np.uint64] = low[exponent & (2**_LOW_BITS - 1)] * high[exponent >> _LOW_BITS]
    return powered.reshape(shape)


@lru_cache(maxsize=4)
def _power_tables(bits: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """``c**k`` for k below 2**12, and ``c**(k 2**12)`` for k below 2**bits."""
    low = geometric(MULTIPLIER, 2**_LOW_BITS)
    return low, geometric(pow(MULTIPLIER, 2**_LOW_BITS, 2**64), 2**bits)


def geometric(ratio: int, count: int) -> NDArray[np.uint64]:
    """``ratio**k`` modulo 2**64 for k below `count`."""
    terms = np.full(count, ratio, np.uint64)
    terms[:1] = 1
    return np.multiply.accumulate(terms)


def checked_length(values: Values, length: int) -> int:
    """Number of blocks in a row; raise unless `values` has two axes and `length` is positive."""
    if length < 1:
        msg = f"a block has at least one value, got length {length}"
        raise ArgumentError(msg)
    return -(-checked_rows(values).shape[1] // length)


def checked_bottom(values: Values, halvings: int) -> int:
    """Threshold of the mixed patterns; raise unless they are of 32 or 64 bits."""
    if checked_rows(values).format.bits < 32:
        msg = f"{values.dtype} has too few values to keep a fraction of them; count them instead"
        raise ArgumentError(msg)
    if not 0 <= halvings <= 32:
        msg = f"a fraction of 2**-halvings needs 0 <= halvings <= 32, got {halvings}"
        raise ArgumentError(msg)
    return 2 ** (32 - halvings)


def patterns_of(data: NDArray[Any]) -> NDArray[Any]:
    """Bit patterns as unsigned integers, both zeros alike."""
    unsigned = np.dtype(f"u{data.dtype.itemsize}")
    patterns = np.ascontiguousarray(data).view(unsigned)
    negative_zero = unsigned.type(1 << (8 * data.dtype.itemsize - 1))
    return np.where(patterns == negative_zero, unsigned.type(0), patterns)


def mixed_patterns(patterns: NDArray[Any]) -> NDArray[np.uint64]:
    """Mixed patterns m of what :func:`patterns_of` gives, one-to-one."""
    if patterns.dtype.itemsize == 8:
        return mix(patterns + np.uint64(GOLDEN))
    return mix32(patterns.astype(np.uint32)).astype(np.uint64)


def plain_hashes(values: Values, length: int) -> NDArray[np.uint64]:
    """See :meth:`gausscheck.engines.base.Engine.hashes`."""
    out = np.zeros((values.shape[0], checked_length(values, length)), np.uint64)
    rows, size = values.shape
    step = max(1, _TILE // max(size, 1))
    for start in range(0, rows, step):
        for low in range(0, size, _TILE):
            tile = values.data[start : start + step, low : low + _TILE]
            place = np.arange(low, low + tile.shape[1])
            terms = mixed_patterns(patterns_of(tile)) * powers(place % length)
            first = np.flatnonzero((place % length == 0) | (place == low))
            blocks = slice(low // length, low // length + first.size)
            out[start : start + step, blocks] += np.add.reduceat(terms, first, axis=1)
    return out


def marks_of(x: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Mixed float32 pattern of each value."""
    with np.errstate(over="ignore"):
        single = x.astype(np.float32)
    return mix32(patterns_of(single))


def plain_bottom(values: Values, halvings: int) -> NDArray[np.float64]:
    """See :meth:`gausscheck.engines.base.Engine.bottom`."""
    threshold = np.uint64(checked_bottom(values, halvings))
    flat = values.data.reshape(-1)
    parts = [np.empty(0)]
    for low in range(0, flat.size, _TILE):
        x = flat[low : low + _TILE].astype(np.float64)
        parts.append(x[marks_of(x) < threshold] + 0.0)  # adding 0 makes -0 into 0
    return np.concatenate(parts)
