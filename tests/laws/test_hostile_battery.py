"""Hostile arrays against the whole battery: odd shapes, values and memory; honest numbers or clear errors."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from laws.judged import PROBES, asked
from noise import noise, stored

from gausscheck import ArgumentError, DataError, audit
from gausscheck.arrays import Values

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

LARGEST = float(np.finfo(np.float64).max)


def honest(report):
    """Law: numbers are numbers, p-values are probabilities, and JSON is strict."""

    def refuse(constant):
        raise AssertionError(constant)

    json.loads(report.to_json(), parse_constant=refuse)
    assert str(report)
    for finding in report.findings:
        assert 0 <= finding.p_value <= 1
        assert not math.isnan(finding.log_p)
        assert math.isfinite(finding.value)
        assert math.isfinite(finding.expected)
        assert finding.std >= 0
        if finding.effect is not None and not math.isnan(finding.effect.value):
            assert not finding.effect.low > finding.effect.value
            assert not finding.effect.high < finding.effect.value
    return report


def normal(shape):
    return np.random.default_rng(71).standard_normal(shape)


def _with(value, at):
    def change(x):
        x.flat[at] = value
        return x

    return change


def _first_sample(value):
    def change(x):
        x[0] = value
        return x

    return change


KINDS = {
    "one NaN": _with(np.nan, -3),
    "infinite": _with(-np.inf, 0),
    "a sample of NaN": _first_sample(np.nan),
    "all NaN": lambda x: np.full_like(x, np.nan),
    "denormal": lambda x: np.round(100 * x) * 5e-324,
    "denormal float32": lambda x: (1e-42 * x).astype(np.float32),
    "huge": lambda x: 1e300 * x,
    "huge float32": lambda x: (1e38 * x.clip(-3, 3)).astype(np.float32),
    "huge float16": lambda x: (6e4 * x).clip(-65504, 65504).astype(np.float16),
    "largest of either sign": lambda x: LARGEST * np.sign(x),
    "largest of one sign but one": lambda x: (
        LARGEST * np.where(np.arange(x.size).reshape(x.shape) == 3, -1, 1)
    ),
    "one huge value": _with(1e308, 3),
    "constant": lambda x: np.full_like(x, 0.3),
    "huge constant": lambda x: np.full_like(x, -1e300),
    "zeros": np.zeros_like,
    "half zeros": lambda x: x * (np.arange(x.size).reshape(x.shape) % 2),
    "a sample of zeros": _first_sample(0.0),
    "alternating": lambda x: 1.0 - 2.0 * (np.arange(x.size).reshape(x.shape) % 2),
    "counting": lambda x: np.arange(float(x.size)).reshape(x.shape),
}


@pytest.mark.parametrize("shape", [(8, 1, 1, 1), (3, 1, 2, 4, 5)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_hostile_values(kind, shape):
    report = honest(audit(KINDS[kind](normal(shape)), permutations=0))
    # of eight values little can be said
    assert report.verdict == "fail" or shape == (8, 1, 1, 1)


SHAPES = [
    (8,),
    (1, 1, 1, 8),
    (1, 9),
    (40, 1),
    (300, 2),
    (1, 40, 1, 1),
    (3, 3, 1, 9),
    (2, 2, 2, 2, 2),
    (9, 1, 1, 1, 1),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ["noise", pytest.param("largest of either sign", marks=pytest.mark.slow)])
def test_odd_shapes(kind, shape):
    report = honest(audit(KINDS.get(kind, lambda x: x)(normal(shape)), permutations=0))
    assert report.verdict == ("pass" if kind == "noise" else "fail")


@pytest.mark.parametrize(
    ("dtype", "scale"),
    [("float64", 1e-30), ("float64", 1e30), ("float32", 1e-30), ("float16", 1e-20)],
    ids=str,
)
def test_reference_scales_far_from_the_values(dtype, scale):
    x = normal((2, 60)) * (1e290 if dtype == "float64" and scale < 1 else 1.0)
    report = honest(audit(stored(x, dtype), reference=f"scale={scale}", permutations=0))
    assert report.verdict == "fail"


def test_a_lattice_that_holds_nothing_is_refused():
    x = stored(normal((2, 60)), "float16")
    with pytest.raises(ArgumentError, match="leaves the range of fp16"):
        audit(x, lattice="fp16", reference="scale=1e-20")


@pytest.mark.parametrize("shape", [(0,), (3, 0), (2, 0, 4, 4), (0, 1, 2, 3, 4), (2, 3, 0)], ids=str)
def test_axes_without_length_are_refused(shape):
    with pytest.raises(DataError, match="empty"):
        audit(np.zeros(shape))


def _lines(found):
    return {name: (f.value, f.log_p) for name, f in found.items()}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float8_e4m3fn"])
def test_memory_does_not_matter(dtype):
    """Read-only, strided, backwards and transposed arrays say what a plain copy does."""
    x = noise((4, 3, 6, 8), dtype, 72).data
    expected = _lines(asked(PROBES, Values(x, dtype)))
    locked = x.copy()
    locked.flags.writeable = False
    views = {
        "read-only": locked,
        "strided": np.repeat(x, 2, axis=-1)[..., ::2],
        "backwards": x[::-1, :, ::-1].copy()[::-1, :, ::-1],
        "fortran": np.asfortranarray(x),
    }
    for name, view in views.items():
        found = _lines(asked(PROBES, Values(view, dtype)))
        assert found == {key: pytest.approx(pair, rel=1e-9) for key, pair in expected.items()}, name


@pytest.mark.parametrize("layout", ["b w c", "h w c b", "c b t", "t b", "c h w b", "w", "b c"])
def test_layouts(layout):
    shape = tuple({"b": 4, "c": 3, "t": 20, "h": 6, "w": 8}[letter] for letter in layout.split())
    x = normal(shape if shape != (8,) else (30,))
    x.flat[-1] = np.nan
    report = honest(audit(x, layout=layout, permutations=0))
    assert {f.statistic for f in report.findings if f.verdict == "fail"} == {"nonfinite"}
