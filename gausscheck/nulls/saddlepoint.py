"""Lugannani and Rice's tail formula for any cumulant generating function.

Lugannani, R. and Rice, S. (1980), Saddle point approximation for the distribution of the sum of independent
random variables, Advances in Applied Probability 12, 475-490.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfcx, log_ndtr

from gausscheck.nulls.base import Grade, Null
from gausscheck.nulls.cgf import Cgf, solve_saddle

__all__ = ["SaddlepointNull"]

_CENTRE = 0.05


class SaddlepointNull(Null):
    r"""Tail probabilities of a variable with cumulant generating function K by Lugannani and Rice's formula.

    .. math:: P(T > t) \approx Q(w) + \varphi(w) \left(\frac1u - \frac1w\right), \quad
              w = \mathrm{sgn}(s) \sqrt{2 (s t - K(s))}, \quad u = s \sqrt{K''(s)}, \quad K'(s) = t .

    Parameters
    ----------
    cgf : Cgf
        Of T, which must be positive.

    Notes
    -----
    Near the mean 1/u - 1/w is a difference of large numbers; it is smooth in s and there interpolated by a
    cubic through four points at which it still has 12 digits.
    """

    grade = Grade.SADDLEPOINT

    def __init__(self, cgf: Cgf) -> None:
        self.cgf = cgf

    @property
    def mean(self) -> float:
        """Expected value."""
        return float(self.cgf.cumulants[0])

    @property
    def std(self) -> float:
        """Standard deviation."""
        return float(np.sqrt(self.cgf.cumulants[1]))

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Natural logarithm of P(T > t), elementwise."""
        return self._tail(t, +1.0)

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Natural logarithm of P(T < t), elementwise."""
        return self._tail(t, -1.0)

    def _tail(self, t: ArrayLike, side: float) -> NDArray[np.float64]:
        points = np.asarray(t, np.float64)
        flat = points.ravel()
        out = np.where(np.isnan(flat), np.nan, np.where((flat > 0) == (side > 0), -np.inf, 0.0))
        usable = np.flatnonzero((flat > 0) & np.isfinite(flat))
        if usable.size:
            w, correction = self._roots(flat[usable])
            # Q(x) + phi(x) c = phi(x) (Mills(x) + c), written for the tail that is asked for
            x = side * w
            far = x > 0
            mills = np.sqrt(np.pi / 2) * erfcx(np.where(far, x, 0.0) / np.sqrt(2.0))
            log_phi = -0.5 * x * x - 0.5 * np.log(2 * np.pi)
            tail = log_phi + np.log(np.maximum(mills + side * correction, np.finfo(float).tiny))
            bulk = np.log(
                np.maximum(np.exp(log_ndtr(-x)) + side * correction * np.exp(log_phi), np.finfo(float).tiny)
            )
            out[usable] = np.minimum(np.where(far, tail, bulk), 0.0)
        return out.reshape(points.shape)

    def _roots(self, t: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Signed root w and the correction 1/u - 1/w at each t."""
        s = solve_saddle(self.cgf, t)
        w, correction = self._exact_roots(s, t)
        radius = _CENTRE / self.std
        central = np.abs(s) < radius
        if bool(central.any()):
            weights = np.stack([_lagrange(s[central] / radius, j) for j in range(4)])
            correction[central] = self._centre @ weights
        return w, correction

    def _exact_roots(
        self, s: NDArray[np.float64], t: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        value, _, second = self.cgf.slopes(s)
        w = np.sign(s) * np.sqrt(2 * np.maximum(s * t - value, 0.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            return w, 1.0 / (s * np.sqrt(second)) - 1.0 / w

    @cached_property
    def _centre(self) -> NDArray[np.float64]:
        """1/u - 1/w at the four nodes of the central cubic."""
        s = _NODES * _CENTRE / self.std
        return self._exact_roots(s, self.cgf.slopes(s)[1])[1]


_NODES = np.array([-2.0, -1.0, 1.0, 2.0])


def _lagrange(x: NDArray[np.float64], j: int) -> NDArray[np.float64]:
    others = np.delete(_NODES, j)
    return np.asarray(np.prod([(x - node) / (_NODES[j] - node) for node in others], axis=0), np.float64)
