"""Periodograms of fields reduced on the device that they live on."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gausscheck.engines.ordinates import (
    LARGEST_ORDINATE,
    SMALLEST_ORDINATE,
    Ordinates,
    checked_fields,
)
from gausscheck.summaries.frequency import FrequencyBins

__all__ = ["ordinates_of"]


def ordinates_of(
    x: Tensor,
    bins: FrequencyBins,
    channel: NDArray[np.int64],
    channels: int,
    *,
    scale: float,
    least: float,
) -> Ordinates:
    """See :meth:`gausscheck.engines.base.Engine.ordinates`."""
    checked_fields(x, bins, channel, scale)
    fields, device = x.shape[0], x.device
    transform = torch.fft.rfftn(x, dim=tuple(range(1, x.ndim))).reshape(fields, bins.count)
    real, imaginary = transform.real.double(), transform.imag.double()
    ordinates = ((real * real + imaginary * imaginary) / (bins.size * scale**2)).clamp(max=LARGEST_ORDINATE)
    power = torch.zeros(channels, bins.count, dtype=torch.float64, device=device)
    power.index_add_(0, torch.tensor(channel, device=device), ordinates)
    weight = torch.from_numpy(bins.weight).to(device)
    width = len(bins.bands)
    # One column more: where DC and spare bins go.
    sums = torch.zeros(fields, width + 1, dtype=torch.float64, device=device)
    weighted = ordinates * weight
    for row in bins.labels:
        label = torch.from_numpy(np.minimum(row, width).astype(np.int64)).to(device)
        sums.index_add_(1, label, weighted)
    complex_peak, complex_place = _peak(ordinates, weight == 2)
    real_peak, real_place = _peak(ordinates, weight == 1)
    pairs = ordinates[:, weight == 2]
    flatness = torch.zeros(fields, dtype=torch.float64, device=device)
    if pairs.shape[1]:
        floor = (least * ordinates.mean(dim=1)).clamp(min=SMALLEST_ORDINATE)
        mean = torch.maximum(pairs.mean(dim=1), floor)
        flatness = torch.maximum(pairs, floor[:, None]).log().sum(dim=1) - pairs.shape[1] * mean.log()
    return Ordinates(
        power.cpu().numpy(),
        flatness.cpu().numpy(),
        complex_peak,
        complex_place,
        real_peak,
        real_place,
        sums[:, :width].cpu().numpy(),
    )


def _peak(ordinates: Tensor, chosen: Tensor) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    if not bool(chosen.any()):
        fields = ordinates.shape[0]
        return np.full(fields, -np.inf), np.full(fields, -1, np.int64)
    value, place = torch.where(chosen, ordinates, -torch.inf).max(dim=1)
    return value.cpu().numpy(), place.cpu().numpy()
