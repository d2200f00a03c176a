"""Laws of loss values: one term against closed forms, several against simulation and exact moments."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy.special import gammainc, gammaincc, log_ndtr

from gausscheck.errors import ArgumentError
from gausscheck.losses.base import AimedScore
from gausscheck.losses.gaussianity import GaussianityLoss, MomentLoss, PowerSpectrumLoss
from gausscheck.losses.null import loss_null
from gausscheck.losses.terms import MomentTerm
from gausscheck.nulls.base import Grade
from gausscheck.nulls.power_spectrum import power_spectrum_null

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

N = 1024
DRAWS = 4000
# Dvoretzky, Kiefer, Wolfowitz, Massart: the largest distance of 4,000 draws from their law exceeds this for
# one of 1e8 seeds.
CHANCE = math.sqrt(math.log(2e8) / (2 * DRAWS))
# What the nodes themselves may be off in a distribution function, as CompositeNull states.
NODES = 0.01


def composites():
    return {
        "paper": GaussianityLoss(),
        "mix": GaussianityLoss(permute="mix"),
        "four": GaussianityLoss(permutations=4),
        "spectra": PowerSpectrumLoss(permute="mix", permutations=4),
        "moments": MomentLoss(orders=(1, 2, 3, 4)),
        "both": GaussianityLoss(orders=(1, 2, 3, 4)),
        "no second": GaussianityLoss(orders=(3,)),
        "typical": GaussianityLoss(aim="typical"),
        "typical mix": GaussianityLoss(orders=(1, 2, 3, 4), permute="mix", aim="typical"),
    }


def draws(loss):
    torch.manual_seed(20)  # the losses draw their permutations from torch's own generator
    with torch.no_grad():
        parts = [loss.score.loss(loss.statistics_of(torch.randn(500, N)), N) for _ in range(DRAWS // 500)]
    return torch.cat(parts).double().numpy()


def distance(null, values):
    """Largest distance of the two distribution functions at 24 of the values, from both sides of each."""
    at = np.sort(values)[np.linspace(0, values.size - 1, 24).astype(int)]
    stated = np.exp(null.logcdf(at))
    # an atom's own value counts as drawn; float32 makes others equal only by chance
    return np.max(np.abs((values[None, :] <= at[:, None]).mean(axis=1) - stated))


def test_first_order_is_the_modulus_of_a_normal():
    null = MomentLoss(orders=(1,)).null(N)
    t = np.array([1e-12, 1e-6, 1e-3, 0.02, 0.1, 0.5, 2.0])
    np.testing.assert_allclose(
        null.logsf(t), math.log(2) + log_ndtr(-t * math.sqrt(N)), rtol=1e-12, atol=1e-15
    )
    # a narrow interval may cost 1e-7, see TransformedNull
    inside = np.log([math.erf(x * math.sqrt(N / 2)) for x in t])
    np.testing.assert_allclose(null.logcdf(t), inside, rtol=1e-12, atol=1e-7)
    assert null.grade is Grade.EXACT
    np.testing.assert_allclose(null.mean, math.sqrt(2 / (math.pi * N)), rtol=1e-9)
    np.testing.assert_allclose(null.std, math.sqrt((1 - 2 / math.pi) / N), rtol=1e-8)


@pytest.mark.parametrize("n", [8, 100, 1024])
def test_second_order_is_both_tails_of_a_chi_square(n):
    null = MomentLoss(orders=(2,)).null(n)
    t = np.array([1e-4, 0.01, 0.05, 0.3, 0.9, 1.2])
    upper = gammaincc(n / 2, n / 2 * (1 + t) ** 2) + gammainc(n / 2, n / 2 * np.maximum(1 - t, 0) ** 2)
    # sums of two tails in logarithms: a few roundings each of terms up to 1
    np.testing.assert_allclose(null.sf(t), upper, rtol=1e-12)
    np.testing.assert_allclose(null.cdf(t), 1 - upper, rtol=1e-7, atol=1e-15)


def test_odd_root_and_weight():
    weighted = GaussianityLoss(orders=(3,), moment_weight=2.5, power_weight=0).null(N)
    statistic = MomentTerm(3).null(N)
    t = np.array([0.3, 0.7, 1.5, 3.0])
    np.testing.assert_allclose(weighted.logsf(t), math.log(2) + statistic.logsf((t / 2.5) ** 3), rtol=1e-10)


def test_one_spectrum_keeps_its_law():
    statistic = power_spectrum_null(N)
    null = PowerSpectrumLoss(permute=None).null(N)
    t = statistic.mean + statistic.std * np.array([-5.0, -1.0, 0.5, 6.0])
    np.testing.assert_array_equal(null.logsf(t), statistic.logsf(t))
    np.testing.assert_allclose(null.logcdf(t), statistic.logcdf(t), rtol=1e-10)
    # quadrature over the tails between normal scores of -8 and 8
    np.testing.assert_allclose([null.mean, null.std], [statistic.mean, statistic.std], rtol=1e-8)
    assert PowerSpectrumLoss(permutations=4).null(N).grade is Grade.ASYMPTOTIC


@pytest.mark.parametrize("name", list(composites()))
def test_sums_against_draws(name):
    loss = composites()[name]
    null = loss.null(N)
    assert null.grade is Grade.ASYMPTOTIC
    assert distance(null, draws(loss)) < CHANCE + NODES


def test_a_wrong_weight_or_size_is_caught_by_the_same_draws():
    loss = composites()["paper"]
    values = draws(loss)
    assert distance(GaussianityLoss(power_weight=24.0).null(N), values) > CHANCE + NODES
    assert distance(loss.null(N // 2), values) > CHANCE + NODES


@pytest.mark.parametrize("name", ["paper", "spectra", "moments", "both", "no second"])
def test_mean_and_deviation_agree_with_the_tails(name):
    null = composites()[name].null(N)
    node, weight = np.polynomial.legendre.leggauss(80)
    low = max(0.0, null.mean - 9 * null.std)
    high = null.mean + 9 * null.std
    t = 0.5 * (high - low) * (node + 1)
    beyond = null.sf(low + t) * weight * 0.5 * (high - low)
    mean = beyond.sum()
    std = math.sqrt(2 * float(beyond @ t) - mean**2)
    # the mean is a sum of exact means, the tails a sum over nodes: 0.5 % of a deviation
    assert abs(low + mean - null.mean) < 0.005 * null.std
    assert abs(std / null.std - 1) < 0.005


@pytest.mark.parametrize("permutations", [1, 4])
def test_views_of_one_sample_share_its_variance(permutations):
    """Covariance of P stored and permuted: the part of Var P that the sample variance explains."""
    null = PowerSpectrumLoss(permute="mix", permutations=permutations).null(N)
    stored = power_spectrum_null(N).std ** 2
    permuted = power_spectrum_null(N, permutations=permutations).std ** 2
    shared = (4 * null.std**2 - stored - permuted) / (2 * stored)
    # Var E[P | v] / Var P from the Laguerre series of E |sqrt(v) B - mu|; without it this would be 0
    explained = (0.0369041**2 + (2 * 0.664915) ** 2 / N) / (0.0369041**2 / 0.01749)
    assert abs(shared - explained) < 0.05 * explained


def test_loss_without_order_two_still_shares_the_variance():
    loss = GaussianityLoss(orders=(4,), power_weight=1.0, moment_weight=1.0, permutations=4)
    terms = [replace(loss.score, terms=(term,)) for term in loss.score.terms]
    apart = sum(loss_null(score, N).std ** 2 for score in terms)
    # both grow with the variance of the sample, beyond v = 1 - 1/N: their covariance is positive
    assert loss.null(N).std ** 2 > 1.001 * apart


@pytest.mark.parametrize(
    "loss", [MomentLoss(orders=(4,)), MomentLoss(orders=(1, 2)), GaussianityLoss(orders=(1, 2, 3, 4))]
)
def test_tails_are_monotone_and_complements(loss):
    null = loss.null(256)
    t = np.concatenate([np.geomspace(1e-6, 1, 13) * null.mean, null.mean + null.std * np.arange(0.5, 30, 2)])
    upper, lower = null.logsf(t), null.logcdf(t)
    assert np.all(np.isfinite(upper))
    assert np.all(np.isfinite(lower))
    assert np.all(np.diff(upper) <= 0)
    assert np.all(np.diff(lower) >= 0)
    # each side is computed for itself; weights of the nodes add to one within N roundings
    near = upper > -12
    np.testing.assert_allclose(np.exp(upper[near]) + np.exp(lower[near]), 1.0, atol=1e-7)


@pytest.mark.parametrize("central", [0.5, 0.95])
def test_atom_of_a_typical_term(central):
    null = MomentLoss(orders=(2,), aim="typical", central=central).null(N)
    np.testing.assert_allclose(null.cdf(0.0), central, rtol=1e-9)
    np.testing.assert_allclose(null.sf(0.0), 1 - central, rtol=1e-9)
    assert null.cdf(-1e-300) == 0
    assert null.sf(-1e-300) == 1
    # a sample within its range is no surprise in either direction
    np.testing.assert_allclose(null.log_two_sided(0.0), 0, atol=1e-9)
    assert null.log_two_sided(8.0) < math.log(1e-4)


def test_atoms_of_independent_terms_multiply():
    null = MomentLoss(orders=(1, 2), aim="typical", central=0.8).null(N)
    # nodes stand 17/32768 apart in the score, where the density is at most 0.4: each edge costs half of that
    np.testing.assert_allclose(null.cdf(0.0), 0.8**2, atol=4e-4)
    np.testing.assert_allclose(null.sf(0.0), 1 - 0.8**2, atol=4e-4)
    assert null.log_two_sided(0.0) == 0


@pytest.mark.parametrize(
    "loss", [MomentLoss(orders=(3,)), MomentLoss(orders=(8,), aim="typical"), GaussianityLoss()]
)
def test_float_extremes(loss):
    null = loss.null(256)
    t = np.array([[-np.inf, -1e300, -5e-324], [5e-324, 1e-300, 1e300], [np.inf, np.nan, 1.0]])
    for tail in (null.logsf(t), null.logcdf(t), null.log_two_sided(t)):
        assert tail.shape == t.shape
        assert np.array_equal(np.isnan(tail), np.isnan(t))
        assert np.all(tail[~np.isnan(t)] <= 0)
    assert list(null.logsf([-np.inf, -5e-324, np.inf])) == [0, 0, -np.inf]
    assert list(null.logcdf([-np.inf, -5e-324, np.inf])) == [-np.inf, -np.inf, 0]


@dataclass(frozen=True)
class Foreign:
    name: str = "foreign"
    weight: float = 1.0


def test_errors_and_cache():
    loss = GaussianityLoss()
    assert loss.null(N) is GaussianityLoss().null(N)
    with pytest.raises(ArgumentError, match="at least 8 values"):
        MomentLoss(orders=(1, 4)).null(7)
    with pytest.raises(ArgumentError, match="at least 256"):
        GaussianityLoss(permutations=4).null(128)
    with pytest.raises(ArgumentError, match="weights are all 0"):
        loss_null(AimedScore((), "zero", 0.95), N)
    with pytest.raises(ArgumentError, match="joint law of 'foreign'"):
        loss_null(AimedScore((MomentTerm(2), Foreign()), "zero", 0.95), N)
