r"""Exact tail probabilities from a cumulant generating function, by integration through the saddle.

.. math:: P(T > t) = \frac{1}{2\pi i} \int_{c} e^{K(s) - s t} \frac{ds}{s}, \qquad c > 0

and minus the same with c < 0 for P(T < t). The integrand separates in t, so one path serves every t whose
saddle is near: paths are kept on a ladder of c, about one (tilted) standard deviation of T apart, and a
value costs one sum over a path.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gausscheck.nulls.base import Grade, Null
from gausscheck.nulls.cgf import FARTHEST, Cgf
from gausscheck.nulls.saddlepoint import SaddlepointNull

__all__ = ["ContourNull", "LowerTail"]

# The trapezoidal rule on a vertical line replaces P(T > t) by the sum over t + 2 pi k / step of the tilted
# tail: 35 tilted standard deviations away for this step, below 1e-11 even where that tail is exponential.
_STEP = 0.18
_BLOCK = 64
_BLOCKS = 400
# Beyond this log p (no double holds such a p) the saddlepoint formula serves; its error there is below 1e-3.
_DEEPEST = -745.0


class LowerTail(Protocol):
    """A closed form for log P(T < t) at small t, where a path for a sum of few variables would be long."""

    limit: float

    def logcdf(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Natural logarithm of P(T < t) for 0 < t <= limit."""


class _Ladder:
    """Paths on one side of the origin, made when first needed."""

    def __init__(self, cgf: Cgf, side: float) -> None:
        self._cgf, self._side = cgf, side
        self._saddles: list[float] = []
        self._targets: list[float] = []
        self._deviations: list[float] = []
        self._paths: dict[int, tuple[NDArray[np.complex128], NDArray[np.complex128], float]] = {}
        self._depth = 0.0
        self._next = side / float(np.sqrt(cgf.cumulants[1]))

    def reach(self, t: float) -> None:
        """Add rungs until one has its mean beyond `t` or lies too deep."""
        while self._depth > _DEEPEST and (
            not self._targets or self._side * (t - self._targets[-1]) > 0.5 * self._deviations[-1]
        ):
            value, first, second = (float(v[0]) for v in self._cgf.slopes(np.array([self._next])))
            self._depth = value - self._next * first
            self._saddles.append(self._next)
            self._targets.append(first)
            self._deviations.append(float(np.sqrt(second)))
            self._next += self._side / self._deviations[-1]

    def rungs(self, t: NDArray[np.float64]) -> NDArray[np.intp]:
        """Index of the nearest rung for each t; -1 beyond the ladder."""
        targets = self._side * np.array(self._targets)
        order = self._side * t
        index = np.searchsorted(0.5 * (targets[1:] + targets[:-1]), order)
        return np.where(order > targets[-1] + self._deviations[-1], -1, index)

    def log_tail(self, rung: int, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log tail probability at each t by the path of one rung."""
        offset, weight, peak = self._path(rung)
        c, target = self._saddles[rung], self._targets[rung]
        total = np.empty(t.shape)
        for start in range(0, t.size, 1024):
            shift = t[start : start + 1024] - target
            total[start : start + 1024] = (np.exp(np.outer(shift, -offset)) @ weight).real
        return np.asarray(peak - c * (t - target) + np.log(total), np.float64)

    def _path(self, rung: int) -> tuple[NDArray[np.complex128], NDArray[np.complex128], float]:
        """Points less c, weights (the value at the rung's mean, scaled by exp(peak)) and peak."""
        if rung not in self._paths:
            cgf, c, target = self._cgf, self._saddles[rung], self._targets[rung]
            step = _STEP / self._deviations[rung]
            shift, height = cgf.bend
            peak = float(cgf.slopes(np.array([c]))[0][0]) - c * target
            points: list[NDArray[np.complex128]] = []
            weights: list[NDArray[np.complex128]] = []
            largest = 0.0
            for block in range(_BLOCKS):
                y = step * (np.arange(block * _BLOCK, (block + 1) * _BLOCK) + 0.5)
                lean = y * y + height * height
                offset = (shift * y * y / lean + 1j * y).astype(np.complex128)
                slope = 1.0 - 2j * shift * y * height * height / lean**2
                value = np.exp(cgf.log_mgf(c + offset) - (c + offset) * target - peak) / (c + offset) * slope
                points.append(offset)
                weights.append(np.asarray(self._side * step / np.pi * value, np.complex128))
                size = np.abs(value)
                largest = max(largest, float(size.max()))
                if float(size[-8:].max()) < cgf.accuracy * largest:
                    break
            self._paths[rung] = np.concatenate(points), np.concatenate(weights), peak
        return self._paths[rung]


class ContourNull(Null):
    """Tail probabilities of a positive variable by numerical inversion of its moment generating function.

    Parameters
    ----------
    cgf : Cgf
        Its cumulant generating function.
    grade : Grade
        ``exact`` where `cgf` is; otherwise what `cgf` is.
    lower : LowerTail, optional
        Closed form for small t.
    unit : float
        The statistic is `unit` times the variable of `cgf`.

    Notes
    -----
    Each tail is integrated for itself on its own side of the mean, and is the complement of the other (no
    larger than about 2/3) on the other side. Where log p < -745 Lugannani and Rice's formula takes over.
    """

    def __init__(
        self, cgf: Cgf, *, grade: Grade = Grade.EXACT, lower: LowerTail | None = None, unit: float = 1.0
    ) -> None:
        self.grade = grade
        self.cgf = cgf
        self._lower = lower
        self._unit = unit
        self._mean = float(cgf.cumulants[0])
        self._above, self._below = _Ladder(cgf, +1.0), _Ladder(cgf, -1.0)
        self._beyond = SaddlepointNull(cgf)

    @property
    def mean(self) -> float:
        """Expected value under H0."""
        return self._unit * self._mean

    @property
    def std(self) -> float:
        """Standard deviation under H0."""
        return self._unit * float(np.sqrt(self.cgf.cumulants[1]))

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Natural logarithm of P(T > t), elementwise."""
        return self._tail(t, upper=True)

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Natural logarithm of P(T < t), elementwise."""
        return self._tail(t, upper=False)

    def _tail(self, t: ArrayLike, *, upper: bool) -> NDArray[np.float64]:
        # Beyond 1e9 standard deviations the Gaussian tails of the law leave the range of floats.
        limit = self._unit * (self._mean + 1e9 * float(np.sqrt(self.cgf.cumulants[1])))
        points = np.where(np.isinf(t), t, np.minimum(t, limit))
        flat = points.ravel() / self._unit
        out = np.where(np.isnan(flat), np.nan, np.where((flat > 0) == upper, -np.inf, 0.0))
        usable = np.isfinite(flat) & (flat > 0)
        small = usable & (flat <= (0.0 if self._lower is None else self._lower.limit))
        above = usable & ~small & (flat > self._mean)
        flat = np.where(usable, np.minimum(flat, FARTHEST), flat)
        for where, own_upper in ((above, True), (usable & ~above, False)):
            index = np.flatnonzero(where)
            if index.size == 0:
                continue
            value = np.empty(index.size)
            series = small[index]
            if self._lower is not None and bool(series.any()):
                value[series] = self._lower.logcdf(flat[index[series]])
            if not bool(series.all()):
                value[~series] = self._inverted(flat[index[~series]], own_upper)
            value = np.minimum(value, 0.0)
            out[index] = value if own_upper == upper else np.log1p(-np.exp(np.minimum(value, -1e-16)))
        return out.reshape(points.shape)

    def _inverted(self, t: NDArray[np.float64], upper: bool) -> NDArray[np.float64]:
        ladder = self._above if upper else self._below
        ladder.reach(float(t.max() if upper else t.min()))
        rungs = ladder.rungs(t)
        value = np.empty(t.shape)
        for rung in np.unique(rungs):
            chosen = rungs == rung
            if rung >= 0:
                value[chosen] = ladder.log_tail(int(rung), t[chosen])
            else:
                beyond = self._beyond.logsf(t[chosen]) if upper else self._beyond.logcdf(t[chosen])
                value[chosen] = beyond
        return value
