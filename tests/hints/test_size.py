"""Certain and negligible is said, and only where every failing effect is."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import gausscheck as gc
from gausscheck.finding import Effect, Finding
from gausscheck.hints.size import NEGLIGIBLE, size
from gausscheck.tolerance import EFFECTS


def noise(n, seed=3):
    return np.random.default_rng(seed).standard_normal(n, dtype=np.float32)


def small(x, **options):
    (tensor,) = gc.audit(x, permutations=0, **options).tensors
    return tensor.verdict, [hint for hint in tensor.hints if hint.startswith("certain, but small")]


@pytest.mark.parametrize(
    "change", [lambda x: 1.004 * x, lambda x: x + np.float32(0.005)], ids=["scale", "mean"]
)
def test_a_small_deviation_of_many_values_is_called_small(change):
    verdict, said = small(change(noise(2**22)), battery="quick")
    assert verdict == "fail"
    assert len(said) == 1
    assert "--tolerance" in said[0]
    name, value = said[0].split('"')[1].split("=")
    assert gc.audit(change(noise(2**22)), battery="quick", tolerance={name: float(value)}).verdict != "fail"


@pytest.mark.parametrize(
    "change",
    [
        lambda x: 1.02 * x,
        lambda x: x + np.float32(0.05),
        lambda x: np.where(np.arange(x.size) % 1000 == 0, np.float32(4.0), x),
        lambda x: np.concatenate([x[: x.size // 2]] * 2),
    ],
    ids=["scale", "mean", "spikes", "copies"],
)
def test_a_large_one_is_not(change):
    verdict, said = small(change(noise(2**20)))
    assert (verdict, said) == ("fail", [])


def test_a_small_one_among_large_ones_is_not():
    x = noise(2**20).reshape(4, 4, 256, 256) * np.float32(1.004)
    x[:, 0] *= np.float32(1.2)
    assert small(x) == ("fail", [])


def test_clean_noise_hears_nothing():
    assert small(noise(2**16)) == ("pass", [])


def test_names_are_those_of_effects():
    assert set(NEGLIGIBLE) <= set(EFFECTS)


def test_high_moments_do_not_speak_for_the_rest():
    """Where a moment of order 8 is the most surprising, the largest effect of the others is told."""

    def finding(statistic, order, effect):
        return Finding(
            statistic,
            "moments",
            2**22,
            1.0,
            1.0,
            1.0,
            -90.0,
            "upper",
            "exact",
            {"order": order},
            effect=effect,
        )

    high = finding("moment", 8, Effect("moment 8 ratio", 1.02, 1.01, 1.03))
    low = finding("hermite", 4, Effect("excess kurtosis", 0.02, 0.01, 0.03))
    (said,) = size(SimpleNamespace(failed=(high, low)), None)
    assert said.startswith("certain, but small: excess kurtosis 0.02")
    assert list(size(SimpleNamespace(failed=(high,)), None)) == []
