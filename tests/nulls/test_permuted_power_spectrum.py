"""Law of the batched power spectrum averaged over permutations."""

from __future__ import annotations

import numpy as np
import pytest
from calibration.calibrate_power_spectrum import PERMUTED, permuted_values, tail_rates
from scipy.special import eval_genlaguerre, kolmogorov, poch

from gausscheck.nulls.amplitude import amplitude_deviation
from gausscheck.nulls.cgf import SumCgf
from gausscheck.nulls.contour import ContourNull
from gausscheck.nulls.permutation import conditional_cumulants, permuted_cgf
from gausscheck.nulls.power_spectrum import batch_sizes, power_spectrum_null
from gausscheck.nulls.rayleigh import RAYLEIGH_MEAN
from gausscheck.nulls.saddlepoint import SaddlepointNull

FALSE_ALARM = 1e-9


def _stored_cumulants(n):
    sizes = batch_sizes(n, 16)
    groups = sum(sizes.values())
    parts = [
        m * amplitude_deviation(b, RAYLEIGH_MEAN).cumulants / groups ** np.arange(1, 5)
        for b, m in sizes.items()
    ]
    return np.sum(parts, axis=0)


@pytest.mark.parametrize(
    ("n", "accuracy"), [(256, (1e-6, 2e-4, 1e-2)), (1024, (1e-7, 2e-6, 1e-3)), (16384, (1e-7, 2e-6, 1e-4))]
)
def test_one_permutation_has_the_cumulants_of_the_stored_order(n, accuracy):
    # the tower rule: the mixture must give back what it was unmixed from, up to the fifth order in 1/n
    mixed = permuted_cgf(n, batch_sizes(n, 16), RAYLEIGH_MEAN, 1).cumulants
    error = np.abs(mixed[:3] / _stored_cumulants(n)[:3] - 1)
    assert (error < accuracy).all()


@pytest.mark.parametrize(("n", "rho"), [(256, 0.10649), (1024, 0.03970), (4096, 0.02304), (16384, 0.01888)])
def test_share_of_the_variance_that_permutations_cannot_remove(n, rho):
    # computed beforehand from a Laguerre series, five decimals; at n = 256 the variance is good to 1e-4
    many, one = (permuted_cgf(n, batch_sizes(n, 16), RAYLEIGH_MEAN, r).cumulants[1] for r in (10**4, 1))
    assert (many / one - 1e-4) / (1 - 1e-4) == pytest.approx(rho, abs=6e-6 + 1e-4 * rho)


def test_conditional_mean_against_laguerre_series():
    n = 4098  # 128 groups of 16, none short
    a = (n - 1) / 2
    v = 1 + np.linspace(-2, 2, 9) * np.sqrt(2 / n)
    mean, _, _ = conditional_cumulants(n, batch_sizes(n, 16), RAYLEIGH_MEAN, np.log(v))
    # derivatives of G(lambda) = E |sqrt(lambda) B - mu| at 1, seven digits, from an earlier quadrature
    derivatives = (9.244245247536e-02, 0.0369041, 2 * 0.664915, -6 * 0.601903, -24 * 0.29235)
    series = sum(
        (-1) ** k * g / poch(a, k) * eval_genlaguerre(k, a - 1, a * v) for k, g in enumerate(derivatives)
    )
    # the first term left out is G^(5) / 5! (v - 1)^5, with |G^(5)| / 5! < 5
    np.testing.assert_allclose(mean, series, atol=5 * np.abs(v - 1).max() ** 5 + 1e-8)


def _p_of_p(p):
    ordered = np.sort(p)
    grid = np.arange(1, p.size + 1) / p.size
    distance = max(np.max(grid - ordered), np.max(ordered - grid + 1 / p.size))
    return kolmogorov(np.sqrt(p.size) * distance)


@pytest.mark.parametrize(
    ("n", "permutations", "samples", "repeats"),
    [(256, 4, 1, 6000), (256, 16, 1, 3000), (333, 2, 1, 6000), (1024, 4, 2, 1000), (256, 4, 8, 1000)],
)
def test_p_values_are_uniform(n, permutations, samples, repeats):
    values = permuted_values(n, permutations, samples * repeats, seed=1).reshape(repeats, -1).mean(axis=1)
    null = power_spectrum_null(n, permutations=permutations, samples=samples)
    assert _p_of_p(null.sf(values)) > FALSE_ALARM


def test_uniformity_catches_permutations_taken_for_independent_samples():
    values = permuted_values(256, 16, 3000, seed=1).mean(axis=1)
    assert _p_of_p(power_spectrum_null(256, samples=16).sf(values)) < FALSE_ALARM


def test_uniformity_catches_a_single_law_with_the_right_variance():
    # one sum of deviations with the mixture's mean and variance lacks its skewness
    values = permuted_values(256, 16, 3000, seed=1).mean(axis=1)
    null = power_spectrum_null(256, permutations=16)
    deviation = amplitude_deviation(16, RAYLEIGH_MEAN)
    mean, variance = deviation.cumulants[:2]
    count = round(variance / (null.std / null.mean * mean) ** 2)
    single = ContourNull(SumCgf(((count, null.mean / mean / count, deviation),)))
    assert single.std == pytest.approx(null.std, rel=0.02)
    assert _p_of_p(single.sf(values)) < FALSE_ALARM


@pytest.mark.parametrize(
    "options",
    [
        {"n": 256, "permutations": 2},
        {"n": 1000, "permutations": 4, "mu": "paper"},
        pytest.param({"n": 256, "permutations": 64}, marks=pytest.mark.slow),
        pytest.param({"n": 16384, "permutations": 16, "samples": 8}, marks=pytest.mark.slow),
        pytest.param({"n": 1024, "permutations": 4, "variance": 1.01}, marks=pytest.mark.slow),
        pytest.param({"n": 1_000_000, "permutations": 4}, marks=pytest.mark.slow),
    ],
)
def test_tails_are_finite_and_monotone_far_out(options):
    null = power_spectrum_null(**options)
    t = np.unique(
        np.concatenate(
            [np.geomspace(1e-300, 1, 60) * null.mean, null.mean + null.std * np.linspace(-40, 200, 200)]
        )
    )
    t = t[t > 0]
    upper, lower = null.logsf(t), null.logcdf(t)
    assert np.isfinite(upper).all()
    assert np.isfinite(lower).all()
    assert upper.min() < -700
    assert lower.min() < -700
    assert (np.diff(upper) <= 1e-9).all()
    assert (np.diff(lower) >= -1e-9).all()
    np.testing.assert_allclose(np.exp(upper) + np.exp(lower), 1, atol=1e-11)
    assert str(null.grade) == "asymptotic"


@pytest.mark.parametrize(("n", "permutations", "samples"), [(1024, 4, 16), (16384, 4, 1), (4096, 16, 32)])
def test_integral_against_saddlepoint(n, permutations, samples):
    # where the law is nearly normal the two must meet; measured differences are below 1e-3
    null = power_spectrum_null(n, permutations=permutations, samples=samples)
    saddle = SaddlepointNull(null.cgf)
    t = null.mean + null.std * np.array([-3, -1, -0.2, 0.2, 1, 3, 6])
    np.testing.assert_allclose(saddle.logsf(t), null.logsf(t), atol=3e-3)
    np.testing.assert_allclose(saddle.logcdf(t), null.logcdf(t), atol=3e-3)


def test_variance_moves_the_law():
    rng_values = permuted_values(256, 4, 4000, seed=3)
    wide = power_spectrum_null(256, permutations=4, variance=1.2)
    # the statistic of values of variance 1.2 is sqrt(1.2) times that of unit values about mu / sqrt(1.2)
    unit = power_spectrum_null(256, permutations=4, mu=RAYLEIGH_MEAN / np.sqrt(1.2))
    t = wide.mean + wide.std * np.array([-2.0, 0.0, 2.0])
    np.testing.assert_allclose(wide.logsf(t), unit.logsf(t / np.sqrt(1.2)), atol=1e-12)
    assert _p_of_p(wide.sf(rng_values.mean(axis=1))) < FALSE_ALARM


@pytest.mark.slow
@pytest.mark.parametrize(("n", "repeats"), PERMUTED)
def test_tail_rates_of_permuted_spectra(n, repeats):
    values = permuted_values(n, 64, repeats, seed=n)
    for count in (4, 16, 64):
        null = power_spectrum_null(n, permutations=count)
        grouped = values.reshape(repeats, -1, count).mean(axis=2)
        for p, bias in ((1e-2, 0.05), (1e-3, 0.15)):
            # 6.5 standard errors: 24 rates a size at 1e-10 each, and the stated accuracy of the law
            for rate in tail_rates(null, grouped, p):
                assert abs(rate.excess) < bias + 6.5 * rate.error
