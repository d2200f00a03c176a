r"""Law of Anderson and Darling's A^2 at some points only.

.. math:: A^2 = n \int \frac{(F_n - F)^2}{F (1 - F)} \, dF
              = n \int (F_n - F)^2 \, d\ell , \qquad \ell = \log \frac{F}{1 - F} ,

by the trapezoid rule in the log odds l at edges e_j of cells:

.. math:: A^2 = n \sum_j \omega_j (F_n(e_j) - F(e_j))^2 , \qquad
              \omega_j = \tfrac12 (\ell_{j+1} - \ell_{j-1}) ,

plus 1/2 at both ends (what is left of the integral there). A value far out in a tail adds its log odds over
n, as it does to the integral; no weight blows up.

Under H0 this is a quadratic form in multinomial counts. As n grows it becomes ``sum lambda_i chi^2_1``,
lambda the eigenvalues of ``omega^1/2 C omega^1/2`` with ``C = min(F_i, F_j) - F_i F_j``, whose inverse is
tridiagonal. Mean and variance are exact at any n:

.. math:: E A^2 = \sum_j \omega_j F_j (1 - F_j) , \qquad
          \mathrm{Var} A^2 = 2 (1 - \tfrac1n) \sum_i \lambda_i^2 + \tfrac1n \mathrm{Var}\, h(X) ,
          \quad h(x) = \sum_j \omega_j (1\{x < e_j\} - F_j)^2 .

*Far out* the rate ``I(a) = min KL(G | F)`` over G with ``int (G - F)^2 / (F (1 - F)) dF = a`` decides. With
log odds of G those of F plus a constant, ``(log G')' = -2 (G - F) / (F (1 - F))``: these G are where the
minimum is stationary, with multiplier 1, so that ``I(a) = a`` exactly and the tail ``exp(-n a)`` of the limit
law is of the right order at any distance. On cells I(a) is taken to be that of the same family, and the limit
is corrected by ``n (I(a) - a I'(0))``, which matters for wide cells only.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigvalsh_tridiagonal

from gausscheck.errors import ArgumentError
from gausscheck.nulls.affine import AffineNull
from gausscheck.nulls.base import Grade, Null
from gausscheck.nulls.weighted_chi_square import WeightedChiSquareNull

__all__ = ["AndersonDarlingGrid", "AndersonDarlingNull"]

_SPACING = 0.03  # of the edges kept, in asinh of the log odds: 0.0075 of the mass at the median
_SHALLOW = 16.0  # log odds beyond which an edge adds nothing to the limit law that could be seen (1e-6)
_DEEPEST = 1e4  # log odds that edges reach to: 140 deviations of a normal law
_APART = 48  # eigenvalues that are treated one by one
_BISECTIONS = 50
_MANY = 50
_SHIFTS = (-12.0, 10.6)  # logs of the shifts of the log odds that are tried: beyond, A^2 grows no more


class AndersonDarlingGrid:
    """Edges at which the two distributions are compared, their weights, and what the law needs of them.

    Parameters
    ----------
    log_below, log_above : numpy.ndarray
        Shape ``(m,)``: logs of F and 1 - F at candidate edges, ascending. Of several
        one is kept for each step of 0.03 in ``asinh(log odds)``, up to log odds of 10,000.

    Attributes
    ----------
    kept : numpy.ndarray of intp
        Which candidates are edges.
    weight : numpy.ndarray
        omega.
    below : numpy.ndarray
        F at the edges.
    """

    def __init__(self, log_below: NDArray[np.float64], log_above: NDArray[np.float64]) -> None:
        with np.errstate(invalid="ignore"):
            odds = log_below - log_above
        finite = np.flatnonzero(np.abs(odds) < _DEEPEST)
        if finite.size:
            place = np.arcsinh(odds[finite]) / _SPACING
            # The nearest to each whole number; of equal ones the first.
            order = np.lexsort((np.abs(place - np.rint(place)), np.rint(place)))
            nearest = order[np.flatnonzero(np.diff(np.rint(place[order]), prepend=-np.inf))]
            finite = finite[nearest]
        self.kept = finite
        if finite.size == 0:
            msg = "an Anderson-Darling statistic needs at least one edge with mass on both sides"
            raise ArgumentError(msg)
        self._odds = odds[finite]
        self._log_below, self._log_above = log_below[finite], log_above[finite]
        self.below, self._above = np.exp(self._log_below), np.exp(self._log_above)
        step = np.diff(self._odds, prepend=self._odds[0], append=self._odds[-1])
        self.weight = 0.5 * (step[1:] + step[:-1])
        self.weight[0] += 0.5
        self.weight[-1] += 0.5
        # Mass between edges, from the side on which less cancels.
        below, above = np.append(self._log_below, 0.0), np.concatenate(([0.0], self._log_above))
        up = below + _log_rest(np.concatenate(([-np.inf], below[:-1])) - below)
        down = above + _log_rest(np.append(above[1:], -np.inf) - above)
        self._log_mass = np.where(below < -math.log(2), up, down)
        self.mass = np.exp(self._log_mass)

    def value(self, n: int, count_below: NDArray[np.int64]) -> float:
        """A^2 of n values of which `count_below` lie below each edge."""
        return n * float(self.weight @ self.gap(n, count_below) ** 2)

    def gap(self, n: int, count_below: NDArray[np.int64]) -> NDArray[np.float64]:
        """``F_n - F`` at the edges, from the side on which less cancels."""
        low = count_below / n - self.below
        high = self._above - (n - count_below) / n
        return np.where(self.below < 0.5, low, high)

    def influence(self, gap: NDArray[np.float64]) -> NDArray[np.float64]:
        """Derivative of A^2 / n in the mass of each of the m + 1 intervals between edges."""
        tail = np.cumsum((self.weight * gap)[::-1])[::-1]
        return 2 * np.append(tail, 0.0)

    @cached_property
    def mean(self) -> float:
        """``E A^2`` at any n."""
        return float(self.weight @ (self.below * self._above))

    @cached_property
    def eigenvalues(self) -> NDArray[np.float64]:
        """lambda, descending."""
        inner = np.abs(self._odds) < _SHALLOW
        if not inner.any():
            inner[np.argmin(np.abs(self._odds))] = True
        below, above, weight = self.below[inner], self._above[inner], self.weight[inner]
        steps = np.where(below[1:] < 0.5, np.diff(below), -np.diff(above))
        inverse = 1 / np.concatenate((below[:1], steps, above[-1:]))
        root = np.sqrt(weight)
        diagonal = (inverse[1:] + inverse[:-1]) / weight
        if diagonal.size == 1:
            return 1 / diagonal
        return np.asarray(1 / eigvalsh_tridiagonal(diagonal, -inverse[1:-1] / (root[1:] * root[:-1])))

    @cached_property
    def diagonal_variance(self) -> float:
        """``Var h(X)``."""
        up = np.append(np.cumsum((self.weight * self._above**2)[::-1])[::-1], 0.0)
        down = np.concatenate(([0.0], np.cumsum(self.weight * self.below**2)))
        h = up + down
        centred = h - float(self.mass @ h)
        return float(self.mass @ centred**2)

    def variance(self, n: int) -> float:
        """``Var A^2`` for n values."""
        limit = 2 * float(np.sum(self.eigenvalues**2))
        return (1 - 1 / n) * limit + self.diagonal_variance / n

    def _moved(self, s: float) -> tuple[float, float]:
        """A^2 / n and Kullback-Leibler divergence of the law whose log odds are greater by s > 0."""
        # With M = F + e^-s (1 - F): G = F / M, and (G_j - G_i) / (F_j - F_i) = e^-s / (M_i M_j), exactly.
        log_m = np.concatenate(([-s], np.logaddexp(self._log_below, self._log_above - s), [0.0]))
        log_ratio = -s - log_m[1:] - log_m[:-1]
        gap = np.exp(self._log_below + self._log_above - log_m[1:-1]) * -math.expm1(-s)
        moved = np.exp(self._log_mass + log_ratio)
        return float(self.weight @ gap**2), float(moved @ log_ratio)

    @cached_property
    def _slope(self) -> float:
        """I'(0) of the family."""
        a, rate = self._moved(1e-3)
        return rate / a

    def excess_rate(self, a: float) -> float:
        """``I(a) - a I'(0)``."""
        low, high = _SHIFTS
        if not self._moved(math.exp(low))[0] < a:
            return 0.0
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self._moved(math.exp(middle))[0] < a else (low, middle)
        reached, rate = self._moved(math.exp(0.5 * (low + high)))
        return rate - self._slope * reached


def _log_rest(log_ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """``log(1 - r)`` from log r; minus infinity where r rounds to 1."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(-np.expm1(log_ratio)))


class AndersonDarlingNull(Null):
    """Law of A^2 on a grid.

    Parameters
    ----------
    n : int
        Number of values.
    grid : AndersonDarlingGrid

    Notes
    -----
    Upper tail, against importance sampling: log p right to 0.1 at 8 values, to 0.05 from 50 values on (about
    what sampling can tell), and at any distance: to 0.5 of 100,000 at a million values. Lower tail: right to
    6 % at p = 0.01 for 50 values; farther out, and for fewer values, too large: 1.3 and 2.8 times at p = 1e-3
    for 50 and 8.
    """

    def __init__(self, n: int, grid: AndersonDarlingGrid) -> None:
        if n < 1:
            msg = f"Anderson and Darling's law needs at least 1 value, got n = {n}"
            raise ArgumentError(msg)
        self._n, self._grid = n, grid
        self.grade = Grade.SADDLEPOINT if n >= _MANY else Grade.ASYMPTOTIC
        values = grid.eigenvalues
        weights, degrees = values[:_APART], np.ones(min(values.size, _APART))
        if values.size > _APART:
            # One chi-square of the same mean and variance for all the small ones.
            total, square = float(values[_APART:].sum()), float(np.sum(values[_APART:] ** 2))
            weights, degrees = np.append(weights, square / total), np.append(degrees, total**2 / square)
        limit = WeightedChiSquareNull(weights, degrees)
        self._law = AffineNull(limit, mean=grid.mean, std=math.sqrt(grid.variance(n)), grade=self.grade)

    @property
    def mean(self) -> float:
        """Exact."""
        return self._law.mean

    @property
    def std(self) -> float:
        """Exact."""
        return self._law.std

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(A^2 > t), elementwise."""
        t = np.asarray(t, dtype=np.float64)
        log_p = np.asarray(self._law.logsf(t))
        beyond = [
            self._n * self._grid.excess_rate(v / self._n) if v > self.mean else 0.0
            for v in t.ravel().tolist()
        ]
        return np.minimum(0.0, log_p - np.array(beyond).reshape(t.shape))

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(A^2 < t), elementwise."""
        return self._law.logcdf(t)
