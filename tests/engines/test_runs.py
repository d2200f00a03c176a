"""Hashes of windows: their definition by the hash of each, all engines, any cutting, choice by content."""

import numpy as np
import pytest
from engines.test_agreement import noise

from gausscheck.arrays import Values, as_values
from gausscheck.engines import runs as plain
from gausscheck.engines.base import mix
from gausscheck.engines.numpy import NumpyEngine
from gausscheck.errors import ArgumentError
from gausscheck.floats import FORMATS

ORACLE = NumpyEngine()


def by_definition(values, length, halvings):
    """Each window hashed as a block of its own; different values counted by sets of patterns."""
    bits = values.format.bits
    data = np.ascontiguousarray(values.data)
    patterns = data.view(f"u{bits // 8}")
    found = []
    for row in range(values.shape[0]):
        for place in range(values.shape[1] - length + 1):
            window = values.like(data[row : row + 1, place : place + length])
            mixed = mix(ORACLE.hashes(window, length))[0, 0]
            codes = {0 if p == 1 << (bits - 1) else p for p in patterns[row, place : place + length].tolist()}
            if int(mixed) < 2 ** (64 - halvings) and len(codes) >= 4:
                found.append((int(mixed), row, place))
    return found


def plainly(windows):
    hashes, row, place = windows
    assert (hashes.dtype, row.dtype, place.dtype) == (np.uint64, np.int64, np.int64)
    return list(zip(hashes.tolist(), row.tolist(), place.tolist(), strict=True))


def with_dull_stretches(values):
    """Values of which some are both zeros, some constant, some three in turn."""
    code = values.data
    code[0, 20:60] = code[0, 5]
    code[1, 30:70] = np.resize(code[1, 90:93], 40)
    code[2, 10:50] = np.resize(code[2, 90:94], 40)
    zero = np.array(0).astype(code.dtype)
    negative = np.array(1 << (values.format.bits - 1)).astype(code.dtype) if values.format.coded else -zero
    code[2, 55:85] = np.resize(np.array([zero, negative, *code[2, 91:93]]), 30)
    return values


@pytest.mark.parametrize("dtype", list(FORMATS))
def test_the_definition(engine, dtype):
    values = with_dull_stretches(noise((3, 110), dtype))
    for length, halvings in ((16, 1), (4, 0)):
        expected = by_definition(values, length, halvings)
        assert plainly(engine.runs(values, length, halvings)) == expected
        assert expected


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((1, 300_001), "float32"),
        ((2, 5000), "float64"),
        ((70, 401), "bfloat16"),
        ((2, 16), "float8_e5m2"),
        ((2, 15), "float32"),
        ((0, 50), "float32"),
        ((3, 0), "float32"),
    ],
)
def test_engines_agree(engine, dtype, shape, monkeypatch):
    values = noise(shape, dtype)
    for halvings in (3, 9):
        expected = plainly(ORACLE.runs(values, 16, halvings))
        assert plainly(engine.runs(values, 16, halvings)) == expected
        expected_size = max(shape[1] - 15, 0) * shape[0] / 2**halvings
        assert abs(len(expected) - expected_size) <= 6 * np.sqrt(expected_size + 1)
    # And a tile of any length is invisible.
    monkeypatch.setattr(plain, "_TILE", 4999)
    assert plainly(ORACLE.runs(values, 16, 9)) == expected


def test_any_strides(engine):
    base = noise((6, 4, 500)).data
    for view in (base[:, 0], base[::2, 1, ::3], base[0].T[:, :4].T, base[:, 0, ::-1]):
        values = as_values(view)
        assert plainly(engine.runs(values, 16, 1)) == plainly(ORACLE.runs(values, 16, 1))


def kept_together(windows_of):
    """The law that a stretch keeps the same windows wherever it stands."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, 40_000), dtype=np.float32)
    x[1, 1037:21_037] = x[0, 15_000:35_000]
    hashes, row, place = windows_of(as_values(x), 16, 4)
    inside = [
        dict(zip((place[of] - start).tolist(), hashes[of].tolist(), strict=True))
        for r, start in ((0, 15_000), (1, 1037))
        for of in ((row == r) & (place >= start) & (place <= start + 20_000 - 16),)
    ]
    assert len(inside[0]) > 1000
    assert inside[0] == inside[1]
    others = hashes[~((row == 1) & (place >= 1037) & (place <= 21_037 - 16))]
    assert np.unique(others).size == others.size


def test_equal_stretches_are_kept_together(engine):
    kept_together(engine.runs)


def test_a_choice_by_place_is_caught():
    def every_16th(values, length, halvings):
        hashes, row, place = ORACLE.runs(values, length, 0)
        some = place % 2**halvings == 0
        return hashes[some], row[some], place[some]

    with pytest.raises(AssertionError):
        kept_together(every_16th)


def test_fractions_are_nested(engine):
    values = noise((2, 9000))
    last = set(plainly(engine.runs(values, 16, 0)))
    for halvings in (1, 5, 12, 63):
        kept = set(plainly(engine.runs(values, 16, halvings)))
        assert kept == {window for window in last if window[0] < 2 ** (64 - halvings)}
        last = kept


def test_arguments_are_checked(engine):
    with pytest.raises(ArgumentError, match="length 3"):
        engine.runs(noise((1, 80)), 3, 0)
    for halvings in (-1, 64):
        with pytest.raises(ArgumentError, match=f"got {halvings}"):
            engine.runs(noise((1, 80)), 16, halvings)
    with pytest.raises(ArgumentError, match=r"\(B, D\)"):
        engine.runs(Values(np.zeros(80), "float64"), 16, 0)
