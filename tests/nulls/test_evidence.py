"""E-values of mean and scale: 60 digits, martingale by quadrature, Ville by simulation, power, intervals."""

import math

import mpmath
import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import binom

from gausscheck.errors import ArgumentError
from gausscheck.nulls.evidence import WIDTHS, log_e, log_e_mean, log_e_variance, mean_radius, scale_limits

STATES = [
    (0, 0.0, 0.0),
    (1, 2.0, 3.0),
    (10, -3.0, 2.0),
    (1000, 90.0, -60.0),
    (10**6, 3e3, 4e3),
    (10**9, 1e5, 2e5),
]
"""n, S and Q - n."""


def mean_by_digits(n, total):
    n, total = mpmath.mpf(n), mpmath.mpf(float(total))
    terms = []
    for t in map(float, WIDTHS):
        spread = n * mpmath.mpf(t) ** 2
        terms.append(mpmath.exp(total**2 * mpmath.mpf(t) ** 2 / (2 * (1 + spread))) / mpmath.sqrt(1 + spread))
    return mpmath.log(sum(terms) / len(terms))


def variance_by_digits(n, excess):
    n = mpmath.mpf(n)
    Q = n + mpmath.mpf(float(excess))
    terms = []
    for w in map(float, WIDTHS):
        a = mpmath.mpf(w) ** -2
        log_ratio = a * mpmath.log(a) + mpmath.loggamma(a + n / 2) - mpmath.loggamma(a)
        terms.append(mpmath.exp(log_ratio - (a + n / 2) * mpmath.log(a + Q / 2) + Q / 2))
    return mpmath.log(sum(terms) / len(terms))


def one_more(log_value, n, total, excess):
    """E of the e-value after one more value, by the trapezoidal rule in y, x = sinh y.

    The heaviest term falls as x**-3 against dx, so that |x| < 6e5 leaves 1e-12 out; the integrand is smooth
    on the scale of 1 in y, so that steps of 0.02 leave less than rounding.
    """
    y = np.linspace(-14.0, 14.0, 1401)
    x = np.sinh(y)
    logs = log_value(n + 1, total + x, excess + (x * x - 1.0))
    weight = np.log(np.cosh(y) * (y[1] - y[0])) - 0.5 * x * x - 0.5 * math.log(2 * math.pi)
    return float(logsumexp(logs + weight))


def without_normaliser(n, total, excess):
    """A mutant: exp(S²t²/(2(1 + nt²))) without the square root below it."""
    n, total = (np.asarray(a, float)[..., None] for a in (n, total))
    return logsumexp((total * WIDTHS) ** 2 / (2 * (1 + n * WIDTHS**2)), axis=-1) - math.log(WIDTHS.size)


@pytest.mark.parametrize("n", [1, 2, 10, 1000, 10**5, 10**7, 10**10, 10**13])
def test_against_sixty_digits(n):
    with mpmath.workdps(60):
        for change in [0.0, 1e-12, 1e-9, 1e-6, 1e-3, 0.1, 0.3, 1.0, 1e3, -1e-6, -1e-3, -0.3, -0.6, -1.0]:
            excess = n * (1 + change) - n
            exact = variance_by_digits(n, excess)
            error = abs(mpmath.mpf(float(log_e_variance(n, excess))) - exact)
            assert error < 1e-14 + 1e-14 * abs(exact), (change, float(exact))
        for z in [0.0, 0.1, 1.0, 6.0, 100.0]:
            total = z * math.sqrt(n)
            exact = mean_by_digits(n, total)
            error = abs(mpmath.mpf(float(log_e_mean(n, total))) - exact)
            assert error < 1e-14 + 1e-14 * abs(exact), (z, float(exact))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("value", ["mean", "variance", "both"])
def test_martingale(state, value):
    values = {
        "mean": lambda n, s, q: log_e_mean(n, s),
        "variance": lambda n, s, q: log_e_variance(n, q),
        "both": log_e,
    }
    assert one_more(values[value], *state) == pytest.approx(float(values[value](*state)), abs=1e-10)


def test_martingale_finds_a_missing_normaliser():
    n, total, excess = 10, -3.0, 2.0
    assert one_more(without_normaliser, n, total, excess) > float(without_normaliser(n, total, excess)) + 1e-3


def test_nothing_seen_is_one():
    assert float(log_e_mean(0, 0.0)) == float(log_e_variance(0, 0.0)) == float(log_e(0, 0.0, 0.0)) == 0.0


def sums(rng, shape, sizes, mean=0.0, sigma=1.0):
    """n, S and Q - n after each batch: S ~ N(nμ, nσ²), and Q - S²/n ~ σ² chi-square of n - 1, independent."""
    S = rng.normal(sizes * mean, sigma * np.sqrt(sizes), shape)
    about_mean = sigma**2 * rng.chisquare(sizes - 1, shape)
    total, excess = (np.cumsum(part, axis=-1) for part in (S, about_mean + S * S / sizes - sizes))
    return np.cumsum(sizes), total, excess


def ever(log_value, alpha):
    """Of 4000 sequences under H0, how many reach 1/alpha at one of 200 looks, from 20 values to 1e9."""
    sizes = np.diff(np.round(np.geomspace(20, 1e9, 201)))
    rng = np.random.default_rng(11)
    count = 0
    for _ in range(8):
        logs = log_value(*sums(rng, (500, 200), sizes))
        count += int(np.count_nonzero(logs.max(axis=-1) >= -math.log(alpha)))
    return count


# Of 4000 sequences with probability 0.05 each, more than this cross with probability 1e-8.
MOST = binom.isf(1e-8, 4000, 0.05)


def test_ville():
    assert ever(log_e, 0.05) <= MOST


def test_ville_finds_a_missing_normaliser():
    assert ever(without_normaliser, 0.05) > MOST


@pytest.mark.parametrize(("mean", "sigma"), [(1e-3, 1.0), (0.0, math.sqrt(1.001)), (0.0, math.sqrt(0.999))])
def test_power_is_that_of_the_formula(mean, sigma):
    """e reaches 1e6 at z = 6.13; z = μ√n or (σ² - 1)√(n/2) on average, so that half cross before."""
    z = 6.13
    n = (z / mean) ** 2 if mean else 2 * (z / (sigma**2 - 1)) ** 2
    sizes = np.full(200, round(n / 100))
    logs = log_e(*sums(np.random.default_rng(12), (400, 200), sizes, mean, sigma))
    crossed = np.where((logs >= math.log(1e6)).any(axis=-1), (logs >= math.log(1e6)).argmax(axis=-1), 200)
    # By n at least half have crossed: of 400, fewer than a third do with probability below 1e-8. At 2n, z is
    # 8.67 on average and below 6.13 with probability 0.0056: more than 25 of 400 with probability below 1e-8.
    assert np.count_nonzero(crossed < 100) > 400 / 3
    assert np.count_nonzero(crossed == 200) <= 25
    # Nor is it found early: at n/4, z is 3.07 on average and crosses with probability of about 0.001.
    assert np.count_nonzero(crossed < 25) <= 25


@pytest.mark.parametrize("n", [1, 50, 10**4, 10**9, 10**13])
def test_intervals_end_where_the_evidence_reaches_its_level(n):
    radius = mean_radius(n, 0.05)
    assert float(log_e_mean(n, n * radius)) == pytest.approx(math.log(20), abs=1e-9)
    for z in (-2.0, 0.0, 5.0):
        excess = max(z * math.sqrt(2 * n), -n)
        low, high = scale_limits(n, excess, 0.05)
        ratio = math.sqrt(1 + excess / n)
        assert low < ratio < high or ratio == low == 0
        for limit in (low, high):
            if 0 < limit < math.inf:
                # Q/σ² - n is rounded to 1e-16 n, against a slope of about 2 in units of √(2n).
                again = float(log_e_variance(n, (n + excess) / limit**2 - n))
                assert again == pytest.approx(math.log(20), abs=1e-9 + 1e-14 * math.sqrt(n))


def test_intervals_of_few_values_and_of_none():
    assert scale_limits(1, 0.0, 0.05)[1] == math.inf
    assert scale_limits(1000, -1000.0, 0.05) == (0.0, 0.0)
    for call in (lambda: mean_radius(0, 0.05), lambda: scale_limits(0, 0.0, 0.05)):
        with pytest.raises(ArgumentError, match="at least one value"):
            call()
    with pytest.raises(ArgumentError, match="alpha"):
        mean_radius(10, 1.0)


@pytest.mark.parametrize("n", [10**4, 10**7, 10**10, 10**13])
def test_the_average_loses_little_against_the_best_width(n):
    """Where it reaches 2e6 it lies at most 2.03 below the best of all widths, over a fine grid of them."""
    t = np.geomspace(3, 1e-7, 2000)
    z = np.linspace(5, 7, 2001)
    logs = log_e_mean(n, z * math.sqrt(n))
    k = int(np.argmin(np.abs(logs - math.log(2e6))))
    spread = n * t**2
    best = np.max(z[k] ** 2 * spread / (2 * (1 + spread)) - 0.5 * np.log1p(spread))
    assert 0 < best - logs[k] <= 2.03
    assert 6.12 < z[k] < 6.14
