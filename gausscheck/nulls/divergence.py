r"""Nulls of ``v - 1 - log v``, v a multiple of a chi-square variable: the KL loss and the norm loss, exact.

With ``b v ~ Gamma(a)`` and the signed root ``eta``, ``eta^2/2 = v - 1 - log v``, the law of ``w = log v`` is

.. math:: f(\eta)\,d\eta = \frac{b^a e^{-b}}{\Gamma(a)}\; e^{-b \eta^2/2 + (a - b) w}\,
          \frac{dw}{d\eta}\, d\eta , \qquad \frac{dw}{d\eta} = \frac{\eta}{e^w - 1} ,

nearly normal, without cancellation for any a (the substitution of Temme's expansion).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, gammaln, log_ndtr, polygamma, psi

from gausscheck.errors import ArgumentError
from gausscheck.nulls.base import LOG_TWO, Grade, Null
from gausscheck.nulls.chi_square import ChiSquareMeanNull

__all__ = ["KLNull", "NormNull"]

_NODES = 128
# From this size on the differences of digamma functions come from their asymptotic series.
_LARGE = 500.0


class _LogGamma:
    """Law of eta for ``b v ~ Gamma(a)``, ``a = b + 1/2`` or ``b - 1/2``."""

    def __init__(self, a: float, b: float) -> None:
        self.a, self.b = a, b
        self.square = ChiSquareMeanNull(round(2 * a))
        if a < 1e6:
            self.log_front = a * math.log(b) - b - float(gammaln(a))
        else:
            # Stirling: a log b - b - log Gamma(a) without its large equal parts.
            self.log_front = (
                -a * math.log1p((a - b) / b) + (a - b) + 0.5 * math.log(a / (2 * math.pi)) - 1 / (12 * a)
            )
        if b < _LARGE:
            self.mean_log = float(psi(a)) - math.log(b)
            self.excess = float(polygamma(1, a)) - 1 / b
        else:
            # psi(b + 1/2) = log b + 1/(24 b^2) - …, psi'(b + 1/2) = 1/b - 1/(12 b^3) + …
            step = 0.0 if a > b else 1 / a
            self.mean_log = 1 / (24 * b**2) - step
            self.excess = step**2 - 1 / (12 * b**3)

    @staticmethod
    def log_value(eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """W with ``e^w - 1 - w = eta^2 / 2`` and the sign of eta, by Newton's method."""
        half = eta * eta / 2
        w = np.where(eta > 0, np.log1p(np.abs(eta) + half), np.where(eta > -1, eta - half / 3, -1 - half))
        with np.errstate(invalid="ignore", divide="ignore"):
            for _ in range(8):
                slope = np.expm1(w)
                w = w - np.where(slope == 0, 0.0, (slope - w - half) / slope)
        return np.where(np.abs(eta) < 2e-3, eta - half / 3 + eta**3 / 36, w)

    def log_density(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log of the density of eta."""
        w = self.log_value(eta)
        small = np.abs(eta) < 2e-3
        series = 1 - eta / 3 + eta**2 / 12 - 2 * eta**3 / 135
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = np.where(small, series, eta / np.expm1(w))
        return self.log_front - self.b * eta**2 / 2 + (self.a - self.b) * w + np.log(slope)

    def log_outside(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log of the probability of a root beyond ``-eta`` or ``eta``."""
        scale = self.b / self.a
        upper = self.square.logsf(scale * np.exp(self.log_value(eta)))
        lower = self.square.logcdf(scale * np.exp(self.log_value(-eta)))
        return np.logaddexp(upper, lower)


class _DivergenceNull(Null):
    grade = Grade.EXACT
    _law: _LogGamma
    _unit: float

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T > t), elementwise."""
        t, inside = self._scaled(t)
        return np.where(np.isnan(t), math.nan, np.where(t > 0, self._upper(inside), 0.0))

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T < t), elementwise."""
        t, inside = self._scaled(t)
        upper = self._upper(inside)
        with np.errstate(divide="ignore"):
            tail = np.where(upper < -LOG_TWO, np.log1p(-np.exp(np.minimum(upper, 0.0))), self._lower(inside))
        return np.where(np.isnan(t), math.nan, np.where(t > 0, tail, -math.inf))

    def _scaled(self, t: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """`t` in units of ``v - 1 - log v``, and the same with what is not positive replaced."""
        t = np.asarray(t, dtype=np.float64) / self._unit
        return t, np.where(t > 0, np.minimum(t, 300.0), 1.0)

    def _nodes(
        self, t: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Angles theta, log densities at ``eta = sqrt(2 t) sin(theta)`` and log weights, one row a value."""
        x, weight = leggauss(_NODES)
        angle = 0.5 * math.pi * x
        radius = np.sqrt(2 * t)[..., None]
        log_weight = np.log(0.5 * math.pi * weight * np.cos(angle)) + np.log(radius)
        return angle, self._law.log_density(radius * np.sin(angle)), log_weight

    def _upper(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        raise NotImplementedError

    def _lower(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        raise NotImplementedError


class NormNull(_DivergenceNull):
    r"""Law of ``r^2/2 - (d-1) log r`` less its minimum, ``r^2 ~ chi^2_d``.

    That is ``b (v - 1 - log v)`` with ``b = (d - 1)/2`` and ``v = r^2/(d - 1)``; as d grows, ``chi^2_1 / 2``.

    Parameters
    ----------
    n : int
        d, at least 2.
    """

    def __init__(self, n: int) -> None:
        if n < 2:
            msg = f"the norm loss needs at least two values, got n = {n}"
            raise ArgumentError(msg)
        self.n = int(n)
        self._unit = (n - 1) / 2
        self._law = _LogGamma(n / 2, self._unit)

    @property
    def mean(self) -> float:
        """``1/2 - b E[log v]``, nearly 1/2."""
        return 0.5 - self._unit * self._law.mean_log

    @property
    def std(self) -> float:
        """``sqrt(b^2 (psi'(a) - 1/b) + 1/2)``, nearly 1/sqrt(2)."""
        return math.sqrt(0.5 + self._unit**2 * self._law.excess)

    def _upper(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._law.log_outside(np.sqrt(2 * t))

    def _lower(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        _, density, weight = self._nodes(t)
        return np.logaddexp.reduce(density + weight, axis=-1)


class KLNull(_DivergenceNull):
    r"""Law of ``v + m^2 - 1 - log v``, m the mean and v the population variance of n values.

    By quadrature over the independent ``m ~ N(0, 1/n)`` and ``n v ~ chi^2_{n-1}``; as n grows,
    ``chi^2_2 / n``.

    Parameters
    ----------
    n : int
        At least 3.
    """

    def __init__(self, n: int) -> None:
        if n < 3:
            msg = f"the KL loss needs at least three values, got n = {n}"
            raise ArgumentError(msg)
        self.n = int(n)
        self._unit = 1.0
        self._law = _LogGamma((n - 1) / 2, n / 2)

    @property
    def mean(self) -> float:
        """``log(n/2) - psi((n-1)/2)``, nearly 2/n."""
        return -self._law.mean_log

    @property
    def std(self) -> float:
        """``sqrt(psi'((n-1)/2) - 2/n)``, nearly 2/n."""
        return math.sqrt(self._law.excess)

    def _upper(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        angle, density, weight = self._nodes(t)
        mean = LOG_TWO + log_ndtr(-np.sqrt(self.n * t)[..., None] * np.cos(angle))
        inside = np.logaddexp.reduce(density + weight + mean, axis=-1)
        return np.minimum(np.logaddexp(inside, self._law.log_outside(np.sqrt(2 * t))), 0.0)

    def _lower(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        angle, density, weight = self._nodes(t)
        mean = np.log(erf(np.sqrt(self.n * t / 2)[..., None] * np.cos(angle)))
        return np.logaddexp.reduce(density + weight + mean, axis=-1)
