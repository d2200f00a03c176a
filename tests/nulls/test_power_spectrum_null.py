"""Law of the batched power spectrum in stored order."""

from __future__ import annotations

import numpy as np
import pytest
from calibration.calibrate_power_spectrum import quantile, statistic
from scipy.integrate import quad
from scipy.special import dawsn, kolmogorov, ndtr

from gausscheck.errors import ArgumentError
from gausscheck.nulls.amplitude import AmplitudeDeviation
from gausscheck.nulls.cgf import SumCgf
from gausscheck.nulls.contour import ContourNull
from gausscheck.nulls.power_spectrum import N_MIN, batch_sizes, power_spectrum_null
from gausscheck.nulls.rayleigh import RAYLEIGH_MEAN, density_derivatives, transforms
from gausscheck.nulls.saddlepoint import SaddlepointNull
from gausscheck.nulls.small_sum import SmallSum

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

# Every test below that draws random numbers fails by chance with at most this probability.
FALSE_ALARM = 1e-9

# First four cumulants of |B - mu|, thirteen digits, from a quadrature made before this code.
CUMULANTS = {
    (1, RAYLEIGH_MEAN): (3.723773206213e-01, 7.593696768948e-02, 2.455655948017e-02, 1.316599842592e-02),
    (15, RAYLEIGH_MEAN): (9.547673650736e-02, 5.190981892742e-03, 3.761215384291e-04, 2.589684831878e-05),
    (16, RAYLEIGH_MEAN): (9.244245247536e-02, 4.867007768001e-03, 3.412434470858e-04, 2.262896990484e-05),
    (64, RAYLEIGH_MEAN): (4.620725796341e-02, 1.218043008418e-03, 4.241223971385e-05, 1.321439846011e-06),
    (16, 0.875): (9.263991095363e-02, 4.956505541285e-03, 3.623568925879e-04, 2.676196231781e-05),
}


@pytest.mark.parametrize(("b", "mu"), CUMULANTS)
def test_cumulants_of_a_group(b, mu):
    # 13 printed digits; the fourth cumulant is a difference that loses a factor of about 3
    np.testing.assert_allclose(AmplitudeDeviation(b, mu).cumulants, CUMULANTS[b, mu], rtol=3e-12)


def test_mean_and_std_are_those_of_independent_groups():
    full, last = CUMULANTS[16, RAYLEIGH_MEAN], CUMULANTS[15, RAYLEIGH_MEAN]
    null = power_spectrum_null(1024)
    assert null.mean == pytest.approx((31 * full[0] + last[0]) / 32, rel=1e-12)
    assert null.std == pytest.approx(np.sqrt(31 * full[1] + last[1]) / 32, rel=1e-12)
    assert power_spectrum_null(1024, samples=9).std == pytest.approx(null.std / 3, rel=1e-12)


@pytest.mark.parametrize(
    ("n", "sizes"), [(1024, {16: 31, 15: 1}), (1026, {16: 32}), (333, {16: 10, 6: 1}), (20, {9: 1})]
)
def test_groups(n, sizes):
    assert batch_sizes(n, 16) == sizes


@pytest.mark.parametrize("x", [0.02, 0.3, 0.8862, 2.0, 10.0])
def test_one_amplitude_against_its_closed_form(x):
    values, log_scale, _ = transforms(1, np.array([x]), range(2))
    density = np.log(2 * x) - x * x
    assert np.log(values[0, 0]) + log_scale[0] == pytest.approx(density, abs=1e-12)
    assert values[1, 0] / values[0, 0] == pytest.approx(1 / x - 2 * x, rel=1e-12)
    if x <= 2:
        np.testing.assert_allclose(density_derivatives(1, x, 2)[0], np.exp(density), rtol=1e-11)


def _two_amplitudes(y, *, upper):
    """P(A_1 + A_2 > y) or < y for single amplitudes, by adaptive quadrature of closed forms."""

    def density(a):
        x = RAYLEIGH_MEAN - a
        return sum(2 * v * np.exp(-v * v) for v in (RAYLEIGH_MEAN + a, x) if v > 0)

    def survival(a):
        return np.exp(-((RAYLEIGH_MEAN + a) ** 2)) - np.expm1(-(max(RAYLEIGH_MEAN - a, 0.0) ** 2))

    def cumulative(a):
        # exp(-lower^2) - exp(-upper^2) without cancellation
        low, high = max(RAYLEIGH_MEAN - a, 0.0), RAYLEIGH_MEAN + a
        return -np.exp(-low * low) * np.expm1(low * low - high * high)

    tail = survival if upper else cumulative
    points = [v for v in (RAYLEIGH_MEAN, y - RAYLEIGH_MEAN) if 0 < v < y]
    value, _ = quad(
        lambda a: density(a) * tail(y - a), 0, y, points=points or None, epsabs=0, epsrel=1e-12, limit=200
    )
    return value + (survival(y) if upper else 0.0)


@pytest.mark.parametrize("t", [0.002, 0.05, 0.2, 0.36, 0.4, 0.6, 1.0, 1.8])
def test_fewest_groups_against_quadrature(t):
    # the longest paths and the series near zero: two groups of one amplitude each
    null = power_spectrum_null(6, block=1)
    assert np.exp(null.logcdf(t)) == pytest.approx(_two_amplitudes(2 * t, upper=False), rel=1e-9)
    assert np.exp(null.logsf(t)) == pytest.approx(_two_amplitudes(2 * t, upper=True), rel=1e-9)


def _gil_pelaez(n, mu, t):
    """P(T > t) for blocks of 16, along the imaginary axis; absolute error near 1e-13.

    Independent of the package: the amplitude's characteristic function through Dawson's integral, the density
    of a group's mean by inverting its power, the deviation's characteristic function by Gauss-Legendre,
    Gil-Pelaez by the midpoint rule. Groups of 15 and 16 only.
    """
    sizes = batch_sizes(n, 16)
    groups = sum(sizes.values())
    # a product of 8 transforms is below 1e-15 beyond u = 520, one of 30 beyond 160
    highest, nodes = (520, 800) if groups < 30 else (160, 250)
    node, weight = np.polynomial.legendre.leggauss(nodes)
    x = np.concatenate([mu / 2 * (1 + node), mu + (3.0 - mu) / 2 * (1 + node)])
    weight = np.concatenate([mu / 2 * weight, (3.0 - mu) / 2 * weight])
    # aliases lie 40 standard deviations (0.07 a group) away
    step = 2 * np.pi / (0.1 * groups + 40 * 0.07 * np.sqrt(groups))
    u = step * (np.arange(int(highest / step)) + 0.5)
    transform = np.ones(u.size, complex)
    y, h = np.linspace(0, 20, 1001, retstep=True)
    amplitude = 1 - y * dawsn(y / 2) + 1j * y * np.sqrt(np.pi) / 2 * np.exp(-y * y / 4)
    for b, count in sizes.items():
        mass = amplitude**b * np.where(y == 0, 0.5, 1.0) * h * b / np.pi
        density = (np.exp(-1j * b * np.outer(x, y)) @ mass).real
        transform *= (np.exp(1j * np.outer(u, np.abs(x - mu))) @ (density * weight)) ** count
    kernel = (np.exp(-1j * groups * np.outer(t, u)) * transform).imag / u
    return 0.5 + step / np.pi * kernel.sum(axis=1)


@pytest.mark.parametrize(
    ("n", "mu"), [pytest.param(256, "exact", marks=pytest.mark.slow), (1024, "exact"), (992, "paper")]
)
def test_inversion_against_gil_pelaez(n, mu):
    null = power_spectrum_null(n, mu=mu)
    upper = [quantile(null, p, upper=True) for p in (0.1, 1e-2, 1e-4, 1e-6)]
    lower = [quantile(null, p, upper=False) for p in (0.1, 1e-2, 1e-4, 1e-6)]
    target = RAYLEIGH_MEAN if mu == "exact" else 0.875
    np.testing.assert_allclose(
        np.exp(null.logsf(upper)), _gil_pelaez(n, target, upper), rtol=1e-6, atol=1e-13
    )
    np.testing.assert_allclose(
        np.exp(null.logcdf(lower)), 1 - _gil_pelaez(n, target, lower), rtol=1e-6, atol=1e-13
    )


# Measured error of Lugannani and Rice's formula, p from 0.1 to 1e-12, both tails, doubled.
@pytest.mark.parametrize(("n", "accuracy"), [(256, 6e-3), (1024, 2e-3), (16384, 2e-5), (65536, 2e-6)])
def test_inversion_against_saddlepoint(n, accuracy):
    null = power_spectrum_null(n)
    saddle = SaddlepointNull(null.cgf)
    for p in (0.4, 0.1, 1e-3, 1e-6, 1e-12):
        t = quantile(null, p, upper=True)
        assert np.exp(saddle.logsf(t) - null.logsf(t)) == pytest.approx(1, abs=accuracy)
        if n > 256 or p > 1e-5:
            t = quantile(null, p, upper=False)
            assert np.exp(saddle.logcdf(t) - null.logcdf(t)) == pytest.approx(1, abs=accuracy)


def test_saddlepoint_is_smooth_through_the_mean():
    saddle = SaddlepointNull(power_spectrum_null(1024).cgf)
    t = saddle.mean + saddle.std * np.linspace(-0.2, 0.2, 401)
    bend = np.diff(saddle.sf(t), 3)
    # the third difference of a smooth tail at this step is 1e-9; lost digits in 1/u - 1/w would show
    assert np.abs(bend).max() < 1e-8


def _p_of_p(p):
    """Kolmogorov's p-value of uniformity."""
    ordered = np.sort(p)
    grid = np.arange(1, p.size + 1) / p.size
    distance = max(np.max(grid - ordered), np.max(ordered - grid + 1 / p.size))
    return kolmogorov(np.sqrt(p.size) * distance)


def _stored(n, count, block=16, mu=RAYLEIGH_MEAN, seed=0):
    rng = np.random.default_rng([seed, n, block])
    parts = [rng.standard_normal((1000, n), dtype=np.float32) for _ in range(count // 1000)]
    return np.concatenate([statistic(x, block, mu) for x in parts])


@pytest.mark.parametrize(
    ("n", "options"),
    [(1000, {}), (333, {}), (100, {}), (20, {}), (1000, {"block": 5}), (333, {"mu": 0.875})],
)
def test_p_values_are_uniform(n, options):
    null = power_spectrum_null(n, **options)
    assert _p_of_p(null.sf(_stored(n, 5000, **options))) > FALSE_ALARM


def test_uniformity_catches_a_forgotten_last_group_and_a_normal_law():
    values = _stored(100, 6000)
    assert _p_of_p(power_spectrum_null(100).sf(values)) > FALSE_ALARM
    deviation = AmplitudeDeviation(16, RAYLEIGH_MEAN)
    forgotten = ContourNull(SumCgf(((3, 1 / 3, deviation),)))
    assert _p_of_p(forgotten.sf(values)) < FALSE_ALARM
    null = power_spectrum_null(100)
    assert _p_of_p(ndtr((null.mean - values) / null.std)) < FALSE_ALARM


def test_pooled_samples_and_rounded_values():
    values = _stored(100, 16000).reshape(-1, 4).mean(axis=1)
    assert _p_of_p(power_spectrum_null(100, samples=4).sf(values)) > FALSE_ALARM
    rng = np.random.default_rng(5)
    scaled = statistic((np.sqrt(1.3) * rng.standard_normal((8000, 100))).astype(np.float32))
    assert _p_of_p(power_spectrum_null(100, variance=1.3).sf(scaled)) > FALSE_ALARM
    assert _p_of_p(power_spectrum_null(100).sf(scaled)) < FALSE_ALARM


@pytest.mark.parametrize(
    "options",
    [
        {"n": N_MIN},
        {"n": 64},
        {"n": 256},
        {"n": 1000, "block": 5},
        pytest.param({"n": 16384, "block": 4096}, marks=pytest.mark.slow),
        {"n": 16384, "mu": "paper"},
        {"n": 333, "samples": 16},
        {"n": 1_000_000},
    ],
)
def test_tails_are_finite_and_monotone_far_out(options):
    null = power_spectrum_null(**options)
    t = np.unique(
        np.concatenate(
            [np.geomspace(1e-300, 1, 400) * null.mean, null.mean + null.std * np.linspace(-8, 200, 900)]
        )
    )
    t = t[t > 0]
    upper, lower = null.logsf(t), null.logcdf(t)
    assert np.isfinite(upper).all()
    assert np.isfinite(lower).all()
    assert upper.min() < -700
    assert lower.min() < -600
    assert (np.diff(upper) <= 1e-12).all()
    assert (np.diff(lower) >= -1e-12).all()
    np.testing.assert_allclose(np.exp(upper) + np.exp(lower), 1, atol=1e-11)


def test_both_integrals_agree_at_the_mean():
    # left of the mean the lower tail is integrated, right of it the upper one: different paths, one function
    for n in (100, 256, 16384):
        null = power_spectrum_null(n)
        gap = 1e-9 * null.std
        left, right = null.sf(null.mean - gap), null.sf(null.mean + gap)
        # the density times 2 gap is below 1e-9
        assert left - right == pytest.approx(0.8e-9, abs=0.4e-9)


def test_outside_the_support():
    null = power_spectrum_null(1024)
    assert null.logsf([-1.0, 0.0]).tolist() == [0.0, 0.0]
    assert null.logcdf([-1.0, 0.0]).tolist() == [-np.inf, -np.inf]
    assert null.logsf(np.inf) == -np.inf
    assert np.isnan(null.logsf(np.nan))
    assert null.logsf(np.full((2, 3), 0.1)).shape == (2, 3)


@pytest.mark.parametrize(
    "options", [{"n": 8}, {"n": 8, "samples": 9}, {"n": 16384}, {"n": 1024, "permutations": 4}]
)
def test_absurdly_far_tails_are_bounded_not_lost(options):
    null = power_spectrum_null(**options)
    near, far, farthest = null.logsf([100.0, 1e5, 1e300])
    assert near > far == farthest > -np.inf
    assert null.logcdf(1e300) == 0.0


def test_series_and_integral_meet():
    null = power_spectrum_null(256)
    series = SmallSum(
        ((7, AmplitudeDeviation(16, RAYLEIGH_MEAN)), (1, AmplitudeDeviation(15, RAYLEIGH_MEAN)))
    )
    bare = ContourNull(null.cgf)
    t = series.limit * np.array([0.5, 0.8, 1.0])
    np.testing.assert_allclose(series.logcdf(t), bare.logcdf(t), atol=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        {"n": 2},
        {"n": 100, "block": 0},
        {"n": 100, "samples": 0},
        {"n": 100, "mu": "other"},
        {"n": 100, "mu": float("nan")},
        {"n": 100, "variance": 0.0},
        {"n": 16384, "block": 4096, "mu": 2.0},
        {"n": 100, "permutations": 4},
        {"n": 256, "permutations": 2, "block": 64},
        {"n": 100, "permutations": 0},
    ],
)
def test_refusals(options):
    with pytest.raises(ArgumentError):
        power_spectrum_null(**options)


def test_the_same_call_gives_the_same_object():
    assert power_spectrum_null(1024) is power_spectrum_null(1024, permutations=1)
    assert str(power_spectrum_null(1024).grade) == "exact"
