"""Summaries are commutative monoids: merge laws, pooling, and the maps from power sums to means."""

import dataclasses
import math
from math import factorial, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gausscheck.arrays import Values, as_values
from gausscheck.engines.numpy import NumpyEngine
from gausscheck.errors import ArgumentError
from gausscheck.floats import decode_table
from gausscheck.gaussian import hermite_coefficients
from gausscheck.summaries import ORDERS, Counts, Extremes, Moments, Nonfinite, OnePass
from gausscheck.summaries.samples import SampleValues

ENGINE = NumpyEngine()

# Small integers: power sums are exact in float64, so that the laws can be tested for equality.
finite = st.integers(-8, 8).map(float)
value = st.one_of(finite, st.sampled_from([np.nan, np.inf, -np.inf]))
sample = st.lists(value, max_size=12)


def summary_of(values):
    return ENGINE.one_pass(as_values(np.array([values], dtype=np.float64).reshape(1, -1)))


def arrays(summary):
    for field in dataclasses.fields(summary):
        part = getattr(summary, field.name)
        if dataclasses.is_dataclass(part):
            yield from arrays(part)
        elif isinstance(part, np.ndarray):
            yield part


def assert_same(left, right):
    assert type(left) is type(right)
    for a, b in zip(arrays(left), arrays(right), strict=True):
        np.testing.assert_array_equal(a, b)


def check_merge_laws(merge, a, b, c):
    assert_same(merge(a, b), merge(b, a))
    assert_same(merge(merge(a, b), c), merge(a, merge(b, c)))
    empty = summary_of([])
    assert_same(merge(a, empty), a)


def check_chunks_are_invisible(merge, values, cut):
    whole = summary_of(values)
    parts = summary_of(values[:cut]), summary_of(values[cut:]).shifted(cut)
    assert_same(merge(*parts), whole)


@given(sample, sample, sample)
def test_merge_is_associative_and_commutative(a, b, c):
    check_merge_laws(OnePass.merge, summary_of(a), summary_of(b), summary_of(c))


@given(sample, st.integers(0, 12))
def test_chunks_of_a_sample_are_invisible(values, cut):
    check_chunks_are_invisible(OnePass.merge, values, min(cut, len(values)))


def left_first(a, b):
    """Mutant: keeps the first index of its left argument."""
    merged = a.merge(b)
    nonfinite = dataclasses.replace(merged.nonfinite, first=a.nonfinite.first)
    return dataclasses.replace(merged, nonfinite=nonfinite)


def averaging(a, b):
    """Mutant: means of sums instead of sums."""
    merged = a.merge(b)
    return dataclasses.replace(merged, moments=Moments(merged.moments.n, 0.5 * merged.moments.sums))


def forgetful(a, b):
    """Mutant: the larger end of the left argument only."""
    merged = a.merge(b)
    return dataclasses.replace(merged, extremes=Extremes(merged.extremes.low, a.extremes.high))


@pytest.mark.parametrize("mutant", [left_first, averaging, forgetful])
def test_the_laws_catch_a_wrong_merge(mutant):
    values = [1.0, 2.0, 3.0, np.nan, 5.0]
    with pytest.raises(AssertionError):
        check_merge_laws(mutant, summary_of(values[:2]), summary_of(values[2:]), summary_of([7.0]))
    with pytest.raises(AssertionError):
        check_chunks_are_invisible(mutant, values, 2)


@given(st.lists(st.lists(value, min_size=3, max_size=3), min_size=1, max_size=4))
def test_pool_is_the_merge_of_the_samples(rows):
    pooled = ENGINE.one_pass(as_values(np.array(rows))).pool()
    merged = summary_of(rows[0])
    for row in rows[1:]:
        merged = merged.merge(summary_of(row))
    assert pooled.moments.n.shape == ()
    for a, b in zip(arrays(pooled), arrays(merged), strict=True):
        np.testing.assert_array_equal(a, b[0])


def test_pool_of_no_samples_is_neutral():
    pooled = ENGINE.one_pass(as_values(np.zeros((0, 4)))).pool()
    assert (pooled.moments.n, pooled.extremes.low, pooled.extremes.high) == (0, np.inf, -np.inf)
    assert pooled.nonfinite.first == -1


def test_pooling_large_sums_of_both_signs_meets_no_nan():
    top = np.finfo(np.float64).max
    sums = np.array([[top] * ORDERS, [top] * ORDERS, [-top] * ORDERS, [-top] * ORDERS])
    moments = Moments(np.ones(4, dtype=np.int64), sums)
    np.testing.assert_array_equal(moments.pool().sums, np.zeros(ORDERS))
    np.testing.assert_array_equal(Moments(np.ones(2, dtype=np.int64), sums[:2]).pool().sums, [top] * ORDERS)
    assert np.all(moments.merge(moments).sums == sums)


def test_means_are_means():
    x = np.random.default_rng(4).standard_normal((3, 500))
    moments = ENGINE.one_pass(as_values(x)).moments
    for k in range(1, ORDERS + 1):
        # 500 additions and k products, each side
        np.testing.assert_allclose(
            moments.mean(k), np.mean(x**k, axis=1), rtol=0, atol=1e-12 * np.max(np.abs(x)) ** k
        )
        hermite = np.mean(np.polynomial.polynomial.polyval(x, hermite_coefficients(k)), axis=1)
        np.testing.assert_allclose(moments.hermite(k), hermite, rtol=0, atol=1e-13)
    with pytest.raises(ArgumentError, match="order"):
        moments.mean(9)
    with pytest.raises(ArgumentError, match="order"):
        moments.hermite(0)


def test_power_sums_keep_the_eighth_hermite_mean():
    # exact rational arithmetic on values that are multiples of 2**-10
    from fractions import Fraction

    x = np.round(np.random.default_rng(8).standard_normal(2000) * 1024) / 1024
    exact = sum(
        (v**8 - 28 * v**6 + 210 * v**4 - 420 * v**2 + 105 for v in map(Fraction, x.tolist())), Fraction(0)
    )
    h8 = float(exact / len(x)) / sqrt(factorial(8))
    error = abs(float(ENGINE.one_pass(as_values(x[np.newaxis])).moments.hermite(8)[0]) - h8)
    # terms of size 0.5 to 3, summed pairwise: a few eps, 1e12 times below the standard deviation
    assert error < 16 * np.finfo(np.float64).eps


def test_nothing_has_no_mean():
    moments = ENGINE.one_pass(as_values(np.array([[np.nan, np.nan], [1.0, 3.0]]))).moments
    np.testing.assert_array_equal(moments.mean(1), [np.nan, 2.0])
    np.testing.assert_array_equal(moments.n, [0, 2])
    assert np.isnan(moments.hermite(4)[0])


def test_shapes_are_checked():
    with pytest.raises(ArgumentError, match="shape"):
        Moments(np.zeros(2, np.int64), np.zeros((2, 7)))
    with pytest.raises(ArgumentError, match="bfloat16"):
        Counts(np.zeros(256, np.int64), "bfloat16")
    with pytest.raises(ArgumentError, match="65536"):
        Counts(np.zeros(256, np.int64), "float32")


def test_location_is_the_first_in_stored_order():
    first = np.array([-1, 7, 3])
    tally = Nonfinite(*(np.zeros(3, np.int64),) * 3, first)
    assert tally.location() == (1, 7)
    assert tally.shifted(10).location() == (1, 17)
    assert tally.pool().first == 3
    assert Nonfinite(*(np.zeros(1, np.int64),) * 3, np.array([-1])).location() is None


def test_magnitude():
    extremes = Extremes(np.array([-5.0, 1.0]), np.array([2.0, 3.0]))
    np.testing.assert_array_equal(extremes.magnitude, [5.0, 3.0])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2fnuz"])
def test_counts_know_every_marginal(dtype):
    rng = np.random.default_rng(6)
    table = decode_table(dtype)
    ordinary = np.flatnonzero(np.abs(np.nan_to_num(table, nan=99.0)) < 8)
    codes = rng.choice(ordinary, size=(2, 3000)).astype(np.uint16 if len(table) > 256 else np.uint8)
    codes[0, 5] = np.flatnonzero(np.isnan(table))[0]
    held = codes.view(np.float16) if dtype == "float16" else codes
    values = Values(held, dtype)
    one_pass, counts = ENGINE.one_pass(values).pool(), ENGINE.counts(values)
    assert counts.table.sum() == codes.size
    moments = counts.moments()
    assert moments.n == one_pass.moments.n == codes.size - 1
    scale = np.array(
        [np.sum(np.abs(np.nan_to_num(table[codes].astype(float))) ** k) for k in range(1, ORDERS + 1)]
    )
    # two float64 sums of at most 65,536 terms, pairwise: well below 64 eps of the sum of magnitudes
    assert np.all(np.abs(moments.sums - one_pass.moments.sums) < 64 * np.finfo(float).eps * scale)
    assert counts.extremes().low == one_pass.extremes.low
    assert counts.extremes().high == one_pass.extremes.high


def test_counts_merge_exactly():
    parts = [Counts(np.random.default_rng(k).integers(0, 2**40, 256), "float8_e5m2") for k in range(3)]
    a, b, c = parts
    assert_same(a.merge(b), b.merge(a))
    assert_same(a.merge(b).merge(c), a.merge(b.merge(c)))
    stacked = Counts(np.stack([p.table for p in parts]), "float8_e5m2")
    assert_same(stacked.pool(), a.merge(b).merge(c))
    assert stacked.moments().n.shape == (3,)
    with pytest.raises(ArgumentError, match="float8_e4m3fn"):
        a.merge(Counts(a.table, "float8_e4m3fn"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_counts_of_wide_formats_know_cells_alone(dtype):
    counts = ENGINE.counts(as_values(np.ones((2, 5), dtype)))
    assert (counts.table.shape, counts.table[0x3F80], counts.table.sum()) == ((65536,), 10, 10)
    assert_same(counts.merge(counts).pool(), Counts(2 * counts.table, dtype))
    for of in (counts.moments, counts.extremes):
        with pytest.raises(ArgumentError, match=f"{dtype} .*one-pass"):
            of()
    with pytest.raises(ArgumentError, match="mean different"):
        counts.merge(Counts(counts.table, "bfloat16"))


def test_counts_of_nothing():
    empty = Counts(np.zeros(65536, np.int64), "bfloat16")
    assert empty.moments().n == 0
    assert (empty.extremes().low, empty.extremes().high) == (np.inf, -np.inf)


def test_sample_values_keep_every_sum_finite():
    largest = np.finfo(float).max
    whole = SampleValues.of(np.full(3, largest), np.arange(3))
    assert (whole.total, whole.merge(whole).total) == (largest, largest)
    opposite = SampleValues.of(np.full(3, -largest), np.arange(3, 6))
    assert np.isfinite(whole.merge(opposite).mean)


@pytest.mark.parametrize("size", [1, 1000, 2**17])
def test_sample_values_add_up(size):
    values = np.random.default_rng(size).standard_normal(size)
    kept = SampleValues.of(values, np.arange(size))
    # pairwise: 128 additions in a chain at most, and one for each halving
    bound = (128 + np.log2(size)) * np.finfo(float).eps * np.sum(np.abs(values))
    assert abs(kept.total - math.fsum(values)) <= bound
