"""Laws of the KL, norm, covariance and autocorrelation losses against other roads to the same numbers.

Simulated laws allow a false alarm of 1e-9 for each comparison.
"""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from scipy.special import gammainc, gammaincc
from scipy.stats import binom

from gausscheck.errors import ArgumentError
from gausscheck.nulls.autocorrelation import autocorrelation_null, covariance_along, pyramid
from gausscheck.nulls.base import Grade
from gausscheck.nulls.covariance import CovarianceNull
from gausscheck.nulls.divergence import KLNull, NormNull
from gausscheck.nulls.quantile import quantile
from gausscheck.nulls.weighted_chi_square import WeightedChiSquareNull

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

ALARM = 1e-9


@pytest.mark.parametrize("degrees", [0.5, 1, 1.6, 2, 7, 100])
def test_one_weight_is_a_chi_square(degrees):
    null = WeightedChiSquareNull([3.0], [degrees])
    t = np.array([1e-6, 0.01, 0.3, 0.9, 1.1, 3.0, 5.0]) * degrees
    # Contour and incomplete gamma each to some roundings of the largest exponent, t/2 < 300.
    assert null.sf(3 * t) == pytest.approx(gammaincc(degrees / 2, t / 2), rel=1e-12)
    assert null.cdf(3 * t) == pytest.approx(gammainc(degrees / 2, t / 2), rel=1e-12)


def test_two_degrees_each_are_a_sum_of_exponentials():
    weights = 4.0 ** -np.arange(4)
    null = WeightedChiSquareNull(weights, 2)
    t = np.array([0.5, 1.0, 2.6, 5.0, 40.0, 600.0])
    shares = [np.prod([w / (w - v) for v in weights if v != w]) for w in weights]
    expected = sum(c * np.exp(-t / (2 * w)) for c, w in zip(shares, weights, strict=True))
    assert null.sf(t) == pytest.approx(expected, rel=1e-12)
    assert null.cdf(t[:2]) == pytest.approx(1 - expected[:2], rel=1e-12)
    assert null.mean == pytest.approx(2 * weights.sum())
    assert null.std == pytest.approx(2 * np.sqrt((weights**2).sum()))


def test_far_tails_and_edges_of_the_weighted_sum():
    null = WeightedChiSquareNull([1.0, 0.25], [3, 2])
    # Beyond a few hundred, log P falls by 1/2 a unit but for a slow power of t.
    near, far = null.logsf([2000.0, 4000.0])
    assert far - near == pytest.approx(-1000, abs=1)
    # Near 0, P(T < t) is a power 5/2 of t.
    assert null.logcdf(1e-20) - null.logcdf(1e-22) == pytest.approx(2.5 * math.log(100), rel=1e-9)
    assert null.logsf([-1.0, 0.0, math.inf]).tolist() == [0.0, 0.0, -math.inf]
    assert null.logcdf([-1.0, 0.0, math.inf]).tolist() == [-math.inf, -math.inf, 0.0]
    assert math.isnan(null.logsf(math.nan))
    with pytest.raises(ArgumentError, match="positive"):
        WeightedChiSquareNull([1.0, 0.0], 1)


def kl_tails(n, t):
    """Both tails by quadrature over the variance in 30 digits."""
    with mp.workdps(30):
        a, t = mp.mpf(n - 1) / 2, mp.mpf(t)
        low = -mp.lambertw(-mp.exp(-1 - t)).real
        high = -mp.lambertw(-mp.exp(-1 - t), -1).real
        front = a * mp.log(mp.mpf(n) / 2) - mp.loggamma(a)

        def density(v):
            return mp.exp(front + (a - 1) * mp.log(v) - n * v / 2)

        def left(v):
            return mp.sqrt(n * max(t - (v - 1 - mp.log(v)), 0) / 2)

        points = [low + (high - low) * i / 16 for i in range(17)]
        inside = mp.quad(lambda v: density(v) * mp.erfc(left(v)), points)
        below = mp.quad(lambda v: density(v) * mp.erf(left(v)), points)
        outside = mp.gammainc(a, n * high / 2, mp.inf, regularized=True)
        outside += mp.gammainc(a, 0, n * low / 2, regularized=True)
        return float(inside + outside), float(below)


@pytest.mark.parametrize("n", [8, 50, 400])
@pytest.mark.parametrize("times", [0.1, 1.0, 5.0, 30.0])
def test_kl_against_30_digits(n, times):
    upper, lower = kl_tails(n, times / n)
    null = KLNull(n)
    assert float(null.sf(times / n)) == pytest.approx(upper, rel=1e-11)
    assert float(null.cdf(times / n)) == pytest.approx(lower, rel=1e-11)


@pytest.mark.parametrize("n", [8, 50, 65536])
def test_norm_against_its_two_roots(n):
    null, b = NormNull(n), (n - 1) / 2
    for t in (1e-3, 0.1, 1.0, 8.0):
        with mp.workdps(30):
            low, high = (-mp.lambertw(-mp.exp(-1 - mp.mpf(t) / b), k).real for k in (0, -1))
            # 2 b v is chi-square with n degrees of freedom.
            expected = mp.gammainc(mp.mpf(n) / 2, b * low, b * high, regularized=True)
        assert float(null.cdf(t)) == pytest.approx(float(expected), rel=1e-9)
        assert float(null.sf(t)) == pytest.approx(float(1 - expected), rel=1e-9)


@pytest.mark.parametrize("make", [KLNull, NormNull])
@pytest.mark.parametrize(
    "n", [8, 998, 1002, *(pytest.param(n, marks=pytest.mark.slow) for n in (4096, 10**7))]
)
def test_moments_of_kl_and_norm_follow_from_their_tails(make, n):
    """By parts: E T = int P(T > t) dt, E T^2 = int 2 t P(T > t) dt; both sides of the change of series."""
    null = make(n)
    x, weight = np.polynomial.legendre.leggauss(400)
    # t = top u^2, as the density of half a chi-square is infinite at 0; the tail beyond is below 1e-20.
    top = quantile_beyond(null, -50.0)
    u, weight = 0.5 * (x + 1), 0.5 * weight
    t = top * u**2
    sf = null.sf(t) * 2 * top * u * weight
    assert null.mean == pytest.approx(sf.sum(), rel=1e-8)
    assert null.std == pytest.approx(math.sqrt(2 * (t * sf).sum() - sf.sum() ** 2), rel=1e-7)


def quantile_beyond(null, log_p):
    t = null.mean
    while null.logsf(t) > log_p:
        t *= 1.5
    return t


@pytest.mark.parametrize("make", [KLNull, NormNull])
def test_tails_of_kl_and_norm_are_whole(make):
    null = make(4096)
    t = null.mean * np.array([1e-6, 0.1, 1.0, 5.0, 200.0])
    assert null.grade is Grade.EXACT
    assert null.sf(t) + null.cdf(t) == pytest.approx(np.ones(5), abs=1e-11)
    assert np.all(np.diff(null.logsf(t)) < 0)
    assert np.isfinite(null.logsf(t)).all()
    assert np.isfinite(null.logcdf(t)).all()
    assert null.logsf([-1.0, 0.0]).tolist() == [0.0, 0.0]
    assert null.logcdf([-1.0, 0.0]).tolist() == [-math.inf, -math.inf]
    assert math.isnan(null.logsf(math.nan))
    assert math.isnan(null.logcdf(math.nan))
    with pytest.raises(ArgumentError, match="at least"):
        make(1)


def quadratic_forms(height, width, rescale):
    """Matrices A with r = x^T A x for each axis and level, by building every level as a matrix."""
    level = np.eye(height * width).reshape(height, width, -1)
    forms = {0: [], 1: []}
    while True:
        flat = level.reshape(-1, height * width)
        for axis in (0, 1):
            rolled = np.roll(level, 1, axis).reshape(-1, height * width)
            a = flat.T @ rolled / flat.shape[0]
            forms[axis].append((a + a.T) / 2)
        if min(level.shape[:2]) <= 8:
            return forms
        h, w = level.shape[0] // 2 * 2, level.shape[1] // 2 * 2
        level = sum(level[i:h:2, j:w:2] for i in (0, 1) for j in (0, 1)) / (2 if rescale else 4)


@pytest.mark.parametrize("rescale", [False, True])
@pytest.mark.parametrize("shape", [(16, 16), (17, 20), (18, 37), (9, 12)])
def test_covariances_of_the_lag_products_are_exact(shape, rescale):
    forms = quadratic_forms(*shape, rescale)
    levels = pyramid(*shape)
    for axis in (0, 1):
        expected = [[2 * np.sum(a * b) for b in forms[axis]] for a in forms[axis]]
        actual = covariance_along(levels, axis, rescale=rescale)
        assert actual == pytest.approx(np.array(expected), rel=1e-12, abs=1e-18)
    cross = max(abs(np.sum(a * b)) for a in forms[0] for b in forms[1])
    assert cross <= 1e-18
    # Mean of the loss: the sum of the variances.
    null = autocorrelation_null(3, *shape, rescale=rescale)
    total = sum(2 * np.sum(a * a) for axis in (0, 1) for a in forms[axis])
    assert null.mean == pytest.approx(3 * total, rel=1e-12)
    assert null.grade is Grade.ASYMPTOTIC


def test_the_excess_variance_of_a_level_is_exact():
    """``var(r^2 + r'^2)`` by the fourth cumulants of quadratic forms, against 15/n."""
    forms = quadratic_forms(8, 8, rescale=False)
    a, b = forms[0][0], forms[1][0]
    variance = 2 * np.sum(a * a)
    fourth = 2 * 48 * np.trace(a @ a @ a @ a) + 2 * 8 * (
        4 * np.trace(a @ a @ b @ b) + 2 * np.trace(a @ b @ a @ b)
    )
    exact = 4 * variance**2 + fourth
    assert exact / (4 * variance**2) == pytest.approx(1 + 15 / 64, rel=1e-12)
    assert autocorrelation_null(1, 8, 8).std ** 2 == pytest.approx(exact, rel=1e-12)


def covariance_draws(k, shuffles, count, seed):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal(count) ** 2

    def bound():
        return np.maximum(math.log(2), (a + rng.chisquare(k - 1, count)) / (2 * k))

    total = bound() + math.log(2)
    if shuffles:
        total += math.log(2) + sum(bound() for _ in range(shuffles)) / shuffles
    return total


@pytest.mark.parametrize(("k", "shuffles"), [(4, 0), (2, 1), (4, 2), (4, 30), (4, 300), (16, 5)])
def test_the_covariance_null_is_its_model(k, shuffles):
    count = 100_000
    values = covariance_draws(k, shuffles, count, seed=k + shuffles)
    null = CovarianceNull(k, shuffles)
    atom = int((values <= null.lowest + 1e-12).sum())
    assert binom.cdf(atom, count, null.atom) > ALARM
    assert binom.sf(atom - 1, count, null.atom) > ALARM
    for p in (0.3, 0.1, 1e-2, 1e-3):
        if p > 0.9 * (1 - null.atom):
            continue
        t = quantile(null, 1 - p)
        above = int((values > t).sum())
        # Gamma shapes of the excess of one shuffle, or of all beyond 256: 5 % of p.
        assert binom.cdf(above, count, 0.95 * p) > ALARM
        assert binom.sf(above - 1, count, 1.05 * p) > ALARM
        if p > 2 * null.atom:
            t = quantile(null, p)
            below = int((values < t).sum())
            assert binom.cdf(below, count, 0.95 * p) > ALARM
            assert binom.sf(below - 1, count, 1.05 * p) > ALARM
    # Six standard errors: 2e-9.
    assert abs(values.mean() - null.mean) <= 6 * null.std / math.sqrt(count)
    kurtosis = ((values - values.mean()) ** 4).mean() / values.var() ** 2
    assert abs(values.std() / null.std - 1) <= 6 * math.sqrt((kurtosis - 1) / count) / 2


def test_the_atom_is_not_above_itself_and_in_the_lower_tail_beyond():
    null = CovarianceNull(4, 2)
    t = null.lowest
    assert t == pytest.approx(4 * math.log(2))
    assert float(null.cdf(t)) == 0.0
    assert float(null.sf(t)) == pytest.approx(1 - null.atom, rel=1e-9)
    assert float(null.sf(np.nextafter(t, 0))) == 1.0
    beyond = t + np.array([1e-9, 0.1, 1.0, 30.0, 300.0])
    assert null.sf(beyond) + null.cdf(beyond) == pytest.approx(np.ones(5), abs=1e-9)
    assert np.isfinite(null.logsf(beyond)).all()
    # The shared mean makes the far tail: exp(-k t / 2) but for powers.
    far = null.logsf([t + 100, t + 200])
    assert far[1] - far[0] == pytest.approx(-200, abs=2)
    assert null.logsf(math.inf) == -math.inf
    assert math.isnan(null.logcdf(math.nan))
    for bad in ((1, 5), (4, -1)):
        with pytest.raises(ArgumentError, match="shuffles"):
            CovarianceNull(*bad)


@pytest.mark.slow
def test_the_calibration_script_measures():
    torch = pytest.importorskip("torch")
    from calibration.calibrate_relatives import CASES, row, simulated

    threads = torch.get_num_threads()
    generator = torch.Generator().manual_seed(0)
    for name, make in CASES:
        loss = make(generator)
        values = simulated(loss, (2, 16, 16), 20, seed=1)
        assert values.shape == (20,)
        assert np.unique(values).size > 1, name
        cells = row(loss.of_shape((2, 16, 16)).terms[0].null(512), values)
        assert len(cells) == 6
        assert ("atom" in cells) == (name.startswith("covariance") and "100" not in name)
    assert torch.get_num_threads() == threads


def test_the_law_of_a_loss_is_that_of_its_term():
    pytest.importorskip("torch")
    from gausscheck.losses import AutocorrelationLoss, CovarianceLoss, KLLoss, KurtosisLoss, NormLoss
    from gausscheck.losses.norm import norm_minimum

    n = 4096
    for loss in (
        KLLoss(),
        NormLoss(from_minimum=True),
        CovarianceLoss(),
        AutocorrelationLoss(shape=(64, 64)),
    ):
        term, whole = loss.terms[0].null(n), loss.null(n)
        t = term.mean + term.std * np.array([-0.5, 0.5, 3.0])
        # Two quadratures for the tails of the covariance loss, 1e-10 apart.
        assert whole.sf(t) == pytest.approx(term.sf(t), rel=1e-8)
        assert whole.cdf(t) == pytest.approx(term.cdf(t), rel=1e-8)
    published, term = NormLoss().null(n), NormLoss().terms[0].null(n)
    t = np.array([0.2, 2.0])
    # The published value is a sum with a number of 15,000: 2e-12 of it.
    assert published.sf(t + norm_minimum(n)) == pytest.approx(term.sf(t), rel=1e-9)
    fourth = KurtosisLoss().terms[0].null(n)
    both = float(fourth.sf(3.5) + fourth.cdf(2.5))
    assert float(KurtosisLoss().null(n).sf(0.5)) == pytest.approx(both, rel=1e-9)
    assert float(KurtosisLoss(squared=True).null(n).sf(0.25)) == pytest.approx(both, rel=1e-9)
