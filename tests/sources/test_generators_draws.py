"""Draws: values do not depend on how they are taken; what a source may not do; raw values from a reader."""

import io
import os
import threading
import tracemalloc

import numpy as np
import pytest
import torch

from gausscheck.arrays import TensorValues, Values
from gausscheck.errors import ArgumentError, GausscheckError, GeneratorError
from gausscheck.sources.generators import BLOCK, open_generator
from gausscheck.sources.generators.base import Start
from gausscheck.sources.generators.blocks import BlockDraw


def array(values):
    return values.decode(np.float64)


def counting():
    """0, 1, 2 … in blocks of 5."""
    place = 0

    def fill():
        nonlocal place
        place += 5
        return Values(np.arange(place - 5, place, dtype=np.float32), "float32")

    return fill


def test_values_do_not_depend_on_the_takes():
    rng = np.random.default_rng(1)
    for _ in range(20):
        draw, taken = BlockDraw(counting(), name="x"), []
        for n in rng.integers(0, 23, 10):
            part = draw.take(int(n))
            assert part.size == n
            taken.append(array(part))
        taken = np.concatenate(taken)
        np.testing.assert_array_equal(taken, np.arange(taken.size))


@pytest.mark.parametrize(
    "source",
    [
        "numpy:PCG64",
        "torch:cpu:bfloat16",
        lambda size, seed: np.random.default_rng(seed).standard_normal(size),
        lambda seed: (np.full(k, 0.1 * k + seed % 7) for k in range(1, 2000)),
    ],
    ids=["numpy", "torch", "callable", "iterator"],
)
def test_three_and_five_are_eight(source):
    opened = open_generator(source)
    one, two = opened.start(3), opened.start(3)
    first, second = array(one.take(3)), array(one.take(5))
    np.testing.assert_array_equal(np.concatenate((first, second)), array(two.take(8)))
    # Across the end of a block too.
    np.testing.assert_array_equal(
        np.concatenate([array(one.take(n)) for n in (BLOCK - 10, 20)]), array(two.take(BLOCK + 10))
    )


def test_what_was_taken_is_the_callers():
    """A callable may use one buffer over and over."""
    buffer, calls = np.empty(BLOCK, np.float32), 0

    def reusing(size):
        nonlocal calls
        calls += 1
        buffer[:] = calls
        return buffer

    draw = open_generator(reusing).start(1)
    first = draw.take(10)
    draw.take(2 * BLOCK)
    assert set(first.data) == {1.0}
    assert calls == 3


def test_an_iterator_may_reuse_its_array():
    def reusing():
        buffer = np.empty(4, np.float32)
        for k in range(9):
            buffer[:] = k
            yield buffer

    draw = open_generator(reusing()).start(1)
    parts = [draw.take(2) for _ in range(18)]
    np.testing.assert_array_equal(np.concatenate([p.data for p in parts]), np.repeat(np.arange(9.0), 4))


def test_no_more_than_the_result_and_two_blocks_are_held():
    opened = open_generator(lambda size: np.zeros(size, np.float32))
    draw = opened.start(1)
    draw.take(1)
    tracemalloc.start()
    try:
        draw.take(6 * BLOCK)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Beside the result: a block that is copied, and the block that it is copied from.
    assert 4 * 6 * BLOCK <= peak < 4 * (6 + 2.5) * BLOCK


def test_the_end_is_no_error():
    draw = open_generator(iter([np.zeros(3), np.ones(4)])).start(1)
    assert (draw.take(5).size, draw.ended) == (5, False)
    last = draw.take(5)
    assert (array(last).tolist(), draw.ended) == ([1.0, 1.0], True)
    assert (draw.take(5).size, draw.take(5).dtype) == (0, "float64")


def test_an_end_without_any_value():
    draw = open_generator(iter([])).start(1)
    assert (draw.take(5).size, draw.ended) == (0, True)


def failing_after(count):
    def blocks():
        for _ in range(count):
            yield np.zeros(4, np.float32)
        raise ZeroDivisionError("no device")

    return blocks()


def test_values_before_a_failure_are_given_first():
    draw = open_generator(failing_after(2)).start(1)
    given = draw.take(100)
    assert (given.size, draw.ended) == (8, False)
    for _ in range(2):
        with pytest.raises(GeneratorError, match="raised ZeroDivisionError: no device") as caught:
            draw.take(1)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("n", [-1, 1.5, True, "3", None])
def test_counts_that_are_none(n):
    draws = [
        open_generator("numpy:PCG64").start(1),
        open_generator("-", dtype="float32", reader=io.BytesIO()).start(1),
    ]
    for draw in draws:
        with pytest.raises(ArgumentError, match="integer from 0 up"):
            draw.take(n)


def test_numpy_integers_are_counts_and_seeds():
    assert open_generator("numpy:PCG64").start(np.int64(3)).take(np.uint8(7)).size == 7


def blocks_of(*arrays):
    return open_generator(iter(arrays)).start(1)


def test_the_type_must_stay():
    draw = blocks_of(np.zeros(4, np.float32), np.zeros(4))
    assert draw.take(9).size == 4
    with pytest.raises(GeneratorError, match="gave float64 values, after 4 values of float32"):
        draw.take(1)


def test_the_type_must_be_the_one_asked_for():
    draw = open_generator(np.zeros, dtype="float16").start(1)
    with pytest.raises(GeneratorError, match="gave float64 values, not float16"):
        draw.take(1)


def on_a_device(*devices):
    """Blocks of 4 values; the meta device stands for one that NumPy does not read."""
    blocks = iter(devices)

    def fill():
        device = next(blocks, None)
        if device is None:
            return None
        tensor = torch.zeros(4, device=device)
        return TensorValues(tensor, "float32") if device == "meta" else Values(tensor.numpy(), "float32")

    return BlockDraw(fill, name="x")


def test_values_stay_on_their_device():
    draw = on_a_device("meta", "meta")
    for n in (3, 2, 9, 1):
        part = draw.take(n)
        assert (type(part), part.device) == (TensorValues, "meta")
    assert draw.ended


def test_the_device_must_stay():
    for devices, message in (
        (("cpu", "meta"), "gave values on meta after 4 values on the CPU"),
        (("meta", "cpu"), "gave values on the CPU after 4 values on meta"),
    ):
        draw = on_a_device(*devices)
        assert draw.take(9).size == 4
        with pytest.raises(GeneratorError, match=message):
            draw.take(1)


def test_empty_arrays_without_end():
    def nothing():
        while True:
            yield np.empty(0, np.float32)

    with pytest.raises(GeneratorError, match="an empty array 1,000 times in a row"):
        open_generator(nothing()).start(1).take(1)


def test_some_empty_arrays_do_no_harm():
    pieces = [np.empty(0, np.float32)] * 900 + [np.ones(1, np.float32)]
    assert open_generator(iter(pieces * 3)).start(1).take(9).size == 3


# Seeds


@pytest.mark.parametrize("seed", [-1, 1.0, True, "1", None])
def test_seeds_that_are_none(seed):
    with pytest.raises(ArgumentError, match="seed must be an integer from 0 up"):
        open_generator("numpy:PCG64").start(seed)


def test_seeds_as_large_as_64_bits_allow():
    for name in ("numpy:MT19937", "torch:cpu"):
        opened = open_generator(name)
        assert opened.start(2**63 - 1).take(1).size == 1
        with pytest.raises(ArgumentError, match="too large"):
            opened.start(2**63 - 1, stream=1, streams=2)


@pytest.mark.parametrize(("stream", "streams"), [(1, 1), (-1, 2), (0, 0), (0, 1025)])
def test_streams_out_of_range(stream, streams):
    with pytest.raises(ArgumentError, match=f"stream {stream} of {streams}: expected"):
        open_generator("numpy:PCG64").start(1, stream=stream, streams=streams)


def test_streams_are_near_seeds():
    opened = open_generator("numpy:MT19937")
    np.testing.assert_array_equal(
        opened.start(5, stream=3, streams=4).take(9).data, opened.start(8).take(9).data
    )


def test_many_streams_ask_for_small_blocks():
    asked = set()

    def f(size, seed):
        asked.add(size)
        return np.zeros(size)

    for streams in (1, 16, 17, 1024):
        open_generator(f).start(0, streams=streams).take(1)
    assert asked == {2**20, 2**19, 2**14}
    assert max(2**14 * 1024, 2**19 * 17, 2**20 * 16) == 2**24


def test_no_two_calls_share_a_seed():
    seeds = {Start(7, stream).call_seed(call) for stream in range(300) for call in range(100)}
    assert len(seeds) == 300 * 100
    assert all(0 <= seed < 2**32 for seed in seeds)
    # Other validations have others: 30,000**2 / 2**32 = 0.2 are expected in common; 12 or more: 1e-17.
    others = {Start(8, stream).call_seed(call) for stream in range(300) for call in range(100)}
    assert len(seeds & others) < 12


# Raw values


def raw(content, dtype="float32"):
    return open_generator("-", dtype=dtype, reader=io.BytesIO(content)).start(1)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_raw_values(dtype):
    x = np.random.default_rng(1).standard_normal(1000).astype(dtype)
    draw = raw(x.astype(x.dtype.newbyteorder("<")).tobytes(), dtype)
    parts = [draw.take(n) for n in (3, 500, 600)]
    assert [p.size for p in parts] == [3, 500, 497]
    assert {p.dtype for p in parts} == {dtype}
    np.testing.assert_array_equal(np.concatenate([p.data for p in parts]), x)
    assert draw.ended


@pytest.mark.parametrize(
    ("dtype", "code", "value"), [("bfloat16", b"\xc0\x3f", 1.5), ("float8_e4m3fn", b"\x3c", 1.5)]
)
def test_raw_codes(dtype, code, value):
    assert array(raw(4 * code, dtype).take(4)).tolist() == [value] * 4


class Trickling(io.RawIOBase):
    """Gives 3 bytes at a time, as a pipe may."""

    def __init__(self, content):
        self.content = content

    def readable(self):
        return True

    def readinto(self, buffer):
        part, self.content = self.content[: min(3, len(buffer))], self.content[3:]
        buffer[: len(part)] = part
        return len(part)


def test_reads_may_be_short():
    x = np.arange(50, dtype="<f4")
    draw = open_generator("-", dtype="float32", reader=Trickling(x.tobytes())).start(1)
    np.testing.assert_array_equal(draw.take(50).data, x)
    assert not draw.ended
    assert (draw.take(1).size, draw.ended) == (0, True)


def test_a_stop_within_a_value():
    x = np.arange(10, dtype="<f4")
    draw = raw(x.tobytes()[:-1])
    np.testing.assert_array_equal(draw.take(100).data, x[:9])
    assert not draw.ended
    for _ in range(2):
        with pytest.raises(GeneratorError, match="3 of the 4 bytes of a float32 are left over after 9 whole"):
            draw.take(1)


def test_a_stop_within_the_first_value():
    with pytest.raises(GeneratorError, match="2 of the 8 bytes of a float64 are left over after 0 whole"):
        raw(b"ab", "float64").take(1)


def test_a_reader_is_read_once_and_no_further_than_asked():
    stream = io.BytesIO(np.arange(10, dtype="<f4").tobytes())
    opened = open_generator("-", dtype="float32", reader=stream)
    assert not opened.reseeds
    assert opened.start(1).take(2).data.tolist() == [0, 1]
    assert stream.tell() == 8
    assert opened.start(2).take(2).data.tolist() == [2, 3]
    with pytest.raises(ArgumentError, match="cannot be drawn as 2 streams"):
        opened.start(1, streams=2)


class Bad(io.RawIOBase):
    def __init__(self, result):
        self.result = result

    def readinto(self, buffer):
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def test_readers_that_fail():
    draw = open_generator("-", dtype="float32", reader=Bad(OSError(5, "gone"))).start(1)
    with pytest.raises(GeneratorError, match=r"could not be read after 0 values.*gone") as caught:
        draw.take(1)
    assert isinstance(caught.value.__cause__, OSError)
    draw = open_generator("-", dtype="float32", reader=Bad(None)).start(1)
    with pytest.raises(GeneratorError, match="non-blocking"):
        draw.take(1)


class Terminal(io.BytesIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reader": io.BytesIO()}, "name it with dtype: float64, float32, float16, bfloat16"),
        ({"dtype": "float32"}, "pass one, as in reader=sys.stdin.buffer"),
        ({"dtype": "float32", "reader": io.StringIO()}, "got a StringIO without readinto"),
        ({"dtype": "float32", "reader": Terminal()}, "is a terminal"),
        ({"dtype": "f4", "reader": io.BytesIO()}, "unknown float format 'f4'; known: float64, float32"),
    ],
)
def test_readers_that_cannot_be_used(options, message):
    with pytest.raises(ArgumentError, match=message):
        open_generator("-", **options)


def test_a_pipe():
    """A real one, that another thread writes to in pieces, and closes within a value."""
    x = np.random.default_rng(2).standard_normal(100_000).astype("<f4")
    content = x.tobytes() + b"\0"
    out, into = os.pipe()

    def write():
        with os.fdopen(into, "wb", buffering=0) as pipe:
            for k in range(0, len(content), 70_001):
                pipe.write(content[k : k + 70_001])

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(out, "rb") as reader:
        draw = open_generator("-", dtype="float32", reader=reader).start(1)
        np.testing.assert_array_equal(np.concatenate([draw.take(60_000).data for _ in range(2)]), x)
        with pytest.raises(GausscheckError, match="1 of the 4 bytes"):
            draw.take(1)
    writer.join()
