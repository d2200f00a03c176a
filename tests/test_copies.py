"""Copies within a tensor and between the tensors of one call: what they are worth, and that they fail."""

from __future__ import annotations

import numpy as np
import pytest

import gausscheck as gc
from gausscheck import across


def noise(seed, shape=(8, 4, 32, 32)):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def pooled(report):
    """n and log p of what is said of the law of all values."""
    return {
        f.label: (f.n, f.log_p)
        for f in report.findings
        if f.scope == "pooled" and f.family in ("moments", "marginal")
    }


def test_the_law_of_copied_values_is_that_of_one_copy():
    one = gc.audit(noise(1), permutations=0)
    twice = gc.audit(np.concatenate([noise(1)] * 2), permutations=0)
    (tensor,) = twice.tensors
    assert (tensor.n, tensor.n_effective) == (65536, 32768)
    assert twice.verdict == "fail"
    assert any("32768 of 65536 values that are no copies" in text for text in tensor.untested)
    expected, found = pooled(one), pooled(twice)
    assert set(found) == set(expected)
    for label, (n, log_p) in expected.items():
        if not label.startswith("duplicates"):
            assert found[label] == (n, pytest.approx(log_p, rel=1e-6, abs=1e-9)), label


def test_clean_noise_is_worth_all_its_values():
    (tensor,) = gc.audit(noise(2), permutations=0).tensors
    assert tensor.n_effective == tensor.n


@pytest.fixture
def files(tmp_path):
    def save(**arrays):
        for name, x in arrays.items():
            np.save(tmp_path / f"{name}.npy", x)
        return gc.audit_files([tmp_path], permutations=0)

    return save


def test_a_sample_in_two_files_fails_the_call_and_neither_file(files):
    first, second = noise(3), noise(4)
    second[5] = first[2]
    report = files(a=first, b=second)
    assert [t.verdict for t in report.tensors] == ["pass", "pass"]
    assert report.verdict == "fail"
    (shared,) = report.shared
    assert (shared.kind, shared.count, shared.verdict) == ("sample", 1, "fail")
    assert shared.places == ((2, 0), (5, 0))
    assert "sample 2 is sample 5" in str(report).replace("\n", " ").replace("                   ", "")
    assert report.to_dict()["shared"][0]["kind"] == "sample"


def test_scattered_values_in_two_files_are_found(files):
    first, second = noise(5), noise(6)
    second.flat[100:20100] = np.random.default_rng(7).permutation(first.ravel()[:20000])
    (shared,) = files(a=first, b=second).shared
    assert (shared.kind, shared.verdict) == ("value", "fail")


def test_different_noise_shares_nothing(files):
    assert files(a=noise(8), b=noise(9), c=noise(10)).shared == ()


def test_many_tensors_keep_a_part_and_still_find_copies(files, monkeypatch):
    monkeypatch.setattr(across, "_MOST", 5000)
    arrays = {f"n{i}": noise(20 + i) for i in range(4)}
    arrays["n3"][0, 1] = arrays["n0"][4, 2]
    arrays["n2"][7] = arrays["n1"][0]
    found = {(s.first[-6:], s.second[-6:]): s.kind for s in files(**arrays).shared}
    assert found["n1.npy", "n2.npy"] == "sample"
    assert ("n0.npy", "n2.npy") not in found
