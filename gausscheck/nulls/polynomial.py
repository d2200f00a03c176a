r"""Cumulant function of a polynomial of a standard normal variable, continued beyond where it converges.

For f(x) = xⁿ or a Hermite polynomial of degree n ≥ 3 and X ~ N(0, 1), M(s) = E exp(s f(X)) converges
only on the imaginary axis (odd n) or in the left half plane (even n). Turning the path of integration
continues it through the upper half plane down to the positive real axis. There its imaginary part is
exponentially small and carries the whole far tail of a sum of f(Xᵢ) ("one big jump"), so that it is
computed apart, on a path through the saddle y* where s f'(y*) = y*, without cancellation.

References
----------
Gil-Pelaez (1951), Biometrika 38, 481; the turned contour is derived in ``docs/math/inversion.md``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.polynomial import hermite_e, polynomial
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from gausscheck.errors import ArgumentError

__all__ = ["PolynomialFeature", "composite_gauss", "polynomial_feature"]

_ROOT_TWO_PI = math.sqrt(2 * math.pi)
# Angles (radians): the ray may turn by at most 0.6 so that exp(-y²/2) still decays as exp(-0.18 |y|²).
_MAX_TURN = 0.6
_MARGIN = 0.3
_SADDLE_REACH = 120.0
_NORMAL_REACH = 12.0  # exp(-72): the normal density times y^16 is nil beyond
# exp(-_NEGLIGIBLE) is far below one rounding error, also after multiplication by y^16.
_NEGLIGIBLE = 50.0


def composite_gauss(edges: Any, order: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights of `order`-point Gauss-Legendre quadrature on each interval between `edges`."""
    node, weight = leggauss(order)
    edge = np.asarray(edges, dtype=np.float64)
    middle, half = (edge[1:] + edge[:-1]) / 2, (edge[1:] - edge[:-1]) / 2
    nodes = middle[:, None] + half[:, None] * node
    return nodes.ravel(), (half[:, None] * weight).ravel()


@dataclass(frozen=True)
class _Rules:
    """Quadrature rules on [0, 1]: for the ray, for the straight segment before it, and for the bend."""

    ray: tuple[NDArray[np.float64], NDArray[np.float64]]
    segment: tuple[NDArray[np.float64], NDArray[np.float64]]
    bend: tuple[NDArray[np.float64], NDArray[np.float64]]


def _rules(fineness: int) -> _Rules:
    return _Rules(
        ray=composite_gauss([0.0, 0.2, 0.5, 1.0], 40 * fineness),
        segment=composite_gauss([0.0, 0.25, 0.5, 0.75, 1.0], 20 * fineness),
        bend=composite_gauss([0.0, 0.12, 0.3, 0.6, 1.0], 20 * fineness),
    )


# Hermite polynomials wiggle before their turning point: large rates need the fine rules there.
_COARSE, _FINE = _rules(1), _rules(4)


class PolynomialFeature:
    """A polynomial f of one standard normal variable: xⁿ, or Heₙ(x)/√n!, with 3 ≤ n ≤ 8.

    Parameters
    ----------
    degree : int
        n.
    hermite : bool
        Take the normalised probabilists' Hermite polynomial instead of the power.

    Attributes
    ----------
    coefficients : numpy.ndarray
        Of f, lowest power first.
    even : bool
        Parity of f.
    mean, std : float
        Of f(X), exact up to rounding.
    floor : float
        Smallest value of f on the real line (minus infinity for odd degrees).
    bump : float
        Largest |f| at a point where f' = 0.
    turning_point : float
        Largest real y with f'(y) = 0; beyond it f and all its derivatives grow.
    """

    def __init__(self, degree: int, *, hermite: bool) -> None:
        if not 3 <= degree <= 8:
            msg = f"degree must be 3..8, got {degree}"
            raise ArgumentError(msg)
        self.degree = degree
        if hermite:
            power = hermite_e.herme2poly([0.0] * degree + [1.0])
            self.coefficients = power / math.sqrt(math.factorial(degree))
        else:
            self.coefficients = np.eye(degree + 1)[degree]
        self.slope = polynomial.polyder(self.coefficients)
        self.even = degree % 2 == 0
        square = polynomial.polymul(self.coefficients, self.coefficients)
        self.mean = 0.0 if hermite else _normal_mean(self.coefficients)
        self.std = 1.0 if hermite else math.sqrt(_normal_mean(square) - self.mean**2)
        self._half_mean = _half_normal_mean(self.coefficients)
        critical = np.real(polynomial.polyroots(self.slope))
        self.turning_point = float(np.max(critical)) if hermite else 0.0
        on_critical = self.value(critical)
        self.floor = float(np.min(on_critical)) if self.even else -math.inf
        self._peak = float(np.max(on_critical))
        self.bump = float(np.max(np.abs(on_critical)))

    def value(self, y: Any) -> NDArray[Any]:
        """f(y), elementwise, real or complex."""
        y = np.asarray(y)
        result = np.full_like(y, self.coefficients[-1])
        for c in self.coefficients[-2::-1]:
            result = result * y + c if c else result * y
        return result

    def log_mgf(self, s: Any) -> NDArray[np.complex128]:
        r"""Continued log M(s) - s E f for s in the closed upper half plane, s != 0.

        The combination is small (of order s²) near zero and is computed there to full relative accuracy,
        so that n times it is accurate for n up to 1e10.
        """
        s = np.atleast_1d(np.asarray(s, dtype=np.complex128))
        reference = self._reference(s)
        part, near = self._half_integral(s, reference)
        if self.even:
            whole = 2 * part
        else:
            # The half line x < 0 has -f in place of f: the mirror image of the first half.
            mirror = -np.conj(s)
            other, near_other = self._half_integral(mirror, reference)
            half = s * self._half_mean
            both = near & near_other
            whole = np.where(both | ~near, part, part + 0.5 + half)
            whole += np.where(both | ~near_other, np.conj(other), np.conj(other) + 0.5 - half)
            near = both
        result = np.empty_like(s)
        far = ~near
        result[far] = np.log(whole[far]) + s[far] * (reference[far] - self.mean)
        u = s[near] * self.mean + whole[near]
        log_1p = 0.5 * np.log1p(2 * u.real + u.real**2 + u.imag**2) + 1j * np.arctan2(u.imag, 1 + u.real)
        result[near] = log_1p - u + whole[near]
        return result

    def _reference(self, s: NDArray[np.complex128]) -> NDArray[np.float64]:
        """Value of f whose exponential is taken out so that large |s| neither overflows nor vanishes."""
        if not self.even:
            return np.zeros(s.shape)
        return np.where(s.real < 0, self.floor, self._peak)

    def _half_integral(
        self, s: NDArray[np.complex128], reference: NDArray[np.float64]
    ) -> tuple[NDArray[np.complex128], NDArray[np.bool_]]:
        """Integrate over x > 0 along a path on which exp(s f) does not grow.

        Returns the integral of (exp(z) - 1 - z) φ, z = s f, where |s| is small ("near"), and of
        exp(z - s·reference) φ where it is large.
        """
        total = np.empty_like(s)
        near = np.empty(s.shape, dtype=bool)
        bent = (np.angle(s) < math.pi / 2) & (self.turning_point > 0)
        fine = (np.abs(s) > 1) & (self.turning_point > 0)
        for chosen, path, rules in (
            (~bent & ~fine, self._ray, _COARSE),
            (~bent & fine, self._ray, _FINE),
            (bent & ~fine, self._arc, _COARSE),
            (bent & fine, self._arc, _FINE),
        ):
            if chosen.any():
                y, weight, near[chosen] = path(s[chosen], rules)
                total[chosen] = self._integrate(s[chosen], reference[chosen], y, weight, near[chosen])
        return total, near

    def _integrate(
        self,
        s: NDArray[np.complex128],
        reference: NDArray[np.float64],
        y: NDArray[np.complex128],
        weight: NDArray[np.complex128],
        near: NDArray[np.bool_],
    ) -> NDArray[np.complex128]:
        f = self.value(y)
        integrand = np.empty_like(y)
        z = s[near, None] * f[near]
        integrand[near] = (np.expm1(z) - z) * np.exp(-(y[near] ** 2) / 2)
        far = ~near
        integrand[far] = np.exp(s[far, None] * (f[far] - reference[far, None]) - y[far] ** 2 / 2)
        return np.einsum("ij,ij->i", integrand, weight) / _ROOT_TWO_PI

    def _ray(
        self, s: NDArray[np.complex128], rules: _Rules
    ) -> tuple[NDArray[np.complex128], NDArray[np.complex128], NDArray[np.bool_]]:
        """Path: straight to the turning point, then a ray turned so far that exp(s f) decays."""
        n = self.degree
        angle = np.angle(s)
        turn = np.clip((math.pi - angle) / n, 0.0, _MAX_TURN)
        decay = np.maximum(-np.cos(angle + n * turn), math.sin(_MARGIN) / 2)
        reach_normal = np.sqrt(2 * (_NEGLIGIBLE + 2 * n) / np.cos(2 * turn))
        reach_feature = (_NEGLIGIBLE / (np.abs(s) * self.coefficients[-1] * decay)) ** (1 / n)
        step = (np.minimum(reach_normal, reach_feature) * np.exp(1j * turn))[:, None]
        node, quadrature_weight = rules.ray
        y = self.turning_point + step * node
        weight = step * quadrature_weight
        y, weight = self._with_segment(np.full(s.shape, self.turning_point), y, weight, rules)
        return y, weight, reach_normal <= reach_feature

    def _arc(
        self, s: NDArray[np.complex128], rules: _Rules
    ) -> tuple[NDArray[np.complex128], NDArray[np.complex128], NDArray[np.bool_]]:
        """Path: along the real axis to the saddle of |s|, then the bend on which exp(s f) decays fastest."""
        start = self.saddle(np.abs(s))
        end = (math.pi - np.angle(s)) / self.degree
        near = start > _NORMAL_REACH
        segment_end = np.minimum(start, _NORMAL_REACH)
        y, weight = self._bend(segment_end, end, rules)
        weight[near] = 0.0
        y[near] = 0.0
        return *self._with_segment(segment_end, y, weight, rules), near

    def _bend(
        self, start: NDArray[np.float64], end: NDArray[np.float64], rules: _Rules
    ) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        """Nodes and weights of the curve of steepest descent of a power, from `start` to the angle `end`."""
        order = math.pi / end
        s, _ = self.saddle_rate(start)
        bend = s * polynomial.polyval(start, polynomial.polyder(self.slope)) - 1
        span = np.minimum(end, 9.0 / (start * np.sqrt(np.maximum(bend, self.degree - 2))))
        node, quadrature_weight = rules.bend
        phi = span[:, None] * node
        m = order[:, None]
        log_radius = np.log(m * np.sin(2 * phi) / (2 * np.sin(m * phi))) / (m - 2)
        growth = (2 / np.tan(2 * phi) - m / np.tan(m * phi)) / (m - 2)
        y = start[:, None] * np.exp(log_radius + 1j * phi)
        return y, y * (growth + 1j) * span[:, None] * quadrature_weight

    def _with_segment(
        self,
        end: NDArray[np.float64],
        y: NDArray[np.complex128],
        weight: NDArray[np.complex128],
        rules: _Rules,
    ) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        """Put the straight segment from 0 to `end` before a path."""
        if self.turning_point == 0:
            return y, weight
        node, quadrature_weight = rules.segment
        return np.hstack([end[:, None] * node, y]), np.hstack([end[:, None] * quadrature_weight, weight])

    def saddle(self, rate: Any) -> NDArray[np.float64]:
        """Saddle y > turning point with rate·f'(y) = y, or 120 where it would lie beyond."""
        return self._crossing(lambda y: rate * polynomial.polyval(y, self.slope) > y, np.shape(rate))

    def inverse(self, value: Any) -> NDArray[np.float64]:
        """Largest y with f(y) = `value`; the turning point where `value` is not reached beyond it."""
        if self.turning_point == 0:
            return np.maximum(np.asarray(value), 0.0) ** (1 / self.degree)
        # Far out f is its leading power to all digits.
        leading = (np.maximum(np.asarray(value), 1.0) / self.coefficients[-1]) ** (1 / self.degree)
        return np.where(
            leading > _SADDLE_REACH, leading, self._crossing(lambda y: self.value(y) > value, np.shape(value))
        )

    def _crossing(self, above: Callable[[Any], Any], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Where a condition that holds from some point on, beyond the turning point, starts to hold."""
        low = np.full(shape, self.turning_point)
        high = np.full(shape, _SADDLE_REACH)
        for _ in range(60):
            middle = (low + high) / 2
            over = above(middle)
            low, high = np.where(over, low, middle), np.where(over, middle, high)
        return high

    def saddle_rate(self, y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rate s(y) = y / f'(y) whose saddle is y (> turning point), and -d log s / dy."""
        slope = polynomial.polyval(y, self.slope)
        bend = polynomial.polyval(y, polynomial.polyder(self.slope))
        return y / slope, bend / slope - 1 / y

    def log_imag_mgf(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logarithm of Im M(s + i0) at s = s(y), without cancellation; `y` real, beyond the turning point.

        The path leaves the real axis at the saddle y and runs to the direction π/n, where exp(s f) decays
        fastest; up to the saddle the integrand is real and adds nothing.
        """
        s, _ = self.saddle_rate(y)
        path, weight = self._bend(y, np.full(y.shape, math.pi / self.degree), _COARSE)
        start = s * self.value(y) - y**2 / 2
        exponent = s[:, None] * self.value(path) - path**2 / 2 - start[:, None]
        total = np.einsum("ij,ij->i", np.exp(exponent), weight).imag / _ROOT_TWO_PI
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(total * (2 if self.even else 1)) + start


def _normal_mean(coefficients: NDArray[np.float64]) -> float:
    even = range(0, len(coefficients), 2)
    return math.fsum(coefficients[i] * math.prod(range(1, i, 2)) for i in even)


def _half_normal_mean(coefficients: NDArray[np.float64]) -> float:
    """Integral of the polynomial times the normal density over the positive half line."""
    return math.fsum(
        c * 2 ** (i / 2 - 1) * math.gamma((i + 1) / 2) / math.sqrt(math.pi)
        for i, c in enumerate(coefficients)
    )


@cache
def polynomial_feature(degree: int, hermite: bool) -> PolynomialFeature:
    """Return the one shared instance for xⁿ or Heₙ/√n!."""
    return PolynomialFeature(degree, hermite=hermite)
