"""Law of a circular autocorrelation: Beta laws, inversion over eigenvalues in 30 digits, simulation."""

from __future__ import annotations

import math
from bisect import bisect_left

import mpmath as mp
import numpy as np
import pytest
from mutants import NormalNull
from scipy.special import betainc, betaincc
from scipy.stats import binom

from gausscheck.errors import ArgumentError
from gausscheck.nulls.lag_product import LagProductNull

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

ALARM = 1e-9


@pytest.mark.parametrize("n", [4, 6, 16, 64, 1024, 16384])
@pytest.mark.parametrize("z", [1e-3, 0.5, 2.0, 5.0, 8.0, 30.0])
def test_order_two_is_a_beta_law(n, z):
    """Half of the eigenvalues are 1, half -1: (1 + rho)/2 ~ Beta(n/4, n/4)."""
    null = LagProductNull(n, 2)
    t = min(z * null.std, 0.99)
    tail = betainc(n / 4, n / 4, (1 - t) / 2)
    # 1 - t is known to 1e-16, which weighs n times in the tail, as does rounding of the incomplete beta.
    accuracy = 1e-12 + 4e-16 * n
    assert float(null.sf(t)) == pytest.approx(tail, rel=accuracy)
    assert float(null.cdf(-t)) == pytest.approx(tail, rel=accuracy)
    assert float(null.cdf(t)) == pytest.approx(1 - tail, rel=accuracy)


@pytest.mark.parametrize("n", [6, 12, 66, 1023, 16383])
@pytest.mark.parametrize("t", [-0.49, -0.4, -1 / 3, -0.3333, -0.2, -0.1, -0.0999, -0.02, 0.0, 0.03, 0.1, 0.6])
def test_order_three_is_a_beta_law(n, t):
    """Eigenvalues 1 and twice -1/2: rho = 3/2 A/(A + B) - 1/2, a Beta(n/6, n/3) variable."""
    null = LagProductNull(n, 3)
    share = (t + 0.5) / 1.5
    lower, upper = betainc(n / 6, n / 3, share), betaincc(n / 6, n / 3, share)
    accuracy = 1e-12 + 4e-16 * n
    if lower > 1e-290:
        assert float(null.cdf(t)) == pytest.approx(lower, rel=accuracy)
    if upper > 1e-290:
        assert float(null.sf(t)) == pytest.approx(upper, rel=accuracy)


def by_eigenvalues(size, order, fields, t):
    """Log tail beyond t as seen from 0, in 30 digits, over a vertical line, eigenvalue by eigenvalue."""
    with mp.workdps(30):
        t = mp.mpf(t)
        kinds = [
            (mp.cos(2 * mp.pi * j / order) - t, 1 if j in (0, order / 2) else 2)
            for j in range(order // 2 + 1)
        ]
        cycles = mp.mpf(fields) * size / order

        def cgf(s):
            return -cycles / 2 * mp.fsum(d * mp.log(1 - 2 * s * x) for x, d in kinds)

        def slope(s, power):
            return cycles * mp.fsum(d * x**power * (2 / (1 - 2 * s * x)) ** power / 2 for x, d in kinds)

        above = t > 0
        edge = 1 / (2 * (max if above else min)(x for x, _ in kinds))
        low, high = (mp.mpf(0), edge) if above else (edge, mp.mpf(0))
        for _ in range(80):
            c = (low + high) / 2
            low, high = (low, c) if slope(c, 1) - 1 / c > 0 else (c, high)
        width = 1 / mp.sqrt(slope(c, 2) + 1 / c**2)
        peak = cgf(c)

        def integrand(y):
            s = c + 1j * width * mp.sinh(y)
            return (mp.exp(cgf(s) - peak) / s).real * mp.cosh(y)

        total = width * mp.quad(integrand, range(0, 22, 3), maxdegree=6) / mp.pi
        return float(peak + mp.log(total if above else -total))


@pytest.mark.parametrize(
    ("size", "order", "fields"),
    [
        (4, 4, 1),
        (10, 5, 1),
        (12, 12, 1),
        (14, 7, 3),
        (16, 16, 12),
        pytest.param(105, 15, 4, marks=pytest.mark.slow),
        pytest.param(25, 25, 100, marks=pytest.mark.slow),
    ],
)
def test_other_orders_by_eigenvalues(size, order, fields):
    null = LagProductNull(size, order, fields)
    places = [z * null.std for z in (-6.0, -1.0, -0.01, 0.5, 5.5)]
    lowest = -math.cos(math.pi / order) if order % 2 else -1.0
    places += [lowest + 1e-3, 2 / order - 1 + 1e-6, 0.95]
    for t in places:
        if not lowest < t < 1:
            continue
        tail = null.logsf(t) if t > 0 else null.logcdf(t)
        other = null.logcdf(t) if t > 0 else null.logsf(t)
        assert float(tail) == pytest.approx(by_eigenvalues(size, order, fields, t), abs=1e-9)
        assert float(other) == pytest.approx(math.log1p(-math.exp(tail)), rel=1e-12, abs=1e-300)


def test_long_cycles_agree_with_a_slower_road():
    """Order and size of images: log p in doubles over all eigenvalues, by the same formula of Cramer's."""
    size, order = 65 * 63, 65 * 63
    null = LagProductNull(size, order)
    shift = np.cos(2 * np.pi * np.arange(order) / order)
    for t in (0.05, 0.08, 0.3, -0.05, -0.3):
        tail = float(null.logsf(t) if t > 0 else null.logcdf(t))
        s = np.linspace(0, 0.5 / (1 - t) if t > 0 else -0.5 / (1 + t), 4001)[1:-1, None]
        # Chernoff: log p below the lowest value of K, by at most the logarithm of a few dozen
        lowest = np.min(-0.5 * np.log1p(-2 * s * (shift - t)).sum(axis=1))
        assert lowest - 6 < tail < lowest


def test_far_tails_are_finite():
    for size, order, fields in [
        (2**24, 2**24, 64),
        (511, 511, 1),
        (1_000_001, 1_000_001, 4),
        (3 * 2**20, 3, 1),
        (64, 2, 10**6),
    ]:
        null = LagProductNull(size, order, fields)
        lowest = -math.cos(math.pi / order) if order % 2 else -1.0
        inside = lowest + (1 + lowest) * 0.01 if order % 2 and order > 3 else lowest + 0.01
        log_p = null.logcdf([inside, 0.9 * lowest, 0.5 * lowest, 0.1 * lowest])
        assert np.all(np.isfinite(log_p))
        assert np.all(np.diff(log_p) > 0)
        log_p = null.logsf([0.1, 0.5, 0.9, 1 - 1e-9])
        assert np.all(np.isfinite(log_p))
        assert np.all(np.diff(log_p) < 0)
        # (n/2) log(1 - t^2) is the leading exponent away from the ends.
        if order > 3:
            assert float(null.logsf(0.5)) == pytest.approx(size * fields / 2 * math.log(0.75), rel=0.05)
        assert null.logsf([1.0, 2.0, -1.0, -2.0]).tolist() == [-math.inf, -math.inf, 0.0, 0.0]
        assert null.logcdf([1.0, 2.0, lowest, -2.0]).tolist() == [0.0, 0.0, -math.inf, -math.inf]
        assert math.isnan(null.logsf(math.nan))


@pytest.mark.parametrize(
    ("shape", "lag", "order", "fields"),
    [
        ((8,), (3,), 8, 1),
        ((6,), (2,), 3, 2),
        ((3, 4), (1, 1), 12, 2),
        ((4, 6), (2, 3), 2, 1),
        ((5, 5), (0, 1), 5, 4),
    ],
)
def test_simulated(shape, lag, order, fields):
    draws = 60_000
    x = np.random.default_rng(order).standard_normal((draws, fields, *shape))
    axes = tuple(range(2, x.ndim))
    value = np.sort((x * np.roll(x, lag, axes)).sum(axis=(1, *axes)) / (x * x).sum(axis=(1, *axes)))
    null = LagProductNull(math.prod(shape), order, fields)
    assert value.mean() == pytest.approx(0.0, abs=6 * null.std / math.sqrt(draws))
    assert value.std() == pytest.approx(null.std, rel=6 * 1.5 / math.sqrt(draws))
    for level in (1e-3, 1e-2, 0.1, 0.5):
        below = bisect_left(value, math.log(level), key=null.logcdf)
        above = bisect_left(-value[::-1], math.log(level), key=lambda v: null.logsf(-v))
        for count in (below, above):
            assert min(binom.cdf(count, draws, level), binom.sf(count - 1, draws, level)) > ALARM


def test_wrong_laws_would_be_seen():
    null = LagProductNull(64, 64)
    t = 5 * null.std
    exact = by_eigenvalues(64, 64, 1, t)
    # A normal law, and the variance of another kind of lag
    assert abs(float(NormalNull(null).logsf(t)) - exact) > 0.3
    assert abs(float(LagProductNull(64, 2).logsf(t)) - exact) > 3


def test_arguments():
    for size, order, fields in [(12, 5, 1), (12, 1, 1), (12, 24, 1), (12, 3, 0), (3, 3, 1)]:
        with pytest.raises(ArgumentError, match="lag of order"):
            LagProductNull(size, order, fields)
