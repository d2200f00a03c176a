"""The sample tensors: made by their script, and judged as their table says."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

import gausscheck as gc

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "data" / "samples"
REAL = ROOT.parent / "shared" / "real"

# file -> verdict, statistic, order or None, view, scope of the finding that decides
TRUTH = {
    "clean_fp32.safetensors": ("pass", None),
    "clean_bf16.safetensors": ("pass", None),
    "scaled_latents.safetensors": ("fail", ("moment", 2, "stored", "pooled")),
    "heavy_tails.npy": ("fail", ("hermite", 4, "stored", "pooled")),
    "checkerboard.npz": ("fail", ("power_spectrum", None, "stored", "pooled")),
    "low_frequency_tint.safetensors": ("fail", ("power_spectrum", None, "stored", "pooled")),
    "one_bad_sample.npy": ("fail", ("moment", 2, "stored", "sample")),
    "one_nan.npy": ("fail", ("nonfinite", None, "stored", "pooled")),
}


def _audit(name):
    report = gc.audit_files(SAMPLES / name)
    assert report.errors == ()
    (tensor,) = report.tensors
    return tensor


def test_the_script_makes_these_very_bytes(tmp_path):
    script = runpy.run_path(str(SAMPLES / "make.py"))
    script["make"](tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == set(TRUTH)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (SAMPLES / path.name).read_bytes(), path.name


@pytest.mark.parametrize("name", TRUTH)
def test_verdict_and_the_finding_behind_it(name):
    verdict, finding = TRUTH[name]
    tensor = _audit(name)
    assert tensor.verdict == verdict
    failed = {
        (f.statistic, f.parameters.get("order"), f.view, f.scope)
        for f in tensor.findings
        if f.verdict == "fail"
    }
    assert (finding in failed) if finding else not failed


def test_what_marginal_tests_cannot_see_is_left_to_the_spectrum():
    for name in ("checkerboard.npz", "low_frequency_tint.safetensors"):
        failed = {(f.family, f.view) for f in _audit(name).findings if f.verdict == "fail"}
        # A pattern common to all channels and samples makes them alike, too.
        assert failed == {("spectrum", "stored"), ("dependence", "stored")}


def test_places():
    bad = next(
        f for f in _audit("one_bad_sample.npy").findings if f.verdict == "fail" and f.statistic == "moment"
    )
    assert bad.where == {"sample": 11, "samples": 16}
    assert bad.effect.low < 1.1 < bad.effect.high
    pooled = next(
        f for f in _audit("one_bad_sample.npy").findings if f.label == "moment 2" and f.scope == "pooled"
    )
    assert pooled.verdict == "pass"
    nan = next(f for f in _audit("one_nan.npy").findings if f.statistic == "nonfinite")
    assert nan.where["index"] == [2, 17, 40]
    assert nan.where["nan"] == 1


def test_effects_cover_the_truth():
    scale = next(f for f in _audit("scaled_latents.safetensors").findings if f.label == "moment 2")
    assert scale.effect.low < 1 / 0.18215 < scale.effect.high
    # excess kurtosis of Student's t with 8 degrees of freedom: 6 / (8 - 4)
    tails = next(
        f for f in _audit("heavy_tails.npy").findings if f.label == "hermite 4" and f.scope == "pooled"
    )
    assert tails.effect.low < 1.5 < tails.effect.high


def test_hints():
    told = {
        "clean_fp32.safetensors": [],
        "clean_bf16.safetensors": [],
        "scaled_latents.safetensors": ["1/0.18215"],
        "heavy_tails.npy": ["Student t of some 8 degrees of freedom"],
        "checkerboard.npz": ["a checkerboard"],
        "one_bad_sample.npy": ["sits in sample 11"],
        "low_frequency_tint.safetensors": ["the lowest frequencies"],
    }
    for name, parts in told.items():
        lines = _audit(name).hints
        assert len(lines) == len(parts)
        assert all(part in line for part, line in zip(parts, lines, strict=True))


def test_a_known_scale_makes_scaled_noise_pass():
    reference = f"scale={1 / 0.18215}"
    assert gc.audit_files(SAMPLES / "scaled_latents.safetensors", reference=reference).verdict == "pass"


def test_lattices():
    assert _audit("clean_bf16.safetensors").lattice == "bf16"
    assert _audit("clean_fp32.safetensors").lattice is None


def test_a_whole_folder():
    report = gc.audit_files(SAMPLES)
    assert len(report.tensors) == len(TRUTH)
    assert {Path(t.path).name: t.verdict for t in report.tensors} == {n: v for n, (v, _) in TRUTH.items()}


@pytest.mark.skipif(not REAL.is_dir(), reason="the real tensors are not here")
@pytest.mark.parametrize(
    ("name", "key", "verdict", "statistic"),
    [
        ("ltx-noise-seed42.npy", "", "pass", None),
        ("sd-controlnet-t951.npz", "x_noisy", "pass", None),
        ("sd-controlnet-t451.npz", "x_noisy", "fail", "power_spectrum"),
        ("stylegan-projected-w.npz", "w", "fail", "moment"),
    ],
)
def test_real_tensors(name, key, verdict, statistic):
    report = gc.audit_files(REAL / name)
    (tensor,) = report.tensors
    assert (tensor.key, tensor.verdict) == (key, verdict)
    failed = {f.statistic for f in tensor.findings if f.verdict == "fail"}
    assert (statistic in failed) if statistic else not failed
    if name.startswith("sd-"):
        assert len(report.notes) == 3  # hint, context, timestep


def test_numba_and_numpy_give_the_same_report(monkeypatch):
    x = np.random.default_rng(3).standard_normal((64, 4, 64, 64), dtype=np.float32)
    fast = gc.audit(x)
    monkeypatch.setenv("GAUSSCHECK_NO_NUMBA", "1")
    plain = gc.audit(x, permutations=4)
    for a, b in zip(fast.findings, plain.findings, strict=True):
        assert (a.label, a.scope, a.verdict, a.where) == (b.label, b.scope, b.verdict, b.where)
        assert a.value == pytest.approx(b.value, rel=1e-6, abs=1e-9)
        assert a.log_p == pytest.approx(b.log_p, rel=1e-3, abs=1e-4)
