"""Law of the spectral flatness: closed form, convolution, recursion, inversion in 30 digits, simulation."""

from __future__ import annotations

import math
from bisect import bisect_left

import mpmath as mp
import numpy as np
import pytest
from mutants import NormalNull
from scipy.integrate import quad
from scipy.stats import binom

from gausscheck.errors import ArgumentError
from gausscheck.nulls.flatness import FlatnessNull
from gausscheck.nulls.log_gamma import first_slope, remainder, remainder_slopes

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

ALARM = 1e-9


def two_bins_above(v):
    """P(V > v) of two ordinates: V = -log(4 x (1 - x)), x uniform."""
    if v <= 0:
        return 1.0
    # 1 - sqrt(1 - y), y = exp(-v)
    return math.exp(-v) / (1 + math.sqrt(-math.expm1(-v)))


def two_bins_below(v):
    return math.sqrt(-math.expm1(-v)) if v > 0 else 0.0


@pytest.mark.parametrize("v", [1e-12, 1e-6, 1e-3, 0.1, 0.6, 0.7, 1.0, 3.0, 10.0, 30.0])
def test_two_ordinates_in_closed_form(v):
    null = FlatnessNull(2)
    assert float(null.sf(-v)) == pytest.approx(two_bins_below(v), rel=1e-12)
    assert float(null.cdf(-v)) == pytest.approx(two_bins_above(v), rel=1e-12)


@pytest.mark.parametrize("v", [1e-4, 0.05, 0.5, 1.2, 4.0, 16.0])
def test_three_ordinates_by_the_share_of_one(v):
    """The share x of one is Beta(1, 2); the other two are flat or not for themselves."""

    def deficit(x):
        return -math.log(3 * x) - 2 * math.log(1.5 * (1 - x))

    # The deficit vanishes at 1/3 and grows to both sides; the integrands have kinks where it reaches v.
    left, right = 1e-18, 1 - 1e-18
    lo, hi = (left, 1 / 3), (1 / 3, right)
    cuts = []
    for side in (lo, hi):
        a, b = side
        sign = deficit(a) > v
        for _ in range(200):
            middle = 0.5 * (a + b)
            a, b = (middle, b) if (deficit(middle) > v) == sign else (a, middle)
        cuts.append(a)

    def inside(angle):
        # x between the cuts; the substitution takes the roots at both ends away
        x = cuts[0] + (cuts[1] - cuts[0]) * math.sin(angle) ** 2
        jacobian = (cuts[1] - cuts[0]) * math.sin(2 * angle)
        return 2 * (1 - x) * two_bins_below(v - deficit(x)) * jacobian

    below = quad(inside, 0, math.pi / 2, epsabs=0, epsrel=1e-11, limit=200)[0]
    null = FlatnessNull(3)
    assert float(null.sf(-v)) == pytest.approx(below, rel=1e-9)
    assert float(null.cdf(-v)) == pytest.approx(1 - below, rel=1e-9 + 1e-10 / (1 - below))


@pytest.mark.parametrize("v", [0.01, 0.5, 1.3, 4.0, 15.0])
def test_two_fields_by_convolution(v):
    """Of two ordinates each: density exp(-x) / (2 sqrt(1 - exp(-x)))."""

    def density_at(u):  # x = u^2
        x = u * u
        return u * math.exp(-x) / math.sqrt(-math.expm1(-x)) if u > 0 else 1.0

    root = math.sqrt(v)

    def above(angle):
        u = root * math.sin(angle)
        return density_at(u) * two_bins_above(v - u * u) * root * math.cos(angle)

    expected = two_bins_above(v) + quad(above, 0, math.pi / 2, epsabs=0, epsrel=1e-11, limit=200)[0]
    assert float(FlatnessNull(2, 2).cdf(-v)) == pytest.approx(expected, rel=1e-8)


def inverted(bins, fields, v, above):
    """Log tail by quadrature over a vertical line in 30 digits, the Gamma functions as they stand."""
    with mp.workdps(34):
        n, f, v = mp.mpf(bins), mp.mpf(fields), mp.mpf(v)

        def cgf(u):
            gammas = n * mp.loggamma(1 - u) - n * u * mp.log(n) + mp.loggamma(n) - mp.loggamma(n - n * u)
            return f * gammas

        low, high = (mp.mpf(0), mp.mpf(1)) if above else (mp.mpf(-1000), mp.mpf(0))
        for _ in range(60):
            c = (low + high) / 2
            rising = f * (-n * mp.psi(0, 1 - c) - n * mp.log(n) + n * mp.psi(0, n - n * c)) - v - 1 / c > 0
            low, high = (low, c) if rising else (c, high)
        width = 1 / mp.sqrt(f * (n * mp.psi(1, 1 - c) - n * n * mp.psi(1, n - n * c)) + 1 / c**2)
        peak = cgf(c) - c * v

        def integrand(y):
            u = c + 1j * y
            return (mp.exp(cgf(u) - u * v - peak) / u).real

        total = mp.quad(integrand, [2 * k * width for k in range(11)], maxdegree=5) / mp.pi
        return float(peak + mp.log(total if above else -total))


@pytest.mark.parametrize(
    ("bins", "fields", "accuracy"),
    # Doubles hold the statistic itself to 1e-16 of its mean, a share sqrt(bins fields) of its deviation.
    [
        (40, 1, 1e-10),
        (2047, 1, 1e-10),
        (500, 64, 1e-10),
        (32768, 10**6, 1e-08),
        pytest.param(2, 10**6, 1e-10, marks=pytest.mark.slow),
    ],
)
def test_many_ordinates_in_30_digits(bins, fields, accuracy):
    null = FlatnessNull(bins, fields)
    for z in (-6.0, -1.0, 0.5, 5.0, 20.0):
        value = null.mean - z * null.std
        if value >= 0:
            continue
        log_tail = null.logcdf(value) if z > 0 else null.logsf(value)
        assert float(log_tail) == pytest.approx(inverted(bins, fields, -value, z > 0), abs=accuracy)
        other = null.logsf(value) if z > 0 else null.logcdf(value)
        assert float(other) == pytest.approx(math.log1p(-math.exp(log_tail)), rel=1e-12)


def test_far_tails_are_finite_and_follow_their_laws():
    for bins, fields in [(2, 1), (30, 4), (32768, 256), (10**8, 10**6)]:
        null = FlatnessNull(bins, fields)
        power = fields * (bins - 1) / 2
        # Too flat: a power of -L. Not flat at all: exp(L) times a power.
        for v in (1e-200, 1e-60, 1e-39, 3e-41):
            slope = float(null.logsf(-v) - null.logsf(-v / 10))
            assert slope == pytest.approx(power * math.log(10), rel=1e-9)
        far = 1e9 * max(1.0, -null.mean)
        assert float(null.logcdf(-far)) == pytest.approx(-far, rel=1e-5)
        assert np.all(np.isfinite(null.logcdf([-1e38, -1e42, -1e300])))
        assert np.all(np.diff(null.logcdf([-1e42, -1e41, -1.01e40, -1e40, -0.99e40])) > 0)
        assert null.logcdf([0.0, 1.0, math.inf]).tolist() == [0.0, 0.0, 0.0]
        assert null.logsf([0.0, 1.0, math.inf]).tolist() == [-math.inf] * 3
        assert null.logcdf(-math.inf) == -math.inf
        assert null.logsf(-math.inf) == 0.0
        assert math.isnan(null.logsf(math.nan))
    # 1e6 in log p on either side of a usual size
    null = FlatnessNull(2047)
    assert float(null.logcdf(-1.01e6)) == pytest.approx(-1e6, rel=0.02)
    assert -2e6 < float(null.logsf(-1e-400 - 1e-300)) < -6e5


@pytest.mark.parametrize(("bins", "fields"), [(3, 5), (31, 1), (511, 3)])
def test_simulated(bins, fields):
    draws = 100_000 if bins * fields < 100 else 20_000
    rng = np.random.default_rng(bins)
    value = np.zeros(draws)
    for _ in range(fields):
        ordinates = rng.standard_exponential((draws, bins))
        value += np.log(ordinates / ordinates.mean(axis=1, keepdims=True)).sum(axis=1)
    null = FlatnessNull(bins, fields)
    # Mean and standard deviation: six errors each
    assert value.mean() == pytest.approx(null.mean, abs=6 * null.std / math.sqrt(draws))
    assert value.std() == pytest.approx(null.std, rel=6 * 1.5 / math.sqrt(draws))
    value.sort()
    for level in (1e-3, 1e-2, 0.1, 0.5):
        below = bisect_left(value, math.log(level), key=null.logcdf)
        above = bisect_left(-value[::-1], math.log(level), key=lambda v: null.logsf(-v))
        for count in (below, above):
            assert min(binom.cdf(count, draws, level), binom.sf(count - 1, draws, level)) > ALARM


def test_a_normal_law_would_be_seen():
    null = FlatnessNull(63)
    far = null.mean - 6 * null.std
    assert float(NormalNull(null).logcdf(far)) < inverted(63, 1, -far, True) - 3


def test_remainders_against_their_definition():
    for z in (1e-3, 0.3, 1.0, 7 + 2j, 9.99, 10.01, 80 - 3j, 1e8 + 1j, -3 + 0.5j, -40 + 11j):
        with mp.workdps(40):
            exact = mp.loggamma(z) - (z - 0.5) * mp.log(z) + z - mp.log(2 * mp.pi) / 2
        error = abs(complex(remainder(np.array([z], complex))[0]) - complex(exact))
        # left of the series, log Gamma is subtracted from what is nearly its size
        assert error <= 1e-15 * (abs(complex(exact)) + 40 * (abs(z) <= 10 or np.real(z) < 0))
    for z in (0.02, 0.9, 30.0, 9e4, 2e5, 1e9):
        slopes = remainder_slopes(np.array([z]))
        with mp.workdps(60):
            x = mp.mpf(z)
            exact = (
                mp.psi(0, x) - mp.log(x) + 1 / (2 * x),
                mp.psi(1, x) - 1 / x - 1 / (2 * x**2),
                mp.psi(2, x) + 1 / x**2 + 1 / x**3,
            )
        for found, wanted, size in zip(slopes, exact, (1 / z, 1 / z**2, 1 / z**3), strict=True):
            assert abs(float(found[0]) - float(wanted)) < 1e-9 * size + 1e-15
        assert first_slope(np.array([z])) == slopes[0]


def test_arguments():
    for bins, fields in [(1, 1), (2, 0)]:
        with pytest.raises(ArgumentError, match="at least"):
            FlatnessNull(bins, fields)
