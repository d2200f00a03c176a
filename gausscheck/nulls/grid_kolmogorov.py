r"""Law of the largest distance between an empirical and its true distribution, looked at at some points only.

With ``D = max_j |F_n(e_j) - F(e_j)|`` over points ``t_j = F(e_j)`` and ``z = d sqrt n``, in three forms:

* up to 2,048 values exact, from the counts at the points (:mod:`.counting_process`);
* above, points closer than 1/256 of the mass see what the continuous law says of a level farther away:

  .. math:: P(D > d) = P(D_n > d - \tfrac{1}{6 n} + s(z) / \sqrt n) , \qquad
            s(z) = 0.5826 \int \sqrt{\delta(t)} \, w_z(t) \, dt

  with delta(t) the mass between neighbours and w_z where the bridge meets the level. The sixth of a value is
  what the jumps of a continuous F_n add;
* coarser points: the law of the Brownian bridge at them (:func:`.discrete_bridge.log_tails`), times what a
  finite number of values does to the chance of crossing at each.

Far out (z > 6) the sum of these chances is the law.
"""

from __future__ import annotations

import math
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gausscheck.errors import ArgumentError
from gausscheck.nulls.base import Grade, Null
from gausscheck.nulls.counting_process import log_both, log_inside
from gausscheck.nulls.discrete_bridge import OVERSHOOT, log_nu, log_tails, meeting_weights
from gausscheck.nulls.kolmogorov import (
    LIMIT_MEAN,
    LIMIT_STD,
    KolmogorovNull,
    elementwise,
)
from gausscheck.nulls.smirnov import log_binomial, log_sum

__all__ = ["EXACT_UP_TO", "Grid", "GridKolmogorovNull"]

EXACT_UP_TO = 2048
_COARSE = 1 / 256  # mass between neighbours beyond which they are gone through one by one
_FAR, _BLEND = 6.0, 1.0
_EVEN = 0.1
_UNDERFLOW = -600.0  # log of what doubles lose on the way through the counts
_FEW_COUNTS = 4.0
_ROUNDING = 1e-9  # of a count: what a value just at a bound may be off by


class Grid:
    """Points that a bridge is looked at at.

    Parameters
    ----------
    times : numpy.ndarray
        Ascending, inside (0, 1), shape ``(m,)``.
    step : float, optional
        Of equidistant points which `times` only samples, all 1 / m apart.
    """

    def __init__(self, times: NDArray[np.float64], step: float | None = None) -> None:
        if (
            times.ndim != 1
            or times.size == 0
            or times[0] <= 0
            or times[-1] >= 1
            or np.any(np.diff(times) <= 0)
        ):
            msg = "a grid needs at least one point, ascending and inside (0, 1)"
            raise ArgumentError(msg)
        self.times = times
        around = np.diff(times, prepend=0.0, append=1.0)
        self.share = 0.5 * (around[1:] + around[:-1])
        self.delta = self.share if step is None else np.full(times.shape, step)
        self.coarse = step is None and float(around.max()) > _COARSE
        self.sampled = step is not None

    def shift(self, z: float) -> float:
        """How much farther away the level (-z, z) seems."""
        # Below, paths that stay near 0 for long meet the level everywhere alike.
        weight = meeting_weights(max(z, _EVEN), self.times) * self.share
        return OVERSHOOT * float(weight @ np.sqrt(self.delta) / weight.sum())

    @lru_cache(maxsize=64)  # noqa: B019 - a grid is made once a lattice and kept as long
    def limit(self, z: float) -> tuple[float, float]:
        """Logs of P(max |B| < z) and P(max |B| > z) at the points of a coarse grid."""
        return log_tails(self.times, z)


class GridKolmogorovNull(Null):
    """Law of ``max_j |F_n(e_j) - F(e_j)|``.

    Parameters
    ----------
    n : int
        Number of values.
    grid : Grid
        ``F(e_j)``.
    extra : float
        Added to the shift of the level, in values: 0 for counts.
    counts : bool
        False for spacings, looked at at given shares of the values instead of given chances: never exact.

    Notes
    -----
    The upper tail includes what lies at the value itself, as does the lower one on points more than 1/256
    apart and for distances below 4 values, so that p-values of few values are not too small.

    Above 2,048 values the relative error of p, against exact counts, is at most 1 % in the upper tail down to
    p = 1e-6 and 5 % to 1e-70; in the lower one 5 % to p = 1e-3 and 7 % to 1e-10. What is left is mostly that
    counts are whole: at 40,000 values it is below 0.3 % throughout, 0.04 % to p = 1e-6.
    """

    def __init__(self, n: int, grid: Grid, *, extra: float = 0.0, counts: bool = True) -> None:
        if n < 1:
            msg = f"an empirical distribution needs at least 1 value, got n = {n}"
            raise ArgumentError(msg)
        self.n, self._grid, self._extra, self._counts = int(n), grid, extra, counts
        self._exact = counts and not grid.sampled and n <= EXACT_UP_TO
        self.grade = Grade.EXACT if self._exact else Grade.SADDLEPOINT
        self._continuous = KolmogorovNull(self.n)
        self._known: dict[float, tuple[float, float]] = {}

    @cached_property
    def mean(self) -> float:
        """``(0.86873 - s(0.87)) / sqrt n``; right to 2 % from some 50 values on."""
        return (LIMIT_MEAN - self._grid.shift(LIMIT_MEAN)) / math.sqrt(self.n)

    @property
    def std(self) -> float:
        """``0.26033 / sqrt n``; right to 5 % from some 50 values on."""
        return LIMIT_STD / math.sqrt(self.n)

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(D >= t), elementwise."""
        return elementwise(lambda d: self._tails(d)[1], t)

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(D <= t), elementwise."""
        return elementwise(lambda d: self._tails(d)[0], t)

    def _tails(self, d: float) -> tuple[float, float]:
        if d not in self._known:
            if d < 0:
                tails = (-math.inf, 0.0)
            elif d >= 1:
                tails = (0.0, -math.inf)
            elif self._exact:
                tails = self._counted(d)
            else:
                tails = self._approximate(max(d, _ROUNDING / self.n))
            self._known[d] = tails
        return self._known[d]

    def _counted(self, d: float) -> tuple[float, float]:
        t, n = self._grid.times, self.n
        narrow = n * d - _ROUNDING
        low, high = (
            np.floor(n * t - narrow).astype(np.int64) + 1,
            np.ceil(n * t + narrow).astype(np.int64) - 1,
        )
        below, above = log_both(n, t, low, high)
        if self._grid.coarse or n * d < _FEW_COUNTS:
            # What lies at d itself counts, and belongs to the lower tail too.
            wide = n * d + _ROUNDING
            low, high = np.ceil(n * t - wide).astype(np.int64), np.floor(n * t + wide).astype(np.int64)
            below = log_inside(n, t, low, high)
        if above < _UNDERFLOW:
            above = self._far(d)
        return below, above

    def _approximate(self, d: float) -> tuple[float, float]:
        n = self.n
        root = math.sqrt(n)
        z = d * root
        if z > _FAR + _BLEND:
            above = self._far(d)
            return math.log1p(-math.exp(above)), above
        if self._grid.coarse:
            seen = d + self._extra / n
            below, above = self._grid.limit(seen * root)
            above += self._crossings(seen, normal=False) - self._crossings(seen, normal=True)
        else:
            # Jumps of a continuous F_n make its level seem farther away by a sixth of a value; those of the
            # process at hand by `extra`.
            level = d + (self._extra - 1 / 6) / n + self._grid.shift(z) / root
            below, above = float(self._continuous.logcdf(level)), float(self._continuous.logsf(level))
        if z > _FAR:
            far = (z - _FAR) / _BLEND
            above = (1 - far) * above + far * self._far(d)
        # The larger tail is what the smaller one leaves.
        if above < below:
            return math.log1p(-math.exp(above)), above
        return below, math.log(-math.expm1(below)) if below < 0 else -math.inf

    def _crossings(self, d: float, *, normal: bool) -> float:
        """Log of the sum, over points and both sides, of the chance that the last crossing of d is there.

        That is half the exponent with which the walk drifts, times the density of its place at the level,
        times `nu`: as Smirnov's terms, but with both ends of the interval alike, so that the skewness of
        counts at t and 1 - t cancels. With `normal`, the density of the bridge in place of the binomial one.
        """
        n, t = float(self.n), self._grid.times
        logs = []
        for up in (t, 1 - t):
            rest = 1 - up
            # Of counts the chance is given and the share lies d higher; of spacings it is the other way.
            end = up if normal else np.minimum(up + d, 1.0) if self._counts else np.maximum(up - d, 0.0)
            middle = 0.5 * (up + end)
            exponent = d * math.sqrt(n) / (middle * (1 - middle))
            if normal:
                density = -0.5 * (np.log(2 * math.pi * n * up * rest) + n * d * d / (up * rest))
            else:
                density = log_binomial(n, n * (rest - d * self._counts), rest + d * (not self._counts), d)
            drift = np.log(0.5 * exponent * math.sqrt(n) * self._grid.share)
            logs.append(drift + density + log_nu(exponent * np.sqrt(self._grid.delta)))
        return log_sum(np.concatenate(logs))

    def _far(self, d: float) -> float:
        """Log of P(D >= d), far out."""
        return min(0.0, self._crossings(d + self._extra / self.n, normal=False))
