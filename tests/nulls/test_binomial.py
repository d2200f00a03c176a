"""Binomial null: both inclusive tails against scipy, exact fractions and mpmath."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from scipy.stats import binom

from gausscheck.errors import ArgumentError
from gausscheck.nulls.binomial import BinomialNull


def by_sum(n, k, log_p, *, upper):
    """Log of P(T >= k) or P(T <= k) with 30 digits: the first term by log-gamma, the rest by ratios."""
    with mp.workdps(45):
        p = mp.exp(mp.mpf(log_p))
        q = 1 - p
        if not upper:
            k, p, q = n - k, q, p
        first = (
            mp.loggamma(n + 1)
            - mp.loggamma(k + 1)
            - mp.loggamma(n - k + 1)
            + k * mp.log(p)
            + (n - k) * mp.log(q)
        )
        odds = p / q
    with mp.workdps(25):
        term = total = mp.mpf(1)
        for j in range(k, n):
            term *= odds * (n - j) / (j + 1)
            total += term
            if term < total * mp.mpf(10) ** -20:
                break
    with mp.workdps(45):
        return first + mp.log(total)


@pytest.mark.parametrize("n", [1, 2, 8, 57])
@pytest.mark.parametrize("p", [Fraction(1, 1000), Fraction(3, 10), Fraction(1, 2), Fraction(99, 100)])
def test_every_count_in_exact_fractions(n, p):
    log_p = math.log1p(-(1 - p)) if p > Fraction(1, 2) else math.log(p)
    null = BinomialNull(n, log_p)
    mass = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    for k in range(n + 1):
        upper, lower = sum(mass[k:]), sum(mass[: k + 1])
        # p itself is known to rounding: n times that; and a few roundings of the logarithm
        bound = 1e-15 * (n + 4) * (1 + abs(math.log(min(upper, lower))))
        assert float(null.logsf(k)) == pytest.approx(math.log(upper), rel=bound, abs=bound)
        assert float(null.logcdf(k)) == pytest.approx(math.log(lower), rel=bound, abs=bound)
    assert null.mean == pytest.approx(float(n * p), rel=1e-14)
    assert null.std == pytest.approx(math.sqrt(float(n * p * (1 - p))), rel=1e-13)


@pytest.mark.parametrize(("n", "p"), [(1000, 0.0228), (16_384, 0.0027), (10**6, 0.3), (10**6, 0.001)])
def test_against_scipy(n, p):
    null = BinomialNull(n, math.log(p))
    law = binom(n, p)
    k = np.unique(np.clip(np.round(null.mean + null.std * np.linspace(-6, 8, 57)), 0, n))
    # scipy rounds 1 - p: relative error of some 1e-13 of it at these p; its beta function is good to 1e-11
    np.testing.assert_allclose(null.logsf(k), np.log(law.sf(k - 1)), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(null.logcdf(k), np.log(law.cdf(k)), rtol=1e-10, atol=1e-14)
    assert (null.mean, null.std) == pytest.approx((law.mean(), law.std()), rel=1e-12)


@pytest.mark.parametrize(
    ("n", "p"), [(64, 0.0228), (10**4, 0.1), (10**6, 1e-9), (10**8, 1e-6), (10**8, 0.0027), (10**12, 1e-9)]
)
def test_far_tails_against_mpmath(n, p):
    log_p = math.log(p)
    null = BinomialNull(n, log_p)
    for z in (-1000, -37, -6, -3.05, 3.05, 6, 37, 1000, 30_000):
        k = round(null.mean + z * null.std)
        if 0 <= k <= n:
            exact = float(by_sum(n, k, log_p, upper=z > 0))
            got = float(null.logsf(k) if z > 0 else null.logcdf(k))
            # stated: 1e-10 of the probability; and the rounding of a large logarithm
            assert abs(got - exact) < 1e-10 + 4e-15 * abs(exact), z


def test_ends_and_what_is_no_count():
    null = BinomialNull(10, math.log(0.25))
    np.testing.assert_array_equal(null.logsf([-3, 0, 10.5, np.inf]), [0, 0, -np.inf, -np.inf])
    np.testing.assert_array_equal(null.logcdf([-0.5, 10, 11, np.inf]), [-np.inf, 0, 0, 0])
    assert np.isnan(null.logsf(np.nan))
    assert np.isnan(null.logcdf(np.nan))
    # between whole numbers the tails do not overlap; on one they share its mass
    assert float(null.sf(2.5) + null.cdf(2.5)) == pytest.approx(1, rel=1e-14)
    assert float(null.sf(2) + null.cdf(2) - 1) == pytest.approx(binom.pmf(2, 10, 0.25), rel=1e-13)
    assert null.logsf([[1, 2, 3]]).shape == (1, 3)


def test_tails_fall_where_methods_meet():
    """No step at 1e-3, where the incomplete beta function hands over."""
    null = BinomialNull(10**8, math.log(0.0027))
    k = np.arange(round(null.mean + 3.0 * null.std), round(null.mean + 3.2 * null.std))
    step = np.diff(null.logsf(k), n=2)
    # the slope of the log tail changes by about 1/variance a count; noise of 1e-12 would show
    assert np.abs(step + 1 / null.std**2).max() < 1 / null.std**2


def test_arguments_are_checked():
    for n, log_p in ((0, -1.0), (5, 0.0), (5, math.nan), (5, -math.inf)):
        with pytest.raises(ArgumentError):
            BinomialNull(n, log_p)


def test_a_normal_tail_would_be_seen():
    """The mutant: the central limit theorem with a continuity correction, at a mean of 27."""
    null = BinomialNull(10_000, math.log(0.0027))
    k = 60
    from scipy.special import log_ndtr

    normal = log_ndtr(-(k - 0.5 - null.mean) / null.std)
    exact = by_sum(10_000, k, math.log(0.0027), upper=True)
    assert abs(float(null.logsf(k)) - float(exact)) < 1e-10
    assert abs(normal - float(exact)) > 1
