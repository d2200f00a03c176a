r"""Exact null of the spectral flatness of white noise, by contour integration, both log tails.

With F independent sets of N ordinates that are exponential with a common mean,

.. math:: L = \sum_{f, k} \log \frac{I_{fk}}{\bar I_f} \le 0 , \qquad
          E e^{-u L} = \left[ \frac{\Gamma(1 - u)^N N^{-N u}\, \Gamma(N)}{\Gamma(N - N u)} \right]^F ,
          \quad u < 1

(Moran 1947, J. Royal Statist. Soc. B 9, 92). With the remainders r of Stirling's formula
(:mod:`gausscheck.nulls.log_gamma`) and ``w = 1 - u``

.. math:: K(u) = \log E e^{-u L} = F \Big[ {-\frac{N - 1}{2}} \log w + N (r(w) - r(1))
                 - (r(N w) - r(N)) \Big]

where nothing large cancels; near u = 0, where many ordinates put the saddle, its power series serves,
``F sum_k u^k [N zeta(k) - N^k zeta(k, N)] / k``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, polygamma, psi, zeta

from gausscheck.errors import ArgumentError
from gausscheck.nulls.base import Grade, Null
from gausscheck.nulls.log_gamma import first_slope, remainder, remainder_slopes

__all__ = ["FlatnessNull"]

_STEP, _REACH = 0.04, 14.0
_BISECTIONS = 26
_SILENT = -80.0
# Within this distance of 0 the series of 40 terms leaves 1e-20.
_RADIUS = 0.3
_TERMS = 40
# From here on N^k zeta(k, N) comes from the Euler-Maclaurin formula; its neglected term is below 1e-17.
_MANY = 3000
# Beyond these -L the tails are a power of it, and its exponential.
_LOWEST, _HIGHEST = 1e-40, 1e40


def _scaled_zeta(k: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """``n^k zeta(k, n)``, zeta of Hurwitz: ``n/(k - 1) + 1/2 + k/(12 n) - …``."""
    if n < _MANY:
        return np.asarray(np.exp(k * math.log(n) + np.log(zeta(k, n))))
    return np.asarray(n / (k - 1) + 0.5 + k / (12 * n) - k * (k + 1) * (k + 2) / (720 * float(n) ** 3))


class FlatnessNull(Null):
    """Law of ``sum log(I / mean I)`` over N ordinates, summed over F independent fields.

    Parameters
    ----------
    bins : int
        N, at least 2.
    fields : int
        F, at least 1.

    Notes
    -----
    Relative error of either tail below 1e-10 against 30 digits, from 1 down to 1e-200, and 1e-8 for 3e10
    ordinates, of whose sum a double holds no more. Finite for every value that a double holds.
    """

    grade = Grade.EXACT

    def __init__(self, bins: int, fields: int = 1) -> None:
        if bins < 2 or fields < 1:
            msg = f"flatness needs at least 2 ordinates in at least 1 field, got {bins} in {fields}"
            raise ArgumentError(msg)
        self.bins, self.fields = int(bins), int(fields)
        n, f = self.bins, self.fields
        # psi(N) - log N from its series, where it is small
        self._depth = f * n * (np.euler_gamma + float(psi(n)) - math.log(n))
        self._variance = f * n * (math.pi**2 / 6 - n * float(polygamma(1, n)))
        k = np.arange(2, _TERMS + 1)
        self._series = np.concatenate([[0.0, 0.0], f * (n * zeta(k) - _scaled_zeta(k, n)) / k])
        self._at_one = complex(remainder(np.array([1.0 + 0j]))[0])
        self._at_n = complex(remainder(np.array([n + 0j]))[0])

    @property
    def mean(self) -> float:
        """``-F N (gamma + psi(N) - log N)``, nearly -0.577 a bin."""
        return -self._depth

    @property
    def std(self) -> float:
        """``sqrt(F N (pi^2/6 - N psi'(N)))``, nearly 0.803 for the root of each bin."""
        return math.sqrt(self._variance)

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(L > t), elementwise: spectra that are flatter."""
        return self._tail(t, deeper=False)

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(L < t), elementwise: spectra that are less flat."""
        return self._tail(t, deeper=True)

    def _tail(self, t: ArrayLike, *, deeper: bool) -> NDArray[np.float64]:
        """Tail of V = -L above (`deeper`) or below: by contour as seen from the mean, else its complement."""
        points = -np.asarray(t, np.float64)
        flat = points.ravel()
        result = np.where(flat > 0, -math.inf if deeper else 0.0, 0.0 if deeper else -math.inf)
        result = np.where(np.isnan(flat), math.nan, result)
        usable = (flat > 0) & np.isfinite(flat)
        for above in (True, False):
            chosen = usable & ((flat > self._depth) == above)
            if chosen.any():
                tail = self._seen_from_mean(flat[chosen], above=above)
                result[chosen] = tail if above == deeper else np.log1p(-np.exp(np.minimum(tail, -1e-16)))
        return result.reshape(points.shape)

    def _seen_from_mean(self, v: NDArray[np.float64], *, above: bool) -> NDArray[np.float64]:
        inside = np.clip(v, _LOWEST, _HIGHEST)
        power = 0.5 * self.fields * (self.bins - 1)
        beyond = inside - v if above else power * (np.log(v) - np.log(inside))
        return self._contour(inside, above=above) + beyond

    def _saddle(
        self, t: NDArray[np.float64], *, above: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Nearly where ``K(u) - u t - log|u|`` is lowest, on (0, 1) or below 0; also 1 - u."""
        n, f = self.bins, self.fields
        low, high = np.full(t.shape, -150.0), np.full(t.shape, 150.0)
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            u, w = self._place(middle, above=above)
            slope = f * ((n - 1) / (2 * w) - n * (first_slope(w) - first_slope(n * w)))
            rising = slope - t - 1 / u > 0
            low, high = np.where(rising == above, low, middle), np.where(rising == above, middle, high)
        return self._place(0.5 * (low + high), above=above)

    @staticmethod
    def _place(x: NDArray[np.float64], *, above: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if above:
            return np.asarray(expit(x)), np.asarray(expit(-x))
        return -np.exp(x), 1 + np.exp(x)

    def _curvature(self, w: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """K'' and K''' at real points ``u = 1 - w``."""
        n, f = self.bins, self.fields
        _, r2, r3 = remainder_slopes(w)
        _, q2, q3 = remainder_slopes(n * w)
        second = f * ((n - 1) / (2 * w**2) + n * (r2 - n * q2))
        return second, f * ((n - 1) / w**3 - n * (r3 - n * n * q3))

    def _exponent(
        self, u: NDArray[np.complex128], w: NDArray[np.complex128], t: NDArray[np.float64]
    ) -> NDArray[np.complex128]:
        """``K(u) - u t`` at complex points, one row a value; ``w = 1 - u`` is given apart for its digits."""
        value = np.empty(u.shape, np.complex128)
        t = np.broadcast_to(t[:, None], u.shape)
        near = np.abs(u) < _RADIUS
        centred = np.polynomial.polynomial.polyval(u[near], self._series)
        value[near] = centred - u[near] * (t[near] - self._depth)
        far = w[~near]
        n, f = self.bins, self.fields
        bulk = -0.5 * (n - 1) * np.log(far) + n * (remainder(far) - self._at_one)
        value[~near] = f * (bulk - (remainder(n * far) - self._at_n)) - u[~near] * t[~near]
        return value

    def _contour(self, t: NDArray[np.float64], *, above: bool) -> NDArray[np.float64]:
        """Integral of ``exp(K(u) - u t)/u`` over a parabola through the saddle, opened to the right."""
        c, rest = self._saddle(t, above=above)
        second, third = self._curvature(rest)
        width = 1 / np.sqrt(second + 1 / c**2)
        # The path of steepest descent of K(u) - u t, which leads around the poles at 1, 2, …
        bend = third / (6 * second)
        y = np.arange(0.0, _REACH, _STEP)
        x = width[:, None] * np.sinh(y)
        move = bend[:, None] * x**2 + 1j * x
        u, w = c[:, None] + move, rest[:, None] - move
        start = self._exponent(u[:, :1], w[:, :1], t).real
        exponent = self._exponent(u, w, t) - start
        # Where the integrand no longer counts, the path may have left the range of floats.
        ended = np.logical_or.accumulate(~(exponent.real > _SILENT), axis=1)
        exponent = np.where(ended, -np.inf, exponent)
        integrand = (np.exp(exponent) / u * (1 - 2j * bend[:, None] * x)).real * np.cosh(y)
        integrand[:, 0] *= 0.5
        total = integrand.sum(axis=1) * width * _STEP / math.pi
        total = total if above else -total
        return np.minimum(start[:, 0] + np.log(np.maximum(total, np.finfo(float).tiny)), 0.0)
