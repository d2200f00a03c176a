"""Batched power spectrum: value as its definition reads, law against simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from noise import noise

from gausscheck import ArgumentError, DataError, statistics
from gausscheck.lattice import Lattice, lattice_of_format

POWER = statistics["power_spectrum"]
SIX_SIGMA = 6.0  # a normal deviate is beyond it with probability 2e-9


MU = math.sqrt(math.pi) / 2
# The transform is made in float32 where the size of the values allows: 16 roundings of amplitudes near one.
ROUNDING = 1e-6


def plain(x, block=16, mu=MU):
    """The discrepancy of one sample, frequency by frequency."""
    n = len(x)
    t = np.arange(n)
    amplitudes = [
        abs(np.sum(x * np.exp(-2j * np.pi * k * t / n))) / math.sqrt(n) for k in range(1, (n + 1) // 2)
    ]
    groups = [amplitudes[g : g + block] for g in range(0, len(amplitudes), block)]
    return float(np.mean([abs(np.mean(group) - mu) for group in groups]))


@pytest.mark.parametrize("n", [3, 4, 5, 32, 33, 34, 35, 64, 100, 105])
@pytest.mark.parametrize(("block", "mu"), [(16, "exact"), (1, "exact"), (7, "paper"), (1000, 0.9)])
def test_value(n, block, mu):
    x = noise((3, n), "float64", 61).data
    target = {"exact": MU, "paper": 0.875}.get(mu, mu)
    expected = np.mean([plain(row, block, target) for row in x])
    assert POWER(x, block=block, mu=mu) == pytest.approx(expected, abs=ROUNDING)


def test_a_sample_is_flattened_in_stored_order():
    x = noise((2, 3, 5, 7), "float64", 62).data
    expected = np.mean([plain(x[0].ravel()), plain(x[1].ravel())])
    assert POWER(x) == pytest.approx(expected, abs=ROUNDING)
    moved = POWER(np.moveaxis(x, 0, 3), layout="c h w b")
    assert moved == pytest.approx(expected, abs=ROUNDING)
    # without a sample axis all of it is one sample
    assert POWER(x[0]) == pytest.approx(plain(x[0].ravel()), abs=ROUNDING)


def test_a_tone_stands_out():
    n, k = 512, 37
    tone = math.sqrt(2) * np.cos(2 * np.pi * k * np.arange(n) / n)
    # all power in one ordinate of amplitude sqrt(n/2); the 15 others of its group, and all groups, are empty
    expected = (15 * MU + math.sqrt(n / 2) / 16 - MU) / 16
    assert POWER(tone) == pytest.approx(expected, abs=ROUNDING)


@pytest.mark.parametrize("n", [63, 64, 1000])
@pytest.mark.parametrize("samples", [1, 3])
def test_mean_and_std_of_the_law(n, samples):
    repeats = 3000
    x = np.random.default_rng([63, n]).standard_normal((repeats * samples, n))
    r = np.abs(np.fft.rfft(x, axis=1))[:, 1 : (n + 1) // 2] / math.sqrt(n)
    groups = [r[:, g : g + 16].mean(axis=1) for g in range(0, r.shape[1], 16)]
    values = np.mean(np.abs(np.array(groups) - MU), axis=0)
    values = values.reshape(repeats, samples).mean(axis=1)
    null = POWER.null(n=n, samples=samples)
    assert abs(values.mean() - null.mean) < SIX_SIGMA * null.std / math.sqrt(repeats)
    # the kurtosis of these means is below 6, so that their variance has a relative error below sqrt(5/R)
    assert abs(values.var() / null.std**2 - 1) < SIX_SIGMA * math.sqrt(5 / repeats)


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_mean_of_the_law_of_rounded_noise(dtype):
    n, repeats = 1000, 3000
    values = noise((repeats, n), dtype, 64)
    lattice = lattice_of_format(dtype)
    null = POWER.null(n=n, lattice=lattice)
    x = values.decode(np.float64)
    assert POWER(values) == pytest.approx(POWER(x), rel=1e-6)
    assert abs(POWER(x) - null.mean) < SIX_SIGMA * null.std / math.sqrt(repeats)
    # to first order the amplitudes scale by the root of the variance of rounded values
    assert abs(Lattice(lattice).moments((2,))[0] - np.mean(x**2)) < SIX_SIGMA * math.sqrt(2 / x.size)


def test_permutations_are_reproducible_and_their_own():
    x = noise((2, 600), "float64", 65).data
    first, again = (POWER.test(x, permutations=3, seed=4).value for _ in range(2))
    other = POWER.test(x, permutations=3, seed=5).value
    assert first == again
    assert first != other
    assert first != POWER(x)
    # samples are shuffled apart: one that is repeated gets two different permutations
    twice = POWER.test(np.stack([x[0], x[0]]), permutations=1).value
    assert twice != POWER.test(x[:1], permutations=1).value


def test_one_permutation_is_the_law_of_the_stored_order():
    stored, permuted = POWER.null(n=500), POWER.null(n=500, permutations=1)
    t = stored.mean + stored.std * np.array([-3.0, 0.0, 3.0])
    np.testing.assert_allclose(stored.logsf(t), permuted.logsf(t), rtol=1e-12)


def test_many_permutations_leave_less_spread_than_one():
    one, many = POWER.null(n=1024, permutations=1), POWER.null(n=1024, permutations=16)
    assert many.mean == pytest.approx(one.mean, rel=1e-4)
    assert many.std < 0.5 * one.std
    assert (str(one.grade), str(many.grade)) == ("exact", "asymptotic")


def test_effect_is_the_ratio_to_white_noise():
    x = noise((4, 1000), "float64", 66).data
    finding = POWER.test(x)
    assert finding.effect.name == "spectrum discrepancy ratio"
    assert finding.effect.value == pytest.approx(finding.value / finding.expected)
    assert finding.effect.high - finding.effect.value == pytest.approx(
        1.96 * finding.std / finding.expected, rel=1e-4
    )
    assert (finding.family, finding.n) == ("spectrum", 1000)


@pytest.mark.parametrize(
    "given",
    [
        {"block": 0},
        {"block": 1.5},
        {"block": True},
        {"permutations": 0},
        {"permutations": "4"},
        {"mu": "mean"},
    ],
    ids=str,
)
def test_parameters_that_are_refused(given):
    with pytest.raises(ArgumentError, match=next(iter(given))):
        POWER(noise(300, "float64", 67), **given)


def test_too_few_values():
    with pytest.raises(DataError, match="at least 3 values"):
        POWER(np.zeros((5, 2)))
    with pytest.raises(DataError, match="at least 256 values"):
        POWER(np.zeros((5, 200)), permutations=4)
    with pytest.raises(ArgumentError, match="at least 3"):
        POWER.null(n=2)
