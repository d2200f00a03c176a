"""Law of the largest of many ordinates: 50 digits, closed forms, edges."""

from __future__ import annotations

import math

import mpmath as mp
import pytest

from gausscheck.errors import ArgumentError
from gausscheck.nulls.largest_ordinate import LargestOrdinateNull


def exact_largest(bins, degrees, t):
    """Both log tails in 50 digits, `degrees` of the mean."""
    with mp.workdps(50):
        a = mp.mpf(degrees) / 2
        q = mp.gammainc(a, a * mp.mpf(t), mp.inf, regularized=True)
        inside = bins * mp.log1p(-q)
        return float(mp.log(-mp.expm1(inside))), float(inside)


@pytest.mark.parametrize("degrees", [1, 2])
@pytest.mark.parametrize("fields", [1, 12, 700])
@pytest.mark.parametrize("bins", [1, 31, 33_000, 10**8])
def test_largest_ordinate_in_50_digits(bins, fields, degrees):
    null = LargestOrdinateNull(bins, fields, degrees=degrees)
    places = [null.mean + z * null.std for z in (-3.0, -1.0, 0.0, 2.0, 8.0, 40.0)]
    for t in [p for p in places if p > 0]:
        upper, lower = exact_largest(bins, degrees * fields, t)
        assert float(null.logsf(t)) == pytest.approx(upper, rel=1e-9, abs=1e-10)
        # Each of the N factors has an error of 1e-14 of its logarithm or so.
        assert float(null.logcdf(t)) == pytest.approx(lower, rel=1e-9, abs=1e-300)


def test_far_tails_of_the_largest_ordinate():
    null = LargestOrdinateNull(1000)
    assert float(null.logsf(1e6)) == pytest.approx(math.log(1000) - 1e6, rel=1e-14)
    assert float(null.logcdf(1e-300)) == pytest.approx(1000 * math.log(1e-300), rel=1e-14)
    many = LargestOrdinateNull(10**8, 12)
    assert -1e7 < float(many.logsf(1e5)) < -1e6
    assert float(many.logcdf(0.2)) < -1e6
    assert null.logsf([-1.0, 0.0]).tolist() == [0.0, 0.0]
    assert null.logcdf([-1.0, 0.0]).tolist() == [-math.inf, -math.inf]


def test_moments_of_the_largest_ordinate():
    # Two chi-square variables of one degree: E max = 1 + E|difference|/2 = 1 + 2/pi
    two = LargestOrdinateNull(2, degrees=1)
    assert two.mean == pytest.approx(1 + 2 / math.pi, rel=1e-9)
    # The mean of two real ordinates is exponential: quadrature here, closed form there.
    for bins in (1, 40, 10**6):
        by_quadrature, closed = LargestOrdinateNull(bins, 2, degrees=1), LargestOrdinateNull(bins)
        assert by_quadrature.mean == pytest.approx(closed.mean, rel=1e-10)
        assert by_quadrature.std == pytest.approx(closed.std, rel=1e-9)
    assert LargestOrdinateNull(3).mean == pytest.approx(1 + 1 / 2 + 1 / 3, rel=1e-13)
    assert LargestOrdinateNull(3).std == pytest.approx(math.sqrt(1 + 1 / 4 + 1 / 9), rel=1e-13)


def test_arguments_of_the_largest_ordinate():
    for arguments in [(0, 1, 2), (1, 0, 2), (1, 1, 3)]:
        with pytest.raises(ArgumentError, match="largest ordinate"):
            LargestOrdinateNull(arguments[0], arguments[1], degrees=arguments[2])
