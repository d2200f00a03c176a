"""The nulls of moments and Hermite means at their limits: few and many values, far tails, odd points."""

import math

import numpy as np
import pytest
from nulls.test_inversion import EPS, EVERY, FEATURES, SOME, Normal, second_road, sizes
from scipy.special import bdtr, bdtrc, log_ndtr, ndtri

from gausscheck.errors import ArgumentError
from gausscheck.nulls.base import Grade
from gausscheck.nulls.inversion import InversionNull, inversion_null

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

# 12 features x 2 sizes x 9 points x 2 tails of a binomial count: below 4.4e-8 together, 1e-10 each.
FALSE_ALARM = 1e-10


def check_simulation(null, mean_of_feature):
    replicates = mean_of_feature.size
    for t in null.mean + null.std * np.array([-1.5, -0.9, -0.5, -0.2, 0.1, 0.5, 1.0, 2.0, 5.0]):
        count = np.count_nonzero(mean_of_feature > t)
        p = float(null.sf(t))
        assert bdtr(count, replicates, p) > FALSE_ALARM / 2, t
        if count > 0:
            assert bdtrc(count - 1, replicates, p) > FALSE_ALARM / 2, t


@pytest.fixture(scope="module")
def draws():
    """A million samples of 16 values, as 2 x 8."""
    return np.random.default_rng(20240611).standard_normal((2, 8, 1_000_000), dtype=np.float64)


def feature_means(draws, degree, hermite):
    feature = inversion_null(degree, 8, hermite).feature
    halves = [sum(feature.value(row) for row in half) / 8 for half in draws]
    return halves[0], (halves[0] + halves[1]) / 2


@SOME
def test_simulation(degree, hermite, draws):
    eight, sixteen = feature_means(draws, degree, hermite)
    check_simulation(inversion_null(degree, 8, hermite), eight)
    check_simulation(inversion_null(degree, 16, hermite), sixteen)
    # The grand mean is the mean of 16 million values; its own null judges it.
    whole = inversion_null(degree, 16_000_000, hermite)
    assert whole.log_two_sided(np.mean(sixteen)) > math.log(FALSE_ALARM)


def test_simulation_sees_the_normal_law(draws):
    with pytest.raises(AssertionError):
        check_simulation(Normal(4, 16), feature_means(draws, 4, False)[1])


@SOME
def test_mean_and_std_are_those_of_the_law(degree, hermite):
    """E T and E T² as integrals of the two tails, over 30 standard deviations per side and the far tail."""
    null = inversion_null(degree, 4096, hermite)
    node, weight = np.polynomial.legendre.leggauss(20)
    edges = np.append(np.linspace(0, 12, 25), 12 * 1.5 ** np.arange(1, 14))
    u = ((edges[1:] + edges[:-1])[:, None] / 2 + (edges[1:] - edges[:-1])[:, None] / 2 * node).ravel()
    du = ((edges[1:] - edges[:-1])[:, None] / 2 * weight).ravel()
    up, down = null.sf(null.mean + null.std * u), null.cdf(null.mean - null.std * u)
    # The kinks at the floor and the truncated tail cost less than 1e-9.
    assert np.sum(du * (up - down)) == pytest.approx(0, abs=1e-9)
    assert np.sum(du * 2 * u * (up + down)) == pytest.approx(1, abs=1e-7)


def standard_cumulants(degree):
    """κ₃ … κ₆ of xᵏ over powers of its standard deviation."""

    def moment(k):
        return math.prod(range(1, k, 2)) if k % 2 == 0 else 0

    raw = [moment(degree * j) for j in range(7)]
    cumulant = [0] * 7
    for j in range(1, 7):
        cumulant[j] = raw[j] - sum(math.comb(j - 1, i - 1) * cumulant[i] * raw[j - i] for i in range(1, j))
    return [cumulant[j] / cumulant[2] ** (j / 2) for j in (3, 4, 5, 6)]


@pytest.mark.parametrize("degree", range(3, 9))
def test_many_values_are_nearly_normal(degree):
    """The Cornish-Fisher quantile to order 1/n, at n = 1e9, is good to the size of the terms left out."""
    null = inversion_null(degree, 10**9)
    k3, k4, k5, k6 = standard_cumulants(degree)
    skew, kurt = k3 / null.n**0.5, k4 / null.n
    for p in (1e-2, 1e-4, 1e-6):
        z = -float(ndtri(p))
        quantile = z + (z**2 - 1) * skew / 6 + (z**3 - 3 * z) * kurt / 24 - (2 * z**3 - 5 * z) * skew**2 / 36
        # Polynomials of degree 4 and 5 in z over at least 24; a step dz changes p by z dz.
        left_out = z**5 * (abs(k5) + abs(k3 * k4) + abs(k3) ** 3) / 24 / null.n**1.5
        left_out += z**6 * (k6 + k4**2 + k3**2 * k4 + abs(k3 * k5) + k3**4) / 24 / null.n**2
        assert null.sf(null.mean + null.std * quantile) == pytest.approx(p, rel=left_out + 1e-10, abs=0)
        # Mutant: the central limit theorem.
        assert null.sf(null.mean + null.std * z) != pytest.approx(p, rel=left_out + 1e-10, abs=0)


@EVERY
@sizes(10**9, 10**7, 10**10)
def test_two_roads_at_many_values(degree, hermite, n):
    null = inversion_null(degree, n, hermite)
    t = null.mean + null.std * np.array([-4.0, -2.0, -0.5, 0.5, 2.0, 4.0])
    other = second_road(degree, hermite).sf(n, t)
    error = np.where(t > null.mean, null.sf(t) / other, null.cdf(t) / (1 - other)) - 1
    # t itself rounds: n t is known to n eps mean, against a standard deviation of √n.
    conditioning = 20 * EPS * math.sqrt(n) * (1 + abs(null.mean) / null.feature.std)
    assert np.all(np.abs(error.astype(float)) < 1e-9 + conditioning)


@SOME
def test_one_big_jump(degree, hermite):
    """Far out the tail is that of one value: log p / log(n P(f > n t)) tends to 1, from above p."""
    n = 64
    null = inversion_null(degree, n, hermite)
    size = null.feature.value(np.array([12.0, 20.0, 30.0, 45.0]))
    t = null.mean + (size - null.feature.mean) / n
    sides = 2 if null.feature.even else 1
    one = math.log(sides * n) + log_ndtr(-null.feature.inverse(size))
    ratio = null.logsf(t) / one
    # The others add s sqrt(n) sd, s = y/f'(y): log p rises by half its square, which falls with y.
    rate, _ = null.feature.saddle_rate(null.feature.inverse(size))
    rise = n * null.feature.std**2 * rate**2
    np.testing.assert_array_less(np.abs(1 - ratio), rise / np.abs(one) + 1e-9)
    assert np.all(null.logsf(t) >= one - 1e-9)


def ladder(null):
    """Points from far below to far above, through every change of method, infinities included."""
    u = np.geomspace(1e-3, 1e9, 49)
    wide = np.geomspace(1e30, 1e300, 10)
    parts = [
        null.mean + null.std * u,
        null.mean - null.std * u,
        wide,
        -wide,
        [-math.inf, 0.0, null.mean, math.inf],
    ]
    if null.feature.even:
        width = null.mean - null.feature.floor
        parts.append(null.feature.floor + width * np.geomspace(1e-300, 0.9, 25))
        parts.append([null.feature.floor, np.nextafter(null.feature.floor, math.inf)])
    # One value alone of size 55 to 65: where quadrature hands over to a closed form.
    jump = null.feature.value(np.linspace(55, 65, 12))
    return np.unique(np.concatenate([*parts, null.mean + (jump - null.feature.mean) / null.n]))


def check_monotone(null, slack):
    t = ladder(null)
    above, below = null.logsf(t), null.logcdf(t)
    assert not np.isnan(above).any()
    assert not np.isnan(below).any()
    assert above.max() <= 0
    assert below.max() <= 0
    for values in (above, below[::-1]):
        size = np.where(np.isfinite(values), np.abs(values), 0)
        with np.errstate(invalid="ignore"):
            rise = np.diff(values)
        rise[np.isneginf(values[:-1]) & np.isneginf(values[1:])] = 0
        assert np.all(rise <= slack * np.maximum(1, size[1:]))
    finite = np.isfinite(t) & (t > null.feature.floor)
    assert np.all(np.isfinite(above[finite & (t > null.mean)]))
    assert np.all(np.isfinite(below[finite & (t < null.mean)]))


@SOME
@sizes(64, 8, 65536, 10**10)
def test_tails_are_monotone_and_finite_everywhere(degree, hermite, n):
    # Ripples of the size of the error: 1e-6 for Hermite means of eight values, rounding otherwise.
    check_monotone(inversion_null(degree, n, hermite), 1e-6 if hermite and n == 8 else 1e-12)


def test_a_tail_that_steps_back_is_seen():
    """Mutant: beyond the quadrature one value alone, without the share of the others, stepping up again."""

    class Stepping(InversionNull):
        def _far_jump(self, size):
            return self._one_jump(size / 2)

    with pytest.raises(AssertionError):
        check_monotone(Stepping(3, 64), 1e-12)


@pytest.mark.parametrize(("degree", "hermite"), [f for f in FEATURES if f[0] % 2 == 0])
def test_near_the_floor_a_power_law(degree, hermite):
    """All n values must lie near where f is lowest: a ball in n dimensions, its radius² or radiusᵏ n t."""
    n = 16
    null = inversion_null(degree, n, hermite)
    power = n / 2 if hermite else n / degree
    depth = (null._edge - null.feature.floor) * np.array([1e-6, 1e-3, 0.5, 0.8, 1.25, 2.0])
    # t rounds near the floor, which is not zero for Hermite polynomials.
    log_p = null.logcdf(null.feature.floor + depth)
    depth = (null.feature.floor + depth) - null.feature.floor
    slope = np.diff(log_p) / np.diff(np.log(depth))
    # Above the edge the next term of the law shows, a few per cent for the polynomials.
    np.testing.assert_allclose(slope, power, rtol=0.03)
    np.testing.assert_allclose(slope[:2], power, rtol=1e-6 if hermite else 1e-3)


@EVERY
def test_infinities_nan_and_the_floor(degree, hermite):
    null = inversion_null(degree, 1000, hermite)
    assert null.logsf(math.inf) == -math.inf
    assert null.logcdf(math.inf) == 0
    assert null.logsf(-math.inf) == 0
    assert null.logcdf(-math.inf) == -math.inf
    assert np.isnan(null.logsf(math.nan))
    assert np.isnan(null.logcdf(math.nan))
    mixed = null.logsf([math.nan, null.mean, math.inf])
    assert np.isnan(mixed[0])
    assert mixed[1] == null.logsf(null.mean)
    assert mixed[2] == -math.inf
    if null.feature.even:
        for t in (null.feature.floor, null.feature.floor - 1.0, -1e300):
            assert null.logcdf(t) == -math.inf
            assert null.logsf(t) == 0
    else:
        assert null.logcdf(-1e6) > -math.inf


@EVERY
def test_shapes(degree, hermite):
    null = inversion_null(degree, 1000, hermite)
    t = null.mean + null.std * np.linspace(-2, 3, 6)
    flat = null.logsf(t)
    assert flat.shape == (6,)
    assert null.logsf(t[0]).shape == ()
    assert null.logsf(np.array(t[0])).shape == ()
    assert null.logsf(float(t[0])) == pytest.approx(flat[0], abs=1e-12)
    assert null.logsf(np.empty(0)).shape == (0,)
    assert null.logcdf(np.empty((0, 3))).shape == (0, 3)
    np.testing.assert_array_equal(null.logsf(t.reshape(2, 3)), flat.reshape(2, 3))
    np.testing.assert_array_equal(null.logsf(np.asfortranarray(t.reshape(2, 3))), flat.reshape(2, 3))
    np.testing.assert_allclose([null.logsf(v) for v in t], flat, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        null.logsf(t.astype(np.float32)), null.logsf(t.astype(np.float32).astype(float))
    )
    assert null.logsf([1, 2]).shape == (2,)


@pytest.mark.parametrize(("degree", "hermite"), [f for f in FEATURES if f[0] % 2])
def test_odd_features_are_symmetric(degree, hermite):
    null = inversion_null(degree, 300, hermite)
    t = null.std * np.array([-30.0, -3.0, -0.1, 0.0, 0.4, 2.0, 11.0])
    np.testing.assert_array_equal(null.logsf(-t), null.logcdf(t))
    assert null.sf(0.0) == pytest.approx(0.5, abs=1e-13)


def test_even_features_are_not_symmetric():
    """What a null with the parity wrong would say."""
    null = inversion_null(4, 300)
    u = null.std * 2
    assert not np.allclose(null.logsf(null.mean + u), null.logcdf(null.mean - u), atol=0.1)


def test_powers_and_hermite_means_agree_where_they_must():
    """x³ = √6 h₃ + 3x is no function of h₃ alone; but order and kind must not be confused."""
    assert inversion_null(3, 100).std == pytest.approx(math.sqrt(15 / 100))
    assert inversion_null(3, 100, True).std == pytest.approx(0.1)
    assert inversion_null(3, 100) is inversion_null(3, 100)
    assert inversion_null(3, 100) is not inversion_null(3, 100, True)
    assert inversion_null(3, 100).grade is Grade.EXACT


@pytest.mark.parametrize("degree", [-1, 0, 1, 2, 9, 16])
@pytest.mark.parametrize("hermite", [False, True])
def test_other_orders_are_refused(degree, hermite):
    with pytest.raises(ArgumentError, match=r"3\.\.8"):
        inversion_null(degree, 100, hermite)


@pytest.mark.parametrize("n", [7, 1, 0, -5])
def test_too_few_values_are_refused(n):
    with pytest.raises(ArgumentError, match=rf"at least 8.*n = {n}"):
        inversion_null(4, n)
