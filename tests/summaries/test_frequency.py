"""Bins of the real transform: each independent ordinate is counted once, whatever the shape."""

from __future__ import annotations

import itertools
from math import prod

import numpy as np
import pytest

from gausscheck.summaries.frequency import FrequencyBins, frequency_bins

SHAPES = [
    (1,), (2,), (7,), (8,), (1, 8), (2, 2, 2), (3, 1, 4), (3, 5), (4, 6), (6, 5), (5, 4), (4, 4, 4),
    (3, 9, 13),
]  # fmt: skip


def pairs(shape):
    """The slow road: conjugate pairs of the full transform, found one by one."""
    seen, real, complex_ = set(), [], []
    for k in itertools.product(*(range(n) for n in shape)):
        mirror = tuple(-i % n for i, n in zip(k, shape, strict=True))
        if k == mirror:
            real.append(k)
        elif mirror not in seen:
            complex_.append(k)
            seen.add(k)
    return real, complex_


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_counts_of_bins(shape):
    bins = FrequencyBins(shape)
    real, complex_ = pairs(shape)
    assert bins.real_count == len(real) == np.count_nonzero(bins.weight == 1)
    assert bins.complex_count == len(complex_) == np.count_nonzero(bins.weight == 2) == bins.complex_at.size
    stored = {tuple(int(i) for i in np.unravel_index(place, bins.grid)) for place in bins.real_at}
    assert stored == set(real)
    assert bins.real_at[0] == 0


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_parseval(shape):
    bins = FrequencyBins(shape)
    x = np.random.default_rng(1).standard_normal(shape)
    power = np.abs(np.fft.rfftn(x)).ravel() ** 2 / bins.size
    assert power @ bins.weight == pytest.approx(np.sum(x * x), rel=1e-12)


def test_kept_bins_are_independent_and_of_their_law():
    """Sample covariance of the ordinates of all kept bins: 1 on the diagonal (2 if real), else 0."""
    bins, rows = FrequencyBins((4, 6)), 20_000
    x = np.random.default_rng(2).standard_normal((rows, 4, 6))
    power = np.abs(np.fft.rfftn(x, axes=(1, 2))).reshape(rows, -1) ** 2 / bins.size
    kept = power[:, bins.weight > 0]
    covariance = np.cov(kept, rowvar=False)
    expected = np.diag(np.where(bins.weight[bins.weight > 0] == 2, 1.0, 2.0))
    # standard errors: at most sqrt(8/rows) off the diagonal (real bins), sqrt(56/rows) on it
    assert np.abs(covariance - expected).max() < 7 * np.sqrt(56 / rows)
    off = covariance - np.diag(np.diag(covariance))
    assert np.abs(off).max() < 7 * np.sqrt(4 / rows)
    # a spare bin repeats its mirror image: to keep it would be seen here
    spare = power[:, bins.weight == 0]
    assert spare.shape[1] > 0
    both = np.corrcoef(np.hstack([kept, spare]), rowvar=False)
    assert np.sum(both[: kept.shape[1], kept.shape[1] :] > 0.99) == spare.shape[1]


@pytest.mark.parametrize("shape", [s for s in SHAPES if prod(s) > 1], ids=str)
def test_bands_cover_all_but_dc(shape):
    bins = FrequencyBins(shape)
    for axis in range(-1, len(shape) if len(shape) > 1 else 0):
        degrees = sum(b.degrees for b in bins.bands if b.axis == axis)
        assert degrees == prod(shape) - 1
    for number, band in enumerate(bins.bands):
        inside = np.any(bins.labels == number, axis=0)
        assert np.count_nonzero(bins.weight[inside] == 2) == band.complex_bins
        assert np.count_nonzero(bins.weight[inside] == 1) == band.real_bins
        if band.kind == "radius":
            assert band.low < bins.radius[inside].min()
            along = bins.radius[inside]
        else:
            along = np.broadcast_to(bins.frequency(band.axis), bins.grid).ravel()[inside]
            assert band.low <= along.min()
        assert along.max() <= np.float32(band.high)


def test_frequencies_are_signed():
    bins = frequency_bins((4, 6))
    assert bins.at(int(np.ravel_multi_index((3, 2), bins.grid))) == (-0.25, pytest.approx(1 / 3))
    assert bins.at(int(np.ravel_multi_index((2, 3), bins.grid))) == (0.5, 0.5)
    radius = bins.radius[bins.complex_at]
    assert np.all(np.diff(radius) >= 0)
