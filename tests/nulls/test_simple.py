"""Normal, chi-square and moved laws against mpmath."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from gausscheck.errors import ArgumentError
from gausscheck.nulls.affine import AffineNull
from gausscheck.nulls.base import Grade
from gausscheck.nulls.chi_square import ChiSquareMeanNull
from gausscheck.nulls.normal import NormalMeanNull

SIZES = (1, 2, 8, 64, 4096)


def _chi_square_logs(n, t):
    """Log upper and lower tail of chi2_n / n at t, forty digits."""
    with mp.workdps(40):
        a = mp.mpf(n) / 2
        x = a * mp.mpf(t)
        upper = mp.log(mp.gammainc(a, x, mp.inf, regularized=True))
        lower = mp.log(mp.gammainc(a, 0, x, regularized=True))
        return float(upper), float(lower)


@pytest.mark.parametrize("n", SIZES)
def test_chi_square_in_both_tails(n):
    null = ChiSquareMeanNull(n)
    # Forty digits cannot hold the complement of a tail below 1e-40: there only the small tail speaks.
    for t in (1e-12, 1e-3, 0.2, 0.5, 0.9, 0.99, 1, 1.01, 1.1, 1.5, 2, 5, 50):
        if n >= 4096 and not 0.4 < t < 2.1:
            continue
        upper, lower = _chi_square_logs(n, t)
        if t >= 1:
            assert float(null.logsf(t)) == pytest.approx(upper, rel=1e-11, abs=1e-11)
        if t <= 1:
            assert float(null.logcdf(t)) == pytest.approx(lower, rel=1e-11, abs=1e-11)


def test_chi_square_far_out():
    """Where p underflows: one degree of freedom twice is exponential, P(T > t) = exp(-t) for n = 2."""
    null = ChiSquareMeanNull(2)
    t = np.array([600.0, 1e4, 1e8])
    np.testing.assert_allclose(null.logsf(t), -t, rtol=1e-13)
    # P(T < t) -> (n t / 2)^(n/2) / Gamma(n/2 + 1) as t -> 0
    n = 4096
    expected = n / 2 * np.log(n / 2 * 1e-6) - float(mp.loggamma(n / 2 + 1)) - n / 2 * 1e-6
    assert float(ChiSquareMeanNull(n).logcdf(1e-6)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("n", SIZES)
def test_chi_square_is_smooth_where_the_formulas_meet(n):
    null = ChiSquareMeanNull(n)
    for log_tail, side in ((null.logsf, 1), (null.logcdf, -1)):
        t = np.linspace(1, 1 + 60 * null.std, 4001) if side > 0 else np.geomspace(1e-300, 1, 4001)
        logs = log_tail(t)
        assert np.all(np.isfinite(logs))
        assert np.all(side * np.diff(logs) <= 1e-12)


def test_chi_square_at_the_ends():
    null = ChiSquareMeanNull(10)
    assert null.logsf(0.0) == 0
    assert null.logsf(-1.0) == 0
    assert null.logcdf(0.0) == -np.inf
    assert null.logcdf(-1.0) == -np.inf
    assert null.logsf(np.inf) == -np.inf
    assert null.logcdf(np.inf) == 0
    assert (null.mean, null.std) == (1, pytest.approx(np.sqrt(0.2)))


@pytest.mark.parametrize("n", [1, 100, 10**9])
def test_normal(n):
    null = NormalMeanNull(n)
    assert (null.mean, null.std) == (0, pytest.approx(n**-0.5))
    for z in (0.0, 1.0, 8.0, 38.0, 1e3):
        with mp.workdps(30):
            expected = float(mp.log(mp.erfc(z / mp.sqrt(2)) / 2))
        assert float(null.logsf(z * null.std)) == pytest.approx(expected, rel=1e-12)
        assert float(null.logcdf(-z * null.std)) == pytest.approx(expected, rel=1e-12)


def test_two_sided_is_equal_tailed():
    null = NormalMeanNull(4)
    assert float(null.log_two_sided(0.0)) == 0
    assert np.exp(null.log_two_sided(1.959963984540054 / 2)) == pytest.approx(0.05, rel=1e-12)
    assert null.log_two_sided([[0.1, -0.1]]).shape == (1, 2)
    assert float(null.sf(0.3)) + float(null.cdf(0.3)) == pytest.approx(1, rel=1e-15)


def test_moved():
    base = ChiSquareMeanNull(50)
    moved = AffineNull(base, mean=3.0, std=2.0, grade=Grade.ASYMPTOTIC)
    assert (moved.mean, moved.std, str(moved.grade)) == (3.0, 2.0, "asymptotic")
    t = np.array([-1.0, 0.5, 1.0, 4.0])
    np.testing.assert_allclose(moved.logsf(3 + 2 * (t - 1) / base.std), base.logsf(t), rtol=1e-12)
    np.testing.assert_allclose(moved.logcdf(3 + 2 * (t - 1) / base.std), base.logcdf(t), rtol=1e-12)


@pytest.mark.parametrize("null", [NormalMeanNull, ChiSquareMeanNull])
def test_no_values_no_law(null):
    with pytest.raises(ArgumentError, match="at least one value"):
        null(0)


@pytest.mark.parametrize("n", [200_002, 10**9, 10**10])
def test_chi_square_of_many_values(n):
    """Wilson and Hilferty's cube root is normal to O(1/n), also where scipy's own series ends early."""
    null = ChiSquareMeanNull(n)
    z = np.array([-12, -8, -5, -4.6, -4.4, -1, -1e-3, 1e-3, 1, 4.4, 4.6, 5, 8, 12.0])
    t = 1 + z * null.std
    root = (np.cbrt(t) - (1 - 2 / (9 * n))) / np.sqrt(2 / (9 * n))
    bound = 0.2 * z**4 / n + 1e-6
    normal = NormalMeanNull(1)
    assert np.all(np.abs(null.logsf(t) - normal.logsf(root)) <= bound)
    assert np.all(np.abs(null.logcdf(t) - normal.logcdf(root)) <= bound)
