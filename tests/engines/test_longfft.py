from math import log2

import numpy as np
import pytest
from scipy.fft import rfft
from tolerance import tolerance

from gausscheck.engines.longfft import factors, long_rfft
from gausscheck.engines.numba import LONG_ROW, NumbaEngine
from gausscheck.engines.numpy import NumpyEngine

# Even and odd in both factors; n2 below, at and beyond whole tiles and whole turns; squares and not.
SIZES = [4, 6, 9, 12, 16, 45 * 45, 63 * 64, 64 * 65, 128 * 130, 7 * 11 * 13 * 15, 4096 * 9]


def transform(x, split, threads=1):
    out = np.full(x.size // 2 + 1, np.nan, np.result_type(x.dtype, np.complex64))
    long_rfft(x, split, out, workers=threads, share=NumbaEngine(threads)._share)
    return out


@pytest.mark.parametrize(
    ("n", "expected"),
    [(2**24, (4096, 4096)), (2**21, (1024, 2048)), (2 * 64, (8, 16)), (2**13 - 1, None), (2 * 8191, None)],
)
def test_factors_are_near_each_other_or_none(n, expected):
    assert factors(n) == expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("turned", [False, True])
def test_it_is_the_real_fourier_transform(n, dtype, turned):
    x = np.random.default_rng(n).standard_normal(n).astype(dtype)
    split = factors(n)
    got = transform(x, split[::-1] if turned else split)
    expected = rfft(x.astype(np.float64))
    # Forward error of a fast Fourier transform in the 2-norm: log2(n) roundings.
    bound = log2(n) * np.finfo(dtype).eps * np.linalg.norm(expected)
    assert np.linalg.norm(got - expected) <= bound


@pytest.fixture(scope="module")
def long_rows():
    return np.random.default_rng(5).standard_normal((2, LONG_ROW + 1024), dtype=np.float32)


def test_long_rows_have_the_spectrum_of_the_plain_engine(long_rows):
    got, oracle = NumbaEngine(2).power_spectrum(long_rows), NumpyEngine().power_spectrum(long_rows)
    # Two transforms, each with its own roundings; those of an ordinate average out over a row.
    bound = 2 * tolerance("power_spectrum", dtype="float32", n=long_rows.shape[1])
    assert np.max(np.abs(got - oracle)) <= bound


def test_threads_do_not_change_a_bit_of_long_rows(long_rows):
    one, three = NumbaEngine(1), NumbaEngine(3)
    np.testing.assert_array_equal(one.power_spectrum(long_rows), three.power_spectrum(long_rows))


def test_a_long_row_of_prime_length_is_transformed_whole():
    x = np.random.default_rng(6).standard_normal((1, 1048583), dtype=np.float32)
    assert factors(x.shape[1]) is None
    np.testing.assert_allclose(
        NumbaEngine().power_spectrum(x), NumpyEngine().power_spectrum(x), rtol=1e-6, atol=0
    )


def test_long_hostile_rows():
    x = np.ones((3, LONG_ROW), np.float32)
    x[0, 7], x[1, 7] = np.nan, np.inf
    x[2] *= 1e30  # the squares leave the range of float32, the transform does not
    got, oracle = NumbaEngine().power_spectrum(x), NumpyEngine().power_spectrum(x)
    assert not np.isfinite(got[:2]).any()
    assert np.isfinite(got[2]) == np.isfinite(oracle[2])
