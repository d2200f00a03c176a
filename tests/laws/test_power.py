"""Law: each statistic rejects the defect that it claims to see, and is quiet on what it is blind to."""

from __future__ import annotations

import math

import numpy as np
import pytest
from laws.cases import ENGINES, TESTED, Case, p_values

from gausscheck import audit
from gausscheck.arrays import Values

ROWS, N = 4, 16384
# Detectors must be far below this, blind statistics above it: on 4 rows chance does neither (< 1e-9, < 4e-3
# for fixed seeds, seen once).
SEEN, QUIET = 1e-9, 1e-3


def _normal(seed):
    return np.random.default_rng(seed).standard_normal((ROWS, N))


def _sorted(x):
    return np.sort(x, axis=1)


def _skewed(x):
    return (np.exp(0.3 * x) - math.exp(0.045)) / math.sqrt(math.exp(0.09) * (math.exp(0.09) - 1))


def _smoothed(x):
    return (x + np.roll(x, 1, axis=1)) / math.sqrt(2)


def _spikes(x):
    x = x.copy()
    x[:, :8] = 12.0
    return x


def _one_spike(x):
    x = x.copy()
    x[:, 5] = 2 * math.sqrt(N)
    return x


DEFECTS = {
    "mean": lambda x: x + 0.1,
    "scale": lambda x: 1.1 * x,
    "skewed": _skewed,
    "uniform": lambda x: np.random.default_rng(0).uniform(-math.sqrt(3), math.sqrt(3), x.shape),
    "spikes": _spikes,
    "one spike": _one_spike,
    "sorted": _sorted,
    "smoothed": _smoothed,
    "repeated": lambda x: np.concatenate([x[:, : N // 2]] * 2, axis=1),
}

SEES = {
    "moment-order=1": ["mean"],
    "moment-order=2": ["scale"],
    "moment-order=3": ["skewed"],
    "moment-order=4": ["scale", "uniform"],
    "moment-order=5": ["skewed", "spikes"],
    "moment-order=6": ["uniform", "spikes"],
    "moment-order=7": ["spikes"],
    "moment-order=8": ["uniform", "spikes"],
    "hermite-order=1": ["mean"],
    "hermite-order=2": ["scale"],
    "hermite-order=3": ["skewed"],
    "hermite-order=4": ["uniform"],
    "hermite-order=5": ["spikes"],
    "hermite-order=6": ["spikes"],
    "hermite-order=7": ["spikes"],
    "hermite-order=8": ["spikes"],
    "max_abs": ["uniform", "spikes"],
    "power_spectrum-permutations=None": ["sorted", "smoothed", "repeated"],
    "power_spectrum-permutations=1": ["one spike", "scale"],
    "power_spectrum-permutations=4": ["one spike", "scale"],
}


@pytest.mark.parametrize("case", TESTED, ids=str)
def test_sees_what_it_claims(case):
    for name in SEES[str(case)]:
        values = Values(DEFECTS[name](_normal(11)), "float64")
        p = p_values(case, values, ENGINES["numpy"])
        assert p.max() < SEEN, f"{case} misses {name}: {p}"


@pytest.mark.parametrize("case", [c for c in TESTED if str(c) != "power_spectrum-permutations=None"], ids=str)
def test_is_blind_to_order(case):
    """Sorting keeps the multiset: all but the stored spectrum say the same of it, up to the draw."""
    p = p_values(case, Values(_sorted(_normal(12)), "float64"), ENGINES["numpy"])
    assert p.min() > QUIET, f"{case} reacts to order: {p}"
    if case.marginal:
        np.testing.assert_allclose(
            p, p_values(case, Values(_normal(12), "float64"), ENGINES["numpy"]), rtol=1e-6
        )


def test_the_stored_spectrum_is_blind_to_one_faint_bin():
    t = np.arange(N)
    x = _normal(13) + 0.05 * math.sqrt(2) * np.cos(2 * np.pi * 1000 * t / N)
    p = p_values(Case("power_spectrum", {"permutations": None}), Values(x, "float64"), ENGINES["numpy"])
    assert p.min() > QUIET


def test_too_flat_a_spectrum_fails_in_the_lower_tail():
    """What a minimiser of the published loss ends with: every group of amplitudes at its target."""
    x = _normal(14)[:1]
    spectrum = np.fft.rfft(x)
    flat = spectrum / np.abs(spectrum) * math.sqrt(N) * math.sqrt(math.pi) / 2
    report = audit(np.fft.irfft(flat, N), layout="b w")
    finding = next(f for f in report.findings if f.label == "power_spectrum" and f.scope == "pooled")
    assert finding.verdict == "fail"
    assert finding.tail == "lower"
    assert any("flatter" in hint for hint in report.tensors[0].hints)


def test_catches_a_blind_mutant():
    """A statistic of the multiset, put in the place of the stored spectrum, misses what that one sees."""
    case, values = Case("power_spectrum", {"permutations": 4}), Values(_sorted(_normal(11)), "float64")
    assert p_values(case, values, ENGINES["numpy"]).max() > SEEN
