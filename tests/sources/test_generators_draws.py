"""Draws: values do not depend on how they are taken; what a source may not do; seeds."""

import io
import tracemalloc

import numpy as np
import pytest
import torch

from gausscheck.arrays import TensorValues, Values
from gausscheck.errors import ArgumentError, GeneratorError
from gausscheck.sources.generators import BLOCK, open_generator
from gausscheck.sources.generators.base import FIRST_CALL, Start
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
        return buffer[:size]

    draw = open_generator(reusing).start(1)
    first = draw.take(10)
    draw.take(2 * FIRST_CALL)
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
    draw.take(BLOCK)
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
    largest = {}
    for streams in (1, 16, 17, 1024):
        asked = []

        def f(size, seed, asked=asked):
            asked.append(size)
            return np.zeros(size)

        open_generator(f).start(0, streams=streams).take(2**20 + 1)
        largest[streams] = max(asked)
    assert largest == {1: 2**20, 16: 2**20, 17: 2**19, 1024: 2**14}
    assert max(2**14 * 1024, 2**19 * 17, 2**20 * 16) == 2**24


@pytest.mark.parametrize("take", [1000, 2**16, 2**22])
def test_calls_grow_with_what_was_drawn(take):
    """Whatever is taken at a time: 2^16 values twice, then twice as many each time, up to 2^20."""
    asked = []

    def f(size):
        asked.append(size)
        return np.zeros(size, np.float32)

    draw, left = open_generator(f).start(0), 2**22
    while left > 0:
        left -= draw.take(take).size
    assert asked[:7] == [2**16, 2**16, 2**17, 2**18, 2**19, 2**20, 2**20]
    assert set(asked[7:]) <= {2**20}


def test_no_two_calls_share_a_seed():
    seeds = {Start(7, stream, streams=300).call_seed(call) for stream in range(300) for call in range(100)}
    assert len(seeds) == 300 * 100
    assert all(0 <= seed < 2**32 for seed in seeds)
    # Other validations have others: 30,000**2 / 2**32 = 0.2 are expected in common; 12 or more: 1e-17.
    others = {Start(8, stream, streams=300).call_seed(call) for stream in range(300) for call in range(100)}
    assert len(seeds & others) < 12


def test_seeds_do_not_come_back():
    """A function of a seed that returns a few values is called millions of times."""
    for streams in (1, 2, 1024):
        last = 2**32 // streams - 1
        calls = (0, 1, 2**21, 2**22 - 1) if streams == 1024 else (0, 1, 2**22, 2**22 + 1, 2**30, last)
        places = [(k, call) for k in (0, streams - 1) for call in calls]
        seeds = {Start(3, k, streams=streams).call_seed(call) for k, call in places}
        assert len(seeds) == len(set(places))
        with pytest.raises(GeneratorError, match=r"4,294,967,296 seeds .* were given out"):
            Start(3, 0, streams=streams).call_seed(last + 1)
