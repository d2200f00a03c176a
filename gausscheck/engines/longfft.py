r"""Fourier transform of one long row as two sets of short ones; importing this module imports Numba.

Beyond the cache, a transform of n values waits for memory at every step. With ``n = n1 n2``, values
``x[a n2 + b]`` as a matrix (n1, n2) and frequencies ``k = p + n1 q``,

.. math:: X_{p + n_1 q} = \sum_b e^{-2 \pi i b q / n_2} \; e^{-2 \pi i p b / n} \sum_a e^{-2 \pi i a p / n_1}
          x_{a n_2 + b} :

transforms of columns, factors, transforms of rows (Bailey, "FFTs in external or hierarchical memory", 1990).
All of them are short, fit the cache, and go to several threads. Real values need p = 0..n1/2 only; the rest
are their conjugates.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.engines.kernels import jit

__all__ = ["factors", "long_rfft"]

_TURN = 64  # factors are products of one of few coarse and one of so many fine turns
_TILE = 8  # frequencies of a row that are moved together: a cache line of complex64
_MOST_UNEVEN = 32

Share = Callable[[Callable[[int, int], Any], int, int], list[Any]]


@lru_cache(maxsize=64)
def factors(n: int) -> tuple[int, int] | None:
    """``(n1, n2)`` with ``n1 n2 = n`` as near to each other as can be; None if that is not near."""
    small = next(d for d in range(isqrt(n), 0, -1) if n % d == 0)
    return (small, n // small) if n // small <= _MOST_UNEVEN * small else None


def long_rfft(
    row: NDArray[Any], split: tuple[int, int], out: NDArray[Any], *, workers: int, share: Share
) -> None:
    """``out[:] = rfft(row)``, with as much memory again as `out` takes.

    Parameters
    ----------
    row : (n,) float32 or float64
    split : tuple of int
        As :func:`factors` gives it.
    out : (n // 2 + 1,) complex64 of float32 or complex128 of float64, C-contiguous
    workers : int
        Threads of the short transforms.
    share : callable
        ``(work, pieces, size)``: calls ``work(start, stop)`` on ranges that cover the pieces.
    """
    from scipy.fft import fft, rfft

    n1, n2 = split
    columns = rfft(row.reshape(n1, n2), axis=0, workers=workers)
    share(lambda start, stop: _turn(columns, row.size, start, stop), columns.shape[0], row.size)
    matrix = fft(columns, axis=1, workers=workers, overwrite_x=True)
    share(lambda start, stop: _unfold(matrix, n1, start, stop, out), -(-n2 // _TILE), row.size)


@jit()
def _turn(columns, n, start, stop):  # type: ignore[no-untyped-def]
    """Multiply rows p = `start` to `stop` by ``exp(-2 pi i p b / n)``, b their columns."""
    size = columns.shape[1]
    fine = np.empty(_TURN, np.complex128)
    for p in range(start, stop):
        row = columns[p]
        angle = -2.0 * np.pi * p / n
        for b in range(_TURN):
            fine[b] = complex(np.cos(angle * b), np.sin(angle * b))
        for begin in range(0, size, _TURN):
            coarse = complex(np.cos(angle * begin), np.sin(angle * begin))
            for b in range(begin, min(begin + _TURN, size)):
                row[b] *= coarse * fine[b - begin]


@jit()
def _unfold(matrix, n1, start, stop, out):  # type: ignore[no-untyped-def]
    """Put tiles `start` to `stop` of columns of the matrix X[p, q] where ``k = p + n1 q`` or ``n - k`` is."""
    n2 = matrix.shape[1]
    n = n1 * n2
    for begin in range(start * _TILE, stop * _TILE, _TILE):
        end = min(begin + _TILE, n2)
        for p in range(matrix.shape[0]):
            # These rows are their own mirror images: each frequency is in them twice.
            lone = p == 0 or 2 * p == n1
            for q in range(begin, end):
                k = p + n1 * q
                if 2 * k <= n:
                    out[k] = matrix[p, q]
                elif not lone:
                    out[n - k] = np.conj(matrix[p, q])
