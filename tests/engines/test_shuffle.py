"""The shuffle is a uniform permutation, the same in every engine.

False-alarm rate of each test below: 1e-8, by the chi-square law of its counts under uniform permutations.
"""

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import chi2

from gausscheck.engines.numba import NumbaEngine
from gausscheck.engines.numpy import NumpyEngine, draws
from gausscheck.errors import ArgumentError

ENGINE = NumbaEngine(2)
ALARM = 1e-8


def keys_of(kind, n):
    """Random keys, and the worst ones: consecutive integers."""
    if kind == "random":
        return np.random.default_rng(17).integers(0, 2**64, n, dtype=np.uint64)
    return np.arange(n, dtype=np.uint64)


def shuffled(shuffle, keys, size):
    x = np.tile(np.arange(size, dtype=np.float32), (len(keys), 1))
    shuffle(x, keys)
    return x.astype(np.int64)


def check_all_orders(shuffle, keys):
    """All 5! orders equally often: chi-square with 119 degrees of freedom."""
    x = shuffled(shuffle, keys, 5)
    code = x @ 5 ** np.arange(5)
    orders = np.array(list(permutations(range(5)))) @ 5 ** np.arange(5)
    count = np.array([np.sum(code == order) for order in orders])
    assert count.sum() == len(keys)
    expected = len(keys) / 120
    assert chi2.sf(np.sum((count - expected) ** 2) / expected, 119) > ALARM


def check_places(shuffle, keys, size):
    """Each value equally often at each place.

    The counts are sums of N permutation matrices, so (D-1)/N sum (count - N/D)² is chi-square with (D-1)²
    degrees of freedom.
    """
    x = shuffled(shuffle, keys, size)
    count = np.bincount((x * size + np.arange(size)).ravel(), minlength=size * size)
    statistic = (size - 1) / len(keys) * np.sum((count - len(keys) / size) ** 2)
    assert chi2.sf(statistic, (size - 1) ** 2) > ALARM


def check_pairs(shuffle, keys, size, first, second):
    """Values at two places: all ordered pairs equally often."""
    x = shuffled(shuffle, keys, size)
    count = np.bincount(x[:, first] * size + x[:, second], minlength=size * size).reshape(size, size)
    assert np.trace(count) == 0
    cells = size * (size - 1)
    off = count[~np.eye(size, dtype=bool)]
    expected = len(keys) / cells
    assert chi2.sf(np.sum((off - expected) ** 2) / expected, cells - 1) > ALARM


@pytest.mark.parametrize("kind", ["random", "consecutive"])
def test_all_orders_of_five(kind):
    check_all_orders(ENGINE.shuffle, keys_of(kind, 240_000))


@pytest.mark.parametrize("kind", ["random", "consecutive"])
@pytest.mark.parametrize(("size", "n"), [(64, 40_000), (1000, 10_000)])
def test_all_places(size, n, kind):
    check_places(ENGINE.shuffle, keys_of(kind, n), size)


@pytest.mark.parametrize("places", [(0, 1), (0, 63), (30, 31), (62, 63)])
def test_pairs_of_places(places):
    check_pairs(ENGINE.shuffle, keys_of("consecutive", 100_000), 64, *places)


def naive(x, keys):
    """Planted fault: exchanges with any place at every step, not with those before."""
    draw = np.random.default_rng(1).integers(0, x.shape[1], size=x.shape)
    rows = np.arange(x.shape[0])
    for i in range(x.shape[1]):
        j = draw[:, i]
        held = x[rows, j]
        x[rows, j] = x[:, i]
        x[:, i] = held


def buckets_only(x, keys):
    """Planted fault: scatters stably into buckets and leaves the order inside them."""
    bucket = np.random.default_rng(1).integers(0, 8, size=x.shape)
    x[:] = np.take_along_axis(x, np.argsort(bucket, axis=1, kind="stable"), axis=1)


def test_the_tests_catch_a_biased_shuffle():
    keys = keys_of("consecutive", 40_000)
    for fault in (naive, buckets_only):
        with pytest.raises(AssertionError):
            check_all_orders(fault, keys)
        with pytest.raises(AssertionError):
            check_places(fault, keys, 64)
    with pytest.raises(AssertionError):
        check_pairs(buckets_only, keys, 64, 30, 31)


def test_draws_are_in_range_and_exact():
    # the definition in Python's integers
    mask, golden = 2**64 - 1, 0x9E3779B97F4A7C15

    def mix(z):
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    # first outputs of SplitMix64 seeded with 1234567, as published with the generator
    assert [mix((1234567 + k * golden) & mask) for k in (1, 2)] == [6457827717110365317, 3203168211198807973]
    for key in (0, 1, 2**64 - 1):
        state = mix((key + golden) & mask)
        for start in (0, 1000, 2**32 - 5):
            bounds = range(start + 1, start + 6)
            expected = [(mix((state + bound * golden) & mask) * bound) >> 64 for bound in bounds]
            assert draws(key, start, start + 5).tolist() == expected
            assert all(j < bound for j, bound in zip(expected, bounds, strict=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (2, 1), (5, 2), (3, 511), (3, 512), (3, 513), (2, 70_000)])
def test_engines_make_the_same_permutation(host_engine, dtype, shape):
    x = np.random.default_rng(2).standard_normal(shape).astype(dtype)
    keys = keys_of("random", shape[0])
    got, expected = x.copy(), x.copy()
    host_engine.shuffle(got, keys)
    NumpyEngine().shuffle(expected, keys)
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(np.sort(got, axis=1), np.sort(x, axis=1))


def test_large_permutation_is_independent_of_threads():
    x = np.random.default_rng(2).standard_normal((3, 150_000)).astype(np.float32)
    one, two = x.copy(), x.copy()
    NumbaEngine(1).shuffle(one, keys_of("random", 3))
    NumbaEngine(2).shuffle(two, keys_of("random", 3))
    np.testing.assert_array_equal(one, two)
    # about D/e^0 · 1/D = 1 value in place is expected; 20 or more has probability below 1e-18 (Poisson)
    assert np.all(np.sum(one == x, axis=1) < 20)


def test_bits_travel_whole(engine):
    patterns = np.array([[0x7FC00001, 0xFFC12345, 0x7FA00001, 0x80000000, 1, 0x7F800000]], np.uint32)
    x = patterns.copy().view(np.float32)
    engine.shuffle(x, np.array([3], np.uint64))
    np.testing.assert_array_equal(np.sort(x.view(np.uint32)), np.sort(patterns))


def test_rows_of_any_strides(host_engine):
    base = np.random.default_rng(2).standard_normal((4, 60))
    view, expected = base[:, ::3], base[:, ::3].copy()
    host_engine.shuffle(view, keys_of("random", 4))
    NumpyEngine().shuffle(expected, keys_of("random", 4))
    np.testing.assert_array_equal(base[:, ::3], expected)


def test_shuffle_checks_its_arguments(host_engine):
    keys = np.zeros(2, np.uint64)
    locked = np.zeros((2, 3))
    locked.flags.writeable = False
    for x, key, word in (
        (locked, keys, "read-only"),
        (np.zeros((2, 3)), keys[:1], "key"),
        (np.zeros((2, 3)), np.zeros(2, np.int64), "key"),
        (np.zeros((2, 3), np.float16), keys, "float16"),
        (np.zeros(3), keys, "shape"),
    ):
        with pytest.raises(ArgumentError, match=word):
            host_engine.shuffle(x, key)
