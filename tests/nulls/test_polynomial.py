"""The continued cumulant function, against integrals along other paths and against being analytic."""

import math

import mpmath
import numpy as np
import pytest
from nulls.gil_pelaez import Extended, GilPelaez, gauss_legendre

from gausscheck.errors import ArgumentError
from gausscheck.gaussian import hermite_coefficients, power_variance, raw_moment
from gausscheck.nulls.polynomial import PolynomialFeature, polynomial_feature

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

EPS = float(np.finfo(float).eps)
FEATURES = [(k, hermite) for hermite in (False, True) for k in range(3, 9)]
EVEN = [(k, hermite) for k, hermite in FEATURES if k % 2 == 0]
EXTENDED = Extended()
NODE, WEIGHT = gauss_legendre(EXTENDED, 40)


def bound(feature, s, log_mgf):
    """Error to allow: the 100 or so terms that count round a few times each; near zero all scale with |s| sd.

    That is 1e-13 at most, and far below 1e-16 near zero, where log M is of order |s|².
    """
    return 500 * EPS * np.maximum(np.minimum(1.0, np.abs(s) * feature.std), np.abs(log_mgf))


def pieces(edges):
    edge = np.asarray(edges, np.longdouble)
    middle, half = (edge[1:] + edge[:-1]) / 2, (edge[1:] - edge[:-1]) / 2
    return (middle[:, None] + half[:, None] * NODE).ravel(), (half[:, None] * WEIGHT).ravel()


def polynomial(oracle, y):
    f = y * 0 + oracle.coefficients[-1]
    for c in oracle.coefficients[-2::-1]:
        f = f * y + c
    return f


def from_excess(z, y, weight):
    """∫ (exp(z) - 1 - z) φ, with what is below exp(-80) left out of exp(z)."""
    dead = z.real < -80
    value = -1 - z
    value[~dead] = EXTENDED.excess(z[~dead])
    return np.sum(value * np.exp(-y * y / 2) * weight) / np.sqrt(2 * EXTENDED.pi)


def on_the_real_line(oracle, s):
    """log M - s E f by a plain sum over the real line, so fine that every oscillation that counts is seen."""
    y, weight = pieces(np.linspace(-13, 13, 1600))
    return EXTENDED.log1p(from_excess(np.clongdouble(s) * (polynomial(oracle, y) - oracle.mean), y, weight))


def along_a_ray(feature, oracle, s, position):
    """The same continued: along a ray at a share `position` of the sector in which exp(s f) decays."""

    def half(s):
        k, angle = feature.degree, float(np.angle(s))
        low = max(math.pi / 2 + 0.25 - angle, 0.0) / k
        turn = low + position * (min((3 * math.pi / 2 - 0.25 - angle) / k, 0.65) - low)
        normal = 13.6 / math.sqrt(math.cos(2 * turn))
        decay = abs(math.cos(angle + k * turn)) * feature.coefficients[-1] * abs(s)
        reach = min(normal, (75 / decay) ** (1 / k))
        edges = list(np.linspace(0, reach, 7)) + list(
            np.linspace(reach, normal, 4)[1:] if reach < normal else []
        )
        r, weight = pieces(edges)
        direction = np.exp(1j * np.longdouble(turn))
        y, weight = np.longdouble(feature.turning_point) + r * direction, weight * direction
        if feature.turning_point:
            first, first_weight = pieces(np.linspace(0, feature.turning_point, 8))
            y, weight = np.append(first + 0j, y), np.append(first_weight + 0j, weight)
        return from_excess(s * (polynomial(oracle, y) - oracle.mean), y, weight)

    s = np.clongdouble(s)
    whole = 2 * half(s) if feature.even else half(s) + np.conj(half(-np.conj(s)))
    return EXTENDED.log1p(whole)


def check_values(feature, points, expected, log_mgf=None):
    found = (log_mgf or feature.log_mgf)(points)
    difference = found - np.array(expected).astype(complex)
    difference -= 2j * np.pi * np.round(difference.imag / (2 * np.pi))
    assert np.all(np.abs(difference) <= bound(feature, points, np.array(expected).astype(complex)))


@pytest.mark.parametrize(("degree", "hermite"), FEATURES)
def test_log_mgf_is_the_integral_on_the_imaginary_axis(degree, hermite):
    feature, oracle = polynomial_feature(degree, hermite), GilPelaez(degree, hermite=hermite)
    # The plain sum does not follow exp(i He_8), which turns 50 000 radians a unit where the density is 1e-13.
    largest = 0.4 if (degree, hermite) == (8, True) else 1.0
    points = 1j * np.array([1e-6, 1e-3, 0.02, 0.29, 0.31, largest]) / feature.std
    check_values(feature, points, [on_the_real_line(oracle, s) for s in points])


@pytest.mark.parametrize(("degree", "hermite"), EVEN)
def test_log_mgf_is_the_integral_in_the_left_half_plane(degree, hermite):
    feature, oracle = polynomial_feature(degree, hermite), GilPelaez(degree, hermite=hermite)
    points = np.array([-1e-5, -0.1, -1.0, -20, -1e-3 + 3e-3j, -0.2 + 0.1j, -2 + 1j, -0.1 + 1j]) / feature.std
    check_values(feature, points, [on_the_real_line(oracle, s) for s in points])


@pytest.mark.parametrize(("degree", "hermite"), FEATURES)
def test_continuation_does_not_depend_on_the_path(degree, hermite):
    feature, oracle = polynomial_feature(degree, hermite), GilPelaez(degree, hermite=hermite)
    # On the ray exp(s f) of a Hermite polynomial grows before it decays: the plain ray stands small s only.
    sizes = [1e-6, 1e-3, 1e-2] if hermite else [1e-6, 1e-3, 0.1, 1.0]
    sizes = [1e-6, 1e-3] if hermite and degree == 8 else sizes
    points = (
        np.array([size * np.exp(1j * a) for size in sizes for a in (0.0, 0.4, 1.0, 1.3, 1.5)]) / feature.std
    )
    for position in (0.35, 0.7):
        check_values(feature, points, [along_a_ray(feature, oracle, s, position) for s in points])


def test_a_ray_turned_the_other_way_is_seen():
    """Mutant: continued from below, which conjugates the value on the positive axis."""
    feature, oracle = polynomial_feature(4, False), GilPelaez(4)
    points = np.array([0.1, 1.0]) / feature.std
    expected = [along_a_ray(feature, oracle, s, 0.35) for s in points]
    with pytest.raises(AssertionError):
        check_values(feature, points, expected, lambda s: np.conj(feature.log_mgf(s)))


def mean_value_error(feature, log_mgf, centre):
    """An analytic function is the average of itself over a circle: 48 points miss by 0.3^48 of its scale.

    M is analytic; near zero, where only log M keeps its digits, log M is too. Relative to the error allowed.
    """
    circle = centre + 0.3 * abs(centre) * np.exp(2j * np.pi * (np.arange(48) + 0.5) / 48)
    value = np.append(log_mgf(circle), log_mgf(centre))
    allowed = bound(feature, np.append(circle, centre), value)
    if abs(centre) * feature.std > 0.2:
        value = np.exp(value)
        allowed *= np.abs(value)
    return abs(np.mean(value[:-1]) - value[-1]) / allowed.max()


@pytest.mark.parametrize(("degree", "hermite"), FEATURES)
@pytest.mark.parametrize("size", [1e-3, 0.3, 2.0])
def test_log_mgf_is_analytic_also_across_the_imaginary_axis(degree, hermite, size):
    """Circles in the upper half plane; the last straddle arg s = π/2, and two sizes |s| sd = 0.3."""
    feature = polynomial_feature(degree, hermite)
    for angle in (0.35, 0.9, 1.35, math.pi / 2, 1.8):
        assert mean_value_error(feature, feature.log_mgf, size / feature.std * np.exp(1j * angle)) < 1, angle


def test_a_step_on_the_imaginary_axis_is_seen():
    """Mutant: an error of 1e-11 on one side of arg s = π/2."""
    feature = polynomial_feature(5, True)

    def stepped(s):
        return feature.log_mgf(s) * (1 + 1e-11 * (np.angle(np.atleast_1d(s)) < math.pi / 2))

    assert mean_value_error(feature, stepped, 1j) > 1


@pytest.mark.parametrize(("degree", "hermite"), FEATURES)
def test_imaginary_part_where_it_is_not_small(degree, hermite):
    feature = polynomial_feature(degree, hermite)
    y = feature.turning_point + np.geomspace(0.5, 8, 400)
    rate, _ = feature.saddle_rate(y)
    log_imag = feature.log_imag_mgf(y)
    log_mgf = feature.log_mgf(rate) + rate * feature.mean
    share = np.exp(log_imag - log_mgf.real)
    # Where Im M is a millionth to a twentieth of |M|: log M then knows it to 1e-10 or better.
    shared = (share > 1e-6) & (share < 0.05)
    assert shared.sum() > 15
    error = np.abs(np.log(np.sin(log_mgf.imag[shared])) + log_mgf.real[shared] - log_imag[shared])
    assert np.all(error < 50 * EPS / share[shared] + 1e-12)


@pytest.mark.parametrize(("degree", "hermite"), [(3, False), (4, True), (5, True), (8, False)])
def test_imaginary_part_where_it_is_tiny(degree, hermite):
    """Against an integral along an arc and a ray in 60 digits, of which cancellation leaves plenty."""
    feature = polynomial_feature(degree, hermite)
    y = np.array([16.0])
    (rate,), _ = feature.saddle_rate(y)
    with mpmath.workdps(60):
        exact = [mpmath.mpf(c) for c in feature.coefficients[::-1]]
        s = mpmath.mpf(float(rate))

        def integrand(z):
            return mpmath.exp(s * mpmath.polyval(exact, z) - z * z / 2)

        def arc(angle):
            z = 16 * mpmath.expj(angle)
            return integrand(z) * 1j * z

        def ray(r):
            return integrand(r * direction) * direction

        end = mpmath.pi / degree
        direction = mpmath.expj(end)
        # Up to the real saddle the integrand is real.
        whole = mpmath.quad(arc, mpmath.linspace(0, end, 4)) + mpmath.quad(ray, [16, 18, 24, 48])
        expected = mpmath.log(whole.imag / mpmath.sqrt(2 * mpmath.pi) * (2 if feature.even else 1))
    # The exponent is of order 100; everything else is positive and adds up without loss.
    assert feature.log_imag_mgf(y)[0] == pytest.approx(float(expected), rel=0, abs=1000 * EPS)


@pytest.mark.parametrize(("degree", "hermite"), FEATURES)
def test_facts_of_the_polynomial(degree, hermite):
    feature = polynomial_feature(degree, hermite)
    coefficients = hermite_coefficients(degree) if hermite else np.eye(degree + 1)[degree]
    np.testing.assert_allclose(feature.coefficients, coefficients, rtol=4 * EPS, atol=0)
    assert feature.mean == (0 if hermite else raw_moment(degree))
    assert feature.std == pytest.approx(1 if hermite else math.sqrt(power_variance(degree)), rel=4 * EPS)
    grid = np.linspace(-6, 6, 200_001)
    if feature.even:
        # The grid misses an extremum by half a step of 6e-5: its square times half the curvature (< 200).
        assert feature.floor - 100 * EPS <= feature.value(grid).min() <= feature.floor + 9e-10 * 100
    else:
        assert feature.floor == -math.inf
    beyond = grid[grid > feature.turning_point + 1e-4]
    assert np.all(np.diff(feature.value(beyond)) > 0)


@pytest.mark.parametrize(("degree", "hermite"), FEATURES)
def test_inverse_and_saddle_undo(degree, hermite):
    feature = polynomial_feature(degree, hermite)
    y = feature.turning_point + np.array([0.05, 0.3, 1.0, 5.0, 50.0, 1e6])
    np.testing.assert_allclose(feature.inverse(feature.value(y)), y, rtol=1e-11)
    rate, slope = feature.saddle_rate(y[:-1])
    np.testing.assert_allclose(feature.saddle(rate), y[:-1], rtol=1e-12)
    step = 1e-5 * y[:-1]
    ahead, behind = feature.saddle_rate(y[:-1] + step)[0], feature.saddle_rate(y[:-1] - step)[0]
    # A central difference of step 1e-5: error (1e-5 y / distance to the turning point)².
    distance = (y[:-1] - feature.turning_point) / y[:-1]
    assert np.all(
        np.abs(-np.log(ahead / behind) / (2 * step) / slope - 1) < 10 * (1e-5 / distance) ** 2 + 1e-9
    )


@pytest.mark.parametrize("degree", [2, 9, 0, -3])
def test_other_degrees_are_refused(degree):
    with pytest.raises(ArgumentError, match=r"3\.\.8"):
        PolynomialFeature(degree, hermite=False)
