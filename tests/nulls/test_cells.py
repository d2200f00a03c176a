"""Cells of count tables: probabilities against mpmath, and the values in each cell against plain search.

False-alarm rate of the one test that draws numbers and judges them: 1e-9.
"""

from __future__ import annotations

import dataclasses

import mpmath as mp
import numpy as np
import pytest
from noise import noise, stored
from scipy.stats import binom

from gausscheck.arrays import Values
from gausscheck.engines.numpy import NumpyEngine
from gausscheck.errors import ArgumentError
from gausscheck.floats import FORMATS, decode_table
from gausscheck.lattice import LATTICES, Lattice
from gausscheck.nulls.cells import cells
from gausscheck.summaries import Counts

ENGINE = NumpyEngine()
WIDE = [
    ("float32", None),
    ("float64", None),
    ("float32", "bf16"),
    ("float64", "fp16"),
    ("float32", "fp8_e4m3"),
]
NARROW = [(dtype, None) for dtype in LATTICES.values()]
NESTED = [("float16", "fp8_e5m2"), ("bfloat16", "fp8_e4m3fnuz"), ("float16", "bf16"), ("bfloat16", "fp16")]
ALL = [*WIDE, *NARROW, *NESTED]


def held(dtype, lattice, shape, seed, scale=1.0):
    """Perfect noise, rounded to the lattice and then stored."""
    x = np.random.default_rng(seed).standard_normal(shape) * scale
    return stored(x if lattice is None else Lattice(lattice).round(x), dtype)


def log_between(low, high, scale):
    """Log of P(low < N(0, scale²) < high) with 60 digits."""
    with mp.workdps(60):
        a, b = (mp.mpf(edge) / mp.mpf(scale) for edge in (low, high))
        if a + b < 0:
            a, b = -b, -a
        root = mp.sqrt(2)
        return mp.log((mp.erfc(a / root) - mp.erfc(b / root)) / 2)


@pytest.mark.parametrize(("dtype", "lattice"), ALL)
@pytest.mark.parametrize("scale", [1.0, 0.18215])
def test_probabilities_against_mpmath(dtype, lattice, scale):
    found = cells(dtype, lattice, scale)
    possible = np.flatnonzero(found.log_p > -800)  # out to 40 deviations
    picked = np.random.default_rng(0).choice(possible, size=60)
    middle = np.searchsorted(found.low, [0.0, scale, -scale]) - 1
    for j in [*picked, possible[0], possible[-1], *middle[found.log_p[middle] > -800]]:
        low, high = found.low[j], found.high[j]
        # relative errors of probabilities, as stated
        for log_p, ends in (
            (found.log_p[j], (low, high)),
            (found.log_lower[j], (-np.inf, high)),
            (found.log_upper[j], (low, np.inf)),
        ):
            exact = log_between(*ends, scale)
            # beside the stated error the rounding of the logarithm itself
            assert abs(float(log_p - exact)) < 1e-12 + 4e-16 * abs(log_p), (j, low, high)


@pytest.mark.parametrize(("dtype", "lattice"), ALL)
def test_probabilities_add_up(dtype, lattice):
    found = cells(dtype, lattice, 1.3)
    p = np.exp(found.log_p)
    assert abs(p.sum() - 1) < 1e-12
    # partial sums of 65,536 terms, one after another
    rounding = 65536 * np.finfo(float).eps
    np.testing.assert_allclose(np.cumsum(p), np.exp(found.log_lower), atol=rounding)
    np.testing.assert_allclose(np.cumsum(p[::-1])[::-1], np.exp(found.log_upper), atol=rounding)
    np.testing.assert_array_equal(found.low[1:], found.high[:-1])
    assert (found.low[0], found.high[-1]) == (-np.inf, np.inf)
    assert np.all(found.low[1:] >= found.low[:-1])
    assert found.log_upper[0] == found.log_lower[-1] == 0


def plainly(found, x):
    """Values between the edges of each cell, those on an edge in the cell away from 0; doubles as float32."""
    x = x if FORMATS[found.dtype].bits <= 16 else x.astype(np.float32)
    table = np.zeros(found.count, np.int64)
    some = found.low < found.high
    low = found.low[some]
    at = np.where(x < 0, np.searchsorted(low, x, "left"), np.searchsorted(low, x, "right")) - 1
    table[some] = np.bincount(at, minlength=low.size)
    return table


@pytest.mark.parametrize(("dtype", "lattice"), ALL)
@pytest.mark.parametrize("scale", [1.0, 3e-3])
def test_cells_hold_the_values_between_their_edges(dtype, lattice, scale):
    values = held(dtype, lattice, (2, 20_000), 1, scale)
    found = cells(dtype, lattice, scale)
    np.testing.assert_array_equal(
        found.observed(ENGINE.counts(values)), plainly(found, values.decode(np.float64).ravel())
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_edges_of_wide_cells_are_the_bfloat16_values(dtype):
    found = cells(dtype, None, 1.0)
    table = decode_table("bfloat16").astype(float)
    finite = np.unique(table[np.isfinite(table)])
    # the outermost values bound the outermost cells on the side of 0 alone
    np.testing.assert_array_equal(np.unique(found.low[1:]), finite)
    x = np.concatenate([finite, np.nextafter(finite.astype(np.float32), np.float32(0)).astype(float)])
    np.testing.assert_array_equal(
        found.observed(ENGINE.counts(Values(x[None].astype(dtype), dtype))), plainly(found, x)
    )


@pytest.mark.parametrize(("dtype", "lattice"), ALL)
def test_every_finite_code_is_in_one_cell(dtype, lattice):
    found = cells(dtype, lattice, 1.0)
    table = decode_table(dtype if FORMATS[dtype].bits <= 16 else "bfloat16")
    np.testing.assert_array_equal(np.sort(found.order), np.flatnonzero(np.isfinite(table)))
    counts = Counts(np.ones(table.size, np.int64), dtype)
    assert found.observed(counts).sum() == np.isfinite(table).sum()
    stacked = Counts(np.stack([counts.table, 2 * counts.table]), dtype)
    np.testing.assert_array_equal(found.observed(stacked)[1], 2 * found.observed(counts))


@pytest.mark.parametrize(("dtype", "lattice"), [*WIDE, ("bfloat16", None), ("float8_e5m2", None)])
def test_counts_of_noise_are_those_expected(dtype, lattice):
    n = 2**18
    found = cells(dtype, lattice, 1.0)
    observed = found.observed(ENGINE.counts(held(dtype, lattice, (1, n), 2)))
    p = np.exp(found.log_p)
    assert observed[p == 0].sum() == 0
    # exact two-sided binomial tests of 200 blocks of cells, each at 1e-9 / 400
    block = np.minimum((np.cumsum(p) * 200).astype(int), 199)
    count, mass = np.bincount(block, observed), np.bincount(block, p)
    worst = np.minimum(binom.sf(count - 1, n, mass), binom.cdf(count, n, mass))[mass > 0].min()
    assert worst > 1e-9 / 400


def test_both_zeros_share_a_cell_on_lattices_alone():
    zeros = np.array([[0.0, -0.0, 0.0]])
    for dtype, lattice, most in (("float32", "fp16", 3), ("bfloat16", None, 3), ("float32", None, 2)):
        found = cells(dtype, lattice, 1.0)
        assert found.observed(ENGINE.counts(stored(zeros, dtype))).max() == most


def test_storage_rounds_by_itself():
    for lattice, dtype in LATTICES.items():
        told, untold = cells(dtype, lattice, 2.0), cells(dtype, None, 2.0)
        np.testing.assert_array_equal(told.log_p, untold.log_p)
        np.testing.assert_array_equal(told.log_p, Lattice(lattice).log_probabilities(2.0))


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_far_scales(scale):
    found = cells("float32", None, scale)
    assert not np.isnan([found.log_p, found.log_lower, found.log_upper]).any()
    assert np.exp(found.log_p).sum() == pytest.approx(1, abs=1e-12)


def test_arguments_are_checked():
    for bad in (
        ("float31", None, 1.0),
        ("float32", "bf61", 1.0),
        ("float32", None, 0.0),
        ("float32", None, np.nan),
    ):
        with pytest.raises(ArgumentError):
            cells(*bad)
    with pytest.raises(ArgumentError, match="float64"):
        cells("float32", None, 1.0).observed(ENGINE.counts(noise((1, 9), "float64")))
    with pytest.raises(ValueError, match="read-only"):
        cells("float32", None, 1.0).log_p[0] = 0


def test_a_cell_too_far_is_seen():
    """The mutant: cells of negative values that reach towards 0 instead of away from it."""
    right = cells("float32", None, 1.0)
    negative = np.signbit(right.high) | np.isneginf(right.low)
    low, high = (np.where(negative, np.roll(edge, -1), edge) for edge in (right.low, right.high))
    wrong = dataclasses.replace(right, low=low, high=high)
    values = held("float32", None, (1, 20_000), 1)
    observed = wrong.observed(ENGINE.counts(values))
    assert not np.array_equal(observed, plainly(wrong, values.decode(np.float64).ravel()))
