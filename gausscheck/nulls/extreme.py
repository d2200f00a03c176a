"""Null of the largest magnitude of n independent N(0, scale²) values, rounded to a lattice or not."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, ndtri

from gausscheck.errors import ArgumentError
from gausscheck.gaussian import log_upper_tail
from gausscheck.lattice import Lattice
from gausscheck.nulls.base import LOG_TWO, Grade, Null

__all__ = ["MaxAbsNull", "max_abs_null"]

_ROOT_HALF = math.sqrt(0.5)
# Nodes of the quadrature in log(-log F): beyond, the weight exp(s - e^s) is below 1e-18.
_NODES = np.linspace(-42.0, 4.0, 921)
_REACHED = 38.0  # deviations beyond which doubles know no probability


class MaxAbsNull(Null):
    r"""Law of :math:`T = \max_i |x_i|` in units of the data, x ~ N(0, scale²).

    .. math:: P(T < t) = (1 - 2 Q(t/\mathrm{scale}))^n

    with Q the upper tail of N(0, 1). On a lattice T is a point of it. Tails then include the point asked for:
    ``logsf(t)`` is log P(T >= t), with the edge of the rounding cell below t in the place of t; ``logcdf(t)``
    is log P(T <= t), with the edge above.

    Parameters
    ----------
    n : int
        Number of values, at least 1.
    lattice : str or None
        Lattice that they were rounded to.
    scale : float
        Standard deviation before rounding.
    """

    grade = Grade.EXACT

    def __init__(self, n: int, lattice: str | None = None, scale: float = 1.0) -> None:
        if n < 1:
            msg = f"the largest of n values needs at least one value, got n = {n}"
            raise ArgumentError(msg)
        if not (np.isfinite(scale) and scale > 0):
            msg = f"scale {scale!r} is not a positive number"
            raise ArgumentError(msg)
        self.n, self.scale = int(n), float(scale)
        self._half = None if lattice is None else _half(lattice)
        mean, std = _mean_and_std(self.n) if self._half is None else self._by_points(self._half[0])
        self._mean, self._std = mean * self.scale, std * self.scale

    @property
    def mean(self) -> float:
        """Expected largest magnitude, by quadrature or as a sum over the lattice."""
        return self._mean

    @property
    def std(self) -> float:
        """Standard deviation of the largest magnitude, likewise."""
        return self._std

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T > t), on a lattice of P(T >= t), elementwise."""
        z, _ = self._cell(t)
        return _log_some_beyond(z, self.n)

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T < t), on a lattice of P(T <= t), elementwise."""
        _, z = self._cell(t)
        return -self.n * _minus_log_within(z)

    def log_beyond(self, t: float) -> tuple[float, float]:
        """Log of ``P(|x| >= t)`` and of ``P(|x| > t)`` of one value."""
        low, high = self._cell(t)
        lower, upper = (min(LOG_TWO + float(log_upper_tail(z)), 0.0) for z in (low, high))
        return lower, upper

    def _cell(self, t: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where T >= t begins and T <= t ends before rounding, in deviations, not below 0."""
        t = np.asarray(t, dtype=np.float64)
        if self._half is None:
            with np.errstate(over="ignore"):
                z = np.maximum(t, 0.0) / self.scale
            return z, z
        points, edges = self._half
        at = np.searchsorted(points, t, "left"), np.searchsorted(points, t, "right")
        low, high = (np.where(np.isnan(t), np.nan, edges[i]) / self.scale for i in at)
        return low, high

    def _by_points(self, points: NDArray[np.float64]) -> tuple[float, float]:
        """Mean and standard deviation, in units of the scale."""
        reached = int(np.searchsorted(points, _REACHED * self.scale)) + 1
        v = points[:reached] / self.scale
        mass = np.diff(np.exp(self.logcdf(points[:reached])), prepend=0.0)
        mean = float(mass @ v)
        return mean, math.sqrt(float(mass @ (v - mean) ** 2))


@lru_cache(maxsize=64)
def max_abs_null(n: int, lattice: str | None, scale: float) -> MaxAbsNull:
    """:class:`MaxAbsNull` of these arguments, made once."""
    return MaxAbsNull(n, lattice, scale)


@lru_cache(maxsize=8)
def _half(lattice: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points from 0 on, and the lower edge of each, with infinity behind the last."""
    of = Lattice(lattice)
    zero = len(of.points) // 2
    return of.points[zero:], np.concatenate(([0.0], of.edges[zero:], [np.inf]))


def _minus_log_within(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """``-log(1 - 2 Q(z))`` for z >= 0: the logarithm of erf below 1, where that is not near 1."""
    with np.errstate(divide="ignore"):
        inner = -np.log(erf(np.minimum(z, 1.0) * _ROOT_HALF))
    outer = -np.log1p(-2.0 * np.exp(log_upper_tail(np.maximum(z, 1.0))))
    return np.where(z < 1.0, inner, outer) + 0.0


def _log_some_beyond(z: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """``log(1 - (1 - 2 Q(z))^n)``, where 2 Q(z) underflows ``log(2 n Q(z))``."""
    hazard = n * _minus_log_within(z)
    with np.errstate(divide="ignore"):
        log_p = np.log(-np.expm1(-hazard))
    return np.where(hazard < 1e-290, np.log(n) + LOG_TWO + log_upper_tail(z), log_p) + 0.0


@lru_cache(maxsize=64)
def _mean_and_std(n: int) -> tuple[float, float]:
    """Of the largest magnitude of n N(0, 1) values.

    ``E = -log P(T < T)`` is exponential: with ``s = log E`` moments of T are integrals of a smooth function
    times ``exp(s - e^s)``, which the trapezoidal rule takes to rounding.
    """
    tail = -0.5 * np.expm1(-np.exp(_NODES) / n)
    t = -ndtri(tail)
    weight = np.exp(_NODES - np.exp(_NODES))
    weight /= weight.sum()
    mean = float(weight @ t)
    return mean, math.sqrt(float(weight @ (t - mean) ** 2))
