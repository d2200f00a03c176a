import math

import numpy as np
import pytest
from scipy.special import gammainccinv, gammaincinv, ndtri, ndtri_exp

from gausscheck.errors import ArgumentError
from gausscheck.nulls.chi_square import ChiSquareMeanNull
from gausscheck.nulls.normal import NormalMeanNull
from gausscheck.nulls.power_spectrum import power_spectrum_null
from gausscheck.nulls.quantile import quantile


@pytest.mark.parametrize("n", [1, 64, 65536])
@pytest.mark.parametrize("p", [1e-300, 1e-12, 0.025, 0.3, 0.5, 0.6, 0.975])
def test_normal(n, p):
    # stated: 1e-12 of the standard deviation, and as much relative to t
    expected = float(ndtri(p)) / math.sqrt(n)
    assert abs(quantile(NormalMeanNull(n), p) - expected) <= 2e-12 / math.sqrt(n) + 1e-13 * abs(expected)


@pytest.mark.parametrize("q", [1e-12, 1e-6])
def test_upper_tail_of_the_p_that_a_float_holds(q):
    p = 1 - q
    expected = -float(ndtri_exp(math.log(1 - p)))
    assert abs(quantile(NormalMeanNull(1), p) - expected) <= 2e-12


@pytest.mark.parametrize("n", [1, 8, 1024])
@pytest.mark.parametrize("p", [1e-12, 0.025, 0.5, 0.975])
def test_chi_square(n, p):
    inverse = gammaincinv(n / 2, p) if p <= 0.5 else gammainccinv(n / 2, 1 - p)
    expected = float(inverse) * 2 / n
    assert abs(quantile(ChiSquareMeanNull(n), p) - expected) <= 2e-12 * math.sqrt(2 / n) + 1e-12 * expected


@pytest.mark.parametrize("p", [1e-12, 0.01, 0.99])
def test_comes_back_through_the_tails(p):
    null = power_spectrum_null(4096)
    t = quantile(null, p)
    tail = null.logcdf(t) if p <= 0.5 else null.logsf(t)
    # 1e-12 of a deviation at a slope of at most 8 a deviation
    np.testing.assert_allclose(tail, math.log(p) if p <= 0.5 else math.log(1 - p), atol=1e-10)


@pytest.mark.parametrize("p", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_errors(p):
    with pytest.raises(ArgumentError, match="strictly between 0 and 1"):
        quantile(NormalMeanNull(1), p)
