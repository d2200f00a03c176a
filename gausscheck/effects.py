"""How large a deviation is: quantities of the population with 95 % intervals, from power sums.

Intervals are normal approximations with the standard error of the sample itself (delta method), so that
they hold for the data as it is, not only near H0. They are too short for few values (kurtosis of normal
values: 82 % coverage at n = 64, 93 % at 1000) and for heavy tails. From order 5 on the powers that an
interval needs are not kept, and none is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.polynomial import polynomial

from gausscheck.finding import Effect
from gausscheck.gaussian import raw_moment

__all__ = [
    "correlation",
    "excess_kurtosis",
    "hermite_coefficient",
    "mean_shift",
    "moment_ratio",
    "of_order",
    "scale_ratio",
    "share",
    "skewness",
    "with_interval",
]

_Z95 = 1.959963984540054


def with_interval(name: str, value: float, standard_error: float) -> Effect:
    """An effect with the 95 % interval of a normal estimate."""
    half = _Z95 * standard_error
    return Effect(name, value, value - half, value + half)


def correlation(name: str, r: float, n: int) -> Effect:
    """Uncentred correlation of two rows of n values, with the interval of Fisher's z = artanh r."""
    z, half = math.atanh(r), _Z95 / math.sqrt(max(n - 2, 1))
    return Effect(name, r, math.tanh(z - half), math.tanh(z + half))


def share(name: str, count: int, of: int) -> Effect:
    """Share of things that are so, with Wilson's interval (1927, J. Am. Stat. Assoc. 22, 209)."""
    p, square = count / of, _Z95**2 / of
    middle = (p + square / 2) / (1 + square)
    half = math.sqrt(p * (1 - p) * square + square * square / 4) / (1 + square)
    return Effect(name, p, max(middle - half, 0.0), min(middle + half, 1.0))


def _standardised(m: list[float]) -> list[float]:
    """E z^k for k = 0..8 of the standardised values, from raw moments m[0..8]."""
    mean = m[1]
    spread = math.sqrt(max(m[2] - mean * mean, 0.0))
    if not (spread > 0 and math.isfinite(spread)):
        return [math.nan] * 9
    central = [math.fsum(math.comb(k, j) * m[j] * (-mean) ** (k - j) for j in range(k + 1)) for k in range(9)]
    return [c / spread**k for k, c in enumerate(central)]


def _variance(influence: list[float], z: list[float]) -> float:
    """Variance of a polynomial of z with mean zero."""
    square = polynomial.polymul(influence, influence)
    return max(float(np.dot(square, z[: len(square)])), 0.0)


def mean_shift(n: int, m: list[float]) -> Effect:
    """Mean of the population."""
    return with_interval("mean", m[1], math.sqrt(max(m[2] - m[1] ** 2, 0.0) / n))


def scale_ratio(n: int, m: list[float]) -> Effect:
    """Root mean square of the population, 1 for N(0, 1)."""
    scale = math.sqrt(m[2])
    error = math.sqrt(max(m[4] - m[2] ** 2, 0.0) / n)
    return with_interval("scale", scale, error / (2 * scale) if scale > 0 else 0.0)


def skewness(n: int, m: list[float]) -> Effect:
    """Third standardised moment, 0 for a normal law."""
    z = _standardised(m)
    g = z[3]
    return with_interval("skewness", g, math.sqrt(_variance([0.5 * g, -3.0, -1.5 * g, 1.0], z) / n))


def excess_kurtosis(n: int, m: list[float]) -> Effect:
    """Fourth standardised moment less 3, 0 for a normal law."""
    z = _standardised(m)
    k = z[4]
    error = math.sqrt(_variance([k, -4 * z[3], -2 * k, 0.0, 1.0], z) / n)
    return with_interval("excess kurtosis", k - 3, error)


def moment_ratio(order: int, m: list[float]) -> Effect:
    """E x^order over the size it has for N(0, 1): the moment itself (even), its root variance (odd)."""
    unit = raw_moment(order) if order % 2 == 0 else math.sqrt(raw_moment(2 * order))
    return Effect(f"moment {order} ratio", m[order] / unit, math.nan, math.nan)


def hermite_coefficient(order: int, value: float) -> Effect:
    """E He_order(x)/√order!, 0 for N(0, 1)."""
    return Effect(f"Hermite coefficient {order}", value, math.nan, math.nan)


_BY_ORDER: dict[int, Callable[[int, list[float]], Effect]] = {
    1: mean_shift,
    2: scale_ratio,
    3: skewness,
    4: excess_kurtosis,
}


def of_order(order: int, n: int, sums: tuple[float, ...], value: float, *, hermite: bool) -> Effect:
    """Effect that a moment or Hermite mean of some order speaks of.

    Parameters
    ----------
    order : int
    n : int
        Number of values.
    sums : tuple of float
        Their power sums of order 1..8, in units of the reference scale.
    value : float
        The Hermite mean itself (used from order 5 on).
    """
    m = [1.0, *(s / n for s in sums)]
    # Powers that leave the range of doubles at either end carry no interval.
    with np.errstate(all="ignore"):
        try:
            if order in _BY_ORDER:
                return _BY_ORDER[order](n, m)
            if hermite:
                return hermite_coefficient(order, value)
            return moment_ratio(order, m)
        except (OverflowError, ValueError, ZeroDivisionError):
            return Effect("size", math.nan, math.nan, math.nan)
