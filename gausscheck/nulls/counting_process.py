r"""Chance that counts of n iid uniform values stay within bounds at given times: exact, both tails in logs.

``N(t)``, the number of values up to t, is a Poisson process of rate n given ``N(1) = n``. Going from one time
to the next is a convolution of non-negative numbers, and a path that leaves the bounds is booked where it
first does, with its chance to end at n all the same:

.. math:: P(\text{leaves}) = \sum_i \sum_{k \notin [l_i, h_i]} P(\text{first outside at } t_i, N(t_i) = k) \,
          \frac{P(N(1) - N(t_i) = n - k)}{P(N(1) = n)} .

Every sum has non-negative terms, so that each tail has its own relative accuracy: about 1e-12 at n = 2,000.
After Noé (1972, Ann. Math. Stat. 43, 58) and Khmaladze and Shinjikashvili (2001, Adv. Appl. Prob. 33, 431).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from gausscheck.nulls.smirnov import log_sum

__all__ = ["log_both", "log_inside"]


class _Walk:
    """Distribution of the count over the bounds of the last time, and what has left them so far."""

    def __init__(self, n: int) -> None:
        self._log_factorial = gammaln(np.arange(n + 1) + 1.0)
        self._n = n
        self._at_end = float(n * math.log(n) - n - self._log_factorial[n])
        self._first = 0
        self._weight = np.ones(1)
        self._log_scale = 0.0
        self.remaining = 1.0
        self.left: list[NDArray[np.float64]] = []

    def _log_poisson(self, k: NDArray[np.int64], mean: float) -> NDArray[np.float64]:
        if mean <= 0:
            return np.where(k == 0, 0.0, -math.inf)
        return k * math.log(mean) - mean - self._log_factorial[k]

    def step(self, t: float, low: int, high: int, *, book: bool) -> bool:
        """Go on to time t and keep what is within bounds; False once nothing is."""
        duration, self.remaining = self.remaining - (1.0 - t), 1.0 - t
        mean = self._n * max(duration, 0.0)
        # Tilts by large deviations reach far: no count is left out that could matter to either tail.
        reach = int(mean + 40 * math.sqrt(mean) + 60)
        k = np.arange(0, min(reach, self._n - self._first) + 1)
        kernel = np.exp(self._log_poisson(k, mean))
        spread = np.convolve(self._weight, kernel)[: self._n - self._first + 1]
        count = self._first + np.arange(spread.size)
        inside = slice(max(low - self._first, 0), max(high - self._first + 1, 0))
        if book:
            out = np.concatenate((spread[: inside.start], spread[inside.stop :]))
            where = np.concatenate((count[: inside.start], count[inside.stop :]))
            heard = out > 0
            ending = self._log_poisson(self._n - where[heard], self._n * self.remaining)
            self.left.append(np.log(out[heard]) + ending + self._log_scale - self._at_end)
        self._weight = spread[inside]
        self._first += inside.start
        total = float(self._weight.sum())
        if not total > 0:
            return False
        self._weight = self._weight / total
        self._log_scale += math.log(total)
        return True

    def stayed(self) -> float:
        """Log of the chance to have stayed, given the end."""
        rest = self._n - (self._first + np.arange(self._weight.size))
        with np.errstate(divide="ignore"):
            # After the last time anything may follow.
            ending = self._log_poisson(rest, self._n * self.remaining) + np.log(self._weight)
        return min(0.0, log_sum(ending) + self._log_scale - self._at_end)


def _walked(
    n: int, times: NDArray[np.float64], low: NDArray[np.int64], high: NDArray[np.int64], *, book: bool
) -> tuple[_Walk, bool]:
    low = np.maximum(np.maximum.accumulate(low), 0)
    high = np.minimum(np.minimum.accumulate(high[::-1])[::-1], n)
    walk = _Walk(n)
    if np.any(low > high):
        return walk, False
    for t, least, most in zip(times.tolist(), low.tolist(), high.tolist(), strict=True):
        if not walk.step(t, least, most, book=book):
            return walk, False
    return walk, True


def log_inside(n: int, times: NDArray[np.float64], low: NDArray[np.int64], high: NDArray[np.int64]) -> float:
    """Log of P(low[i] <= N(times[i]) <= high[i] for all i).

    Parameters
    ----------
    n : int
        Number of values, at most some thousands.
    times : numpy.ndarray
        Ascending, within [0, 1].
    low, high : numpy.ndarray of int
        Bounds; as counts never fall, each holds for later and earlier times too.
    """
    walk, alive = _walked(n, times, low, high, book=False)
    return walk.stayed() if alive else -math.inf


def log_both(
    n: int, times: NDArray[np.float64], low: NDArray[np.int64], high: NDArray[np.int64]
) -> tuple[float, float]:
    """:func:`log_inside` and the log of the contrary, to about -700, each with its own accuracy."""
    walk, alive = _walked(n, times, low, high, book=True)
    inside = walk.stayed() if alive else -math.inf
    if not walk.left:
        # Without times nothing is asked; with bounds that cross nothing is possible.
        return inside, -math.inf if alive else 0.0
    return inside, min(0.0, log_sum(np.concatenate(walk.left)))
