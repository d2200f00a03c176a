"""Periodograms of fields by the full complex transform, one field after the other: the slow obvious way."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.judging import Situation
from gausscheck.summaries.fields import BandExtremes, FieldSpectra, Peak
from gausscheck.summaries.frequency import frequency_bins
from gausscheck.summaries.samples import SampleValues

__all__ = ["situation_of", "spectra_of"]


def situation_of(x: NDArray[Any]) -> Situation:
    """Of unrounded values, shape ``(samples, channels, *ordered axes)``."""
    return Situation(x.size, x.shape[0], x.shape[1], x.shape[2:])


def spectra_of(x: NDArray[Any]) -> FieldSpectra:
    """Summary of fields, shape ``(samples, channels, *ordered axes)``."""
    shape = x.shape[2:]
    channels = x.shape[1]
    bins = frequency_bins(shape)
    fields = x.reshape(-1, *shape)
    half = (..., slice(0, shape[-1] // 2 + 1))
    axes = tuple(range(1, fields.ndim))
    ordinates = (np.abs(np.fft.fftn(fields, axes=axes)[half]) ** 2).reshape(len(fields), -1) / math.prod(
        shape
    )
    number = np.arange(len(fields))
    power = np.stack([ordinates[number % channels == c].sum(axis=0) for c in range(channels)])
    pairs = ordinates[:, bins.weight == 2]
    log_share = np.zeros(len(fields))
    if pairs.any():
        with np.errstate(divide="ignore"):
            log_share = np.log(pairs / pairs.mean(axis=1, keepdims=True)).sum(axis=1)
    weighted = ordinates * bins.weight
    sums = np.zeros((len(fields), len(bins.bands)))
    for row in bins.labels:
        for band in np.unique(row[row != 255]):
            sums[:, band] = weighted[:, row == band].sum(axis=1)

    def peak(chosen: NDArray[np.bool_]) -> Peak:
        if not chosen.any():
            return Peak()
        field, place = np.unravel_index(np.where(chosen, ordinates, -1).argmax(), ordinates.shape)
        return Peak(float(ordinates[field, place]), int(field), int(place))

    return FieldSpectra(
        shape=shape,
        channels=channels,
        pieces=1,
        count=len(fields),
        power=power,
        flatness=SampleValues.of(log_share, number),
        complex_peak=peak(bins.weight == 2),
        real_peak=peak(bins.weight == 1),
        bands=BandExtremes.of(sums, number),
    )
