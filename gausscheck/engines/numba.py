"""Fused compiled loops: one pass at the speed of memory. Numba is imported at the first verb, not before."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from math import sqrt
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gausscheck.arrays import Values
from gausscheck.engines.base import (
    RAYLEIGH_MEAN,
    checked_decode,
    checked_rows,
    checked_shuffle,
    checked_spectrum,
)
from gausscheck.engines.hashes import MULTIPLIER, checked_bottom, checked_length, powers
from gausscheck.engines.numpy import group_discrepancy
from gausscheck.engines.ordinates import LEAST_ORDINATE, Ordinates, checked_fields
from gausscheck.engines.runs import Windows, checked_runs, inverse_powers
from gausscheck.floats import decode_table
from gausscheck.lattice import LatticeCandidates
from gausscheck.summaries import ORDERS, Counts, Extremes, Moments, Nonfinite, OnePass
from gausscheck.summaries.counts import table_length
from gausscheck.summaries.frequency import FrequencyBins
from gausscheck.summaries.moments import total_sums

__all__ = ["LONG_ROW", "NumbaEngine"]

LONG_ROW = 2**20
"""Values from which a row is transformed by many short transforms (``tests/benchmarks/bench_pass.py``)."""

_THREADED = 2**18  # values below which starting threads costs more than it saves
_MOST_COUNTED = 2**31  # values that one 32-bit tally may take

# By width: the float, the integer of its pattern, and (sign shift, magnitude mask, pattern of infinity).
_TYPES: dict[int, tuple[Any, Any, tuple[int, int, int]]] = {
    32: (np.float32, np.int32, (31, 0x7FFFFFFF, 0x7F800000)),
    64: (np.float64, np.int64, (63, 0x7FFFFFFFFFFFFFFF, 0x7FF0000000000000)),
}


class NumbaEngine:
    """The :class:`~gausscheck.engines.base.Engine` verbs as compiled loops.

    Kernels are compiled at their first use and cached on disk, beside the package or, if that is read-only,
    in the user's cache; without any place to write they are compiled anew in each process.

    Data that is not C-contiguous is copied first, in its storage format.

    Parameters
    ----------
    threads : int
        Threads at work. Results do not depend on it.
    """

    name = "numba"

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads

    def one_pass(self, values: Values) -> OnePass:
        """See :meth:`gausscheck.engines.base.Engine.one_pass`."""
        kernels = _kernels()
        rows, size = checked_rows(values).shape
        pieces = -(-size // kernels.CHUNK)
        sums = np.empty((rows * pieces, ORDERS))
        extremes = np.empty((rows * pieces, 2))
        tally = np.empty((rows * pieces, 4), dtype=np.int64)
        results = (sums, extremes, tally)
        data, kind, table = _held(values, kernels)

        def work(start: int, stop: int) -> None:
            if values.format.bits > 16:
                floats, integers, order = _TYPES[values.format.bits]
                lone = np.zeros(1, floats)
                bits, lone_bits = data.view(integers), lone.view(integers)
                kernels.pass_floats(data, bits, order, lone, lone_bits, start, stop, *results)
            else:
                buffer = np.zeros(kernels.BLOCK + 1, np.float32)
                views = (buffer, buffer.view(np.uint32), buffer.view(np.int32))
                kernels.pass_codes(data, kind, table, *views, _TYPES[32][2], start, stop, *results)

        self._share(work, rows * pieces, values.size)
        return _joined(
            sums.reshape(rows, pieces, ORDERS),
            extremes.reshape(rows, pieces, 2),
            tally.reshape(rows, pieces, 4),
            size,
        )

    def counts(self, values: Values) -> Counts:
        """See :meth:`gausscheck.engines.base.Engine.counts`."""
        kernels = _kernels()
        rows, size = checked_rows(values).shape
        length = table_length(values.dtype)
        tally, lanes = _tally(values, kernels)
        pieces = rows * -(-size // kernels.CHUNK)
        most = _MOST_COUNTED // kernels.CHUNK

        def work(start: int, stop: int) -> NDArray[np.int64]:
            table = np.zeros(length, dtype=np.int64)
            for begin in range(start, stop, most):
                tables = np.zeros((lanes, length), dtype=np.uint32)
                tally(begin, min(begin + most, stop), tables)
                table += tables.sum(axis=0, dtype=np.int64)
            return table

        parts = self._share(work, pieces, values.size)
        return Counts(np.sum(parts, axis=0, dtype=np.int64), values.dtype)

    def lattices(self, values: Values, candidates: LatticeCandidates) -> LatticeCandidates:
        """See :meth:`gausscheck.engines.base.Engine.lattices`."""
        return candidates.update(values.data)

    def decode(self, values: Values, dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """See :meth:`gausscheck.engines.base.Engine.decode`."""
        wanted = checked_decode(dtype)
        rows, size = checked_rows(values).shape
        if values.format.bits > 16 or wanted.itemsize == 8:
            # A copy or a widening, which NumPy does at the speed of memory; narrow codes go via float32.
            source = values.data if values.format.bits > 16 else self.decode(values)
            with np.errstate(over="ignore", invalid="ignore"):
                return np.array(source, dtype=wanted, order="C")
        kernels = _kernels()
        out = np.empty((rows, size), dtype=np.float32)
        unsigned = out.view(np.uint32)
        data, kind, table = _held(values, kernels)

        def work(start: int, stop: int) -> None:
            kernels.decode(data, kind, table, unsigned, start, stop, out)

        self._share(work, rows * -(-size // kernels.CHUNK), values.size)
        return out

    def shuffle(self, x: NDArray[Any], keys: NDArray[np.uint64]) -> None:
        """See :meth:`gausscheck.engines.base.Engine.shuffle`."""
        kernels = _kernels()
        checked_shuffle(x, keys, writeable=x.flags.writeable)
        rows = np.ascontiguousarray(x)
        seeds = np.array(keys)  # writeable and contiguous, whatever the caller holds
        self._share(lambda start, stop: kernels.shuffle(rows, seeds, start, stop), x.shape[0], x.size)
        if rows is not x:
            x[:] = rows

    def power_spectrum(
        self, x: NDArray[Any], block: int = 16, mu: float = RAYLEIGH_MEAN, scale: float = 1.0
    ) -> NDArray[np.float64]:
        """See :meth:`gausscheck.engines.base.Engine.power_spectrum`."""
        kernels = _kernels()
        ordinates = checked_spectrum(x, block, scale)
        transform = self._rfft(x)
        parts = transform.view(np.float32 if transform.dtype == np.complex64 else np.float64)
        out = np.empty(x.shape[0])
        norm = sqrt(x.shape[1]) * float(scale)

        def work(start: int, stop: int) -> None:
            kernels.group_rows(parts, ordinates, block, float(mu), norm, start, stop, out)

        self._share(work, x.shape[0], x.size)
        # Squares overflow before magnitudes do: such rows again, by hypot.
        lost = ~np.isfinite(out)
        if np.any(lost):
            out[lost] = group_discrepancy(transform[lost], x.shape[1], block, mu, scale)
        return out

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
        from gausscheck.engines.fieldkernels import reduce_fields, runs_of

        checked_fields(x, bins, channel, scale)
        fields = channel.size
        transform = self._rfftn(x).reshape(fields, bins.count)
        parts = transform.view(np.float32 if transform.dtype == np.complex64 else np.float64)
        runs = tuple(vars(runs_of(bins.shape)).values())
        norm = 1.0 / (bins.size * float(scale) ** 2)
        flatness, peaks = np.empty(fields), np.empty((fields, 2))
        places, bands = np.empty((fields, 2), np.int64), np.empty((fields, len(bins.bands)))
        rows = np.array(channel)

        def work(start: int, stop: int) -> NDArray[np.float64]:
            power = np.zeros((channels, bins.count))
            reduce_fields(parts, norm, least, runs, start, stop, rows, power, flatness, peaks, places, bands)
            return power

        power = np.sum(self._share(work, fields, x.size), axis=0)
        return Ordinates(power, flatness, peaks[:, 0], places[:, 0], peaks[:, 1], places[:, 1], bands)

    def hashes(self, values: Values, length: int) -> NDArray[np.uint64]:
        """See :meth:`gausscheck.engines.base.Engine.hashes`."""
        from gausscheck.engines import hashkernels

        blocks = checked_length(values, length)
        data, _, _ = _held(values, _kernels())
        bits = values.format.bits
        patterns = data.view(f"u{bits // 8}")
        out = np.empty((values.shape[0], blocks), np.uint64)
        wide = bits == 64
        kernel = hashkernels.hash_wide if wide else hashkernels.hash_narrow
        zero = (np.uint64 if wide else np.uint32)(1 << (bits - 1))
        table = powers(np.arange(hashkernels.STEP))
        factor = np.uint64(pow(MULTIPLIER, hashkernels.STEP, 2**64))

        def work(start: int, stop: int) -> None:
            kernel(patterns, length, zero, table, factor, start, stop, out)

        self._share(work, out.size, values.size)
        return out

    def bottom(self, values: Values, halvings: int) -> NDArray[np.float64]:
        """See :meth:`gausscheck.engines.base.Engine.bottom`."""
        from gausscheck.engines import hashkernels

        largest = np.uint32(checked_bottom(values, halvings) - 1)
        kernels = _kernels()
        data, _, _ = _held(values, kernels)
        pieces = values.shape[0] * -(-values.shape[1] // kernels.CHUNK)

        def work(start: int, stop: int) -> NDArray[np.float64]:
            singles = np.empty(kernels.BLOCK, np.float32)
            mixed = np.empty(kernels.BLOCK, np.uint32)
            out = np.empty(min((stop - start) * kernels.CHUNK, values.size) + 1)
            found = hashkernels.bottom(
                data, singles, singles.view(np.uint32), mixed, largest, start, stop, out
            )
            return out[:found].copy()

        return np.concatenate(self._share(work, pieces, values.size))

    def runs(self, values: Values, length: int, halvings: int) -> Windows:
        """See :meth:`gausscheck.engines.base.Engine.runs`."""
        from gausscheck.engines import runkernels

        windows = checked_runs(values, length, halvings)
        if windows == 0 or values.size == 0:
            return np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64)
        data, _, _ = _held(values, _kernels())
        bits = values.format.bits
        patterns = data.view(f"u{bits // 8}")
        wide = bits == 64
        kernel = runkernels.runs_wide if wide else runkernels.runs_narrow
        zero = (np.uint64 if wide else np.uint32)(1 << (bits - 1))
        largest = np.uint64(2 ** (64 - halvings) - 1)
        tables = np.stack((powers(place := np.arange(runkernels.PIECE + length)), inverse_powers(place.size)))
        per_row = -(-windows // runkernels.PIECE)
        counts = np.zeros(values.shape[0] * per_row, np.int64)

        def work(start: int, stop: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
            # Room for a quarter more than are expected; where contents repeat it may not be enough.
            found, room = -1, (stop - start) * runkernels.PIECE * 5 // 2 ** (halvings + 2) + 1000
            while found < 0 or found > room:
                room = max(room, found)
                kept, places = np.empty(room, np.uint64), np.empty(room, np.int64)
                found = kernel(patterns, length, zero, tables, largest, start, stop, kept, places, counts)
            return kept[:found], places[:found]

        kept, places = zip(*self._share(work, counts.size, values.size), strict=True)
        rows = np.repeat(np.arange(counts.size) // per_row, counts)
        return np.concatenate(kept), rows, np.concatenate(places)

    def _rfftn(self, x: NDArray[Any]) -> NDArray[Any]:
        """``rfftn`` over all axes but the first, C-contiguous."""
        if x.ndim == 2:
            return self._rfft(x)
        from scipy.fft import rfftn

        with np.errstate(over="ignore", invalid="ignore"):
            axes = tuple(range(1, x.ndim))
            return np.ascontiguousarray(rfftn(x, axes=axes, workers=self.threads))

    def _rfft(self, x: NDArray[Any]) -> NDArray[Any]:
        """``rfft`` of each row, C-contiguous; of a long one by many short ones where its size allows."""
        from scipy.fft import rfft

        rows, size = x.shape
        with np.errstate(over="ignore", invalid="ignore"):
            if size >= LONG_ROW:
                from gausscheck.engines.longfft import factors, long_rfft

                split = factors(size)
                if split is not None:
                    out = np.empty((rows, size // 2 + 1), np.result_type(x.dtype, np.complex64))
                    for row, held in zip(x, out, strict=True):
                        long_rfft(row, split, held, workers=self.threads, share=self._share)
                    return out
            return np.ascontiguousarray(rfft(x, axis=1, workers=self.threads))

    def _share(self, work: Callable[[int, int], Any], pieces: int, size: int) -> list[Any]:
        """Call ``work(start, stop)`` on ranges that cover 0..pieces, on several threads if it pays."""
        threads = min(self.threads, pieces) if size >= _THREADED else 1
        if threads <= 1:
            return [work(0, pieces)]
        edges = [pieces * k // threads for k in range(threads + 1)]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda edge: work(*edge), pairwise(edges)))


def _kernels() -> ModuleType:
    from gausscheck.engines import kernels

    return kernels


def _held(values: Values, kernels: ModuleType) -> tuple[NDArray[Any], int, NDArray[np.float32]]:
    """Data as a kernel takes it, how its codes are read, and their table."""
    # Kernels for strided data would take seconds more to compile; copying codes costs less than reading them.
    data = np.ascontiguousarray(values.data).view()
    table = np.zeros(256, dtype=np.float32)
    kind = 0
    if values.dtype == "float16":
        data, kind = data.view(np.uint16), kernels.HALF
    elif values.dtype == "bfloat16":
        kind = kernels.BFLOAT
    elif values.format.bits == 8:
        kind = kernels.TABLE
        table[:] = decode_table(values.dtype)
    data.flags.writeable = False  # one compilation then serves read-only and writeable data
    return data, kind, table


def _tally(values: Values, kernels: ModuleType) -> tuple[Callable[[int, int, NDArray[np.uint32]], None], int]:
    """What counts a range of pieces into tables, and how many of these it fills."""
    data, _, _ = _held(values, kernels)
    if values.format.bits <= 16:
        return lambda start, stop, tables: kernels.count(data, start, stop, tables), 4
    from gausscheck.engines import countkernels

    if values.format.bits == 32:
        patterns = data.view(np.uint32)
        return lambda start, stop, tables: countkernels.count_singles(patterns, start, stop, tables), 2

    def doubles(start: int, stop: int, tables: NDArray[np.uint32]) -> None:
        singles = np.empty(kernels.BLOCK, dtype=np.float32)
        countkernels.count_doubles(data, singles, singles.view(np.uint32), start, stop, tables)

    return doubles, 2


def _joined(
    sums: NDArray[np.float64], extremes: NDArray[np.float64], tally: NDArray[np.int64], size: int
) -> OnePass:
    """Join the pieces of each row, in a fixed order."""
    bad = np.sum(tally[..., :3], axis=1)
    first = np.min(np.where(tally[..., 3] < 0, size, tally[..., 3]), axis=1, initial=size)
    return OnePass(
        Moments(size - np.sum(bad, axis=-1), total_sums(sums, axis=1)),
        Extremes(
            np.min(extremes[..., 0], axis=1, initial=np.inf),
            np.max(extremes[..., 1], axis=1, initial=-np.inf),
        ),
        Nonfinite(bad[:, 0], bad[:, 1], bad[:, 2], np.where(first == size, -1, first)),
    )
