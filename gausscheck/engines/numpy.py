"""Plain NumPy: the obvious way, the oracle of every other engine, and the fallback where Numba is missing."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gausscheck.arrays import Values
from gausscheck.engines.base import (
    GOLDEN,
    RAYLEIGH_MEAN,
    checked_decode,
    checked_rows,
    checked_shuffle,
    checked_spectrum,
    mix,
)
from gausscheck.engines.hashes import plain_bottom, plain_hashes
from gausscheck.engines.ordinates import LEAST_ORDINATE, Ordinates, ordinates_of
from gausscheck.engines.runs import Windows, plain_runs
from gausscheck.engines.tiles import pass_in_tiles
from gausscheck.lattice import LatticeCandidates
from gausscheck.summaries import ORDERS, Counts, Extremes, Moments, Nonfinite, OnePass
from gausscheck.summaries.counts import table_length
from gausscheck.summaries.frequency import FrequencyBins
from gausscheck.summaries.moments import saturated, total_sums

__all__ = ["NumpyEngine", "draws", "group_discrepancy"]

_TILE = 2**18  # values decoded to float64 at once: bounds the memory beside the data to a few MiB


class NumpyEngine:
    """The :class:`~gausscheck.engines.base.Engine` verbs in NumPy and SciPy.

    Parameters
    ----------
    threads : int
        Threads of the Fourier transform; the rest runs on one.
    """

    name = "numpy"

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads

    def one_pass(self, values: Values) -> OnePass:
        """See :meth:`gausscheck.engines.base.Engine.one_pass`."""
        return pass_in_tiles(checked_rows(values), _TILE, lambda tile: _reduce(tile.decode(np.float64)))

    def counts(self, values: Values) -> Counts:
        """See :meth:`gausscheck.engines.base.Engine.counts`."""
        data = checked_rows(values).data
        table = np.zeros(table_length(values.dtype), dtype=np.int64)
        step = max(1, _TILE // max(data.shape[1], 1))
        for start in range(0, data.shape[0], step):
            for low in range(0, data.shape[1], _TILE):
                codes = _codes(data[start : start + step, low : low + _TILE])
                table += np.bincount(codes.ravel(), minlength=table.size)
        return Counts(table, values.dtype)

    def lattices(self, values: Values, candidates: LatticeCandidates) -> LatticeCandidates:
        """See :meth:`gausscheck.engines.base.Engine.lattices`."""
        return candidates.update(values.data)

    def decode(self, values: Values, dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """See :meth:`gausscheck.engines.base.Engine.decode`."""
        wanted = checked_decode(dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            decoded = checked_rows(values).decode(wanted)
        contiguous = np.ascontiguousarray(decoded)
        return contiguous.copy() if np.may_share_memory(contiguous, values.data) else contiguous

    def shuffle(self, x: NDArray[Any], keys: NDArray[np.uint64]) -> None:
        """See :meth:`gausscheck.engines.base.Engine.shuffle`."""
        checked_shuffle(x, keys, writeable=x.flags.writeable)
        for row, key in zip(x, keys, strict=True):
            _fisher_yates(row, int(key))

    def power_spectrum(
        self, x: NDArray[Any], block: int = 16, mu: float = RAYLEIGH_MEAN, scale: float = 1.0
    ) -> NDArray[np.float64]:
        """See :meth:`gausscheck.engines.base.Engine.power_spectrum`."""
        from scipy.fft import rfft

        checked_spectrum(x, block, scale)
        with np.errstate(over="ignore", invalid="ignore"):
            return group_discrepancy(rfft(x, axis=1, workers=self.threads), x.shape[1], block, mu, scale)

    def ordinates(
        self,
        x: NDArray[Any],
        bins: FrequencyBins,
        channel: NDArray[np.int64],
        channels: int,
        *,
        scale: float = 1.0,
        least: float = LEAST_ORDINATE,
    ) -> Ordinates:
        """See :meth:`gausscheck.engines.base.Engine.ordinates`."""
        with np.errstate(over="ignore"):
            return ordinates_of(x, bins, channel, channels, scale=scale, least=least, workers=self.threads)

    def hashes(self, values: Values, length: int) -> NDArray[np.uint64]:
        """See :meth:`gausscheck.engines.base.Engine.hashes`."""
        return plain_hashes(values, length)

    def runs(self, values: Values, length: int, halvings: int) -> Windows:
        """See :meth:`gausscheck.engines.base.Engine.runs`."""
        return plain_runs(values, length, halvings)

    def bottom(self, values: Values, halvings: int) -> NDArray[np.float64]:
        """See :meth:`gausscheck.engines.base.Engine.bottom`."""
        return plain_bottom(values, halvings)


def group_discrepancy(
    transform: NDArray[Any], size: int, block: int, mu: float, scale: float
) -> NDArray[np.float64]:
    """Value of :meth:`~gausscheck.engines.base.Engine.power_spectrum`, from the rfft of rows of `size`."""
    ordinates = (size - 1) // 2
    with np.errstate(over="ignore", invalid="ignore"):
        r = np.abs(transform[:, 1 : ordinates + 1]).astype(np.float64) / (sqrt(size) * scale)
        starts = np.arange(0, ordinates, block)
        lengths = np.diff(np.append(starts, ordinates))
        means = np.add.reduceat(r, starts, axis=1) / lengths
        discrepancy: NDArray[np.float64] = np.mean(np.abs(means - mu), axis=1)
    return discrepancy


def _codes(tile: NDArray[Any]) -> NDArray[Any]:
    """Pattern of each value of 8 or 16 bits; of wider ones the upper half of that in float32."""
    if tile.dtype.itemsize <= 2:
        return np.ascontiguousarray(tile).view(np.uint8 if tile.dtype.itemsize == 1 else np.uint16)
    with np.errstate(over="ignore", invalid="ignore"):
        singles = np.ascontiguousarray(tile, dtype=np.float32)
    return singles.view(np.uint32) >> np.uint32(16)


def _reduce(x: NDArray[np.float64]) -> OnePass:
    finite = np.isfinite(x)
    y = np.where(finite, x, 0.0)
    sums = np.empty((x.shape[0], ORDERS))
    power = np.ones_like(y)
    with np.errstate(over="ignore"):
        for k in range(ORDERS):
            power = saturated(power * y)
            sums[:, k] = total_sums(power, axis=1)
    low = np.min(np.where(finite, x, np.inf), axis=1, initial=np.inf)
    high = np.max(np.where(finite, x, -np.inf), axis=1, initial=-np.inf)
    first = np.where(np.all(finite, axis=1), -1, np.argmax(~finite, axis=1) if x.shape[1] else -1)
    return OnePass(
        Moments(np.sum(finite, axis=1, dtype=np.int64), sums),
        Extremes(low, high),
        Nonfinite(
            np.sum(np.isnan(x), axis=1, dtype=np.int64),
            np.sum(np.isposinf(x), axis=1, dtype=np.int64),
            np.sum(np.isneginf(x), axis=1, dtype=np.int64),
            first.astype(np.int64),
        ),
    )


def draws(key: int, start: int, stop: int) -> NDArray[np.uint64]:
    """Fisher-Yates draws ``j_i``, uniform on 0..i, for i = start..stop-1 of the row with this key."""
    state = mix(np.array([(key + GOLDEN) % 2**64], dtype=np.uint64))
    bound = np.arange(start + 1, stop + 1, dtype=np.uint64)
    h = mix(state + bound * np.uint64(GOLDEN))
    half = np.uint64(32)
    # floor(h * bound / 2**64) by halves; bound <= 2**32 keeps every product below 2**64.
    low = ((h & np.uint64(0xFFFFFFFF)) * bound) >> half
    return ((h >> half) * bound + low) >> half


def _fisher_yates(row: NDArray[Any], key: int) -> None:
    # Bit patterns are exchanged, not floats: a NaN keeps its payload, and a memoryview is quick to index.
    bits = row.view(np.uint32 if row.dtype.itemsize == 4 else np.uint64).data
    for start in range(0, row.size, _TILE):
        stop = min(start + _TILE, row.size)
        for i, j in enumerate(draws(key, start, stop).tolist(), start):
            bits[i], bits[j] = bits[j], bits[i]
