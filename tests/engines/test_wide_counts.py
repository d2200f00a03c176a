"""Counts of float32 and float64: by the upper half of the float32 pattern, whatever the engine."""

import struct

import numpy as np
import pytest

from gausscheck.arrays import Values, as_values
from gausscheck.engines.numba import NumbaEngine
from gausscheck.engines.numpy import NumpyEngine
from gausscheck.floats import decode_table

FINITE = np.flatnonzero(np.isfinite(decode_table("bfloat16")))


def plain(x):
    """The definition, value by value."""
    table = np.zeros(65536, np.int64)
    # struct refuses what rounds to infinity: from half a unit beyond the largest float32 on
    limit = float(np.finfo(np.float32).max) + 2.0**103
    for value in np.asarray(x, dtype=np.float64).ravel().tolist():
        single = value if abs(value) < limit else np.copysign(np.inf, value)
        table[struct.unpack("<I", struct.pack("<f", single))[0] >> 16] += 1
    return table


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_definition(engine, dtype):
    x = np.random.default_rng(0).standard_normal((3, 1111)).astype(dtype)
    np.testing.assert_array_equal(engine.counts(as_values(x)).table, plain(x))


@pytest.mark.parametrize("low", [0x0000, 0x0001, 0x8000, 0xFFFF])
def test_every_cell_from_end_to_end(engine, low):
    patterns = (np.arange(65536, dtype=np.uint32) << 16) | np.uint32(low)
    singles = patterns.view(np.float32).reshape(16, -1)
    np.testing.assert_array_equal(engine.counts(Values(singles, "float32")).table, np.ones(65536))
    finite = patterns[FINITE].view(np.float32).astype(np.float64).reshape(1, -1)
    expected = np.zeros(65536)
    expected[FINITE] = 1
    np.testing.assert_array_equal(engine.counts(Values(finite, "float64")).table, expected)


def test_doubles_are_rounded_to_float32_first(engine):
    below = np.nextafter(1.0, 0.0)  # as float32 it is 1, one cell up
    half_up, half_even = 2.0 - 2.0**-25, 1.0 - 2.0**-25  # ties of the last bit, both to the even neighbour
    x = np.array(
        [[below, -below, half_up, half_even, 1e-60, -1e-60, 1e300, -1e300, np.inf, 3.4028235677973366e38]]
    )
    table = engine.counts(as_values(x)).table
    np.testing.assert_array_equal(table, plain(x))
    assert (table[0x3F80], table[0xBF80], table[0x4000]) == (2, 1, 1)
    assert (table[0x0000], table[0x8000], table[0x7F80], table[0xFF80]) == (1, 1, 3, 1)


def test_nan_is_counted_as_not_finite(engine):
    for dtype in ("float32", "float64"):
        x = np.array([[np.nan, 1.0, -np.nan, np.inf]], dtype)
        table = engine.counts(as_values(x)).table
        assert (table[FINITE].sum(), table.sum()) == (1, 4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(0, 5), (4, 0), (1, 1), (5, 3), (2, 65_539), (70, 1025), (1, 300_003)])
def test_any_shape_and_any_cut(engine, dtype, shape):
    x = np.random.default_rng(1).standard_normal(shape).astype(dtype)
    values = as_values(x)
    table = engine.counts(values).table
    np.testing.assert_array_equal(
        table, np.bincount(x.astype(np.float32).view(np.uint32).ravel() >> 16, minlength=65536)
    )
    for cut in (1, shape[1] // 3, shape[1]):
        parts = engine.counts(values.columns(0, cut)).merge(engine.counts(values.columns(cut, shape[1])))
        np.testing.assert_array_equal(parts.table, table)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_tallies_of_32_bits_are_emptied_in_time(dtype, monkeypatch):
    monkeypatch.setattr("gausscheck.engines.numba._MOST_COUNTED", 2 * 65536)
    x = np.ones((3, 150_000), dtype)
    for threads in (1, 2):
        assert NumbaEngine(threads).counts(as_values(x)).table.max() == 450_000


def test_the_law_catches_a_wrong_cell(monkeypatch):
    """Truncating doubles instead of rounding them is seen."""
    x = np.nextafter(np.array([[1.0, 2.0]]), 0.0)

    def truncated(tile):
        singles = tile.astype(np.float32)
        inward = np.where(np.abs(singles) > np.abs(tile), np.nextafter(singles, np.float32(0)), singles)
        return inward.view(np.uint32) >> 16

    right = NumpyEngine().counts(as_values(x)).table
    np.testing.assert_array_equal(right, plain(x))
    monkeypatch.setattr("gausscheck.engines.numpy._codes", truncated)
    assert not np.array_equal(NumpyEngine().counts(as_values(x)).table, plain(x))
