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
from scipy.special import erfc

from gausscheck.errors import ArgumentError

__all__ = ["PolynomialFeature", "composite_gauss", "polynomial_feature"]

_ROOT_TWO_PI = math.sqrt(2 * math.pi)
# Angles (radians): the ray may turn by at most 0.6 so that exp(-y²/2) still decays as exp(-0.18 |y|²).
_MAX_TURN = 0.6
_MARGIN = 0.3
_SADDLE_REACH = 120.0
_HALVINGS = 60  # from 120 to one rounding error
# Integrals of exp(s f) φ stop there: for a cubic, whose saddle is the lowest, exp(-16²/6) = 3e-19.
_NORMAL_REACH = 16.0
# exp(-_NEGLIGIBLE) is far below one rounding error, also after multiplication by y^16.
_NEGLIGIBLE = 50.0
# Below |s| = 0.3 / sd, M(s) is close to one and what differs from one is computed.
_SMALL = 0.3


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
        bend=composite_gauss([0.0, 0.12, 0.3, 0.6, 0.85, 1.0], 20 * fineness),
    )


# Hermite polynomials wiggle before their turning point: large rates need the fine rules there.
_COARSE, _FINE = _rules(1), _rules(4)


@dataclass(frozen=True)
class _Path:
    """Nodes and weights of a path from 0 to infinity, one row a value of s.

    The first `turn` nodes lie before `corner`; the integral beyond it is known for polynomials.
    """

    y: NDArray[np.complex128]
    weight: NDArray[np.complex128]
    turn: int
    corner: NDArray[Any]


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
        power = hermite_e.herme2poly([0.0] * degree + [1.0]) if hermite else np.eye(degree + 1)[degree]
        scale = math.sqrt(math.factorial(degree)) if hermite else 1.0
        self.coefficients = np.asarray(power, dtype=np.float64) / scale
        self.slope = _derivative(self.coefficients)
        self._curvature = _derivative(self.slope)
        self.even = degree % 2 == 0
        square = np.convolve(self.coefficients, self.coefficients)
        self.mean = 0.0 if hermite else _normal_mean(self.coefficients)
        self.std = 1.0 if hermite else math.sqrt(_normal_mean(square) - self.mean**2)
        critical = np.real(polynomial.polyroots(self.slope))
        self.turning_point = float(np.max(critical)) if hermite else 0.0
        self._last_root = float(np.max(np.real(polynomial.polyroots(self.coefficients))))
        on_critical = self.value(critical)
        self.floor = float(np.min(on_critical)) if self.even else -math.inf
        self._peak = float(np.max(on_critical))
        self.bump = float(np.max(np.abs(on_critical)))

    def value(self, y: Any) -> NDArray[Any]:
        """f(y), elementwise, real or complex."""
        return _horner(self.coefficients, y)

    def log_mgf(self, s: Any, origin: float | None = None) -> NDArray[np.complex128]:
        r"""Continued log M(s) - s·origin for s in the closed upper half plane, s != 0.

        About the mean (the default) it is small (of order s²) near zero. There it is computed from
        exp(s f) - 1 - s f, so that its error is a few times 1e-16 |s| sd instead of 1e-16, and n times it is
        accurate for every n. About the floor of f it keeps its digits where Re s is far below zero.
        """
        s = np.atleast_1d(np.asarray(s, dtype=np.complex128))
        near = np.abs(s) * self.std < _SMALL
        reference = np.where(near, 0.0, self._reference(s))
        whole = self._half_integral(s, reference, near)
        if self.even:
            whole *= 2
        else:
            # The half line x < 0 has -f in place of f: the mirror image of the first half.
            whole += np.conj(self._half_integral(-np.conj(s), reference, near))
        result = np.empty_like(s)
        far = ~near
        origin = self.mean if origin is None else origin
        result[far] = np.log(whole[far]) + s[far] * (reference[far] - origin)
        u = s[near] * self.mean + whole[near]
        log_1p = 0.5 * np.log1p(2 * u.real + u.real**2 + u.imag**2) + 1j * np.arctan2(u.imag, 1 + u.real)
        result[near] = log_1p - u + whole[near] + s[near] * (self.mean - origin)
        return result

    def _reference(self, s: NDArray[np.complex128]) -> NDArray[np.float64]:
        """Value of f whose exponential is taken out so that large |s| neither overflows nor vanishes."""
        if not self.even:
            return np.zeros(s.shape)
        return np.where(s.real < 0, self.floor, self._peak)

    def _half_integral(
        self, s: NDArray[np.complex128], reference: NDArray[np.float64], near: NDArray[np.bool_]
    ) -> NDArray[np.complex128]:
        """Integrate over x > 0 along a path on which exp(s f) does not grow.

        Returns the integral of (exp(z) - 1 - z) φ, z = s f, where |s| is small ("near"), and of
        exp(z - s·reference) φ where it is large.
        """
        total = np.empty_like(s)
        bent = (np.angle(s) < math.pi / 2) & (self.turning_point > 0)
        fine = (np.abs(s) > 0.5) & (self.turning_point > 0)
        for chosen, path, rules in (
            (~bent & ~fine, self._ray, _COARSE),
            (~bent & fine, self._ray, _FINE),
            (bent & ~fine, self._arc, _COARSE),
            (bent & fine, self._arc, _FINE),
        ):
            for small, integrate in ((True, self._integrate_near), (False, self._integrate_far)):
                rows = chosen & (near == small)
                if rows.any():
                    total[rows] = integrate(s[rows], reference[rows], path(s[rows], rules)) / _ROOT_TWO_PI
        return total

    def _integrate_far(
        self, s: NDArray[np.complex128], reference: NDArray[np.float64], path: _Path
    ) -> NDArray[np.complex128]:
        f = self.value(path.y)
        exponent = s[:, None] * (f - reference[:, None]) - path.y**2 / 2
        return np.einsum("ij,ij->i", np.exp(exponent), path.weight)

    def _integrate_near(
        self, s: NDArray[np.complex128], _reference: NDArray[np.float64], path: _Path
    ) -> NDArray[np.complex128]:
        """Integrate (exp(z) - 1 - z) φ as it stands up to the corner; beyond, 1 + z in closed form."""
        z, normal = s[:, None] * self.value(path.y), -(path.y**2) / 2
        first, second = slice(None, path.turn), slice(path.turn, None)
        integrand = np.empty_like(z)
        integrand[:, first] = (np.expm1(z[:, first]) - z[:, first]) * np.exp(normal[:, first])
        integrand[:, second] = np.exp(z[:, second] + normal[:, second])
        return np.einsum("ij,ij->i", integrand, path.weight) - self._beyond(s, path.corner)

    def _beyond(self, s: NDArray[np.complex128], y: NDArray[Any]) -> NDArray[np.complex128]:
        """Integral of (1 + s f(u)) exp(-u²/2) from y to infinity."""
        gauss = np.exp(-(y**2) / 2)
        partial = [_ROOT_TWO_PI / 2 * erfc(y / math.sqrt(2)), gauss]
        for k in range(2, self.degree + 1):
            partial.append(y ** (k - 1) * gauss + (k - 1) * partial[k - 2])
        return partial[0] + s * sum(c * part for c, part in zip(self.coefficients, partial, strict=True) if c)

    def _ray(self, s: NDArray[np.complex128], rules: _Rules) -> _Path:
        """Path: straight to the turning point, then a ray turned so far that exp(s f) decays."""
        n = self.degree
        angle = np.angle(s)
        turn = np.clip((math.pi - angle) / n, 0.0, _MAX_TURN)
        decay = np.maximum(-np.cos(angle + n * turn), math.sin(_MARGIN) / 2)
        reach_normal = np.sqrt(2 * (_NEGLIGIBLE + 2 * n) / np.cos(2 * turn))
        reach_feature = (_NEGLIGIBLE / (np.abs(s) * self.coefficients[-1] * decay)) ** (1 / n)
        step = np.minimum(reach_normal, reach_feature) * np.exp(1j * turn)
        node, quadrature_weight = rules.ray
        y = self.turning_point + step[:, None] * node
        weight = step[:, None] * quadrature_weight
        start = np.full(s.shape, self.turning_point)
        y, weight = self._with_segment(start, y, weight, rules)
        return _Path(y, weight, y.shape[1], self.turning_point + step)

    def _arc(self, s: NDArray[np.complex128], rules: _Rules) -> _Path:
        """Path: along the real axis to the saddle of |s|, then the bend on which exp(s f) decays fastest."""
        # Any corner near the saddle will do.
        start = self.saddle(np.abs(s), steps=20)
        beyond = start > _NORMAL_REACH
        start = np.minimum(start, _NORMAL_REACH)
        y, weight = self._bend(start, (math.pi - np.angle(s)) / self.degree, rules)
        weight[beyond] = 0.0
        y[beyond] = 0.0
        y, weight = self._with_segment(start, y, weight, rules)
        return _Path(y, weight, rules.segment[0].size, start)

    def _bend(
        self, start: NDArray[np.float64], end: NDArray[np.float64], rules: _Rules
    ) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        """Nodes and weights of the curve of steepest descent of a power, from `start` to the angle `end`."""
        order = math.pi / end
        s, _ = self.saddle_rate(start)
        bend = s * _horner(self._curvature, start) - 1
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

    def saddle(self, rate: Any, steps: int = _HALVINGS) -> NDArray[np.float64]:
        """Saddle y > turning point with rate·f'(y) = y, or 120 where it would lie beyond.

        Fewer `steps` give it to 120 / 2^steps.
        """
        if self.turning_point == 0:
            return np.minimum((self.degree * np.asarray(rate)) ** (-1 / (self.degree - 2)), _SADDLE_REACH)
        return self._crossing(lambda y: rate * _horner(self.slope, y) > y, np.shape(rate), steps)

    def inverse(self, value: Any) -> NDArray[np.float64]:
        """Largest y with f(y) = `value`; the turning point where `value` is not reached beyond it."""
        value = np.asarray(value, dtype=np.float64)
        y: NDArray[np.float64] = self._last_root + (np.maximum(value, 0.0) / self.coefficients[-1]) ** (
            1 / self.degree
        )
        if self.turning_point == 0:
            return y
        # Here f(y) >= value, and f is convex from the turning point on: Newton steps stay above the root.
        value = np.maximum(value, self.value(np.array(self.turning_point)))
        for _ in range(12):
            y = y - (self.value(y) - value) / _horner(self.slope, y)
        return y

    def _crossing(
        self, above: Callable[[Any], Any], shape: tuple[int, ...], steps: int
    ) -> NDArray[np.float64]:
        """Where a condition that holds from some point on, beyond the turning point, starts to hold."""
        low = np.full(shape, self.turning_point)
        high = np.full(shape, _SADDLE_REACH)
        for _ in range(steps):
            middle = (low + high) / 2
            over = above(middle)
            low, high = np.where(over, low, middle), np.where(over, middle, high)
        return high

    def saddle_rate(self, y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rate s(y) = y / f'(y) whose saddle is y (> turning point), and -d log s / dy."""
        slope, bend = _horner(self.slope, y), _horner(self._curvature, y)
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


def _horner(coefficients: NDArray[np.float64], y: Any) -> NDArray[Any]:
    """Polynomial, lowest power first, of degree at least one."""
    y = np.asarray(y)
    result = coefficients[-1] * y + coefficients[-2]
    for c in coefficients[-3::-1]:
        result = result * y if c == 0 else result * y + c
    return result


def _derivative(coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    return coefficients[1:] * np.arange(1.0, len(coefficients))


def _normal_mean(coefficients: NDArray[np.float64]) -> float:
    even = range(0, len(coefficients), 2)
    return math.fsum(coefficients[i] * math.prod(range(1, i, 2)) for i in even)


@cache
def polynomial_feature(degree: int, hermite: bool) -> PolynomialFeature:
    """Return the one shared instance for xⁿ or Heₙ/√n!."""
    return PolynomialFeature(degree, hermite=hermite)
