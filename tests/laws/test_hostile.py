"""Hostile arrays: a clear error or an honest finding; never a warning, never a silent wrong answer."""

from __future__ import annotations

import json

import numpy as np
import pytest
from noise import FORMATS, noise

import gausscheck
from gausscheck import ArgumentError, DataError, statistics
from gausscheck.arrays import as_values
from gausscheck.layout import DEFAULT_LAYOUTS

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

torch = pytest.importorskip("torch")


def audit(x, **options):
    """An audit without the permuted view, whose shuffle in plain NumPy takes most of the time."""
    return gausscheck.audit(x, **{"permutations": 0, **options})


def normal(*shape, seed=31):
    return np.random.default_rng(seed).standard_normal(shape)


def lines(report):
    return [(f.label, f.scope, f.where, pytest.approx(f.value, rel=1e-9, abs=1e-9)) for f in report.findings]


def strict(report):
    """JSON without NaN or infinity."""

    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(report.to_json(), parse_constant=refuse)


def _read_only(x):
    x.flags.writeable = False
    return x


def _unaligned(x):
    raw = np.frombuffer(b"\0" + x.tobytes(), dtype=np.uint8)[1:]
    return raw.view(x.dtype).reshape(x.shape)


class _Holder:
    def __init__(self, x):
        self.x = x

    def __array__(self, dtype=None, copy=None):
        return self.x


MEMORY = {
    "read-only": lambda x: _read_only(x.copy()),
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "reversed": lambda x: x[..., ::-1].copy()[..., ::-1],
    "fortran": np.asfortranarray,
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "unaligned": _unaligned,
    "list": lambda x: x.tolist(),
    "tensor": lambda x: torch.from_numpy(x.copy()),
    "requires_grad": lambda x: torch.from_numpy(x.copy()).requires_grad_(),
    "transposed tensor": lambda x: torch.from_numpy(x.T.copy()).T,
    "negative view": lambda x: torch._neg_view(torch.from_numpy(-x)),
    "masked nothing": np.ma.MaskedArray,
    "__array__": _Holder,
}


@pytest.mark.parametrize("name", MEMORY)
def test_memory_does_not_matter(name, only_engine):
    x = normal(3, 400)
    before = x.copy()
    expected = audit(x)
    assert lines(audit(MEMORY[name](x))) == lines(expected)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("name", ["read-only", "strided"])
@pytest.mark.parametrize("dtype", FORMATS)
def test_memory_does_not_matter_in_any_format(name, dtype, only_engine):
    values = noise((3, 400), dtype, 32)
    held = type(values)(MEMORY[name](values.data), dtype)
    assert lines(audit(held)) == lines(audit(values))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float8_e4m3fn", "float8_e5m2"])
def test_narrow_tensors(dtype):
    x = torch.from_numpy(normal(2, 300)).to(getattr(torch, dtype))
    report = audit(x)
    assert report.tensors[0].dtype == dtype
    assert report.verdict == "pass"


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros(0), "empty"),
        (np.zeros((3, 0, 4)), "empty"),
        (np.zeros((0, 4, 8, 8)), "empty"),
        (np.ones(1), "1 values"),
        (normal(7), "at least 8"),
        (np.arange(100), "integers=True"),
        (torch.arange(100), "integers=True"),
        (np.ones(100, bool), "bool"),
        (torch.ones(100, dtype=torch.bool), "bool"),
        (np.ones(100, complex), "complex"),
        (torch.ones(100, dtype=torch.complex64), "complex64"),
        (np.array([None] * 10), "object"),
        (np.array(["a"] * 10), "<U1"),
        (np.zeros(10, "M8[s]"), "datetime64"),
        (torch.empty(100, device="meta"), "meta"),
        (torch.eye(10).to_sparse(), "to_dense"),
    ],
    ids=lambda v: v if isinstance(v, str) else None,
)
def test_what_cannot_be_tested_is_refused(x, message):
    with pytest.raises(DataError, match=message):
        audit(x)


@pytest.mark.parametrize("x", [1.5, np.float64(1.5), torch.tensor(1.5), normal(2, 2, 2, 2, 2, 2)])
def test_no_default_layout(x):
    with pytest.raises(DataError, match="no default layout"):
        audit(x)


def test_six_axes_need_other_axes():
    with pytest.raises(ArgumentError, match="names 5 axes, but the array has 6"):
        audit(normal(2, 2, 2, 2, 2, 2), layout="b c t h w")


def test_integers_are_read_when_asked():
    whole = np.round(1000 * normal(5000)).astype(np.int32)
    report = audit(whole, integers=True, reference="scale=1000")
    assert report.verdict == "pass"
    assert report.tensors[0].dtype == "float64"
    assert "duplicates: whole numbers tie anyway" in report.tensors[0].untested
    assert audit(torch.from_numpy(whole), integers=True).verdict == "fail"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_one_value_that_is_not_finite(value, dtype, only_engine):
    x = normal(4, 300).astype(dtype)
    x[2, 17] = value
    report = audit(x)
    assert report.verdict == "fail"
    finding = report.findings[0]
    assert finding.statistic == "nonfinite"
    assert finding.where["index"] == [2, 17]
    assert report.p_value == 0
    # the finite rest is audited all the same, and passes
    assert {f.statistic for f in report.findings if f.verdict == "fail"} == {"nonfinite"}
    assert any(f.label == "moment 2" and f.n == 1199 for f in report.findings)
    assert any(f.label == "power_spectrum" and f.where.get("samples") == 3 for f in report.findings)
    strict(report)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_finite(value, only_engine):
    report = audit(np.full((4, 300), value))
    assert report.verdict == "fail"
    assert any("only 0 values are finite" in line for line in report.tensors[0].untested)
    strict(report)
    assert str(report)


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, 0.3, 5e-324, 1e30, -1e300])
def test_constant_values(value, only_engine):
    report = audit(np.full((4, 300), value))
    assert report.verdict == "fail"
    assert any(f.statistic == "constant" and f.verdict == "fail" for f in report.findings)
    strict(report)
    assert str(report)


@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e-40, 1e-30, 1e-8, 1e8, 1e30, 1e38, 1e150, 1e300])
def test_extreme_scales_fail_with_finite_numbers(scale, only_engine):
    report = audit(np.round(normal(4, 300) * 100) * scale if scale < 1e-300 else normal(4, 300) * scale)
    assert report.verdict == "fail"
    assert any(f.label == "moment 2" and f.verdict == "fail" for f in report.findings)
    strict(report)
    assert str(report)


# Where squares, higher powers, or squares of the power of a spectrum leave the range of doubles.
_EXPONENTS = (-300, -200, -170, -160, -150, -120, -100, -80, -60, -54, -50, -41, -40, -39, -38, -20)


@pytest.mark.parametrize("exponent", [*_EXPONENTS, *(-e for e in _EXPONENTS)])
def test_any_scale_is_told_from_one(exponent):
    x = 10.0**exponent * normal(2, 2, 16, 16)
    for array in (x, x.astype(np.float32)) if abs(exponent) < 38 else (x,):
        report = audit(array)
        assert report.verdict == "fail"
        # All of a tiny scale or of a huge one is far from scale 1.
        assert (
            next(f for f in report.findings if f.label == "moment 2" and f.scope == "pooled").verdict
            == "fail"
        )
        strict(report)
        assert str(report)


@pytest.mark.parametrize("exponent", [-30, -20, -4, 4, 20, 30])
def test_any_scale_passes_as_its_own_reference(exponent):
    x = 10.0**exponent * normal(2, 2, 16, 16)
    for array in (x, x.astype(np.float32)):
        assert audit(array, reference=f"scale=1e{exponent}").verdict == "pass"


@pytest.mark.parametrize("outlier", [1e30, 1e38, 1e300])
def test_one_huge_value(outlier, only_engine):
    x = normal(4, 300)
    x[1, 5] = outlier
    report = audit(x)
    assert report.verdict == "fail"
    worst = [f for f in report.findings if f.scope == "sample" and f.verdict == "fail"]
    assert worst
    assert {f.where["sample"] for f in worst} == {1}
    strict(report)


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ("b w", "names 2 axes, but the array has 4: shape \\(2, 3, 8, 8\\)"),
        ("b c t h w", "names 5 axes, but the array has 4"),
        ("b c h x", "unknown axis 'x'.*array of shape \\(2, 3, 8, 8\\)"),
        ("bchw", "unknown axis 'bchw'"),
        ("b c h h", "axis 'h' is named more than once"),
        ("", "empty"),
        ("B C H W", "unknown axis 'B'"),
    ],
)
def test_layout_mistakes(layout, message):
    with pytest.raises(ArgumentError, match=message):
        audit(normal(2, 3, 8, 8), layout=layout)


@pytest.mark.parametrize("axes", DEFAULT_LAYOUTS)
def test_default_layouts(axes):
    shape = (9, 8, 7, 6, 5)[:axes]
    assert audit(normal(*shape), permutations=0).tensors[0].layout == DEFAULT_LAYOUTS[axes]


def test_axes_of_length_one(only_engine):
    assert audit(normal(1, 1, 1, 1, 300)).verdict == "pass"
    assert audit(normal(300, 1, 1, 1, 1)).verdict == "pass"
    assert audit(normal(1, 300, 1, 1), layout="w b c h").verdict == "pass"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0}, "alpha must lie between 0 and 1"),
        ({"alpha": 1.0}, "alpha must lie"),
        ({"alpha": float("nan")}, "alpha must lie"),
        ({"seed": -1}, "seed must be an integer"),
        ({"seed": True}, "seed must be an integer"),
        ({"permutations": 1.5}, "permutations must be an integer"),
        ({"battery": "huge"}, "known: quick, standard, generator, thorough"),
        ({"lattice": "fp4"}, "expected auto, none"),
        ({"lattice": "bf16"}, "do not lie on the lattice bf16"),
        ({"reference": "scale=0"}, "positive number"),
        ({"reference": "scale=inf"}, "positive number"),
        ({"reference": "scale=abc"}, "positive number"),
        ({"reference": "laplace"}, "'standard' or 'scale=S'"),
        ({"tolerance": {"scal": 0.1}}, "unknown tolerance 'scal'"),
        ({"tolerance": {"scale": -1}}, "positive number"),
    ],
    ids=str,
)
def test_options_that_cannot_be_used(options, message):
    with pytest.raises(ArgumentError, match=message):
        audit(normal(4, 300), **options)


@pytest.mark.parametrize("name", list(statistics))
def test_statistics_refuse_what_they_cannot_take(name):
    statistic = statistics[name]
    with pytest.raises(DataError, match="at least"):
        statistic.test(np.zeros(0))
    with pytest.raises(DataError, match="at least"):
        statistic.test(np.zeros((3, 0)))
    with pytest.raises(DataError, match="complex"):
        statistic.test(np.ones(100, complex))
    with pytest.raises(ArgumentError, match="no parameter 'colour'"):
        statistic.test(normal(300), colour="red")
    with pytest.raises(ArgumentError, match="names 1 axes"):
        statistic.test(normal(3, 300), layout="w")


def test_the_spectrum_needs_finite_values():
    x = normal(3, 300)
    x[1, 1] = np.nan
    with pytest.raises(DataError, match="needs finite values; 1 samples are not"):
        statistics["power_spectrum"].test(x)


def test_the_data_is_never_written(only_engine):
    x = normal(4, 3, 100)
    before = x.copy()
    audit(x, layout="b c w")
    for statistic in statistics.values():
        statistic.test(x, layout="b c w")
    statistics["power_spectrum"].test(x, permutations=4)
    np.testing.assert_array_equal(x, before)
    assert as_values(x).data is x
