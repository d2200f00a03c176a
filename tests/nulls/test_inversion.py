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
from scipy.special import log_ndtr

from gausscheck.nulls.inversion import InversionNull, inversion_null
from gausscheck.nulls.turned_contour import ContourTable

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

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
    """Both tails at every t where p is above `lowest`, to what the oracle knows and to 2e-11."""
    other = oracle.sf(null.n, t)
    for mine, theirs in ((null.sf(t), other), (null.cdf(t), 1 - other)):
        tested = (mine > lowest) | (theirs > lowest)
        assert tested.sum() >= 3
        error = np.abs(mine[tested] / theirs[tested] - 1).astype(float)
        # Against 26 digits, which agree with the package to 2e-14 there, the extended road is off by up to
        # 6e-17 (560 roundings of 1): order 6 of 64 values, near the floor.
        known = 1000 * EPS_EXTENDED / theirs[tested].astype(float)
        assert np.all(error < 2e-11 + known), (null.n, t[tested], error)


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
                expected, rel=0, abs=2e-11 + 4e-12 * abs(expected)
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
