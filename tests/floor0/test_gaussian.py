import mpmath
import numpy as np
import pytest
from numpy.polynomial.hermite_e import herme2poly, hermegauss

from gausscheck import gaussian
from gausscheck.errors import ArgumentError


@pytest.mark.parametrize("k", range(17))
def test_raw_moment_is_the_integral(k):
    # Gauss-Hermite quadrature with 20 nodes is exact up to degree 39.
    node, weight = hermegauss(20)
    integral = np.sum(weight * node**k) / np.sqrt(2.0 * np.pi)
    scale = np.sum(weight * np.abs(node) ** k) / np.sqrt(2.0 * np.pi)
    assert gaussian.raw_moment(k) == pytest.approx(integral, rel=0, abs=1e-12 * scale)
    assert isinstance(gaussian.raw_moment(k), int)


def test_known_moments():
    assert [gaussian.raw_moment(k) for k in (0, 2, 4, 6, 8)] == [1, 1, 3, 15, 105]
    assert [gaussian.power_variance(k) for k in (1, 2, 3, 4)] == [1, 2, 15, 96]
    assert gaussian.power_covariance(1, 3) == 3
    assert gaussian.power_covariance(2, 3) == 0


@pytest.mark.parametrize("k", range(9))
def test_hermite_coefficients_are_numpys_over_the_norm(k):
    expected = herme2poly([0] * k + [1]) / gaussian.hermite_norm(k)
    np.testing.assert_allclose(gaussian.hermite_coefficients(k), expected, rtol=1e-15, atol=0)


def test_normalised_hermite_polynomials_are_orthonormal():
    node, weight = hermegauss(20)
    rows = np.array(
        [np.polynomial.polynomial.polyval(node, gaussian.hermite_coefficients(k)) for k in range(9)]
    )
    gram = (rows * weight) @ rows.T / np.sqrt(2.0 * np.pi)
    np.testing.assert_allclose(gram, np.eye(9), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("k", "order"), [(1, 4), (2, 2), (2, 3), (3, 3), (4, 3), (4, 4), (3, 1), (0, 5)])
def test_hermite_moment_is_the_integral(k, order):
    node, weight = hermegauss(20)
    value = np.polynomial.polynomial.polyval(node, gaussian.hermite_coefficients(k)) ** order
    assert gaussian.hermite_moment(k, order) == pytest.approx(
        np.sum(weight * value) / np.sqrt(2 * np.pi), abs=1e-11
    )


@pytest.mark.parametrize("k", [-1, 1.5])
def test_orders_are_checked(k):
    with pytest.raises(ArgumentError, match="order"):
        gaussian.raw_moment(k)


@pytest.mark.parametrize("x", [-40.0, -3.0, -1e-9, 0.0, 0.5, 6.0, 38.0, 200.0])
def test_tails_and_density_against_mpmath(x):
    with mpmath.workdps(50):
        upper = float(mpmath.log(mpmath.erfc(mpmath.mpf(x) / mpmath.sqrt(2)) / 2))
        density = float(mpmath.log(mpmath.npdf(mpmath.mpf(x))))
    # rounding of the result itself, and of log_ndtr: a few ulp
    assert gaussian.log_upper_tail(x) == pytest.approx(upper, rel=1e-14)
    assert gaussian.log_lower_tail(-x) == pytest.approx(upper, rel=1e-14)
    assert gaussian.log_density(x) == pytest.approx(density, rel=1e-15)


def test_quantile_inverts_the_lower_tail():
    p = np.array([1e-300, 1e-12, 0.02, 0.5, 0.9])
    np.testing.assert_allclose(np.exp(gaussian.log_lower_tail(gaussian.quantile(p))), p, rtol=1e-12)
