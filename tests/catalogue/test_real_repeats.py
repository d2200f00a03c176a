"""Repeats in files of public repositories, where they are at hand."""

from pathlib import Path

import numpy as np
import pytest

from gausscheck import statistics
from gausscheck.arrays import as_values
from gausscheck.collect import collect
from gausscheck.layout import Layout
from gausscheck.needs import RepeatsNeed
from gausscheck.sharing import shared

REAL = Path(__file__).parents[3] / "shared" / "real"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="real tensors are not at hand")


def member(name, key):
    with np.load(REAL / name, allow_pickle=False) as file:
        return file[key]


def summary_of(x):
    values = as_values(x)
    return collect(RepeatsNeed(), values, Layout.resolve(None, values.shape), lattice=None)[0]


def torch_tensor(name):
    torch = pytest.importorskip("torch")
    return torch.load(REAL / name, weights_only=True)


def test_eighteen_equal_rows():
    w = member("stylegan-projected-w.npz", "w")
    finding = statistics["duplicates"].test(w, unit="row")
    assert (finding.value, finding.where, finding.extra["distinct"]) == (17, {"rows": [0, 1]}, 1)
    assert finding.log10_p < -300
    finding = statistics["channel_correlation"].test(w, layout="b c w")
    assert finding.value > 0.999999
    assert finding.log10_p < -1000


def test_two_files_from_one_stream():
    noise = torch_tensor("sd3-noise-flowgrpo.pt")
    other = np.load(REAL / "ltx-noise-seed42.npy", allow_pickle=False)
    (fact,) = shared(summary_of(noise), summary_of(other))
    assert (fact.kind, fact.count, fact.first, fact.second) == ("value", 24_579, 65_536, 32_768)
    assert fact.log10_p < -10_000


def test_noise_that_is_sound():
    first, last = (member(f"sd-controlnet-t{t}.npz", "x_noisy") for t in (951, 451))
    assert all(fact.log_p > np.log(1e-3) for fact in shared(summary_of(first), summary_of(last)))
    noise = torch_tensor("sd3-noise-flowgrpo.pt")
    for x in (first, last, noise):
        for unit in ("value", "block"):
            assert statistics["duplicates"].test(x, unit=unit).p_value == 1.0
    for x in (first, noise):
        assert statistics["channel_correlation"].test(x).p_value > 1e-3
