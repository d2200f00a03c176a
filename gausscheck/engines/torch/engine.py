"""Audits where the data is: every verb on the tensor's own device, in bounded memory.

Only summaries come to the host: some numbers a sample.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from gausscheck.arrays import TensorValues, Values
from gausscheck.engines.base import (
    RAYLEIGH_MEAN,
    checked_decode,
    checked_rows,
    checked_shuffle,
    checked_spectrum,
)
from gausscheck.engines.hashes import checked_bottom, checked_length
from gausscheck.engines.ordinates import LEAST_ORDINATE, Ordinates
from gausscheck.engines.runs import Windows, checked_runs
from gausscheck.engines.tiles import pass_in_tiles
from gausscheck.engines.torch.hashes import bottom_of, hashes_of
from gausscheck.engines.torch.lattices import lattices_of
from gausscheck.engines.torch.ordinates import ordinates_of
from gausscheck.engines.torch.runs import runs_of
from gausscheck.engines.torch.shuffle import hashed_order
from gausscheck.errors import ArgumentError
from gausscheck.lattice import LatticeCandidates
from gausscheck.summaries import ORDERS, Counts, Extremes, Moments, Nonfinite, OnePass
from gausscheck.summaries.counts import table_length
from gausscheck.summaries.frequency import FrequencyBins

__all__ = ["TorchEngine"]

_TILE = 2**21  # values widened to float64 at once: 16 MiB for each of a few temporaries
_LARGEST = float(np.finfo(np.float64).max)
_SCALE = 2.0**-64  # of terms whose sum leaves the range of doubles


class TorchEngine:
    """The :class:`~gausscheck.engines.base.Engine` verbs in torch, on any device with float64.

    Values are :class:`~gausscheck.arrays.TensorValues`; decoded values are tensors on their device.

    Temporaries take a small multiple of the larger of a tile and one row in float64: a row is sorted and
    Fourier transformed whole. Every tile is waited for once.
    """

    name = "torch"

    def one_pass(self, values: Values) -> OnePass:
        """See :meth:`gausscheck.engines.base.Engine.one_pass`."""
        return pass_in_tiles(checked_rows(values), _TILE, _reduce)

    def counts(self, values: Values) -> Counts:
        """See :meth:`gausscheck.engines.base.Engine.counts`."""
        data = _tensor(checked_rows(values))
        length = table_length(values.dtype)
        table = torch.zeros(length, dtype=torch.int64, device=data.device)
        step = max(1, _TILE // max(data.shape[1], 1))
        for start in range(0, data.shape[0], step):
            for low in range(0, data.shape[1], _TILE):
                codes = _codes(data[start : start + step, low : low + _TILE])
                table += torch.bincount(codes.reshape(-1) & (length - 1), minlength=length)
        return Counts(table.cpu().numpy(), values.dtype)

    def lattices(self, values: Values, candidates: LatticeCandidates) -> LatticeCandidates:
        """See :meth:`gausscheck.engines.base.Engine.lattices`."""
        return lattices_of(_tensor(checked_rows(values)), candidates)

    def decode(self, values: Values, dtype: DTypeLike = np.float32) -> Tensor:
        """See :meth:`gausscheck.engines.base.Engine.decode`."""
        wanted = torch.float32 if checked_decode(dtype).itemsize == 4 else torch.float64
        return _tensor(checked_rows(values)).to(wanted, copy=True, memory_format=torch.contiguous_format)

    def shuffle(self, x: Tensor, keys: NDArray[np.uint64]) -> None:
        """See :meth:`gausscheck.engines.base.Engine.shuffle`."""
        checked_shuffle(x, keys)
        seeds = torch.tensor(keys.view(np.int64), device=x.device)
        step = max(1, _TILE // max(x.shape[1], 1))
        for start in range(0, x.shape[0], step):
            rows = x[start : start + step]
            rows.copy_(rows.gather(1, hashed_order(seeds[start : start + step], x.shape[1])))

    def power_spectrum(
        self, x: Tensor, block: int = 16, mu: float = RAYLEIGH_MEAN, scale: float = 1.0
    ) -> NDArray[np.float64]:
        """See :meth:`gausscheck.engines.base.Engine.power_spectrum`."""
        ordinates = checked_spectrum(x, block, scale)
        step = max(1, _TILE // x.shape[1])
        parts = [
            _discrepancy(x[start : start + step], ordinates, block, mu, scale)
            for start in range(0, x.shape[0], step)
        ]
        discrepancy: NDArray[np.float64] = torch.cat(parts).cpu().numpy() if parts else np.empty(0)
        return discrepancy

    def ordinates(
        self,
        x: Tensor,
        bins: FrequencyBins,
        channel: NDArray[np.int64],
        channels: int,
        *,
        scale: float = 1.0,
        least: float = LEAST_ORDINATE,
    ) -> Ordinates:
        """See :meth:`gausscheck.engines.base.Engine.ordinates`."""
        return ordinates_of(x, bins, channel, channels, scale=scale, least=least)

    def hashes(self, values: Values, length: int) -> NDArray[np.uint64]:
        """See :meth:`gausscheck.engines.base.Engine.hashes`."""
        checked_length(values, length)
        return hashes_of(_tensor(values), length)

    def runs(self, values: Values, length: int, halvings: int) -> Windows:
        """See :meth:`gausscheck.engines.base.Engine.runs`."""
        checked_runs(values, length, halvings)
        return runs_of(_tensor(values), length, halvings)

    def bottom(self, values: Values, halvings: int) -> NDArray[np.float64]:
        """See :meth:`gausscheck.engines.base.Engine.bottom`."""
        return bottom_of(_tensor(values), checked_bottom(values, halvings))


def _tensor(values: Values) -> Tensor:
    if not isinstance(values, TensorValues):
        msg = "the torch engine takes TensorValues, got values held by NumPy; use the engine of select()"
        raise ArgumentError(msg)
    return values.data


def _codes(tile: Tensor) -> Tensor:
    """As that of the NumPy engine, as int64 whose lower bits count; the sign may fill those above."""
    if tile.element_size() <= 2:
        return tile.view(torch.uint8 if tile.element_size() == 1 else torch.int16).to(torch.int64)
    return (tile.to(torch.float32).view(torch.int32) >> 16).to(torch.int64)


def _discrepancy(x: Tensor, ordinates: int, block: int, mu: float, scale: float) -> Tensor:
    """Value of :meth:`~gausscheck.engines.base.Engine.power_spectrum`, shape ``(B,)``, on the device."""
    transform = torch.fft.rfft(x, dim=1)[:, 1 : ordinates + 1]
    # hypot, for the squares of what is still in range may leave it
    amplitude = torch.hypot(transform.real, transform.imag).to(torch.float64) / (sqrt(x.shape[1]) * scale)
    whole = ordinates // block * block
    means = [amplitude[:, :whole].reshape(x.shape[0], -1, block).mean(dim=2)] if whole else []
    if whole < ordinates:
        means.append(amplitude[:, whole:].mean(dim=1, keepdim=True))
    return (torch.cat(means, dim=1) - mu).abs().mean(dim=1)


def _reduce(tile: Values) -> OnePass:
    """One pass over a tile: as if all were finite and nothing overflowed, and again with care if not."""
    rows, size = tile.shape
    if size == 0:
        return _one_pass(np.tile([*[0.0] * ORDERS, np.inf, -np.inf, 0.0, 0.0, 0.0, 0.0], (rows, 1)), size)
    x = _tensor(tile).to(torch.float64)
    low, high = torch.aminmax(x, dim=1)
    quick = torch.stack([*_power_sums(x), low, high], dim=1).cpu().numpy()
    if np.all(np.isfinite(quick)):
        return _one_pass(np.pad(quick, ((0, 0), (0, 4)), constant_values=0.0), size)
    return _one_pass(_careful(x).cpu().numpy(), size)


def _power_sums(x: Tensor) -> list[Tensor]:
    """``sum x**k``, k = 1..8, each of shape ``(B,)``."""
    sums = [x.sum(dim=1)]
    power = x.clone()
    for _ in range(1, ORDERS):
        sums.append(power.mul_(x).sum(dim=1))
    return sums


def _careful(x: Tensor) -> Tensor:
    """Saturated power sums and extremes of the finite values, tally of the others and size less the first.

    Shape ``(B, 14)``, the columns of :func:`_one_pass`.
    """
    size = x.shape[1]
    finite = torch.isfinite(x)
    y = torch.where(finite, x, 0.0)
    power = torch.ones_like(y)
    columns = []
    for _ in range(ORDERS):
        power = _saturated(power.mul_(y))
        total = power.sum(dim=1)
        # Only a total that itself overflows saturates: the sum of scaled terms never meets inf - inf.
        scaled = _saturated((power * _SCALE).sum(dim=1) / _SCALE)
        columns.append(torch.where(torch.isfinite(total), total, scaled))
    columns.append(torch.where(finite, x, torch.inf).amin(dim=1))
    columns.append(torch.where(finite, x, -torch.inf).amax(dim=1))
    columns += [bad(x).sum(dim=1).to(torch.float64) for bad in (torch.isnan, torch.isposinf, torch.isneginf)]
    left = torch.arange(size, 0, -1, dtype=torch.float64, device=x.device)
    columns.append(torch.where(finite, 0.0, left).amax(dim=1))
    return torch.stack(columns, dim=1)


def _saturated(x: Tensor) -> Tensor:
    """As :func:`gausscheck.summaries.moments.saturated`."""
    return torch.nan_to_num(x, nan=_LARGEST, posinf=_LARGEST, neginf=-_LARGEST)


def _one_pass(columns: NDArray[np.float64], size: int) -> OnePass:
    """Summary from rows of 14 numbers.

    Power sums, smallest, largest, numbers of NaN, +inf and -inf, and how many values from the first of these
    on are left in the row, 0 without any. Whole numbers below 2**53 are exact.
    """
    nan, posinf, neginf, left = columns[:, ORDERS + 2 :].astype(np.int64).T
    return OnePass(
        Moments(size - nan - posinf - neginf, np.ascontiguousarray(columns[:, :ORDERS])),
        Extremes(columns[:, ORDERS].copy(), columns[:, ORDERS + 1].copy()),
        Nonfinite(nan, posinf, neginf, np.where(left == 0, -1, size - left)),
    )
