"""Turned contours for the inversion of moments: where they start, and the cumulant function on them.

Nothing here depends on the number of values: what is computed once serves every n.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.nulls.polynomial import PolynomialFeature, composite_gauss, polynomial_feature

__all__ = ["LARGEST_JUMP", "ContourTable", "TurnedContour", "contour_table"]

# Beyond this jump size the tail is one jump alone (probability below 1e-780): closed form.
LARGEST_JUMP = 60.0
_NODES = 16
_PANELS = np.concatenate([[0.0], 2.0 ** np.arange(-7, 14)])
_GRID_RATIO = 1.1
_GRID_BLOCK = 32


class TurnedContour:
    """A path of integration from c on the real axis, with the cumulant function on it, made when needed."""

    def __init__(self, feature: PolynomialFeature, c: float, origin: float, nodes: int) -> None:
        self.c = c
        self.nodes = nodes
        self._feature = feature
        self._origin = origin
        self._parts: dict[int, tuple[Any, Any, Any]] = {}
        self._blocks: dict[int, tuple[Any, Any, Any, Any]] = {}
        # A power decays in the whole sector; a Hermite polynomial only along the vertical.
        theta = math.radians(72.0 if feature.turning_point == 0 else 90.0)
        self._direction = complex(math.cos(theta), math.sin(theta))
        self._cuts = (0, 11, 15, len(_PANELS) - 1)
        self.parts = len(self._cuts) - 1
        if c > 0:
            self.first_jump = feature.saddle(c)
            self._edges = self._jump_edges()
            self.blocks = math.ceil((len(self._edges) - 1) / 8)

    def part(self, k: int) -> tuple[Any, Any, Any]:
        """Nodes s, weights ds, and log M(s) - s·origin on a stretch of the contour."""
        if k not in self._parts:
            edges = _PANELS[self._cuts[k] : self._cuts[k + 1] + 1] * abs(self.c)
            r, weight = composite_gauss(edges, self.nodes)
            s = self.c + r * self._direction
            self._parts[k] = (s, weight * self._direction, self._feature.log_mgf(s, self._origin))
        return self._parts[k]

    def _jump_edges(self) -> NDArray[np.float64]:
        edges = [float(self.first_jump)]
        while edges[-1] < LARGEST_JUMP + 10:
            edges.append(edges[-1] + min(0.5, 0.3 * (edges[-1] - self._feature.turning_point)))
        return np.array(edges)

    def block_start(self, k: int) -> float:
        """Smallest jump that a block covers."""
        return float(self._edges[8 * k])

    def block(self, k: int) -> tuple[Any, Any, Any, Any]:
        """Rates, weights d log s, Re log M(s) - s E f and log arg M(s) on a stretch of (0, c)."""
        if k not in self._blocks:
            y, weight = composite_gauss(self._edges[8 * k : 8 * k + 9], self.nodes)
            rate, log_rate_slope = self._feature.saddle_rate(y)
            log_mgf = self._feature.log_mgf(rate)
            log_modulus = log_mgf.real + rate * self._feature.mean
            log_sine = self._feature.log_imag_mgf(y) - log_modulus
            # Where arg M is not small log M knows it, and its quadrant; where it is, log M has lost it.
            with np.errstate(divide="ignore", invalid="ignore"):
                phase = np.select(
                    [log_sine > -3.0, log_sine > -18.0],
                    [np.log(log_mgf.imag), np.log(np.arcsin(np.exp(np.minimum(log_sine, 0.0))))],
                    log_sine,
                )
            self._blocks[k] = (rate, weight * log_rate_slope, log_mgf.real, phase)
        return self._blocks[k]


class ContourTable:
    """Contours of one feature on a geometric grid of starting points, shared by all n."""

    def __init__(self, feature: PolynomialFeature, nodes: int) -> None:
        self.feature = feature
        self._nodes = nodes
        power = feature.turning_point == 0
        # Beyond the turning point exp(s f) is made to decay; before it, it grows as exp(s max|f|).
        highest = 1e4 / feature.std if power else 500.0 / feature.bump
        self.deepest = 1e12 / feature.mean if power and feature.even else 200.0
        self._start = 1e-9 / feature.std
        self._blocks = {
            upper: math.ceil(math.log(end / self._start, _GRID_RATIO) / _GRID_BLOCK)
            for upper, end in ((True, highest), (False, 10 * self.deepest))
        }
        self._axis: dict[tuple[bool, int, int], tuple[NDArray[np.float64], NDArray[np.complex128]]] = {}
        self._contours: dict[float, TurnedContour] = {}

    def origin(self, upper: bool) -> float:
        """Value of f about which sums and cumulant functions are counted: they vanish there."""
        return self.feature.mean if upper else self.feature.floor

    def axes(self, upper: bool, start: float) -> Iterator[tuple[NDArray[np.float64], NDArray[np.complex128]]]:
        """Starting points c from `start` on and log M(c + i0) - c·origin there; longer and longer."""
        first = max(0, int(math.log(start / self._start, _GRID_RATIO) / _GRID_BLOCK))
        for end in range(first + 1, max(self._blocks[upper], first + 1) + 1):
            if (upper, first, end) not in self._axis:
                power = np.arange((end - 1) * _GRID_BLOCK, end * _GRID_BLOCK, dtype=np.float64)
                rate = (self._start if upper else -self._start) * _GRID_RATIO**power
                log_mgf = self.feature.log_mgf(rate, self.origin(upper))
                if end > first + 1:
                    known, known_log_mgf = self._axis[upper, first, end - 1]
                    rate, log_mgf = np.append(known, rate), np.append(known_log_mgf, log_mgf)
                self._axis[upper, first, end] = rate, log_mgf
            yield self._axis[upper, first, end]

    def contour(self, c: float) -> TurnedContour:
        """Contour that starts at a grid point."""
        if c not in self._contours:
            self._contours[c] = self.fresh(c)
        return self._contours[c]

    def fresh(self, c: float) -> TurnedContour:
        """Contour that starts at any real c, not kept."""
        return TurnedContour(self.feature, c, self.origin(c > 0), self._nodes)


@cache
def contour_table(degree: int, hermite: bool, fine: bool) -> ContourTable:
    """Return the one shared table for xⁿ or Heₙ/√n!; `fine` has twice the nodes, for few values."""
    return ContourTable(polynomial_feature(degree, hermite), 2 * _NODES if fine else _NODES)
