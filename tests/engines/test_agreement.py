"""Every engine agrees with the NumPy oracle, on ordinary and hostile arrays; the law catches a wrong one."""

import dataclasses
import warnings

import numpy as np
import pytest
from tolerance import tolerance

from gausscheck.arrays import Values, as_values
from gausscheck.engines.base import Engine
from gausscheck.engines.numba import NumbaEngine
from gausscheck.engines.numpy import NumpyEngine
from gausscheck.errors import ArgumentError
from gausscheck.floats import FORMATS, decode_table
from gausscheck.lattice import LATTICES, Lattice
from gausscheck.summaries import Moments

ORACLE = NumpyEngine()
CODED = [name for name, fmt in FORMATS.items() if fmt.bits <= 16]


def noise(shape, dtype="float32", seed=0):
    """N(0, 1) values of any storage format."""
    x = np.random.default_rng(seed).standard_normal(shape)
    if dtype in ("float64", "float32", "float16"):
        return as_values(x.astype(dtype))
    lattice = next(Lattice(name) for name, fmt in LATTICES.items() if fmt == dtype)
    table = decode_table(dtype).astype(np.float64)
    finite = np.flatnonzero(np.isfinite(table))
    order = finite[np.argsort(table[finite], kind="stable")]
    codes = order[np.searchsorted(table[order], lattice.round(x))]
    return Values(codes.astype(FORMATS[dtype].container), dtype)


def check_one_pass(engine, values):
    """The agreement law of `one_pass`: counts, extremes and indices equal, sums within the tolerance."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = engine.one_pass(values)
    expected = ORACLE.one_pass(values)
    np.testing.assert_array_equal(got.moments.n, expected.moments.n)
    for part in ("nonfinite", "extremes"):
        for field in dataclasses.fields(getattr(expected, part)):
            left, right = (getattr(getattr(one, part), field.name) for one in (got, expected))
            np.testing.assert_array_equal(left, right, err_msg=field.name)
    x = values.decode(np.float64)
    x = np.abs(np.where(np.isfinite(x), x, 0.0))
    with np.errstate(over="ignore"):
        for k in range(1, 9):
            scale = np.minimum(np.sum(x**k, axis=1), np.finfo(float).max)
            bound = tolerance("power_sum", n=x.shape[1], order=k) * scale
            difference = 0.5 * got.moments.sums[:, k - 1] - 0.5 * expected.moments.sums[:, k - 1]
            assert np.all(2.0 * np.abs(difference) <= bound), f"order {k}: off by {2 * np.abs(difference)}"


@pytest.mark.parametrize("shape", [(1, 1), (3, 17), (2, 1024), (5, 1025), (1, 65536), (2, 140_001), (700, 3)])
@pytest.mark.parametrize("dtype", list(FORMATS))
def test_one_pass(engine, dtype, shape):
    check_one_pass(engine, noise(shape, dtype))


@pytest.mark.parametrize("dtype", CODED)
def test_every_pattern_is_decoded(engine, dtype):
    bits = FORMATS[dtype].bits
    codes = np.arange(2**bits, dtype=np.uint16 if bits == 16 else np.uint8).reshape(2, -1)
    values = Values(codes.view(np.float16) if dtype == "float16" else codes, dtype)
    np.testing.assert_array_equal(engine.decode(values), decode_table(dtype)[codes])
    np.testing.assert_array_equal(engine.decode(values, np.float64), decode_table(dtype)[codes].astype(float))
    np.testing.assert_array_equal(engine.counts(values).table, np.ones(2**bits))
    check_one_pass(engine, values)


HOSTILE = {
    "no rows": np.zeros((0, 5)),
    "no values": np.zeros((3, 0)),
    "neither": np.zeros((0, 0)),
    "one NaN": np.array([[np.nan]]),
    "all NaN": np.full((2, 3000), np.nan),
    "all infinite": np.array([[np.inf, -np.inf, np.inf], [-np.inf, -np.inf, -np.inf]]),
    "negative NaN": np.array([[1.0, -np.nan, np.copysign(np.nan, -1.0), 2.0]]),
    "denormal": np.full((2, 5000), 5e-324),
    "signed zeros": np.array([[0.0, -0.0, 0.0]]),
    "huge": np.full((2, 70_000), 1e300),
    "huge of both signs": np.tile([1e300, -1e300], (2, 35_000)),
    "largest": np.full((1, 3), np.finfo(np.float64).max),
    "overflow of the eighth power only": np.full((1, 2000), 1e39),
    "huge beside NaN": np.array([[1e300, np.nan, -np.inf, 1e300]]),
}


@pytest.mark.parametrize("name", list(HOSTILE))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_hostile_values(engine, name, dtype):
    with np.errstate(over="ignore"):
        data = HOSTILE[name].astype(dtype)
    check_one_pass(engine, as_values(data))


@pytest.mark.parametrize("place", [0, 1, 1023, 1024, 65_535, 65_536, 69_999])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_bad_value_is_found_wherever_it_is(engine, place, bad):
    x = np.random.default_rng(1).standard_normal((2, 70_000))
    x[1, place] = bad
    x[1, -1] = np.nan
    values = as_values(x)
    check_one_pass(engine, values)
    tally = engine.one_pass(values).nonfinite
    np.testing.assert_array_equal(tally.first, [-1, place])
    assert tally.total[1] == (1 if place == 69_999 else 2)


def test_saturated_sums_are_the_largest_double(engine):
    moments = engine.one_pass(as_values(np.full((1, 70_000), -1e300))).moments
    top = np.finfo(np.float64).max
    np.testing.assert_array_equal(moments.sums[0, 1:], [top, -top, top, -top, top, -top, top])
    both = engine.one_pass(as_values(np.array([[1e300, -1e300]]))).moments
    np.testing.assert_array_equal(both.sums[0, ::2], [0.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn"])
def test_any_strides_and_read_only(engine, dtype):
    base = noise((6, 4, 500), dtype).data
    for view in (
        base[:, 0],
        base[::2, 1, ::3],
        base[:, :, 7],
        base[0].T,
        base[:, 0, ::-1],
        np.asfortranarray(base[0]),
    ):
        check_one_pass(engine, Values(view, dtype))
        values = Values(view, dtype)
        np.testing.assert_array_equal(engine.decode(values), values.decode(np.float32))
        np.testing.assert_array_equal(engine.counts(values).table, ORACLE.counts(values).table)
    locked = np.array(base[0])
    locked.flags.writeable = False
    check_one_pass(engine, Values(locked, dtype))


@pytest.mark.parametrize("dtype", list(FORMATS))
def test_decode_gives_memory_of_its_own(engine, dtype):
    values = noise((3, 1000), dtype)
    for wanted in (np.float32, np.float64):
        decoded = engine.decode(values, wanted)
        assert decoded.dtype == wanted
        assert decoded.flags.c_contiguous
        assert decoded.flags.writeable
        assert not np.shares_memory(decoded, values.data)
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(decoded, values.decode(wanted))


def test_decode_beyond_float32_is_infinite_without_a_warning(engine):
    np.testing.assert_array_equal(engine.decode(as_values(np.array([[1e300, -1e300]]))), [[np.inf, -np.inf]])


@pytest.mark.parametrize("dtype", list(FORMATS))
def test_counts_are_exact_and_add_up(engine, dtype):
    values = noise((3, 150_001), dtype)
    counts = engine.counts(values)
    np.testing.assert_array_equal(counts.table, ORACLE.counts(values).table)
    assert counts.table.sum() == values.size
    assert engine.counts(Values(values.data[:, :0], dtype)).table.sum() == 0


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("cut", [1, 1000, 65_536, 99_999])
def test_chunk_size_is_invisible(engine, dtype, cut):
    values = noise((2, 100_000), dtype)
    whole = engine.one_pass(values)
    parts = [Values(values.data[:, k : k + cut], dtype) for k in range(0, 100_000, cut)] if cut > 1 else [
        Values(values.data[:, :1], dtype),
        Values(values.data[:, 1:], dtype),
    ]  # fmt: skip
    merged = engine.one_pass(parts[0])
    offset = parts[0].shape[1]
    for part in parts[1:]:
        merged = merged.merge(engine.one_pass(part).shifted(offset))
        offset += part.shape[1]
    np.testing.assert_array_equal(merged.moments.n, whole.moments.n)
    np.testing.assert_array_equal(merged.extremes.high, whole.extremes.high)
    x = np.abs(values.decode())
    for k in range(1, 9):
        bound = tolerance("power_sum", n=100_000, order=k) * np.sum(x**k, axis=1)
        assert np.all(np.abs(merged.moments.sums - whole.moments.sums)[:, k - 1] <= bound)


@pytest.mark.parametrize("shape", [(1, 300_001), (9, 40_000)])
def test_threads_do_not_change_a_bit(shape):
    values = noise(shape)
    one, three = NumbaEngine(1), NumbaEngine(3)
    np.testing.assert_array_equal(one.one_pass(values).moments.sums, three.one_pass(values).moments.sums)
    x = values.data
    np.testing.assert_array_equal(one.power_spectrum(x), three.power_spectrum(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [3, 4, 5, 33, 34, 64, 333, 1000, 16384])
@pytest.mark.parametrize(("block", "scale"), [(16, 1.0), (1, 2.5), (7, 0.2)])
def test_power_spectrum(engine, dtype, size, block, scale):
    x = noise((3, size), dtype).data * np.dtype(dtype).type(scale)
    got = engine.power_spectrum(x, block=block, scale=scale)
    # the definition, in float64 whatever the input
    ordinates = (size + 1) // 2 - 1
    r = np.abs(np.fft.fft(x.astype(np.float64)))[:, 1 : ordinates + 1] / (np.sqrt(size) * scale)
    groups = [r[:, k : k + block].mean(axis=1) for k in range(0, ordinates, block)]
    expected = np.mean(np.abs(np.array(groups) - np.sqrt(np.pi) / 2), axis=0)
    # transforms differ by a few roundings of their own precision for each of log2(D) levels
    eps = np.finfo(dtype).eps * (1 + np.log2(size)) * 4
    np.testing.assert_allclose(got, expected, rtol=0, atol=eps)
    oracle = ORACLE.power_spectrum(x, block=block, scale=scale)
    if engine.name == "torch":
        bound = tolerance("other_transform", dtype=dtype, n=size) * np.sqrt(np.mean(r**2, axis=1))
    else:
        bound = tolerance("power_spectrum", dtype=dtype, n=size) * np.mean(r, axis=1)
    assert np.all(np.abs(got - oracle) <= bound)


def test_power_spectrum_of_hostile_rows(engine):
    x = np.random.default_rng(3).standard_normal((4, 64))
    x[1, 5] = np.nan
    x[2] *= 1e250
    got = engine.power_spectrum(x)
    assert np.isnan(got[1])
    assert np.all(np.isfinite(got[[0, 2, 3]]))
    np.testing.assert_allclose(got[[0, 2, 3]], ORACLE.power_spectrum(x)[[0, 2, 3]], rtol=1e-12)
    assert engine.power_spectrum(np.zeros((0, 8))).shape == (0,)
    locked = np.ones((2, 30), np.float32)[:, ::2]
    locked.flags.writeable = False
    np.testing.assert_allclose(engine.power_spectrum(locked), np.sqrt(np.pi) / 2, rtol=1e-6)


def test_arguments_are_checked(engine):
    assert isinstance(engine, Engine)
    with pytest.raises(ArgumentError, match=r"\(B, D\)"):
        engine.one_pass(as_values(np.zeros(3)))
    with pytest.raises(ArgumentError, match="float16"):
        engine.decode(as_values(np.zeros((1, 3))), np.float16)
    for bad in ({"block": 0}, {"scale": 0.0}, {"scale": np.nan}):
        with pytest.raises(ArgumentError):
            engine.power_spectrum(np.zeros((1, 8)), **bad)
    with pytest.raises(ValueError, match="at least 3"):
        engine.power_spectrum(np.zeros((1, 2)))


class Wrong(NumpyEngine):
    """A planted fault: changes what the true engine found."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def one_pass(self, values):
        return self.change(super().one_pass(values))


def _without_one_value(one):
    return dataclasses.replace(one, moments=Moments(one.moments.n, one.moments.sums * (1 - 1e-5)))


def _float32_sums(one):
    return dataclasses.replace(
        one, moments=Moments(one.moments.n, one.moments.sums.astype(np.float32).astype(np.float64))
    )


def _fifth_is_sixth(one):
    sums = one.moments.sums.copy()
    sums[:, 4] = sums[:, 5]
    return dataclasses.replace(one, moments=Moments(one.moments.n, sums))


def _index_off_by_one(one):
    tally = one.nonfinite
    return dataclasses.replace(
        one, nonfinite=dataclasses.replace(tally, first=np.maximum(tally.first - 1, -1))
    )


@pytest.mark.parametrize("change", [_without_one_value, _float32_sums, _fifth_is_sixth, _index_off_by_one])
def test_the_law_catches_a_wrong_engine(change):
    data = noise((2, 5000), "float64").data.copy()
    data[0, 77] = np.nan
    check_one_pass(Wrong(lambda one: one), as_values(data))
    with pytest.raises(AssertionError):
        check_one_pass(Wrong(change), as_values(data))
