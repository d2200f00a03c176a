r"""Exact null of the largest of N mean ordinates, both log tails.

The mean of F independent ordinates is ``chi^2_{2F} / 2F`` in a complex bin, ``chi^2_F / F`` in a real one.
With q its upper tail, the largest of N independent ones has

.. math:: P(T > t) = 1 - (1 - q)^N , \qquad P(T < t) = (1 - q)^N .
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import ArrayLike, NDArray
from scipy.special import polygamma, psi

from gausscheck.errors import ArgumentError
from gausscheck.nulls.base import Grade, Null
from gausscheck.nulls.chi_square import ChiSquareMeanNull

__all__ = ["LargestOrdinateNull"]

_PANELS, _NODES = 64, 12
# Quadrature runs to where less than exp(-40) of the probability is left.
_OUTSIDE = -40.0
_FARTHEST = 1e4


class LargestOrdinateNull(Null):
    """Law of the largest of `bins` ordinates, each the mean over `fields` periodograms of white noise.

    Parameters
    ----------
    bins : int
        N, at least 1.
    fields : int
        F, at least 1.
    degrees : int
        Of one ordinate: 2 in a complex bin, 1 in a real one.
    """

    grade = Grade.EXACT

    def __init__(self, bins: int, fields: int = 1, *, degrees: int = 2) -> None:
        if bins < 1 or fields < 1 or degrees not in (1, 2):
            msg = (
                f"the largest ordinate needs at least 1 bin of 1 or 2 degrees of freedom and 1 field, got "
                f"{bins} bins of {degrees} in {fields} fields"
            )
            raise ArgumentError(msg)
        self.bins, self.fields, self.degrees = int(bins), int(fields), int(degrees)
        self._one = ChiSquareMeanNull(self.degrees * self.fields)

    @property
    def mean(self) -> float:
        """The N-th harmonic number for one field and complex bins, else by quadrature."""
        return self._moments[0]

    @property
    def std(self) -> float:
        """``sqrt(pi^2/6 - psi'(N + 1))`` for one field and complex bins, else by quadrature."""
        return self._moments[1]

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T > t), elementwise."""
        inside, above = self._inside(t)
        tail = math.log(self.bins) + above
        with np.errstate(divide="ignore"):
            exact = np.log(-np.expm1(self.bins * inside))
        # Where N q is tiny, nothing else is left; log(1 - q) may then have underflowed.
        return np.where(tail < _OUTSIDE, tail, exact)

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T < t), elementwise."""
        return self.bins * self._inside(t)[0]

    def _inside(self, t: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Log of 1 - q, with all digits where q is tiny, and log of q."""
        above = self._one.logsf(t)
        # log(1 - q) loses digits where q is nearly 1, the lower tail where q is tiny.
        return np.where(above < -1.0, np.log1p(-np.exp(np.minimum(above, -1.0))), self._one.logcdf(t)), above

    @cached_property
    def _moments(self) -> tuple[float, float]:
        if self.fields == 1 and self.degrees == 2:
            # The spacings of ordered exponentials are independent: sum of 1/k and of 1/k^2 (Renyi 1953).
            variance = math.pi**2 / 6 - float(polygamma(1, self.bins + 1))
            return float(psi(self.bins + 1)) + np.euler_gamma, math.sqrt(variance)
        low, high = self._reach()
        node, weight = leggauss(_NODES)
        edges = np.linspace(0.0, 1.0, _PANELS + 1)
        half = 0.5 / _PANELS
        u = (edges[:-1, None] + half * (1 + node)).ravel()
        # By parts, E (T - low)^k = int k s^{k-1} P(T > low + s) ds; s = (high - low) u^2 for the root at 0.
        s = (high - low) * u**2
        mass = np.exp(self.logsf(low + s)) * 2 * (high - low) * u * np.tile(half * weight, _PANELS)
        first, second = float(mass.sum()), float((2 * s * mass).sum())
        return low + first, math.sqrt(second - first**2)

    def _reach(self) -> tuple[float, float]:
        """Values outside of which the law has no mass to speak of."""
        low, high = 0.0, 1.0
        while float(self.logsf(high)) > _OUTSIDE and high < _FARTHEST:
            high *= 1.5
        top = high
        for _ in range(60):
            middle = 0.5 * (low + top)
            low, top = (middle, top) if float(self.logcdf(middle)) < _OUTSIDE else (low, middle)
        return low, high
