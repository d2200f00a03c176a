r"""Exact null of a circular autocorrelation of white noise, by contour integration, both log tails.

For F fields of D values, pooled, ``rho = sum x_i x_{i+l} / sum x_i^2``. A lag of order m (the smallest m
with ``m l = 0`` along every axis) splits the values into D/m cycles, on which the circular shift has the
eigenvalues ``cos(2 pi j / m)``: ``P(rho > t) = P(Q > 0)``, ``Q = sum_k (cos theta_k - t) z_k^2``. With
``n = F D`` and the substitution ``s = beta / (1 - 2 t beta + beta^2)`` the moment generating function of Q is

.. math:: E e^{s Q} = (1 - 2 t \beta + \beta^2)^{n/2} (1 - \beta^m)^{-n/m}

and the line Re s = const becomes a path inside the unit circle between its points ``exp(-i phi)`` and
``exp(i phi)``, ``t = cos phi``:

.. math:: P(\rho > t) = \frac{1}{2 \pi i} \int (1 - 2 t \beta + \beta^2)^{n/2 - 1} (1 - \beta^m)^{-n/m}
          (1 - \beta^2) \frac{d\beta}{\beta}

through a saddle in (0, 1); minus the same through one in (-1, 0) is P(rho < t). Near the lower end of the
range of an odd m the saddle lies on the unit circle itself.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gausscheck.errors import ArgumentError
from gausscheck.nulls.base import Grade, Null

__all__ = ["LagProductNull"]

_BISECTIONS = 60
_STEP, _REACH = 0.04, 14.0
# So far out the integrand is below exp(-200) even for four values.
_SILENT = 200.0
# Below this, tails of odd orders are integrated over s itself.
_NEAR = -0.1


class LagProductNull(Null):
    """Law of a scale-free circular autocorrelation at one lag.

    Parameters
    ----------
    size : int
        Values in a field, D.
    order : int
        m, at least 2, a divisor of `size`: 2 where ``2 l = 0`` along every axis, which doubles the variance.
    fields : int
        F: numerators and denominators are summed over so many fields.

    Notes
    -----
    Relative error of either tail below 1e-12 + 4e-16 F D against the Beta laws of orders 2 and 3 down to
    1e-290, below 1e-9 against an inversion over the eigenvalues of other orders in 30 digits.
    """

    grade = Grade.EXACT

    def __init__(self, size: int, order: int, fields: int = 1) -> None:
        if order < 2 or size < order or size % order or fields < 1 or size * fields < 4:
            msg = (
                f"a lag of order m >= 2 needs m to divide the size of a field, and at least 4 values; got "
                f"order {order}, size {size}, {fields} fields"
            )
            raise ArgumentError(msg)
        self.size, self.order, self.fields = int(size), int(order), int(fields)
        self._n = self.size * self.fields
        self._cycles = self._n // self.order
        self._lowest = -math.cos(math.pi / self.order) if self.order % 2 else -1.0

    @property
    def mean(self) -> float:
        """Zero."""
        return 0.0

    @property
    def std(self) -> float:
        """``1/sqrt(F D + 2)``, times sqrt(2) for lags of order 2."""
        return math.sqrt((2 if self.order == 2 else 1) / (self._n + 2))

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(rho > t), elementwise."""
        return self._tail(t, upper=True)

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(rho < t), elementwise."""
        return self._tail(t, upper=False)

    def _tail(self, t: ArrayLike, *, upper: bool) -> NDArray[np.float64]:
        """Tail beyond t as seen from 0 by contour, the other one as its complement."""
        points = np.asarray(t, np.float64)
        flat = points.ravel()
        beyond = np.where(flat >= 1, -math.inf if upper else 0.0, 0.0 if upper else -math.inf)
        result = np.where(np.isnan(flat), math.nan, beyond)
        usable = (flat > self._lowest) & (flat < 1)
        for above in (True, False):
            chosen = np.flatnonzero(usable & ((flat > 0) == above))
            if chosen.size:
                tail = self._seen_from_zero(flat[chosen], above=above)
                result[chosen] = tail if above == upper else np.log1p(-np.exp(np.minimum(tail, -1e-16)))
        return result.reshape(points.shape)

    def _seen_from_zero(self, t: NDArray[np.float64], *, above: bool) -> NDArray[np.float64]:
        if above or self.order % 2 == 0:
            # The eigenvalues of an even order lie symmetrically.
            return self._contour(np.abs(t), side=1.0)
        value = np.empty(t.shape)
        near = t > _NEAR
        value[near] = self._contour(t[near], side=-1.0)
        value[~near] = self._along_line(t[~near])
        return value

    def _saddle(self, t: NDArray[np.float64], side: float) -> NDArray[np.float64]:
        """Nearly where the integrand over s, less its decay, is lowest along the real axis."""
        n, m = self._n, self.order
        near, far = np.zeros(t.shape), np.full(t.shape, side)
        for _ in range(_BISECTIONS):
            beta = 0.5 * (near + far)
            # K'(s) - 1/s, times a positive function
            cycles = beta ** (m - 1) * (1 - beta * (2 * t - beta)) / (1 - beta**m)
            slope = n * (beta - t + cycles) - (1 - beta * beta) / beta
            outward = slope * side > 0
            near, far = np.where(outward, near, beta), np.where(outward, beta, far)
        return 0.5 * (near + far)

    def _contour(self, t: NDArray[np.float64], side: float) -> NDArray[np.float64]:
        """Log of the integral along ``beta = t + i h tau + (c - t)(1 - tau^2)``, ``h = sin phi``."""
        n, m = self._n, self.order
        t = t[:, None]
        c = self._saddle(t, side)
        bulge = c - t
        height = np.sqrt((1 - t) * (1 + t))
        v = np.arange(0.0, _REACH, _STEP)
        x = np.minimum(np.sinh(v) / math.sqrt(n), _SILENT)
        tau = np.tanh(x)
        log_rest = -2 * _log_cosh(x)  # log(1 - tau^2)
        rest = np.exp(log_rest)
        beta = t + 1j * height * tau + bulge * rest
        # 1 - 2 t beta + beta^2 = (1 - tau^2)(1 - t^2 + 2 i h tau (c - t) + (c - t)^2 (1 - tau^2))
        inner = np.log1p(-t * t + 2j * height * tau * bulge + bulge**2 * rest)
        exponent = (n / 2) * (log_rest + inner) - inner - self._cycles * _log_one_less(beta, m)
        start = exponent[:, :1].real
        factor = (1 - beta) * (1 + beta) / beta * (height + 2j * bulge * tau)
        jacobian = np.cosh(v) / math.sqrt(n)
        integrand = (np.exp(exponent - start) * factor).real * jacobian
        integrand[:, 0] *= 0.5
        total = side * integrand.sum(axis=1) * _STEP / math.pi
        return np.minimum(start[:, 0] + np.log(np.maximum(total, np.finfo(float).tiny)), 0.0)

    def _along_line(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log P(rho < t) over the line Re s = const itself, with ``(beta + 1/beta)/2 = t + 1/(2 s)``.

        Nothing happens there where beta reaches the unit circle.
        """
        n, m = self._n, self.order
        beta = self._saddle(t, -1.0)
        cosine = np.where(t > 2 / m - 1, (beta + 1 / beta) / 2, -np.cos(self._angle(t)))[:, None]
        t = t[:, None]
        v = np.arange(0.0, _REACH, _STEP)
        turn = 1 - 1j * np.sinh(v) / math.sqrt(n)
        away = (cosine - t) / turn
        cosine = t + away
        beta = 1 / (cosine + np.sqrt(cosine - 1) * np.sqrt(cosine + 1))
        exponent = (n / 2) * np.log(2 * beta * away) - self._cycles * _log_one_less(beta, m)
        start = exponent[:, :1].real
        integrand = (np.exp(exponent - start) / turn).real * np.cosh(v) / math.sqrt(n)
        integrand[:, 0] *= 0.5
        total = integrand.sum(axis=1) * _STEP / math.pi
        return np.minimum(start[:, 0] + np.log(np.maximum(total, np.finfo(float).tiny)), 0.0)

    def _angle(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Angle of the saddle on the unit circle, measured from -1, between 0 and pi/m."""
        n, m = self._n, self.order
        near, far = np.zeros(t.shape), np.full(t.shape, math.pi / m)
        for _ in range(_BISECTIONS):
            gap = 0.5 * (near + far)
            slope = (n / 2) * np.tan(m * gap / 2) - (n / 2 + 1) * np.sin(gap) / (t + np.cos(gap))
            outward = slope > 0
            near, far = np.where(outward, near, gap), np.where(outward, gap, far)
        return 0.5 * (near + far)


def _log_one_less(beta: NDArray[np.complex128], m: int) -> NDArray[np.complex128]:
    """``log(1 - beta^m)`` for ``|beta| <= 1``."""
    with np.errstate(divide="ignore", under="ignore"):
        return np.asarray(np.log1p(-np.exp(m * np.log(beta))), np.complex128)


def _log_cosh(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log of cosh x for x >= 0, with its digits where x is small."""
    near = -0.5 * np.log1p(-(np.tanh(np.minimum(x, 0.5)) ** 2))
    return np.where(x < 0.5, near, x + np.log1p(np.exp(-2 * x)) - math.log(2))
