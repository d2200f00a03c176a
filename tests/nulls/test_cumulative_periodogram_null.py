"""Law of the cumulative periodogram: beta law of two bins, Kolmogorov's of one field, draws, counted paths.

False-alarm rate of each test that draws numbers: 1e-8.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import betainc
from scipy.stats import beta, binom, kstwo

from gausscheck.errors import ArgumentError
from gausscheck.nulls.base import Grade
from gausscheck.nulls.cumulative_periodogram import _SpacingsNull, cumulative_periodogram_null
from gausscheck.nulls.grid_kolmogorov import Grid, GridKolmogorovNull

P = (1e-6, 1e-4, 0.01, 0.1, 0.5, 0.9, 0.99)


def of_two_bins(fields, p):
    """Level that |C_1 - 1/2| exceeds with probability p: C_1 is beta(F, F)."""
    return 0.5 - beta.ppf(p / 2, fields, fields)


@pytest.mark.parametrize("fields", [2, 7, 400])
def test_two_bins_exact(fields):
    null = cumulative_periodogram_null(2, fields)
    assert null.grade is Grade.EXACT
    for p in (*P, 1 - 1e-6):
        d = of_two_bins(fields, p)
        above = 2 * betainc(fields, fields, 0.5 - d)
        assert float(null.sf(d)) == pytest.approx(above, rel=1e-10)
        assert float(null.cdf(d)) == pytest.approx(1 - above, rel=1e-8)
    assert float(null.sf(0.5)) == 0.0


@pytest.mark.parametrize("fields", [1000, 20_000, 10**7])
def test_two_bins_of_many_fields(fields):
    null = cumulative_periodogram_null(2, fields)
    assert null.grade is Grade.SADDLEPOINT
    for p in P:
        # What is left is of order z^2 / (N F); measured 4 / F at p = 1e-6.
        d = of_two_bins(fields, p)
        assert float(null.sf(d)) == pytest.approx(p, rel=8 / fields)
        # At one point no step overshoots; what is added for that moves probabilities by 0.1 / F.
        assert float(null.cdf(d)) == pytest.approx(1 - p, abs=0.3 / fields + 1e-9)


def test_one_field_is_kolmogorovs_law():
    null = cumulative_periodogram_null(101, 1)
    for d in (0.04, 0.08, 0.2, 0.3):
        assert float(null.sf(d)) == pytest.approx(kstwo.sf(d, 100), rel=1e-9)
        assert float(null.cdf(d)) == pytest.approx(kstwo.cdf(d, 100), rel=1e-9)


@pytest.mark.parametrize(("bins", "fields"), [(3, 2), (10, 4), (200, 3)])
def test_against_draws(bins, fields):
    draws = 20_000
    power = np.random.default_rng([11, bins]).gamma(fields, size=(draws, bins)).cumsum(axis=1)
    value = np.sort(np.abs(power[:, :-1] / power[:, -1:] - np.arange(1, bins) / bins).max(axis=1))
    null = cumulative_periodogram_null(bins, fields)
    for q in (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999):
        t = value[int(q * draws)]
        hits, p = int(np.searchsorted(value, t, "right")), float(null.cdf(t))
        # 21 looks in all
        assert min(binom.cdf(hits, draws, p), binom.sf(hits - 1, draws, p)) > 1e-8 / 42
    assert null.mean == pytest.approx(value.mean(), abs=6 * null.std / math.sqrt(draws) + 0.012 * null.mean)
    assert null.std == pytest.approx(value.std(), rel=0.05)


@pytest.mark.parametrize(("bins", "fields"), [(16, 65), (100, 11), (520, 2)])
def test_approximation_against_counted_paths(bins, fields):
    size = bins * fields
    assert cumulative_periodogram_null(bins, fields).grade is Grade.SADDLEPOINT
    null = cumulative_periodogram_null(bins, fields)
    exact = _SpacingsNull(bins, fields, null)
    for z in (0.3, 0.5, 0.8, 1.2, 1.8, 2.7):
        d = z / math.sqrt(size)
        # z^2 / (N F) of the wrong variance, half of it taken away; lower tails in 1 / z^2.
        bound = 2 * max(z * z, 0.5 / z**2) / size
        assert float(null.logsf(d)) == pytest.approx(float(exact.logsf(d)), abs=bound)
        assert float(null.logcdf(d)) == pytest.approx(float(exact.logcdf(d)), abs=bound + 0.01 * (z < 0.4))


def test_without_the_skewness_of_the_steps_it_fails():
    bins, fields, z = 520, 2, 2.7
    size = bins * fields
    null = GridKolmogorovNull(size, Grid(np.arange(1, bins) / bins), extra=0.0, counts=False)
    exact = _SpacingsNull(bins, fields, null)
    d = z / math.sqrt(size)
    assert abs(float(null.logsf(d) - exact.logsf(d))) > 2 * z * z / size


def test_many_bins_are_sampled_without_a_break():
    # Just below and above the number of points that are kept one by one.
    for z in (0.5, 1.0, 2.0, 4.0, 8.0):
        few, many = (
            float(cumulative_periodogram_null(bins, 3).logsf(z / math.sqrt(3 * bins)))
            for bins in (4096, 4097)
        )
        assert many == pytest.approx(few, rel=1e-3, abs=1e-4)
    assert np.isfinite(cumulative_periodogram_null(10**8, 16).logsf([1e-4, 0.1, 0.4])).all()


def test_arguments():
    with pytest.raises(ArgumentError, match="2 bins"):
        cumulative_periodogram_null(1, 3)
