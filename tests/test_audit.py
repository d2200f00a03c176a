"""The audit as a whole: options, files, reproducibility; what it says of each sample is in test_samples."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from noise import noise, stored

import gausscheck as gc

SAMPLES = Path(__file__).parents[1] / "data" / "samples"


def lines(report):
    return [(f.label, f.scope, f.value, f.log_p, f.where) for f in report.findings]


def failed(report):
    return {(f.label, f.scope) for f in report.findings if f.verdict == "fail"}


def test_the_same_seed_gives_the_same_report():
    x = noise((3, 700), "float32", 101)
    first, again, other = (gc.audit(x, seed=seed) for seed in (5, 5, 6))
    assert lines(first) == lines(again)
    assert first.seed == 5
    differing = {a[0] for a in set(map(str, lines(first))) ^ set(map(str, lines(other)))}
    assert differing
    stored_view = [line for line in lines(first) if "permuted" not in line[0]]
    assert stored_view == [line for line in lines(other) if "permuted" not in line[0]]


def test_samples_of_one_value_can_be_audited():
    x = np.random.default_rng(103).standard_normal(300)
    assert gc.audit(x, layout="b").verdict == "pass"
    x[150:] = x[:150]
    assert failed(gc.audit(x, layout="b")) == {("duplicates value", "pooled")}


def test_permutations_can_be_left_out():
    x = noise((3, 700), "float32", 102)
    with_them, without = gc.audit(x, permutations=2), gc.audit(x, permutations=0)
    assert any(f.view == "permuted" and f.parameters["permutations"] == 2 for f in with_them.findings)
    assert all(f.view == "stored" for f in without.findings)


@pytest.mark.parametrize("scale", [1e-3, 0.18215, 5.489981, 500.0])
def test_reference_scale(scale):
    """Scaled noise passes against its own scale and fails against any other."""
    x = noise((2, 4, 24, 24), "float64", 103, scale=scale)
    assert gc.audit(x, reference=f"scale={scale}").verdict == "pass"
    assert gc.audit(x, reference=f"scale={1.2 * scale}").verdict == "fail"
    assert gc.audit(x).verdict == "fail"


def test_a_scale_is_told_in_units_of_the_reference():
    x = noise((2, 4, 24, 24), "float64", 104, scale=6.0)
    report = gc.audit(x, reference="scale=5")
    effect = next(f for f in report.findings if f.label == "moment 2" and f.scope == "pooled").effect
    assert effect.low < 1.2 < effect.high


@pytest.mark.parametrize(
    ("dtype", "lattice"),
    [("float16", "fp16"), ("bfloat16", "bf16"), ("float8_e4m3fn", "fp8_e4m3"), ("float8_e5m2", "fp8_e5m2")],
)
def test_lattices_are_declared_or_found_and_make_no_difference(dtype, lattice):
    """Rounded noise is judged alike, whether its narrow type is kept or it was cast to float32 since."""
    values = noise((4, 4096), dtype, 105)
    narrow, wide = gc.audit(values), gc.audit(values.decode(np.float32))
    assert narrow.tensors[0].lattice == wide.tensors[0].lattice == lattice
    assert (narrow.tensors[0].dtype, wide.tensors[0].dtype) == (dtype, "float32")
    assert narrow.verdict == wide.verdict == "pass"
    by_cell = {"heaps"} if dtype == "float16" else set()
    pairs = ([f for f in report.findings if f.label not in by_cell] for report in (narrow, wide))
    for f, g in zip(*pairs, strict=True):
        assert (f.label, f.scope) == (g.label, g.scope)
        # Of a wider type the upper 16 bits are counted: fp16 then falls into cells of eight values.
        coarse = dtype == "float16" and f.family == "marginal"
        assert f.log_p == pytest.approx(g.log_p, rel=1e-6, abs=0.1 if coarse else 1e-6)
    named = gc.audit(values, lattice=lattice)
    assert lines(named) == lines(narrow)


def test_8_bit_noise_fails_without_its_lattice():
    """4 million values: h_4 is 15 standard errors off for the rounding alone."""
    values = noise((1, 2**22), "float8_e5m2", 106)
    assert gc.audit(values, battery="quick").verdict == "pass"
    ignored = gc.audit(values, battery="quick", lattice="none")
    assert ignored.tensors[0].lattice is None
    assert ("hermite 4", "pooled") in failed(ignored)


def test_a_wrong_lattice_is_refused():
    with pytest.raises(gc.ArgumentError, match=r"do not lie on the lattice fp8_e4m3 \(found: bf16"):
        gc.audit(noise((2, 500), "bfloat16", 107), lattice="fp8_e4m3")
    with pytest.raises(gc.ArgumentError, match="found: none"):
        gc.audit(noise((2, 500), "float32", 107), lattice="bf16")


def test_tolerance_makes_a_small_deviation_pass_and_a_large_one_fail():
    """Scale 1.01: certain to be noticed in four million values, and of no account within 2 %."""
    x = noise((1, 2**22), "float64", 108).data * 1.01
    assert gc.audit(x, battery="quick").verdict == "fail"
    practical = gc.audit(x, battery="quick", tolerance={"scale": 0.02})
    scale = next(f for f in practical.findings if f.label == "moment 2" and f.scope == "pooled")
    assert scale.verdict == "pass"
    assert practical.verdict != "fail"
    strict = gc.audit(x, battery="quick", tolerance={"scale": 0.005})
    assert strict.verdict == "fail"


def test_tolerance_leaves_other_families_alone():
    x = np.sort(noise((2, 4096), "float64", 109).data, axis=1)
    report = gc.audit(x, tolerance={"scale": 0.5})
    assert ("power_spectrum", "pooled") in failed(report)


@pytest.mark.parametrize("alpha", [1e-12, 1e-6, 1e-2])
def test_alpha_decides(alpha):
    report = gc.audit(noise((1, 10_000), "float64", 110).data * 1.05, alpha=alpha)
    assert report.alpha == alpha
    for f in report.findings:
        if f.family != "validity":
            assert (f.verdict == "fail") == (f.adjusted_p < alpha)
            assert f.log_adjusted_p >= f.log_p


def test_batteries():
    x = noise((3, 700), "float32", 111)
    seen = {name: {f.label for f in gc.audit(x, battery=name).findings} for name in ("quick", "standard")}
    assert seen["quick"] < seen["standard"]
    assert "power_spectrum" in seen["standard"] - seen["quick"]
    report = gc.audit(x, battery="quick")
    assert report.battery == "quick"
    assert any("order of the values" in line for line in report.tensors[0].untested)


def test_progress_is_told():
    calls = []
    gc.audit(noise((3, 700), "float32", 112), progress=lambda *call: calls.append(call))
    assert calls[-1] == ("array", 2100, 2100)


def test_files_of_many_kinds(tmp_path):
    shutil.copytree(SAMPLES, tmp_path / "set", ignore=shutil.ignore_patterns("*.py", "*.md"))
    (tmp_path / "set" / "broken.npy").write_bytes(b"\x93NUMPY")
    np.savez(
        tmp_path / "set" / "mixed.npz",
        noise=noise((4, 300), "float32", 113).data,
        mask=np.ones((4, 300), np.float32),
        timestep=np.arange(4),
    )
    report = gc.audit_files([tmp_path / "set", tmp_path / "missing.npy"], permutations=0)
    assert {Path(t.path).name for t in report.tensors} == {
        *(p.name for p in SAMPLES.iterdir() if p.suffix not in (".py", ".md") and p.is_file()),
        "mixed.npz",
    }
    assert {Path(e.path).name for e in report.errors} == {"broken.npy", "missing.npy"}
    assert sum("mixed.npz" in note for note in report.notes) == 2
    assert next(t for t in report.tensors if t.path.endswith("mixed.npz")).verdict == "pass"
    assert report.verdict == "fail"
    assert not report
    assert json.loads(report.to_json())["errors"]


def test_keys_choose_tensors(tmp_path):
    path = tmp_path / "two.npz"
    np.savez(path, a=noise((2, 300), "float32", 114).data, b=2 * noise((2, 300), "float32", 115).data)
    assert [t.key for t in gc.audit_files(path, keys=["a"]).tensors] == ["a"]
    assert gc.audit_files(path, keys=["a"]).verdict == "pass"
    both = gc.audit_files(path, keys=["*"])
    assert [(t.key, t.verdict) for t in both.tensors] == [("a", "pass"), ("b", "fail")]
    (error,) = gc.audit_files(path, keys=["c"]).errors
    assert "no tensor matches" in error.message


def test_a_file_and_its_array_give_the_same_findings(tmp_path):
    x = noise((2, 4, 20, 20), "float32", 116).data
    np.save(tmp_path / "x.npy", x)
    assert lines(gc.audit_files(tmp_path / "x.npy")) == lines(gc.audit(x))


def test_assert_gaussian():
    x = noise((2, 1000), "float32", 117).data
    assert gc.assert_gaussian(x).verdict == "pass"
    with pytest.raises(AssertionError, match="array is not N\\(0, 1\\): scale 3") as caught:
        gc.assert_gaussian(3 * x)
    assert isinstance(caught.value, gc.GaussianityError)
    assert caught.value.report.verdict == "fail"
    assert "moment 2" in str(caught.value)
    # a suspect tensor is not rejected: a mean five standard errors off, p = 6e-7 before the count of tests
    shifted = x - x.mean(axis=1, keepdims=True) + 5 / np.sqrt(x.size)
    assert gc.audit(shifted).verdict == "suspect"
    gc.assert_gaussian(shifted)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_numba_and_numpy_give_the_same_report(monkeypatch, dtype):
    """Above the size from which Numba is chosen, and with the switch that forbids it."""
    values = stored(np.random.default_rng(118).standard_normal((16, 4, 64, 64)), dtype)
    monkeypatch.setattr("gausscheck.engines.NUMBA_PAYS", 1)
    monkeypatch.delenv("GAUSSCHECK_NO_NUMBA", raising=False)
    fast = gc.audit(values, permutations=1)
    monkeypatch.setenv("GAUSSCHECK_NO_NUMBA", "1")
    plain = gc.audit(values, permutations=1)
    assert [(f.label, f.scope, f.where, f.verdict) for f in fast.findings] == [
        (f.label, f.scope, f.where, f.verdict) for f in plain.findings
    ]
    for f, g in zip(fast.findings, plain.findings, strict=True):
        # float32 spectra: 24 bits; everything else is summed in float64
        assert f.value == pytest.approx(g.value, rel=1e-6, abs=1e-9)
        assert f.log_p == pytest.approx(g.log_p, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(("scale", "size"), [(0.9, 0.15), (1.25, 0.3), (1.04, 0.05)])
def test_a_tolerated_scale_fails_in_no_statistic(scale, size):
    """What a scale within its tolerance explains elsewhere, ordinates and worst samples among it."""
    x = np.float32(scale) * noise((4, 4, 128, 128), "float32", 120).data
    assert gc.audit(x).verdict == "fail"
    assert gc.audit(x, tolerance={"scale": size}).verdict != "fail"
    assert gc.audit(1.4 * x, tolerance={"scale": size}).verdict == "fail"
