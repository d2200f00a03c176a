"""The nulls of moments and Hermite means: laws, each with a mutant that breaks it.

Two roads: Gil-Pelaez along the imaginary axis (`gil_pelaez.py`) has an absolute error of 1e-18 to 1e-17 in
extended precision, so that it speaks to 1e-10 of p = 1e-6 and to 1e-5 of p = 1e-12. Beyond, contours that
start elsewhere and run at another angle are the second road; in `tests/calibration/calibrate_moments.py`
the first road runs in 26 digits.
"""

import math
from functools import cache

import numpy as np
import pytest
from nulls.gil_pelaez import GilPelaez
from scipy.special import bdtr, bdtrc, log_ndtr, ndtri

from gausscheck.errors import ArgumentError
from gausscheck.nulls.base import Grade
from gausscheck.nulls.inversion import InversionNull, inversion_null
from gausscheck.nulls.turned_contour import ContourTable

EPS = float(np.finfo(float).eps)
EPS_EXTENDED = float(np.finfo(np.longdouble).eps)
FEATURES = [(k, hermite) for hermite in (False, True) for k in range(3, 9)]
EVERY = pytest.mark.parametrize(("degree", "hermite"), FEATURES)
# A few stand for all in the default run; the slow run takes every one.
FEW = [(3, False), (8, False), (5, True), (6, True)]
SOME = pytest.mark.parametrize(
    ("degree", "hermite"),
    [pytest.param(*f, marks=[] if f in FEW else pytest.mark.slow) for f in FEATURES],
)


def sizes(fast, *slow):
    """One n by default, more in the slow run."""
    return pytest.mark.parametrize("n", [fast, *(pytest.param(n, marks=pytest.mark.slow) for n in slow)])


second_road = cache(lambda degree, hermite=False: GilPelaez(degree, hermite=hermite))


class WithoutJump(InversionNull):
    """Mutant: forgets the integral along the real axis."""

    def _jump(self, contour, x, bulk):
        return np.full(x.shape, -math.inf), np.zeros(x.shape)


class WithoutBulk(InversionNull):
    """Mutant: forgets the integral into the upper half plane."""

    def _bulk(self, contour, x):
        scale, total = super()._bulk(contour, x)
        return scale, 0 * total


class Normal(InversionNull):
    """Mutant: the central limit theorem."""

    def logsf(self, t):
        return log_ndtr((self.mean - np.asarray(t)) / self.std)

    def logcdf(self, t):
        return log_ndtr((np.asarray(t) - self.mean) / self.std)


class WrongAngle(InversionNull):
    """Mutant: weights of the contour do not turn with it."""

    def _bulk(self, contour, x):
        if not hasattr(contour, "spoilt"):
            contour._direction *= np.exp(0.02j)
            contour.part(0)
            s, weight, log_mgf = contour._parts[0]
            contour._parts[0] = s, weight * np.exp(-0.02j), log_mgf
            contour.spoilt = True
        return super()._bulk(contour, x)


def deviations(null):
    """Points of both tails, from the middle to far out, in standard deviations."""
    up = np.array([0.3, 1, 2, 3, 4.5, 6, 9, 14, 20, 40, 100, 300])
    if not null.feature.even:
        return np.append(-up, up)
    depth = (null.feature.floor - null.mean) / null.std
    return np.append(depth * -np.expm1(up / depth), up)


def check_two_roads(null, oracle, t, lowest):
    """Both tails at every t where p is above `lowest`, to what the oracle knows and to 1e-9."""
    other = oracle.sf(null.n, t)
    for mine, theirs in ((null.sf(t), other), (null.cdf(t), 1 - other)):
        tested = (mine > lowest) | (theirs > lowest)
        assert tested.sum() >= 3
        error = np.abs(mine[tested] / theirs[tested] - 1).astype(float)
        known = 100 * EPS_EXTENDED / theirs[tested].astype(float)
        assert np.all(error < 1e-9 + known), (null.n, t[tested], error)


@EVERY
@sizes(65536, 64)
def test_two_roads(degree, hermite, n):
    null = inversion_null(degree, n, hermite)
    check_two_roads(null, second_road(degree, hermite), null.mean + null.std * deviations(null), 1e-7)


@pytest.mark.parametrize(("degree", "hermite"), FEW)
def test_two_roads_at_64_values(degree, hermite):
    null = inversion_null(degree, 64, hermite)
    check_two_roads(null, second_road(degree, hermite), null.mean + null.std * deviations(null), 1e-7)


@EVERY
@pytest.mark.slow
def test_two_roads_on_the_full_grid(degree, hermite):
    for n in (64, 1024, 16384, 65536):
        null = inversion_null(degree, n, hermite)
        targets = np.log(10.0) * -np.arange(0.5, 7, 0.5)
        t = [at(null, target, upper) for target in targets for upper in (True, False)]
        t = np.array([v for v in t if v is not None])
        check_two_roads(null, second_road(degree, hermite), t, 1e-7)


@pytest.mark.parametrize("mutant", [WithoutJump, WithoutBulk, Normal, WrongAngle])
def test_two_roads_see_each_mutant(mutant):
    null = mutant(5, 1024)
    null._table = ContourTable(null.feature, 16)
    with pytest.raises(AssertionError):
        check_two_roads(null, second_road(5), null.mean + null.std * deviations(null), 1e-7)


@pytest.mark.parametrize(
    ("degree", "hermite"),
    [pytest.param(*f, marks=pytest.mark.slow if f[1] else []) for f in FEATURES],
)
def test_few_values(degree, hermite):
    """n = 8 to 32: powers as exactly as ever, Hermite means as their docstring says."""
    for n, accuracy in ((8, 5e-6), (16, 1e-7), (32, 1e-9)):
        null = inversion_null(degree, n, hermite)
        t = null.mean + null.std * np.array([-2.0, -1.0, -0.5, 0.1, 0.5, 1.0, 2.0, 4.0, 8.0])
        t = t[(t > null.feature.floor + 0.2 * null.std) | (not null.feature.even)]
        theirs = second_road(degree, hermite).sf(n, t, tolerance=1e-10).astype(float)
        error = np.abs(null.sf(t) / theirs - 1)
        assert np.all(error < (accuracy if hermite else 1e-10) + 1e-9 / theirs), (n, error)


def at(null, log_p, upper):
    """Point where the log of a tail is `log_p` or, if the tail starts lower, None."""
    tail = null.logsf if upper else null.logcdf
    end = null.mean + null.std * 1e12 if upper or not null.feature.even else null.feature.floor
    end = end if upper or null.feature.even else -end
    if tail(null.mean) < log_p:
        return None
    near, far = 0.0, 1.0
    width = abs(end - null.mean)
    toward = math.copysign(1.0, end - null.mean)

    def place(share):
        # Geometric steps from the mean outwards.
        return null.mean + toward * width * math.expm1(share * math.log1p(width / null.std)) / (
            width / null.std
        )

    for _ in range(50):
        middle = (near + far) / 2
        near, far = (middle, far) if tail(place(middle)) > log_p else (near, middle)
    return place(far)


def far_points(null, upper):
    """Points with log p from -1 to about -690: what either a normal sum or one value would need."""
    depth = np.array([1.0, 10.0, 60.0, 250.0, 690.0])
    if upper:
        normal = null.std * np.sqrt(2 * depth)
        return null.mean + np.maximum(normal, null.feature.value(np.sqrt(2 * depth)) / null.n)
    width = null.mean - null.feature.floor
    t = null.feature.floor + width * np.exp(-np.sqrt(2 * depth) * null.std / width)
    return t[(null.logcdf(t) > -700) & (t > null._edge)]


def other_contour(null, t, upper, factor, turn):
    """Log of a tail by a contour that starts elsewhere and runs at another angle."""
    x = null.n * (np.array([t]) - null._table.origin(upper))
    saddle, refine, low, high = null._saddles(x, upper=upper)
    c = null._refined(x[0], low[0], high[0]) if refine[0] else saddle[0]
    contour = null._table.fresh(float(c * factor))
    contour._direction *= np.exp(1j * math.radians(turn))
    return null._assemble(contour, x, upper=upper)[0]


def check_contours(null, upper):
    """A start 3 % nearer or farther, and for powers an angle 8 degrees smaller or larger, change nothing.

    The exponent, of size |log p| and more, rounds; further terms of the sum are of order one.
    """
    tail = null.logsf if upper else null.logcdf
    for t in far_points(null, upper):
        expected = float(tail(t))
        ways = [(0.97, 0), (1.03, 0)] + ([] if null.feature.turning_point else [(1, -8), (1, 8)])
        for factor, turn in ways:
            assert other_contour(null, t, upper, factor, turn) == pytest.approx(
                expected, rel=0, abs=2e-11 + 1e-12 * abs(expected)
            ), (null.n, t, factor, turn)


@SOME
@sizes(1024, 64, 65536, 10**6)
def test_contour_does_not_matter(degree, hermite, n):
    null = inversion_null(degree, n, hermite)
    check_contours(null, upper=True)
    if null.feature.even:
        check_contours(null, upper=False)


def test_a_contour_that_matters_is_seen():
    """Mutant: without the jump the tail would depend on where the contour starts."""
    with pytest.raises(AssertionError):
        check_contours(WithoutJump(5, 65536), upper=True)


def upright(null, t):
    """Log of P(T > t), t below the mean, by an upper contour; only a vertical one stands a negative sum."""
    x = null.n * (t - null.mean)
    contour = null._table.fresh(float(null._saddles(x, upper=True)[0][0]))
    contour._direction = 1j
    return null._assemble(contour, x, upper=True)


def check_sum(null):
    """Contours of both sides at the same points add to one, to a few roundings of n log M."""
    t = null.mean + null.std * (np.array([0.0, 0.2, 0.7, 1.5]) if null.feature.even else np.array([0.0, 0.2]))
    upper = null._by_contour(t, upper=True)
    if null.feature.even:
        lower = null._by_contour(t, upper=False)
    else:
        lower = np.concatenate([upright(null, -t[j : j + 1]) for j in range(t.size)])
    np.testing.assert_allclose(np.exp(upper) + np.exp(lower), 1, rtol=0, atol=1e-12)


@EVERY
@sizes(256, 65536)
def test_upper_and_lower_contour_add_to_one(degree, hermite, n):
    check_sum(inversion_null(degree, n, hermite))


@pytest.mark.parametrize("mutant", [WithoutJump, WrongAngle])
def test_tails_that_do_not_add_to_one_are_seen(mutant):
    null = mutant(8, 1024)
    null._table = ContourTable(null.feature, 16)
    with pytest.raises(AssertionError):
        check_sum(null)


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
