"""Raw values from a binary stream: whole, in pieces, cut short, and streams that cannot be read."""

import io
import os
import threading

import numpy as np
import pytest

from gausscheck.errors import ArgumentError, GausscheckError, GeneratorError
from gausscheck.sources.generators import open_generator


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
    assert raw(4 * code, dtype).take(4).decode().tolist() == [value] * 4


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
        ({"reader": io.BytesIO()}, "name it with --dtype .*: float64, float32, float16, bfloat16"),
        ({"dtype": "float32"}, "pass one, as in reader=sys.stdin.buffer"),
        ({"dtype": "float32", "reader": io.StringIO()}, "got a StringIO without readinto"),
        ({"dtype": "float32", "reader": Terminal()}, "is a terminal"),
        ({"dtype": "flaot32", "reader": io.BytesIO()}, "unknown .*'flaot32'; did you mean 'float32'"),
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
