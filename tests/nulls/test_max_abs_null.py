"""Null of the largest magnitude: tails against mpmath, moments by another quadrature, lattices by adding up.

False-alarm rate of each test that draws numbers: 1e-8.
"""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from gausscheck.errors import ArgumentError
from gausscheck.lattice import Lattice
from gausscheck.nulls.extreme import MaxAbsNull, max_abs_null


def exact_tails(n, z):
    """Logs of P(T > z) and P(T < z) of N(0, 1) values with 40 digits."""
    with mp.workdps(40):
        below = n * mp.log1p(-mp.erfc(mp.mpf(z) / mp.sqrt(2)))
        return mp.log(-mp.expm1(below)), below


@pytest.mark.parametrize("n", [1, 8, 16_384, 2**24, 10**12])
@pytest.mark.parametrize("scale", [1.0, 0.13])
def test_tails_against_mpmath(n, scale):
    null = MaxAbsNull(n, None, scale)
    for z in (1e-8, 0.3, 0.999, 1.001, 2.0, 3.33, 5.0, 7.0, 10.0, 30.0, 36.9, 60.0, 1e4):
        for got, exact in zip(
            (null.logsf(z * scale), null.logcdf(z * scale)), exact_tails(n, z), strict=True
        ):
            # the argument is rounded once for the scale: z^2 eps of the tail; below 1e-16 a log is 0
            bound = (1e-13 + 4e-16 * z * z) * abs(float(exact)) + 1e-15
            if scale != 1.0:
                bound += 1e-15 * z * z * min(1.0, abs(float(exact)))
            assert abs(float(got - exact)) <= bound, z


@pytest.mark.parametrize("n", [1, 8, 100, 16_384, 2**24, 10**12])
def test_mean_and_std_by_another_quadrature(n):
    null = max_abs_null(n, None, 2.0)
    near = [null.mean + k * null.std for k in (-8, -4, -2, 0, 2, 4, 8)]
    ends = {"points": [t for t in near if t > 0], "limit": 400, "epsabs": 1e-12}
    first = quad(lambda t: float(null.sf(t)), 0, 90, **ends)[0]
    second = quad(lambda t: 2 * (t - first) * float(null.sf(t)), 0, 90, **ends)[0] + first**2
    # quad is asked for 1e-12
    assert null.mean == pytest.approx(first, abs=1e-9)
    assert null.std == pytest.approx(math.sqrt(second), abs=1e-8)


def test_mean_and_std_of_one_value_are_known():
    null = MaxAbsNull(1)
    assert null.mean == pytest.approx(math.sqrt(2 / math.pi), rel=1e-13)
    assert null.std == pytest.approx(math.sqrt(1 - 2 / math.pi), rel=1e-12)


@pytest.mark.parametrize("n", [8, 300, 16_384])
def test_uniform_under_simulation(n):
    x = np.random.default_rng(n).standard_normal((400, n))
    u = MaxAbsNull(n).cdf(np.abs(x).max(axis=1))
    assert kstest(u, "uniform").pvalue > 1e-8


@pytest.mark.parametrize("lattice", ["bf16", "fp16", "fp8_e4m3", "fp8_e5m2", "fp8_e5m2fnuz"])
@pytest.mark.parametrize("n", [3, 1000, 10**9])
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_lattice_by_brute_force(lattice, n, scale):
    """From the probabilities of the points: P(|x| <= v)^n by adding up."""
    of = Lattice(lattice)
    v = of.points[of.points >= 0]
    # P(|x| = v), P(|x| >= v) and P(|x| > v), added up from the far end
    mass = np.exp(of.log_probabilities(scale)[of.points >= 0]) * np.where(v > 0, 2, 1)
    at_least = np.minimum(np.cumsum(mass[::-1])[::-1], 1.0)
    beyond = np.append(at_least[1:], 0.0)
    null = MaxAbsNull(n, lattice, scale)
    with np.errstate(divide="ignore"):
        log_below, log_up_to = n * np.log1p(-at_least), n * np.log1p(-beyond)
    # 1 less a sum of 32,768 terms: rounding of the sum times n, where the power is not near 0
    np.testing.assert_allclose(null.cdf(v), np.exp(log_up_to), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(null.sf(v), -np.expm1(log_below), rtol=1e-9, atol=1e-11)
    near = v < 12 * scale
    law, v = np.diff(null.cdf(v[near]), prepend=0.0), v[near]
    assert law.sum() == pytest.approx(1, abs=1e-12)
    assert null.mean == pytest.approx(law @ v, rel=1e-12)
    assert null.std == pytest.approx(math.sqrt(law @ (v - law @ v) ** 2), rel=1e-9)
    # both tails hold the point itself: together they exceed 1 by its mass
    np.testing.assert_allclose(null.sf(v) + null.cdf(v) - 1, law, atol=1e-12)


def test_between_points_and_beyond():
    null = MaxAbsNull(100, "fp8_e4m3", 1.0)
    points = Lattice("fp8_e4m3").points
    positive = points[points > 0]
    middle = 0.5 * (positive[40:60:3] + positive[41:61:3])
    np.testing.assert_array_equal(null.logsf(middle), null.logsf(positive[41:61:3]))
    np.testing.assert_array_equal(null.logcdf(middle), null.logcdf(positive[40:60:3]))
    for law in (null, MaxAbsNull(100)):
        np.testing.assert_array_equal(law.logsf([-1.0, 0.0, np.inf]), [0, 0, -np.inf])
        np.testing.assert_array_equal(law.logcdf([-1.0, np.inf]), [-np.inf, 0])
        assert np.isnan([law.logsf(np.nan), law.logcdf(np.nan)]).all()
    assert null.logsf(1e9) == -np.inf


def test_lattice_tends_to_the_unrounded_law():
    fine, none = MaxAbsNull(16_384, "fp16", 1.0), MaxAbsNull(16_384)
    # the points near 4 lie 2^-8 apart; the law's density is below 2 there
    t = np.linspace(3.5, 5, 40)
    assert np.abs(fine.cdf(t) - none.cdf(t)).max() < 2**-8
    assert fine.mean == pytest.approx(none.mean, abs=2**-9)


def test_one_value_beyond():
    low, high = MaxAbsNull(50, "bf16", 2.0).log_beyond(6.0)
    # the points next to 6 lie 2^-5 away
    for got, edge in ((low, 6 - 2**-6), (high, 6 + 2**-6)):
        assert got == pytest.approx(float(mp.log(mp.erfc(mp.mpf(edge) / 2 / mp.sqrt(2)))), rel=1e-12)
    assert MaxAbsNull(50).log_beyond(0.0) == (0.0, 0.0)


def test_arguments_are_checked():
    for bad in ((0, None, 1.0), (5, None, -1.0), (5, "bf61", 1.0)):
        with pytest.raises(ArgumentError):
            MaxAbsNull(*bad)


def test_gumbel_would_be_seen():
    """The mutant: the limit law of maxima, at n = 2^24."""
    n, null = 2**24, MaxAbsNull(2**24)
    b = math.sqrt(2 * math.log(2 * n))
    b -= (math.log(math.log(2 * n)) + math.log(4 * math.pi)) / (2 * b)
    t = 7.0
    gumbel = math.log(-math.expm1(-math.exp(-(t - b) * b)))
    exact = float(exact_tails(n, t)[0])
    assert abs(float(null.logsf(t)) - exact) < 1e-12
    assert abs(gumbel - exact) > 0.1
