"""Law of a correlation: against Student's t, quadrature, simulation; a degree of freedom too few is seen."""

import math

import mpmath as mp
import numpy as np
import pytest
from scipy.stats import t as student

from gausscheck.errors import ArgumentError
from gausscheck.nulls.correlation import CorrelationNull

SIZES = [3, 4, 16, 1000, 16_384, 10**6, 5 * 10**8]


def check_against_student(null, n):
    """Both tails against scipy's t, whose own tails are good to 1e-10 of themselves down to 1e-250."""
    r = np.array([1e-6, 0.01, 0.3, 1.0, 2.0, 4.9, 6.0, 9.0, 25.0]) / math.sqrt(n)
    r = r[r < 0.999]
    t = r * math.sqrt(n - 1) / np.sqrt(1 - r * r)
    upper = student.logsf(t, n - 1)
    kept = upper > -570
    np.testing.assert_allclose(null.logsf(r)[kept], upper[kept], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(null.logcdf(-r)[kept], upper[kept], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(null.cdf(r), student.cdf(t, n - 1), rtol=1e-9)
    np.testing.assert_allclose(null.sf(-r), student.cdf(t, n - 1), rtol=1e-9)


@pytest.mark.parametrize("n", SIZES)
def test_student(n):
    check_against_student(CorrelationNull(n), n)


@pytest.mark.parametrize("n", [3, 16, 1000, 16_384])
def test_a_lost_degree_of_freedom_is_seen(n):
    with pytest.raises((AssertionError, ArgumentError)):
        check_against_student(CorrelationNull(n - 1), n)


@pytest.mark.parametrize("n", [4, 64, 4096])
@pytest.mark.parametrize("log10_p", [-1, -6, -40, -400])
def test_quadrature_of_the_density(n, log10_p):
    null = CorrelationNull(n)
    # Solve for the place of the tail by bisection on our own law, then integrate (1 - u^2)^((n - 3)/2).
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if null.logsf(middle) > log10_p * math.log(10) else (low, middle)
    with mp.workdps(60):
        power, r = mp.mpf(n - 3) / 2, mp.mpf(low)
        # With u = 1 - (1 - r) v the mass lies within some 1/(power (1 - r)) of v = 1.
        steps = [0, *(1 - mp.mpf(2) ** -k for k in range(1, 24)), 1]
        tail = (1 - r) * mp.quad(lambda v: ((1 - r) * v * (2 - (1 - r) * v)) ** power, steps)
        expected = mp.log(tail) - mp.log(mp.beta(mp.mpf(1) / 2, power + 1))
        assert abs(float(null.logsf(low)) - float(expected)) <= 1e-10 * max(1.0, abs(float(expected)))


@pytest.mark.parametrize(("n", "z"), [(100, 5.0), (16_384, 100.0), (10**6, 1300.0)])
def test_far_tails_by_the_asymptotic_ratio(n, z):
    # P(R > r) = f(r) (1 - r^2) / ((n - 1) r) (1 - eps), by parts, with 0 < eps < (1 - r^2)/((n + 1) r^2)
    null = CorrelationNull(n)
    r = z / math.sqrt(n + z * z)
    a = (n - 1) / 2
    with mp.workdps(40):
        log_f = float((mp.mpf(n) - 3) / 2 * mp.log(1 - mp.mpf(r) ** 2) - mp.log(mp.beta(0.5, mp.mpf(a))))
    first = log_f + math.log1p(-r * r) - math.log((n - 1) * r)
    got = float(null.logsf(r))
    rounding = 1e-12 * abs(first)
    assert first + math.log1p(-(1 - r * r) / ((n + 1) * r * r)) - rounding <= got <= first + rounding


def test_simulated():
    rng = np.random.default_rng(17)
    x, y = rng.standard_normal((2, 40_000, 8))
    r = np.sum(x * y, axis=1) / np.sqrt(np.sum(x * x, axis=1) * np.sum(y * y, axis=1))
    null = CorrelationNull(8)
    assert (null.mean, null.std) == (0.0, 1 / math.sqrt(8))
    assert abs(np.mean(r * r) * 8 - 1) < 6 * np.std(r * r) * 8 / math.sqrt(r.size)
    for p in (0.5, 0.1, 1e-3):
        # Of 40,000 draws the share beyond is within 6 standard deviations but for 2e-9.
        error = 6 * math.sqrt(p / r.size)
        assert abs(np.mean(null.sf(r) < p) - p) < error
        assert abs(np.mean(null.cdf(r) < p) - p) < error


def test_ends_and_arguments():
    null = CorrelationNull(10)
    assert float(null.logsf(1.0)) == -math.inf
    assert float(null.logsf(-1.0)) == 0.0
    assert float(null.sf(0.0)) == 0.5
    assert np.all(np.isfinite(null.logsf(np.array([0.999999, 1 - 1e-16]))))
    assert -2e9 < float(CorrelationNull(5 * 10**8).logsf(0.99)) < -9e8
    with pytest.raises(ArgumentError, match="n = 2"):
        CorrelationNull(2)
