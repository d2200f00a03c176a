r"""Law of a weighted sum of dependent discrepancies, the last of which is integrated analytically.

With nodes over the normal scores of all statistics but the last,

.. math:: P\Bigl(\sum_i w_i f_i \le t\Bigr) = \sum_j W_j\,
          P\bigl(f_{last} \le (t - r_j) / w_{last} \bigm| j\bigr), \qquad r_j = \sum_{i < last} w_i f_i ,

where the last statistic, given a node, is ``shift_j + scale_j S`` for an S whose normal score is
``N(centre_j, spread^2)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_ndtr, logsumexp, ndtr, ndtri

from gausscheck.nulls.base import LOG_TWO, Grade, Null
from gausscheck.nulls.normal_scores import NormalScores
from gausscheck.nulls.transformed import TransformedNull, log_one_less

__all__ = ["CompositeNull", "Conditional", "Nodes", "normal_nodes"]

_NODES = 32768
# Generating vector of an embedded lattice rule in base 2: R. Cools, F. Y. Kuo, D. Nuyens 2006, SIAM J. Sci.
# Comput. 28, 2162.
_LATTICE = (1, 182667, 469891, 498753, 110745, 446247, 250185, 118627, 245333, 283199, 408519, 391023)
# Nodes are spread wider than the law, so that its tails are met: standard deviation of their scores.
_WIDE = 1.5
_REACH = 8.5
# A sum over fewer nodes is noise; the lower tail is continued from there by a power.
_FEWEST = 64
# From here on the bound P(T > t) >= P(w_i f_i > t) is consulted as well.
_DEEP = -12.0
# Below, the sum is taken in logarithms.
_UNDERFLOWING = 1e-250
_HUGE = float(np.finfo(float).max)


@dataclass(frozen=True)
class Nodes:
    """Independent standard normal scores with weights that add to one.

    Attributes
    ----------
    score : numpy.ndarray
        Shape (N, d).
    log_weight : numpy.ndarray
        Shape (N,).
    """

    score: NDArray[np.float64]
    log_weight: NDArray[np.float64]

    @property
    def weight(self) -> NDArray[np.float64]:
        """The weights."""
        return np.exp(self.log_weight)


def normal_nodes(dimensions: int, *, cusp: bool = False) -> Nodes:
    """Nodes for integrals over independent N(0, 1): evenly spaced for one, a lattice rule for several.

    The lattice's points are spread by 1.5 and weighed back.

    Parameters
    ----------
    dimensions : int
        d, 1 to 12.
    cusp : bool
        Crowd the first score towards 0, where a cube root has its cusp.
    """
    steps = np.array(_LATTICE[:dimensions], np.float64)
    unit = (np.outer(np.arange(_NODES), steps) / _NODES + 0.5 / _NODES) % 1.0
    log_weight = np.zeros(_NODES)
    if cusp:
        side = 2 * unit[:, 0] - 1
        unit[:, 0] = 0.5 * (1 + side**3)
        log_weight = 2 * np.log(np.abs(side))
    normal = ndtri(unit)
    score = _WIDE * normal
    log_weight += 0.5 * np.sum(normal**2 - score**2, axis=1)
    if dimensions == 1 and not cusp:
        score = _REACH * (2 * unit - 1)
        log_weight = -0.5 * score[:, 0] ** 2
    return Nodes(score, log_weight - logsumexp(log_weight))


@dataclass(frozen=True)
class Conditional:
    """Law of the last statistic at each node, and what the others add there.

    Attributes
    ----------
    rest : numpy.ndarray
        Weighted discrepancies of the others, shape (N,).
    scores : NormalScores
        Of S.
    centre : numpy.ndarray
        Mean of the normal score of S, shape (N,).
    spread : float
        Its standard deviation.
    shift, scale : numpy.ndarray
        Of the statistic against S, shape (N,).
    """

    rest: NDArray[np.float64]
    scores: NormalScores
    centre: NDArray[np.float64]
    spread: float
    shift: NDArray[np.float64]
    scale: NDArray[np.float64]

    def score_of(self, s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standard normal variable of a value of the statistic at each node; infinities stay."""
        inside = np.isfinite(s)
        where = np.where(inside, (s - self.shift) / self.scale, 0.0)
        z = (self.scores.to_score(where) - self.centre) / self.spread
        return np.where(inside, z, s)


class _Inverse:
    """Level to interval of the last discrepancy, for arrays of levels.

    Distances from the interval of level 0 are interpolated against levels in logarithms, where a power of
    the distance is a line.
    """

    def __init__(self, law: TransformedNull) -> None:
        low, high = law.interval(0.0)
        distance = np.geomspace(1e-9, 1e7, 2000)
        if low == -inf and high <= 0.0:
            # A positive statistic counted from 0: small multiples of its deviation are not all it has.
            distance = np.geomspace(1e-9, 1e9, 3000)
        distance *= law.base.std
        self._low, self._high = low, high
        self._up = self._side(law, high + distance, distance)
        self._down = self._side(law, low - distance, distance) if low > -inf else None

    @staticmethod
    def _side(
        law: TransformedNull, s: NDArray[np.float64], distance: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        level = np.maximum.accumulate(law.value(s))
        kept = (level > 0) & np.isfinite(level) & np.concatenate([[True], np.diff(level) > 0])
        return np.log(level[kept]), np.log(distance[kept])

    def __call__(self, level: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Intervals; infinite upwards and empty for a negative level."""
        with np.errstate(divide="ignore"):
            where = np.log(np.maximum(level, 0.0))
        up = self._high + self._distance(self._up, where)
        down = (
            np.full(level.shape, -inf)
            if self._down is None
            else self._low - self._distance(self._down, where)
        )
        return np.where(level < 0, inf, down), np.where(level < 0, -inf, up)

    @staticmethod
    def _distance(
        side: tuple[NDArray[np.float64], NDArray[np.float64]], where: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        levels, distances = side
        out = np.exp(np.interp(where, levels, distances))
        # Below the table its first piece goes on as the power it is; above there is nothing left outside.
        slope = (distances[1] - distances[0]) / (levels[1] - levels[0])
        below = where < levels[0]
        out[below] = np.exp(distances[0] + slope * (where[below] - levels[0]))
        out[where > levels[-1]] = inf
        return out


class CompositeNull(Null):
    """Law of ``T = sum_i w_i f_i`` with f_i >= 0.

    Parameters
    ----------
    laws : sequence of TransformedNull
        Law of each discrepancy before its weight, the last one last.
    weights : sequence of float
    nodes : Nodes
    conditional : Conditional
    std : float
        Standard deviation of T.

    Notes
    -----
    The mean is the sum of the means of the discrepancies. `logcdf` is P(T <= t), the complement of `logsf`,
    where T has an atom at 0. Nodes resolve tails to 1 % at p = 1e-2, 4 % at 1e-3 and 10 % at 1e-4 (measured
    against eight times as many, up to five statistics); from about 1e-6 on what is returned is finite and of
    the right order in log p, no more: the lower tail goes on as the power of t that it has where it is last
    resolved, the upper one is at least that of each discrepancy alone.
    """

    grade = Grade.ASYMPTOTIC

    def __init__(
        self,
        laws: Sequence[TransformedNull],
        weights: Sequence[float],
        nodes: Nodes,
        conditional: Conditional,
        *,
        std: float,
    ) -> None:
        self._laws, self._weights = tuple(laws), tuple(weights)
        self._log_weight, self._weight = nodes.log_weight, nodes.weight
        self._conditional = conditional
        self._inverse = _Inverse(self._laws[-1])
        self._mean = sum(w * law.mean for law, w in zip(laws, weights, strict=True))
        self._std = std
        self._edge = float(np.sort(conditional.rest)[_FEWEST])
        edge, further = self._direct(self._edge, upper=False), self._direct(1.25 * self._edge, upper=False)
        self._power = max((further - edge) / np.log(1.25), 1.0) if edge > -inf else 1.0
        self._at_edge = max(edge, -1e300)

    @property
    def mean(self) -> float:
        """Expected value."""
        return self._mean

    @property
    def std(self) -> float:
        """Standard deviation."""
        return self._std

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T > t), elementwise."""
        return self._each(t, upper=True)

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T <= t), elementwise."""
        return self._each(t, upper=False)

    def log_two_sided(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of ``min(1, 2 min(P(T >= t), P(T <= t)))``, elementwise."""
        t = np.asarray(t, np.float64)
        upper = np.where(t <= 0, 0.0, self.logsf(t))
        return np.minimum(0.0, np.minimum(upper, self.logcdf(t)) + LOG_TWO)

    def _each(self, t: ArrayLike, *, upper: bool) -> NDArray[np.float64]:
        t = np.asarray(t, np.float64)
        out = np.array([self._one(float(x), upper=upper) for x in t.ravel()], np.float64)
        return out.reshape(t.shape)

    def _one(self, t: float, *, upper: bool) -> float:
        if np.isnan(t):
            return float("nan")
        if t < 0 or t == inf:
            return 0.0 if upper == (t < 0) else -inf
        if t < self._edge:
            lower = self._at_edge + self._power * np.log(t / self._edge) if t > 0 else -inf
            return float(log_one_less(np.asarray(lower))) if upper else float(lower)
        value = self._direct(t, upper=upper)
        if upper and value < _DEEP:
            alone = [float(law.logsf(t / w)) for law, w in zip(self._laws, self._weights, strict=True)]
            value = max(value, *alone)
        return min(value, 0.0)

    def _direct(self, t: float, *, upper: bool) -> float:
        c = self._conditional
        low, high = self._inverse((t - c.rest) / self._weights[-1])
        empty = low > high
        to_low, to_high = c.score_of(np.where(empty, -inf, low)), c.score_of(np.where(empty, -inf, high))
        # Below the flip both ends lie on the side where the tails are small.
        flip = to_low > 0
        near, far = np.where(flip, -to_low, to_high), np.where(flip, -to_high, to_low)
        p = ndtr(to_low) + ndtr(-to_high) if upper else ndtr(near) - ndtr(far)
        total = float(self._weight @ p)
        if total > _UNDERFLOWING:
            return float(np.log(total))
        if upper:
            log_p = np.logaddexp(log_ndtr(to_low), log_ndtr(-to_high))
        else:
            top = log_ndtr(near)
            below = np.where(top > -inf, log_ndtr(far) - np.maximum(top, -_HUGE), -inf)
            log_p = top + log_one_less(below)
        return float(logsumexp(self._log_weight + log_p))
