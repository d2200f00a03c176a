"""Kolmogorov's law at any n: against scipy, rational polynomials, counting of paths and exact sums."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from scipy.special import smirnov
from scipy.stats import kstwo, kstwobign

from gausscheck.errors import ArgumentError
from gausscheck.nulls import kolmogorov
from gausscheck.nulls.base import Grade
from gausscheck.nulls.counting_process import log_both, log_inside
from gausscheck.nulls.kolmogorov import KolmogorovNull, log_limit_cdf, log_limit_sf
from gausscheck.nulls.smirnov import log_binomial, log_one_sided, stirling_error

LEVELS = (0.3, 0.5, 0.8, 1.0, 1.3, 2.0, 2.7, 3.5)  # d sqrt n: p from 1e-4 below to 1e-10 above


@pytest.mark.parametrize("n", [1, 2, 8, 1000, 20_000, pytest.param(10**6, marks=pytest.mark.slow)])
def test_one_sided_against_scipy(n):
    for z in (0.2, *LEVELS):
        d = z / math.sqrt(n)
        if d < 1:
            # scipy sums the same terms in double-doubles; strides are right to 1e-12, from z = 0.5 or so on.
            expected = math.log(smirnov(n, d))
            bound = 1e-12 if z > 0.4 or n <= 16_384 else 1e-8
            assert log_one_sided(n, d) == pytest.approx(expected, rel=1e-11, abs=bound)


@pytest.mark.parametrize(("n", "d"), [(50, 0.9), (2000, 0.3), (300, 0.999)])
def test_one_sided_far_out_against_forty_digits(n, d):
    with mp.workdps(60):
        x = mp.mpf(d)
        total = mp.fsum(
            x * mp.binomial(n, j) * (x + mp.mpf(j) / n) ** (j - 1) * (1 - x - mp.mpf(j) / n) ** (n - j)
            for j in range(math.floor(n * (1 - d)) + 1)
        )
        assert log_one_sided(n, d) == pytest.approx(float(mp.log(total)), rel=1e-13)


@pytest.mark.parametrize("n", [10**9, 10**12])
@pytest.mark.parametrize("z", [0.7, 2.0, 6.0, 300.0])
def test_one_sided_of_very_many_values(n, z):
    # log P = -2 z^2 - 2 z / (3 sqrt n) + O(z^4 / n): Smirnov's own expansion.
    expected = -2 * z * z - 2 * z / (3 * math.sqrt(n))
    assert log_one_sided(n, z / math.sqrt(n)) == pytest.approx(expected, abs=2 * (1 + z**4) / n + 1e-9)


def test_binomial_weights_and_stirling_errors():
    x = np.array([1.0, 2.0, 15.0, 16.0, 40.5, 1e6])
    for value, error in zip(x, stirling_error(x), strict=True):
        with mp.workdps(40):
            v = mp.mpf(value)
            exact = mp.loggamma(v + 1) - mp.log(mp.sqrt(2 * mp.pi * v)) - v * mp.log(v) + v
        assert error == pytest.approx(float(exact), rel=1e-9, abs=2e-14)
    n, j = 1000, np.arange(1001.0)
    q = np.full(j.shape, 0.37)
    assert np.exp(log_binomial(n, j, q, q - j / n)).sum() == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 8, 60, 140])
def test_both_tails_of_few_values_against_scipy(n):
    # scipy takes the matrix of Marsaglia, Tsang and Wang, or Pomeranz's recursion, up to 140 values.
    null = KolmogorovNull(n)
    for z in LEVELS:
        d = z / math.sqrt(n)
        if 0.51 / n < d < 1:
            assert float(null.cdf(d)) == pytest.approx(kstwo.cdf(d, n), rel=1e-9)
            assert float(null.sf(d)) == pytest.approx(kstwo.sf(d, n), rel=1e-9)


@pytest.mark.parametrize("n", [257, 700, 1500])
def test_both_tails_of_more_values_against_counted_paths(n):
    null = KolmogorovNull(n)
    for z in LEVELS:
        d = z / math.sqrt(n)
        below, above = log_both(n, *kolmogorov._bounds(n, d))
        # Pelz and Good's next term is of order n^-2; measured at most 0.3 / n^2 for z above 0.8.
        bound = 1e-11 + (0.6 / n**2 if d * n > 20 else 0.0) * max(1.0, 0.6 / z**6)
        assert float(null.logcdf(d)) == pytest.approx(below, abs=bound)
        assert float(null.logsf(d)) == pytest.approx(above, abs=bound + (0.3 / n**2 + 3e-6 * (257 / n) ** 1))


def test_pelz_good_with_a_wrong_term_is_caught(monkeypatch):
    plain = kolmogorov._log_pelz_good
    monkeypatch.setattr(kolmogorov, "_log_pelz_good", lambda n, z: plain(n, z) + 0.02 / n)
    kolmogorov._log_tails.cache_clear()
    with pytest.raises(AssertionError):
        test_both_tails_of_more_values_against_counted_paths(1500)
    kolmogorov._log_tails.cache_clear()


@pytest.mark.parametrize("n", [300, 10**4, 10**7])
def test_lower_tail_where_matrix_and_expansion_meet(n):
    for nd in (22.5, 30.0, 40.0):
        d = nd / n
        z = d * math.sqrt(n)
        matrix, series = kolmogorov._log_matrix(n, d), kolmogorov._log_pelz_good(n, z)
        # n / (n d)^2 is the logarithm itself; the expansion stops at the third power of 1 / (n d).
        assert series == pytest.approx(matrix, abs=40 * n / nd**6 + 1e-9 * n / nd**2 + 1e-6)


def test_smallest_distances_are_known():
    n = 1000
    null = KolmogorovNull(n)
    for nd in (0.500001, 0.6, 0.9, 1.0):
        expected = math.lgamma(n + 1) + n * math.log((2 * nd - 1) / n)
        assert float(null.logcdf(nd / n)) == pytest.approx(expected, rel=1e-8)
    assert float(null.logcdf(0.49 / n)) == -math.inf
    assert float(null.logsf(0.49 / n)) == 0.0


@pytest.mark.parametrize("n", [8, 256, 257, 10**6, 10**10])
def test_tails_are_monotone_and_complete(n):
    d = np.linspace(0.3, 6, 30) / math.sqrt(n)
    null = KolmogorovNull(n)
    inside, outside = null.logcdf(d), null.logsf(d)
    assert np.all(np.diff(inside) >= -1e-12)
    assert np.all(np.diff(outside[np.isfinite(outside)]) <= 0)
    assert np.exp(inside) + np.exp(outside) == pytest.approx(1.0, abs=1e-11)


def test_the_tail_is_finite_at_absurd_values():
    null = KolmogorovNull(10**6)
    # D = 0.9 asks 90 % of the mass to move: log P is near n log(1 - d), from below in size.
    assert -(10**6) * math.log(10) < float(null.logsf(0.9)) < -2e6
    assert float(null.logsf(1.0)) == -math.inf
    assert float(null.logcdf(0.9)) == 0.0


def test_limit():
    for z in (0.25, 0.6, 0.999, 1.0, 1.4, 3.0):
        assert math.exp(log_limit_cdf(z)) == pytest.approx(kstwobign.cdf(z), rel=1e-10)
        assert math.exp(log_limit_sf(z)) == pytest.approx(kstwobign.sf(z), rel=1e-10)
    assert log_limit_cdf(0.01) == pytest.approx(-(math.pi**2) / 8e-4, rel=1e-3)


def test_counts_of_one_value():
    # One uniform value: N(t) <= 0 up to 0.3 and N(t) >= 1 from 0.8 on.
    inside = log_inside(1, np.array([0.3, 0.8]), np.array([0, 1]), np.array([0, 1]))
    assert inside == pytest.approx(math.log(0.5), rel=1e-14)
    assert log_inside(1, np.array([0.3]), np.array([1]), np.array([0])) == -math.inf


def test_moments_and_grade():
    null = KolmogorovNull(100)
    d = np.linspace(0, 1, 4001)
    above = np.array([1.0, *kstwo.sf(d[1:], 100)])
    mean = np.trapezoid(above, d)
    assert null.mean == pytest.approx(mean, rel=2e-3)
    assert null.std == pytest.approx(math.sqrt(2 * np.trapezoid(d * above, d) - mean**2), rel=2e-2)
    assert null.grade is Grade.EXACT
    with pytest.raises(ArgumentError, match="n = 0"):
        KolmogorovNull(0)
