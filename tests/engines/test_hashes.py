"""Hashes of runs and fractions by hash: the definition in plain integers, all engines, order, combination."""

import numpy as np
import pytest
from engines.test_agreement import noise

from gausscheck.arrays import Values, as_values
from gausscheck.engines.base import GOLDEN, MIX_FIRST, MIX_SECOND
from gausscheck.engines.hashes import FINAL_FIRST, FINAL_SECOND, MULTIPLIER, OFFSET, powers
from gausscheck.engines.numpy import NumpyEngine
from gausscheck.errors import ArgumentError
from gausscheck.floats import FORMATS

ORACLE = NumpyEngine()
WORD = 2**64


def mixed(pattern, bits):
    """The mixing function, in Python integers."""
    if bits == 64:
        z = (pattern + GOLDEN) % WORD
        z = (z ^ (z >> 30)) * MIX_FIRST % WORD
        z = (z ^ (z >> 27)) * MIX_SECOND % WORD
        return z ^ (z >> 31)
    z = (pattern + OFFSET) % 2**32
    z = (z ^ (z >> 16)) * FINAL_FIRST % 2**32
    z = (z ^ (z >> 13)) * FINAL_SECOND % 2**32
    return z ^ (z >> 16)


def by_definition(values, length):
    bits = values.format.bits
    patterns = np.ascontiguousarray(values.data).view(f"u{bits // 8}")
    rows = []
    for row in patterns.tolist():
        terms = [mixed(0 if p == 1 << (bits - 1) else p, bits) * pow(MULTIPLIER, i % length, WORD)
                 for i, p in enumerate(row)]  # fmt: skip
        rows.append([sum(terms[k : k + length]) % WORD for k in range(0, len(terms), length)])
    return np.array(rows, np.uint64)


@pytest.mark.parametrize("dtype", list(FORMATS))
@pytest.mark.parametrize("length", [1, 16, 64, 65, 200, 1000])
def test_the_definition(engine, dtype, length):
    values = noise((3, 333), dtype)
    values.data[1, 5:9] = np.array(-0.0).astype(values.data.dtype)
    np.testing.assert_array_equal(engine.hashes(values, length), by_definition(values, length))


@pytest.mark.parametrize("shape", [(1, 300_001), (900, 401), (1, 1), (0, 5), (3, 0)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_engines_agree(engine, dtype, shape):
    values = noise(shape, dtype)
    for length in (64, 100, 70_000):
        expected = ORACLE.hashes(values, length)
        assert expected.shape == (shape[0], -(-shape[1] // length))
        np.testing.assert_array_equal(engine.hashes(values, length), expected)
    if dtype != "bfloat16":
        for halvings in (0, 1, 5, 32):
            expected = ORACLE.bottom(values, halvings)
            np.testing.assert_array_equal(engine.bottom(values, halvings), expected)


def test_any_strides_and_zeros(engine):
    base = noise((6, 4, 500)).data
    for view in (base[:, 0], base[::2, 1, ::3], base[0].T, base[:, 0, ::-1]):
        values = as_values(view)
        np.testing.assert_array_equal(engine.hashes(values, 50), ORACLE.hashes(values, 50))
        np.testing.assert_array_equal(engine.bottom(values, 2), ORACLE.bottom(values, 2))
    for dtype in FORMATS:
        zero = noise((1, 2), dtype)
        zero.data[:] = np.array([0.0, -0.0]) if not zero.format.coded else [0, 1 << (zero.format.bits - 1)]
        first, second = engine.hashes(zero, 1)[0]
        assert first == second
    assert not np.signbit(engine.bottom(as_values(np.array([[-0.0, 0.0]])), 0)).any()


def test_hashes_of_pieces_combine(engine):
    values = noise((2, 4096))
    whole = engine.hashes(values, 4096)[:, 0]
    for length in (16, 64, 1000):
        parts = engine.hashes(values, length)
        offsets = powers(np.arange(parts.shape[1]) * length)
        np.testing.assert_array_equal(np.sum(parts * offsets, axis=1, dtype=np.uint64), whole)


def test_powers():
    exponent = np.array([0, 1, 2, 4095, 4096, 4097, 10**6 + 3, 5 * 10**8])
    np.testing.assert_array_equal(powers(exponent), [pow(MULTIPLIER, int(k), WORD) for k in exponent])


def check_order_matters(hashes):
    """The law that no rearrangement of a block keeps its hash."""
    x = np.random.default_rng(5).standard_normal(64).astype(np.float32)
    rows = [x, x[::-1], np.roll(x, 1), np.roll(x, 32), np.sort(x)]
    for i in range(63):
        swapped = x.copy()
        swapped[[i, i + 1]] = swapped[[i + 1, i]]
        rows.append(swapped)
    one_less = x.copy()
    one_less[17] = np.nextafter(x[17], np.float32(0))
    found = hashes(as_values(np.stack([*rows, one_less])), 64).ravel()
    assert np.unique(found).size == found.size


def test_order_matters(engine):
    check_order_matters(engine.hashes)


def test_the_law_catches_a_hash_that_is_blind_to_order():
    def blind(values, length):
        single = ORACLE.hashes(values, 1)
        return np.add.reduceat(single, np.arange(0, single.shape[1], length), axis=1)

    with pytest.raises(AssertionError):
        check_order_matters(blind)


def test_fractions_are_nested_and_of_their_size():
    n = 2**20
    values = noise((1, n), "float32", seed=3)
    last = None
    for halvings in (0, 1, 4, 8):
        kept = ORACLE.bottom(values, halvings)
        expected = n / 2**halvings
        # a sum of n indicators, within 6 standard deviations but for 2e-9; ties add 1 part in 50
        assert abs(kept.size - expected) <= 6 * 1.02 * np.sqrt(expected)
        assert last is None or np.isin(kept, last).all()
        last = kept


def test_the_same_number_in_float32_and_float64_is_chosen_alike(engine):
    x = np.random.default_rng(8).standard_normal((1, 10_000)).astype(np.float32)
    single, double = (engine.bottom(as_values(x.astype(t)), 3) for t in (np.float32, np.float64))
    np.testing.assert_array_equal(single, double)
    assert engine.bottom(as_values(np.array([[1e300, -1e300]])), 0).tolist() == [1e300, -1e300]


def test_arguments_are_checked(engine):
    with pytest.raises(ArgumentError, match="length 0"):
        engine.hashes(noise((1, 8)), 0)
    with pytest.raises(ArgumentError, match="halvings"):
        engine.bottom(noise((1, 8)), 33)
    with pytest.raises(ArgumentError, match="bfloat16"):
        engine.bottom(noise((1, 8), "bfloat16"), 3)
    with pytest.raises(ArgumentError, match=r"\(B, D\)"):
        engine.hashes(Values(np.zeros(8), "float64"), 8)
