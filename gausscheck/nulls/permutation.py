r"""The batched power spectrum averaged over random permutations of a sample.

Given the sorted values of x, the statistics of R random permutations are independent and identically
distributed; for Gaussian x their common law depends on x through the sample variance v alone (to within what
simulation can see). With ``v ~ chi2_{D-1} / (D-1)`` and, given v, a law of the average with the exact first
three cumulants and the shape of a sum of group deviations,

.. math:: K(s) = \log E_v \exp K(s;\, \Gamma(v),\, V(v)/R,\, \kappa_3(v)/R^2) .

The conditional moments solve ``E_v[\Gamma(\lambda v)] = G(\lambda)``, where ``G(lambda)`` is the moment of
the statistic of unconditioned values of variance lambda. On powers of lambda the left side multiplies
``lambda^p`` by ``Gamma(a + p) / (Gamma(a) a^p)``, a = (D-1)/2, so that

.. math:: \Gamma(\lambda) = \frac{\Gamma(a) a^p}{\Gamma(a + p)} G(\lambda), \quad p = \lambda \, d/d\lambda ,

which is applied as a series in 1/a to fourth order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import factorial

import numpy as np
from numpy.polynomial import Polynomial
from numpy.polynomial.chebyshev import chebvander
from numpy.typing import NDArray
from scipy.special import bernoulli, comb

from gausscheck.nulls.centred import CentredDeviation, centred_deviation
from gausscheck.nulls.cgf import Cgf, Slopes
from gausscheck.nulls.rayleigh import raw_moment, transforms
from gausscheck.nulls.spline import UniformSpline

__all__ = ["PermutedCgf", "conditional_cumulants", "permuted_cgf"]

_ORDER = 4
_DEGREE = 2 * _ORDER
# Half width of the mixture in log density: tails of T down to exp(-700) tilt the sample variance by less
# than this.
_REACH = 800.0
_PRUNE = 42.0
_RAYS = 12
_ENDED = -1e300
_TINY = float(np.finfo(float).tiny)
_CHUNK = 1 << 18


def _bernoulli_difference(k: int) -> Polynomial:
    """``B_k(p) - B_k``, the Bernoulli polynomial without its constant."""
    numbers = bernoulli(k)
    coefficients = [comb(k, j, exact=True) * numbers[k - j] for j in range(k + 1)]
    coefficients[0] = 0.0
    return Polynomial(coefficients)


def _inverse_average(a: float) -> NDArray[np.float64]:
    """Coefficients in p of ``Gamma(a) a^p / Gamma(a + p)`` to order 4 in 1/a, length 9."""
    # log Gamma(a+p)/Gamma(a) - p log a ~ sum_k (-1)^(k+1) (B_{k+1}(p) - B_{k+1}) / (k (k+1) a^k)
    exponents = [_bernoulli_difference(k + 1) * ((-1.0) ** k / (k * (k + 1))) for k in range(1, _ORDER + 1)]
    orders = [Polynomial([1.0])]
    for m in range(1, _ORDER + 1):
        orders.append(
            sum((exponents[j - 1] * orders[m - j] * j for j in range(1, m + 1)), Polynomial([0.0])) / m
        )
    total = sum((poly * a ** (-m) for m, poly in enumerate(orders)), Polynomial([0.0]))
    return np.pad(total.coef, (0, _DEGREE + 1 - total.coef.size))


def _multiply(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Product of two truncated Taylor expansions, coefficients along axis 0."""
    out = np.zeros(np.broadcast_shapes(left.shape, right.shape))
    for j in range(_DEGREE + 1):
        out[j:] += left[j] * right[: _DEGREE + 1 - j]
    return out


def _exponential(rate: float, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expansion of ``exp(rate * (l + d))`` in d about each l of `start`."""
    return np.stack([np.exp(rate * start) * rate**j / factorial(j) for j in range(_DEGREE + 1)])


def _deviation_moments(b: int, mu: float, log_scale: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """``E |sqrt(lambda) B - mu|^j``, j = 1, 2, 3, as expansions in log lambda about each of `log_scale`."""
    m1, m2, m3 = (raw_moment(b, j) for j in (1, 2, 3))
    q = mu * np.exp(-0.5 * log_scale)
    scaled, peak, side = transforms(b, q, range(-4, _DEGREE - 1))
    partial = dict(zip(range(-4, _DEGREE - 1), scaled * np.exp(peak), strict=True))
    absolute = [2 * partial[-2] + side * (q - m1), 2 * partial[-1] + side]
    absolute += [2 * partial[k] for k in range(_DEGREE - 1)]
    cubed = [
        12 * partial[-4] + side * (q**3 - 3 * q * q * m1 + 3 * q * m2 - m3),
        3 * (4 * partial[-3] + side * (q * q - 2 * q * m1 + m2)),
    ]
    cubed += [6 * value for value in absolute[: _DEGREE - 1]]
    # the argument q exp(-d/2) - q as an expansion in d without constant
    shift = q * _exponential(-0.5, np.zeros_like(q))
    shift[0] = 0.0
    first, third = (np.zeros_like(shift) for _ in range(2))
    for j in range(_DEGREE, -1, -1):
        first, third = _multiply(first, shift), _multiply(third, shift)
        first[0] += absolute[j] / factorial(j)
        third[0] += cubed[j] / factorial(j)
    second = m2 * _exponential(1.0, log_scale) - 2 * mu * m1 * _exponential(0.5, log_scale)
    second[0] += mu * mu
    return [
        _multiply(_exponential(0.5, log_scale), first),
        second,
        _multiply(_exponential(1.5, log_scale), third),
    ]


def conditional_cumulants(
    n: int, sizes: dict[int, int], mu: float, log_variance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean, variance and third cumulant of the statistic given the sample variance.

    Parameters
    ----------
    n : int
        Values in the sample.
    sizes : dict
        Size of a group of amplitudes -> how many such groups.
    mu : float
        Target of the groups' means.
    log_variance : numpy.ndarray
        Natural logarithms of the sample variance, shape (m,).

    Returns
    -------
    tuple of numpy.ndarray
        Three arrays of shape (m,).
    """
    groups = sum(sizes.values())
    k1, k2, k3 = (np.zeros((_DEGREE + 1, log_variance.size)) for _ in range(3))
    for size, count in sizes.items():
        a1, a2, a3 = _deviation_moments(size, mu, log_variance)
        square = _multiply(a1, a1)
        k1 += count / groups * a1
        k2 += count / groups**2 * (a2 - square)
        k3 += count / groups**3 * (a3 - 3 * _multiply(a2, a1) + 2 * _multiply(square, a1))
    square = _multiply(k1, k1)
    factor = _inverse_average(0.5 * (n - 1)) * [factorial(j) for j in range(_DEGREE + 1)]
    r1 = factor @ k1
    r2 = factor @ (k2 + square)
    r3 = factor @ (k3 + 3 * _multiply(k2, k1) + _multiply(square, k1))
    return r1, r2 - r1**2, r3 - 3 * r2 * r1 + 2 * r1**3


@dataclass(frozen=True)
class PermutedCgf(Cgf):
    r"""Cumulant generating function of a mixture over the sample variance.

    Each law of the mixture is that of ``g_i`` plus ``beta_i`` times the sum of n' (not necessarily whole)
    centred deviations A of a group, n' and beta such that it has the variance and the third cumulant wanted,

    .. math:: K_i(s) = g_i s + V_i s^2 h(\beta_i s) / \kappa_2, \quad h(u) = \frac{K_A(u) - \kappa_1 u}{u^2},
              \quad \beta_i = \frac{\kappa_{3,i} \kappa_2}{V_i \kappa_3} .

    Attributes
    ----------
    group : AmplitudeDeviation
        Law of A.
    log_weight : numpy.ndarray
        Logarithms of the mixture's weights, shape (m,).
    location, variance, third : numpy.ndarray
        First three cumulants of each law.
    accuracy : float
        Relative size at which a path may end.
    """

    group: CentredDeviation
    log_weight: NDArray[np.float64]
    location: NDArray[np.float64]
    variance: NDArray[np.float64]
    third: NDArray[np.float64]
    accuracy: float = 1e-10

    @cached_property
    def _beta(self) -> NDArray[np.float64]:
        _, second, third, _ = self.group.deviation.cumulants
        return np.asarray(self.third / self.variance * second / third, np.float64)

    @cached_property
    def cumulants(self) -> NDArray[np.float64]:
        """The first four cumulants, by the law of total cumulance."""
        weight = np.exp(self.log_weight)
        mean = float(weight @ self.location)
        d = self.location - mean
        second = float(weight @ (self.variance + d * d))
        third = float(weight @ (self.third + 3 * d * self.variance + d**3))
        _, k2, _, k4 = self.group.deviation.cumulants
        fourth = self._beta**2 * self.variance * k4 / k2 + 3 * self.variance**2
        fourth = float(weight @ (fourth + 4 * d * self.third + 6 * d * d * self.variance + d**4))
        return np.array([mean, second, third, fourth - 3 * second**2])

    def log_mgf(self, s: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """``log E exp(s T)`` at complex points of one vertical line; hugely negative where the shape ends."""
        density = self._real_terms(float(s.real[0]))[0]
        top = int(density.argmax())
        peak = float(density[top])
        reached = np.flatnonzero(density > peak - _PRUNE)
        kept = slice(int(reached[0]), int(reached[-1]) + 1)
        value = np.full(s.shape, _ENDED, np.complex128)
        beta_top = float(self._beta[top])
        inside = np.flatnonzero(np.abs(beta_top * s.imag) < self.group.height(beta_top * float(s.real[0])))
        if inside.size == 0:
            return value
        beta, location, variance = self._beta[kept], self.location[kept], self.variance[kept]
        middle, half = (
            0.5 * (beta.max() + beta.min()),
            0.5 * (beta.max() - beta.min()) + 1e-9 * np.abs(self._beta).max() + _TINY,
        )
        nodes = np.cos(np.pi * (np.arange(_RAYS) + 0.5) / _RAYS)
        shape = self.group.shape(np.outer(middle + half * nodes, s[inside]).ravel()).reshape(
            _RAYS, inside.size
        )
        series = chebvander(nodes, _RAYS - 1).T @ shape * (2.0 / _RAYS)
        series[0] *= 0.5
        basis = chebvander((beta - middle) / half, _RAYS - 1)
        size = max(1, _CHUNK // beta.size)
        for start in range(0, inside.size, size):
            point = s[inside[start : start + size]]
            exponent = (basis @ series[:, start : start + size]) * variance[:, None] * point**2
            exponent += np.outer(location, point) + (self.log_weight[kept] - peak)[:, None]
            value[inside[start : start + size]] = peak + np.log(np.exp(exponent).sum(axis=0))
        return value

    def _real_terms(self, s: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Log weight plus K_i, and K_i' and K_i'', at one real point."""
        shape, slope, bend = self.group.real_shape(self._beta * s)
        value = self.log_weight + self.location * s + self.variance * s * s * shape
        return value, self.location + self.variance * s * slope, self.variance * bend

    def slopes(self, s: NDArray[np.float64]) -> Slopes:
        """K, K' and K'' at real points."""
        out = np.empty((3, s.size))
        for j, real in enumerate(s):
            density, first, second = self._real_terms(float(real))
            peak = density.max()
            weight = np.exp(density - peak)
            total = weight.sum()
            mean = (weight @ first) / total
            out[:, j] = peak + np.log(total), mean, weight @ (second + (first - mean) ** 2) / total
        return out[0], out[1], out[2]


def permuted_cgf(n: int, sizes: dict[int, int], mu: float, permutations: int) -> PermutedCgf:
    """Cumulant generating function of the average over `permutations` random permutations of one sample.

    Parameters
    ----------
    n : int
        Values in the sample.
    sizes : dict
        Size of a group of amplitudes -> how many such groups.
    mu : float
        Target of the groups' means.
    permutations : int
        How many permutations are averaged.
    """
    a = 0.5 * (n - 1)
    # log density of l = log v is a (l - e^l + 1) + const; its reach on both sides from l - e^l + 1 = -_REACH
    # / a
    depth = _REACH / a
    low = -min(depth + 1.0, 2 * np.sqrt(depth) + depth)
    high = float(np.log1p(depth + np.sqrt(2 * depth)))
    coarse = np.linspace(low, high, max(65, int(np.ceil((high - low) / 0.01))))
    cumulants = conditional_cumulants(n, sizes, mu, coarse)
    spline = UniformSpline(low, high, np.stack(cumulants, axis=1))
    # The step resolves the chi-square density, the conditional law where the mean moves fastest against it,
    # and the law of the sample variance when it is tilted towards the smallest mean (37 conditional
    # deviations: log p = -700).
    deviation = np.sqrt(cumulants[1] / permutations)
    slope = np.gradient(cumulants[0], coarse)
    narrowest = float((deviation / (np.abs(slope) + 1e-300)).min())
    curvature = float((np.gradient(slope, coarse) / deviation).max())
    step = min(0.6 / np.sqrt(a), 0.33 * narrowest, 1.0 / np.sqrt(a + 37.0 * curvature))
    node = np.arange(low, high, step)
    log_weight = a * (node - np.exp(node) + 1.0)
    log_weight -= np.log(np.exp(log_weight).sum())
    location, variance, third = spline(node).T
    group = centred_deviation(max(sizes), mu)
    # Far from v = 1 a conditional law can be skewed as no sum of deviations is: it is held between a normal
    # law and one twice as skewed as that of the stored order.
    _, second, skewness, _ = group.deviation.cumulants
    nominal = variance * skewness / second / sum(sizes.values())
    third = nominal * np.clip(third / nominal, 0.0, 2.0 * np.maximum(1.0, np.exp(0.5 * node)))
    return PermutedCgf(group, log_weight, location, variance / permutations, third / permutations**2)
