"""Law of coincidences: Poisson tails by another road, exact counts of small alphabets, cells of formats."""

import math

import mpmath as mp
import numpy as np
import pytest

from gausscheck.lattice import Lattice
from gausscheck.nulls.coincidence import CoincidenceNull, log_collision, log_pairs


@pytest.mark.parametrize("mean", [1e-30, 0.01, 3.0, 400.0, 2e5])
@pytest.mark.parametrize("sigmas", [0, 1, 3, 6, 40])
def test_poisson_tail(mean, sigmas):
    k = math.ceil(mean + sigmas * math.sqrt(mean) + (sigmas > 0))
    with mp.workdps(40):
        term = total = mp.mpf(1)
        j = k
        # the tail relative to its first term, whose ratios mean/j fall
        while term > total * mp.mpf(10) ** -25:
            j += 1
            term *= mp.mpf(mean) / j
            total += term
        expected = -mp.mpf(mean) + k * mp.log(mean) - mp.loggamma(k + 1) + mp.log(total)
    got = float(CoincidenceNull(math.log(mean)).logsf(k))
    assert got == pytest.approx(float(expected), rel=1e-10, abs=1e-12)


def test_means_beyond_doubles():
    log_mean = -4000.0
    null = CoincidenceNull(log_mean)
    assert (null.mean, null.std) == (0.0, 0.0)
    assert float(null.logsf(1)) == log_mean
    assert float(null.logsf(3)) == pytest.approx(3 * log_mean - math.log(6), rel=1e-14)
    # and nothing jumps where the two ways meet
    near, far = (float(CoincidenceNull(-600 + step).logsf(5)) for step in (1e-9, -1e-9))
    assert near == pytest.approx(far, abs=1e-7)


def test_few_are_no_fault():
    null = CoincidenceNull(math.log(1000.0))
    assert float(null.log_two_sided(10.0)) == 0.0
    assert float(null.log_two_sided(0.0)) == 0.0
    assert float(null.logcdf(-1.0)) == -math.inf
    assert float(null.logsf(0.0)) == 0.0
    assert CoincidenceNull(-math.inf).logsf(1.0) == -math.inf


@pytest.mark.parametrize(("n", "cells"), [(10, 10**6), (100, 10**8), (2000, 10**10)])
def test_birthdays(n, cells):
    # P(no two equal) = prod (1 - i/cells), exactly
    exact = -math.expm1(sum(math.log1p(-i / cells) for i in range(n)))
    null = CoincidenceNull(log_pairs(n) - math.log(cells))
    got = float(null.sf(1))
    mean = n * (n - 1) / 2 / cells
    assert abs(got / exact - 1) <= n / cells + mean * n / cells + 1e-12


def test_simulated_ties():
    rng = np.random.default_rng(3)
    n, cells, draws = 300, 2**14, 20_000
    x = np.sort(rng.integers(0, cells, (draws, n)), axis=1)
    ties = np.sum(x[:, 1:] == x[:, :-1], axis=1)  # of three equal values two pairs are counted: rare here
    null = CoincidenceNull(log_pairs(n) - math.log(cells))
    for k in (1, 3, 5, 8):
        p = float(null.sf(k))
        # Three equal values in 1.5 % of draws, a third pair uncounted in each; 6 standard deviations beside.
        assert abs(np.mean(ties >= k) - p) < 6 * math.sqrt(p / draws) + 0.015 * p + 0.003


def test_pairs():
    assert math.exp(log_pairs(5)) == pytest.approx(10)
    assert math.exp(log_pairs(5, 7)) == pytest.approx(35)
    assert log_pairs(1) == -math.inf


@pytest.mark.parametrize("scale", [0.13, 1.0, 1.9])
def test_collision_of_formats(scale):
    # The formula for floats, asked of 10 mantissa bits, against the enumeration of float16, whose cells are a
    # thousandth wide, the density constant across each to the square of that; subnormals below 6e-5.
    on_float16 = math.log(Lattice("fp16").collision_probability(scale))
    for dtype, bits in (("float32", 23), ("float64", 52)):
        assert log_collision(dtype, None, scale) + (bits - 10) * math.log(2) == pytest.approx(
            on_float16, abs=3e-4
        )
    assert log_collision("float32", "bf16", scale) == math.log(Lattice("bf16").collision_probability(scale))
    assert log_collision("float8_e4m3fn", None, 1.0) == log_collision("float32", "fp8_e4m3", 1.0)


def test_collision_of_float32_by_simulation():
    # 1.37e-8 for pairs of N(0, 1): in 2**21 values 30,094 tied pairs are expected, give or take 174.
    # Rounded from float64, whose own ties are none.
    n = 2**21
    x = np.sort(np.random.default_rng(11).standard_normal(n).astype(np.float32))
    _, counts = np.unique(x, return_counts=True)
    pairs = float(np.sum(counts * (counts - 1) / 2))
    expected = math.exp(log_pairs(n) + log_collision("float32", None, 1.0))
    assert expected == pytest.approx(30_094, abs=1)
    assert abs(pairs - expected) < 6 * math.sqrt(1.1 * expected)
