"""Largest magnitude: value, law, both scopes, and the generators that it must tell.

False-alarm rate of each test on noise: 1e-8 or less.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from noise import FORMATS, noise, stored
from scipy.stats import kstest, norm

from gausscheck import ArgumentError, statistics
from gausscheck.catalogue.base import pooled_finding, sample_finding
from gausscheck.engines.numpy import NumpyEngine
from gausscheck.lattice import lattice_of_format
from gausscheck.nulls.extreme import MaxAbsNull
from gausscheck.summaries.samples import SampleValues

MAX_ABS = statistics["max_abs"]
ENGINE = NumpyEngine()


def box_muller(n, bits, seed=0):
    """Normal values from uniforms of few bits: none beyond sqrt(2 bits log 2)."""
    rng = np.random.default_rng(seed)
    u = rng.integers(1, 2**bits + 1, n) / 2**bits
    return np.sqrt(-2 * np.log(u)) * np.cos(2 * math.pi * rng.random(n))


@pytest.mark.parametrize("dtype", FORMATS)
def test_value(dtype):
    values = noise((3, 5, 70), dtype, 1)
    assert MAX_ABS(values) == np.abs(values.decode(np.float64)).max()
    assert MAX_ABS.test(values).p_value > 1e-8


@pytest.mark.parametrize("dtype", FORMATS)
def test_law_of_rounded_noise(dtype):
    """p-values of many samples: uniform, on lattices at least as large."""
    values = noise((2000, 500), dtype, 2)
    null = MAX_ABS.null(n=500, lattice=lattice_of_format(dtype))
    largest = np.abs(values.decode(np.float64)).max(axis=1)
    if dtype in ("float32", "float64"):
        assert kstest(null.cdf(largest), "uniform").pvalue > 1e-8
    for tail in (null.sf(largest), null.cdf(largest)):
        # P(tail <= u) <= u: Hoeffding's bound at 1e-9
        for u in (0.01, 0.1, 0.5):
            assert np.mean(tail <= u) <= u + math.sqrt(math.log(1e9) / (2 * 2000))


def test_scales_and_scopes():
    """What an audit does with extremes in units of the data, pooled and by sample."""
    values = noise((40, 600), "float64", 3, scale=0.2)
    batch = ENGINE.one_pass(values)
    pooled = pooled_finding(MAX_ABS, {}, summary=batch.pool(), scale=0.2)
    assert pooled.value == np.abs(values.data).max()
    assert pooled.n == 24_000
    assert pooled.expected == pytest.approx(0.2 * MaxAbsNull(24_000).mean, rel=1e-14)
    assert pooled.std == pytest.approx(0.2 * MaxAbsNull(24_000).std, rel=1e-14)
    assert pooled.p_value == pytest.approx(MAX_ABS.test(values.data / 0.2).p_value, rel=1e-9)
    assert pooled.p_value > 1e-8
    broken = values.data.copy()
    broken[7] = np.clip(broken[7], -0.25, 0.25)
    batch = ENGINE.one_pass(stored(broken, "float64"))
    kept = SampleValues.of(MAX_ABS.value(batch), np.arange(40), batch.moments.sums)
    worst = sample_finding(MAX_ABS, {}, samples=kept, n=600, scale=0.2)
    assert (worst.where["sample"], worst.tail, worst.value) == (7, "lower", 0.25)
    # 600 values, none beyond 1.25 deviations
    one = 2 * math.exp(600 * math.log1p(-2 * norm.sf(1.25)))
    assert worst.p_value == pytest.approx(40 * one, rel=1e-9)


def test_sees_cut_generators():
    for n, seen in ((2**15, True), (2**11, False)):
        finding = MAX_ABS.test(box_muller(n, 8))
        assert finding.value <= math.sqrt(-2 * math.log(2.0**-8)) + 1e-12
        assert (finding.p_value < 1e-9) == seen
    assert MAX_ABS.test(box_muller(2**15, 32)).p_value > 1e-8
    few = np.clip(noise(2**15, "float64", 4).data, -2.9, 2.9)
    assert MAX_ABS.test(stored(few, "bfloat16")).p_value < 1e-9
    outlier = noise(2**15, "float32", 5).data
    outlier[77] = -9.0
    finding = MAX_ABS.test(outlier)
    assert (finding.value, finding.tail) == (9.0, "upper")
    assert finding.p_value == pytest.approx(2 * 2**15 * 2 * norm.sf(9.0), rel=1e-9)


@pytest.mark.parametrize("dtype", ["float64", "float8_e4m3fn"])
def test_interval_of_the_effect_covers(dtype):
    """Of noise the tail ratio is 1; heavy tails, whose ratio at the largest value is known."""
    covered = tails = 0
    for seed in range(400):
        effect = MAX_ABS.test(noise(50, dtype, [6, seed])).effect
        assert effect.low <= effect.value <= effect.high
        covered += effect.low <= 1 <= effect.high
        if dtype == "float64":
            x = np.random.default_rng([7, seed]).laplace(size=50)
            found = MAX_ABS.test(x)
            truth = math.exp(-found.value) / (2 * norm.sf(found.value))
            tails += found.effect.low <= truth <= found.effect.high
    # binomial(400, 0.95): 349 or fewer with probability 6e-9, 398 or more with 3e-7 (one fixed seed)
    assert covered >= 349
    if dtype == "float64":
        assert 349 < covered < 398
        assert 349 < tails < 398


def test_effect_of_the_impossible_is_finite():
    x = noise(100, "float64", 8).data
    x[3] = 1e300
    finding = MAX_ABS.test(x)
    assert finding.log10_p == -1e9
    assert np.isfinite([finding.effect.low, finding.effect.value, finding.effect.high]).all()


def test_parameters_are_checked():
    with pytest.raises(ArgumentError, match="order"):
        MAX_ABS.null(n=100, order=2)
    with pytest.raises(ArgumentError, match="at least 8"):
        MAX_ABS.null(n=7)
