"""Facts about the standard normal distribution: moments, Hermite polynomials, density, tails, quantile."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import factorial, log, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gausscheck.errors import ArgumentError

__all__ = [
    "hermite_coefficients",
    "hermite_moment",
    "hermite_norm",
    "log_density",
    "log_lower_tail",
    "log_upper_tail",
    "power_covariance",
    "power_variance",
    "quantile",
    "raw_moment",
]

LOG_SQRT_TWO_PI = 0.5 * log(2.0 * pi)


def _checked_order(k: int) -> int:
    if not isinstance(k, (int, np.integer)) or k < 0:
        msg = f"order {k!r} is not a non-negative integer"
        raise ArgumentError(msg)
    return int(k)


@lru_cache(maxsize=256)
def raw_moment(k: int) -> int:
    """Exact moment ``E x**k`` of x ~ N(0, 1): ``(k - 1)!!`` for even k, 0 for odd k.

    Parameters
    ----------
    k : int
        Order, at least 0.

    Returns
    -------
    int
        1, 0, 1, 0, 3, 0, 15, 0, 105 …

    Raises
    ------
    ArgumentError
        If `k` is negative or no integer.
    """
    k = _checked_order(k)
    if k % 2:
        return 0
    return factorial(k) // (2 ** (k // 2) * factorial(k // 2))


def power_covariance(i: int, j: int) -> int:
    """Exact covariance ``Cov(x**i, x**j) = mu_{i+j} - mu_i mu_j`` under N(0, 1)."""
    return raw_moment(i + j) - raw_moment(i) * raw_moment(j)


def power_variance(k: int) -> int:
    """Exact variance of ``x**k`` under N(0, 1): ``mu_{2k} - mu_k**2``."""
    return power_covariance(k, k)


def hermite_norm(k: int) -> float:
    """Norm ``sqrt(k!)`` of the probabilists' Hermite polynomial He_k under N(0, 1)."""
    return sqrt(factorial(_checked_order(k)))


@lru_cache(maxsize=64)
def _integer_coefficients(k: int) -> tuple[int, ...]:
    """Coefficients of He_k in ascending powers, by ``He_{k+1} = x He_k - k He_{k-1}``."""
    previous, current = [0], [1]
    for j in range(k):
        following = [0, *current]
        for power, coefficient in enumerate(previous):
            following[power] -= j * coefficient
        previous, current = current, following
    return tuple(current)


@lru_cache(maxsize=64)
def hermite_coefficients(k: int) -> NDArray[np.float64]:
    """Coefficients of ``He_k(x) / sqrt(k!)`` in ascending powers of x.

    Parameters
    ----------
    k : int
        Order, at least 0.

    Returns
    -------
    numpy.ndarray
        Read-only, shape ``(k + 1,)``. These polynomials are orthonormal under N(0, 1).
    """
    exact = _integer_coefficients(_checked_order(k))
    coefficients = np.array(exact, dtype=np.float64) / hermite_norm(k)
    coefficients.flags.writeable = False
    return coefficients


@lru_cache(maxsize=256)
def hermite_moment(k: int, order: int) -> float:
    """Moment ``E (He_k(x) / sqrt(k!))**order`` under N(0, 1), summed in exact integers and rounded once.

    Parameters
    ----------
    k : int
        Order of the polynomial.
    order : int
        Order of the moment: 1 gives 0 (for k > 0), 2 gives 1.

    Returns
    -------
    float
        ``sum_p a_p mu_p / (k!)**(order / 2)`` where ``He_k**order = sum_p a_p x**p``.
    """
    power = [1]
    base = _integer_coefficients(_checked_order(k))
    for _ in range(_checked_order(order)):
        product = [0] * (len(power) + len(base) - 1)
        for i, a in enumerate(power):
            for j, b in enumerate(base):
                product[i + j] += a * b
        power = product
    total = sum(a * raw_moment(p) for p, a in enumerate(power))
    half, odd = divmod(order, 2)
    return float(Fraction(total, factorial(k) ** half)) / (hermite_norm(k) if odd else 1.0)


def log_density(x: ArrayLike) -> NDArray[np.float64]:
    """Natural logarithm of the N(0, 1) density, elementwise."""
    x = np.asarray(x, dtype=np.float64)
    density: NDArray[np.float64] = -0.5 * x * x - LOG_SQRT_TWO_PI
    return density


def log_lower_tail(x: ArrayLike) -> NDArray[np.float64]:
    """``log P(X < x)``, elementwise, accurate in both tails (scipy.special.log_ndtr)."""
    from scipy.special import log_ndtr

    tail: Any = log_ndtr(np.asarray(x, dtype=np.float64))
    return np.asarray(tail, dtype=np.float64)


def log_upper_tail(x: ArrayLike) -> NDArray[np.float64]:
    """``log P(X > x) = log P(X < -x)``, elementwise, accurate in both tails."""
    return log_lower_tail(-np.asarray(x, dtype=np.float64))


def quantile(p: ArrayLike) -> NDArray[np.float64]:
    """Value that a N(0, 1) variable stays below with probability `p`, elementwise (scipy.special.ndtri)."""
    from scipy.special import ndtri

    value: Any = ndtri(np.asarray(p, dtype=np.float64))
    return np.asarray(value, dtype=np.float64)
