"""Periodograms of fields reduced to what is kept of them: the plain road, and the form all roads return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.errors import ArgumentError
from gausscheck.summaries.frequency import FrequencyBins

__all__ = [
    "LARGEST_ORDINATE",
    "LEAST_ORDINATE",
    "SMALLEST_ORDINATE",
    "Ordinates",
    "checked_fields",
    "ordinates_of",
    "reduce_ordinates",
]

SMALLEST_ORDINATE, LARGEST_ORDINATE = 1e-36, 1e36
"""Between these, products of eight ordinates and sums of many stay in range; above, they are clipped."""


LEAST_ORDINATE = 1e-6
"""Ordinates below this share of the mean over all bins count as that much in logarithms.

Exact zeros of rounded values are no miracle. It moves the mean of a logarithm by 1e-6, a hundredth of its
standard error over 4e7 bins.
"""


@dataclass(frozen=True)
class Ordinates:
    """Reduced periodograms of F fields.

    Attributes
    ----------
    power : numpy.ndarray of float64
        Sums of the ordinates over the fields of each channel, shape ``(channels, M)``.
    flatness : numpy.ndarray of float64
        ``sum log(I / mean I)`` over the complex bins of each field, shape ``(F,)``; 0 without such bins.
    complex_peak, real_peak : numpy.ndarray of float64
        Largest ordinate of each field among the bins of a kind, shape ``(F,)``; -inf without such bins.
    complex_place, real_place : numpy.ndarray of int64
        Their bins, the first of equal ones; -1 without.
    bands : numpy.ndarray of float64
        ``sum weight * I`` of each field and band, shape ``(F, bands)``.
    """

    power: NDArray[np.float64]
    flatness: NDArray[np.float64]
    complex_peak: NDArray[np.float64]
    complex_place: NDArray[np.int64]
    real_peak: NDArray[np.float64]
    real_place: NDArray[np.int64]
    bands: NDArray[np.float64]


def checked_fields(x: Any, bins: FrequencyBins, channel: NDArray[np.int64], scale: float) -> None:
    """Raise unless the arguments fit :meth:`gausscheck.engines.base.Engine.ordinates`."""
    found = str(x.dtype).removeprefix("torch.")
    if found not in ("float32", "float64") or tuple(x.shape) != (channel.size, *bins.shape):
        msg = (
            f"ordinates takes float32 or float64 of shape ({channel.size}, {', '.join(map(str, bins.shape))})"
            f", got {found} of shape {tuple(x.shape)}"
        )
        raise ArgumentError(msg)
    if not (np.isfinite(scale) and scale > 0):
        msg = f"scale {scale!r} is not a positive number"
        raise ArgumentError(msg)


def ordinates_of(
    x: NDArray[Any],
    bins: FrequencyBins,
    channel: NDArray[np.int64],
    channels: int,
    *,
    scale: float,
    least: float,
    workers: int,
) -> Ordinates:
    """See :meth:`gausscheck.engines.base.Engine.ordinates`."""
    from scipy.fft import rfftn

    checked_fields(x, bins, channel, scale)
    axes = tuple(range(1, x.ndim))
    transform = rfftn(x, axes=axes, workers=workers).reshape(x.shape[0], bins.count)
    real = transform.real.astype(np.float64)
    imaginary = transform.imag.astype(np.float64)
    ordinates = np.minimum((real * real + imaginary * imaginary) / (bins.size * scale**2), LARGEST_ORDINATE)
    return reduce_ordinates(ordinates, bins, channel, channels, least)


def reduce_ordinates(
    ordinates: NDArray[np.float64],
    bins: FrequencyBins,
    channel: NDArray[np.int64],
    channels: int,
    least: float,
) -> Ordinates:
    """Reduce whole periodograms, shape ``(F, M)``."""
    fields = ordinates.shape[0]
    power = np.zeros((channels, bins.count))
    np.add.at(power, channel, ordinates)
    weighted = ordinates * bins.weight
    labels = bins.labels.astype(np.intp)
    width = len(bins.bands)
    bands = np.zeros((fields, width))
    for row in labels:
        for field in range(fields):
            bands[field] += np.bincount(row, weights=weighted[field], minlength=256)[:width]
    complex_peak, complex_place = _peak(ordinates, np.flatnonzero(bins.weight == 2))
    real_peak, real_place = _peak(ordinates, bins.real_at)
    pairs = ordinates[:, bins.weight == 2]
    flatness = np.zeros(fields)
    if pairs.shape[1]:
        floor = np.maximum(least * ordinates.mean(axis=1), SMALLEST_ORDINATE)
        mean = np.maximum(pairs.mean(axis=1), floor)
        raised = np.maximum(pairs, floor[:, np.newaxis])
        flatness = np.log(raised).sum(axis=1) - pairs.shape[1] * np.log(mean)
    return Ordinates(power, flatness, complex_peak, complex_place, real_peak, real_place, bands)


def _peak(
    ordinates: NDArray[np.float64], places: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    fields = ordinates.shape[0]
    if places.size == 0:
        return np.full(fields, -np.inf), np.full(fields, -1, np.int64)
    chosen = ordinates[:, places]
    at = chosen.argmax(axis=1)
    return chosen[np.arange(fields), at], places[at].astype(np.int64)
