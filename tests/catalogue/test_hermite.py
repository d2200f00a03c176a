"""Hermite means: value against SciPy's polynomials, law against exact and simulated moments."""

from __future__ import annotations

import math

import numpy as np
import pytest
from noise import noise
from scipy.special import eval_hermitenorm

from gausscheck import ArgumentError, statistics
from gausscheck.lattice import lattice_of_format

HERMITE, MOMENT = statistics["hermite"], statistics["moment"]
ORDERS = range(1, 9)
SIX_SIGMA = 6.0  # a normal deviate is beyond it with probability 2e-9


def _terms(x, order):
    return eval_hermitenorm(order, x) / math.sqrt(math.factorial(order))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float8_e5m2"])
def test_value(order, dtype):
    values = noise((7, 90), dtype, 51)
    expected = math.fsum(_terms(values.decode(np.float64).ravel(), order)) / 630
    # power sums cancel: n roundings of the largest of them, 105/sqrt(8!) (x^8) or 420/sqrt(8!) x^4 and so on
    assert HERMITE(values, order=order) == pytest.approx(expected, rel=0, abs=2.3e-16 * 630 * 10)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("n", [64, 1000])
def test_mean_and_std_of_the_law(order, n):
    null = HERMITE.null(n=n, order=order)
    assert null.mean == pytest.approx(0, abs=1e-15)
    assert null.std == pytest.approx(1 / math.sqrt(n), rel=1e-12)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_mean_and_std_of_rounded_noise(order, dtype):
    n = 2**19
    h = _terms(noise(n, dtype, 52).decode(np.float64), order)
    null = HERMITE.null(n=n, order=order, lattice=lattice_of_format(dtype))
    assert abs(h.mean() - null.mean) < SIX_SIGMA * null.std
    error = np.std((h - h.mean()) ** 2) / math.sqrt(n)
    # heavy-tailed squares: their own spread is underestimated, twice the margin
    assert abs(h.var() - n * null.std**2) < 2 * SIX_SIGMA * error


def test_orders_are_uncorrelated_and_low_orders_are_moments():
    values = noise((4000, 100), "float64", 53)
    h = np.array([_terms(values.data, k).mean(axis=1) for k in ORDERS])
    correlation = np.corrcoef(h) - np.eye(8)
    # of heavy-tailed means: about 4000^-1/2 for the low orders
    assert np.abs(correlation[:4, :4]).max() < SIX_SIGMA / math.sqrt(4000)
    x = values.data[0]
    assert HERMITE(x, order=1) == pytest.approx(MOMENT(x, order=1), rel=1e-12)
    assert HERMITE(x, order=2) == pytest.approx((MOMENT(x, order=2) - 1) / math.sqrt(2), rel=1e-10)
    for order in (1, 2):
        assert HERMITE.test(x, order=order).p_value == pytest.approx(
            MOMENT.test(x, order=order).p_value, rel=1e-9
        )


def test_tells_kurtosis_from_scale_and_skewness_from_the_mean():
    """h_4 of scaled noise moves by the square of the excess variance alone, m_4 by twice the excess."""
    x = noise(2**16, "float64", 54).data
    assert HERMITE.test(1.03 * x, order=4).p_value > 1e-6 > MOMENT.test(1.03 * x, order=4).p_value
    assert HERMITE.test(x + 0.03, order=3).p_value > 1e-6 > MOMENT.test(x + 0.03, order=3).p_value


@pytest.mark.parametrize("order", ORDERS)
def test_effect_is_named_after_its_order(order):
    effect = HERMITE.test(noise(300, "float64", 55), order=order).effect
    names = {1: "mean", 2: "scale", 3: "skewness", 4: "excess kurtosis"}
    assert effect.name == names.get(order, f"Hermite coefficient {order}")
    # The powers that an interval needs are kept up to order 4.
    assert (
        effect.low < effect.value < effect.high if order <= 4 else np.isnan([effect.low, effect.high]).all()
    )


@pytest.mark.parametrize("order", [0, 9, 2.0, True])
def test_orders_that_are_refused(order):
    with pytest.raises(ArgumentError, match="order must be an integer from 1 to 8"):
        HERMITE(np.zeros(100), order=order)
