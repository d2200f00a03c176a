"""Invariance: what the order of values, their sign, the order of samples and the layout may change."""

from __future__ import annotations

import numpy as np
import pytest
from laws.cases import TESTED, case_values
from noise import noise, stored

from gausscheck import audit
from gausscheck.arrays import Values

N = 500
# Terms of either sign are summed in another order: n roundings of the sum of |terms|, itself below 1e4 n here
# for x^8 (E|x|^8 = 105) relative to a std of at least n^-1/2. Hermite sums cancel among terms of that size.
ROUNDING = 1e-9

MARGINAL = [case for case in TESTED if case.marginal]
SPECTRAL = [case for case in TESTED if not case.marginal]


@pytest.mark.parametrize("case", MARGINAL, ids=str)
def test_a_permutation_changes_no_function_of_the_multiset(case, engine):
    x = noise((4, N), "float64", 21).data
    mixed = np.random.default_rng(22).permuted(x, axis=1)
    one, other = (case_values(case, Values(v, "float64"), engine) for v in (x, mixed))
    np.testing.assert_allclose(one, other, rtol=ROUNDING, atol=ROUNDING)


def test_a_permutation_does_change_the_stored_spectrum(engine):
    case = next(c for c in SPECTRAL if c.parameters["permutations"] is None)
    x = noise((4, N), "float64", 21).data
    mixed = np.random.default_rng(22).permuted(x, axis=1)
    one, other = (case_values(case, Values(v, "float64"), engine) for v in (x, mixed))
    assert (np.abs(one - other) > 1e-3).all()


@pytest.mark.parametrize("case", TESTED, ids=str)
def test_sign(case, engine):
    """Odd orders change sign with the data, even orders and the spectrum do not."""
    values = noise((4, N), "float32", 23)
    odd = "order" in case.parameters and case.parameters["order"] % 2 == 1
    one = case_values(case, values, engine)
    other = case_values(case, Values(-values.data, "float32"), engine)
    np.testing.assert_allclose(other, -one if odd else one, rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_batch_order(only_engine, dtype):
    """Pooled findings stay, the index of the worst sample follows."""
    x = np.random.default_rng(24).standard_normal((9, 600))
    order = np.random.default_rng(25).permutation(9)
    straight, moved = (audit(stored(v, dtype), layout="b w", permutations=0) for v in (x, x[order]))
    one, other = (
        {(f.label, f.scope): f for f in report.findings if f.family != "validity"}
        for report in (straight, moved)
    )
    assert one.keys() == other.keys()
    for key, f in one.items():
        g = other[key]
        assert g.value == pytest.approx(f.value, rel=ROUNDING, abs=ROUNDING)
        assert g.log_p == pytest.approx(f.log_p, rel=1e-6, abs=1e-6)
        if f.scope == "sample":
            assert order[g.where["sample"]] == f.where["sample"]


@pytest.mark.parametrize("layout", ["c b h w", "h w c b", "w h b c"])
def test_transposed_layouts_keep_the_values_of_samples(only_engine, layout):
    """Which axis is the sample is read from the layout, wherever it stands."""
    x = noise((5, 4, 12, 16), "float32", 26).data
    straight = audit(x, permutations=0)
    letters = layout.split()
    moved = audit(x.transpose(["bchw".index(letter) for letter in letters]), layout=layout, permutations=0)
    marginal = {
        (f.label, f.scope): (f.value, f.where.get("sample"))
        for f in straight.findings
        if f.family == "moments"
    }
    for f in moved.findings:
        if f.family == "moments":
            value, sample = marginal[f.label, f.scope]
            assert f.value == pytest.approx(value, rel=ROUNDING, abs=ROUNDING)
            assert f.where.get("sample") == sample


def test_a_moved_sample_axis_gives_the_same_report(only_engine):
    x = noise((5, 4, 12, 16), "float32", 26).data
    straight = audit(x, permutations=1)
    moved = audit(np.moveaxis(x, 0, 2), layout="c h b w", permutations=1)
    assert [(f.label, f.scope, f.where) for f in moved.findings] == [
        (f.label, f.scope, f.where) for f in straight.findings
    ]
    for f, g in zip(straight.findings, moved.findings, strict=True):
        assert g.value == pytest.approx(f.value, rel=ROUNDING, abs=ROUNDING)


def test_known_scale():
    """N(0, S^2) against the reference of that scale is N(0, 1), up to rounding."""
    x = noise((3, 1000), "float64", 27).data
    one, other = (
        audit(x, permutations=1),
        audit(8.0 * x, permutations=1, reference="scale=8"),
    )  # a power of two: the very same bits
    # the largest magnitude is told in units of the data
    unit = {"max_abs": 8.0}
    assert [(f.label, f.value, f.log_p) for f in one.findings] == [
        (f.label, pytest.approx(f.value / unit.get(f.statistic, 1.0)), pytest.approx(f.log_p))
        for f in other.findings
    ]
