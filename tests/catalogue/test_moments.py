"""Moments and Hermite means against their definitions, value by value."""

import math

import numpy as np
import pytest
from scipy.special import eval_hermitenorm
from tolerance import tolerance

import gausscheck as gc

X = np.random.default_rng(11).standard_normal((3, 2, 20, 20))


@pytest.mark.parametrize("order", range(1, 9))
def test_a_moment_is_a_mean_of_powers(order):
    finding = gc.statistics["moment"].test(X, order=order)
    expected = math.fsum((X**order).ravel()) / X.size
    size = math.fsum(np.abs(X**order).ravel()) / X.size
    assert finding.value == pytest.approx(expected, abs=size * tolerance("power_sum", n=X.size, order=order))
    assert finding.n == X.size
    double_factorial = math.prod(range(order - 1, 0, -2)) if order % 2 == 0 else 0
    assert finding.expected == pytest.approx(double_factorial, rel=1e-12)


@pytest.mark.parametrize("order", range(1, 9))
def test_a_hermite_mean_is_a_mean_of_polynomials(order):
    finding = gc.statistics["hermite"].test(X, order=order)
    expected = np.mean(eval_hermitenorm(order, X)) / math.sqrt(math.factorial(order))
    # The largest term of He_8/√8! is a power sum times 420/√8! of E x⁴ = 3, below 7; the others add less.
    rounding = 4 * 7 * tolerance("power_sum", n=X.size, order=order)
    assert finding.value == pytest.approx(expected, abs=rounding)
    assert (finding.expected, finding.std) == pytest.approx((0, 1 / math.sqrt(X.size)), abs=1e-12)


def test_the_discrepancy_compares_roots():
    fourth = gc.statistics["moment"].test(2 * np.ones(16), order=4)
    assert fourth.extra["discrepancy"] == pytest.approx(2 - 3**0.25)
    third = gc.statistics["moment"].test(-2 * np.ones(16), order=3)
    assert third.extra["discrepancy"] == pytest.approx(2)


@pytest.mark.parametrize(("name", "order"), [("moment", 2), ("moment", 4), ("hermite", 3), ("hermite", 4)])
def test_on_a_lattice_the_law_has_the_moments_of_rounded_values(name, order):
    """8-bit values are coarse enough for the shift to show: mean and variance are sums over the lattice."""
    from gausscheck.lattice import Lattice

    lattice = Lattice("fp8_e5m2")
    points, weight = lattice.points, np.exp(lattice.log_probabilities())
    inside = np.abs(points) < 40
    points, weight = points[inside], weight[inside]
    feature = (
        points**order
        if name == "moment"
        else eval_hermitenorm(order, points) / math.sqrt(math.factorial(order))
    )
    mean = float(weight @ feature)
    deviation = math.sqrt(float(weight @ (feature - mean) ** 2))
    null = gc.statistics[name].null(n=100, lattice="fp8_e5m2", order=order)
    plain = gc.statistics[name].null(n=100, order=order)
    assert (null.mean, null.std) == pytest.approx((mean, deviation / 10), rel=1e-9, abs=1e-12)
    assert abs(null.std / plain.std - 1) > 1e-3
