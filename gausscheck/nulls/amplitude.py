r"""How far the mean of ``b`` whitened amplitudes is from a target: the summand of the batched power spectrum.

``A = |B - mu|`` with ``B`` the mean of ``b`` independent Rayleigh amplitudes
(:mod:`gausscheck.nulls.rayleigh`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import ceil, sqrt

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray

from gausscheck.nulls.cgf import Cgf, Slopes
from gausscheck.nulls.rayleigh import RAYLEIGH_MEAN, density_derivatives, log_rho, rho_slopes, transforms

__all__ = ["AmplitudeDeviation", "amplitude_deviation"]

# Heights |z| beyond FAR standard deviations use the expansion at the kink of A, whose neglected terms are
# below exp(-FAR^2 / 3); up to there 20 Gauss-Legendre nodes on panels of two standard deviations resolve
# exp(i y a) to 1e-14.
_FAR = 13.0
_SERIES = 18
_TAYLOR = 32
_PANEL_NODES = 20
_CHUNK = 1 << 16


@dataclass(frozen=True)
class AmplitudeDeviation(Cgf):
    r"""Cumulant generating function of ``A = |B - mu|``, ``B`` the mean of `b` Rayleigh amplitudes.

    For ``Re z >= 0`` the upper side is in closed form and only the lower one is integrated,

    .. math:: E e^{z A} = e^{-z\mu} \rho(z/b)^b + 2 \int_0^\mu f(x) \sinh(z(\mu - x)) dx ,

    (positive terms for real z, whatever its size); for ``Re z < 0`` both sides are integrated against
    ``exp(z a)``. Far from the real axis, with f the density of B,

    .. math:: E e^{z A} = e^{z\mu} \rho(\mp z/b)^b - 2 \sum_j f^{(2j)}(\mu) z^{-2j-1}

    (the two ends of the lower side; the sign that makes the argument's real part negative).

    Attributes
    ----------
    b : int
        Amplitudes in the mean.
    mu : float
        The target.
    """

    b: int
    mu: float

    @cached_property
    def deviation(self) -> float:
        """Standard deviation of B."""
        return sqrt((1.0 - np.pi / 4) / self.b)

    @cached_property
    def _bend(self) -> tuple[float, float]:
        return 3.0 / self.deviation, 6.0 / self.deviation

    def __post_init__(self) -> None:
        object.__setattr__(self, "bend", self._bend)

    @cached_property
    def _mesh(self) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
        """Distances a from mu, log of weight times density, and how many (the first ones) lie below mu."""
        top = max(self.mu, RAYLEIGH_MEAN) + _FAR * self.deviation
        below = ceil(self.mu / (2 * self.deviation))
        above = ceil((top - self.mu) / (2 * self.deviation))
        edges = np.concatenate([np.linspace(0, self.mu, below + 1), np.linspace(self.mu, top, above + 1)[1:]])
        node, weight = leggauss(_PANEL_NODES)
        half = 0.5 * np.diff(edges)[:, None]
        x = (edges[:-1, None] + half * (1 + node)).ravel()
        (density,), log_scale, _ = transforms(self.b, x, range(1))
        return (
            np.abs(x - self.mu),
            np.log((half * weight).ravel() * density) + log_scale,
            below * _PANEL_NODES,
        )

    @cached_property
    def taylor(self) -> NDArray[np.float64]:
        """``f^(2j)(mu)``, the even derivatives of the density of B at the target, j < 32."""
        return density_derivatives(self.b, self.mu, 2 * _TAYLOR)[::2]

    @cached_property
    def _far(self) -> float:
        """Modulus beyond which the expansion at the kink has converged to 1e-14."""
        last = abs(self.taylor[_SERIES] / self.taylor[0]) * 1e14
        return max(_FAR / self.deviation, float(last ** (0.5 / _SERIES)))

    @cached_property
    def cumulants(self) -> NDArray[np.float64]:
        """The first four cumulants of A, relative error near 1e-13."""
        a, log_mass, _ = self._mesh
        mass = np.exp(log_mass)
        mean = float(mass @ a)
        m2, m3, m4 = (float(mass @ (a - mean) ** k) for k in (2, 3, 4))
        return np.array([mean, m2, m3, m4 - 3 * m2**2])

    def log_mgf(self, s: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """``log E exp(s A)`` at complex points."""
        value = np.empty(s.shape, np.complex128)
        far = (np.abs(s) > self._far) & (s.real < 0.45 * np.abs(s.imag))
        left = ~far & (s.real < 0)
        for part, where in ((self._series, far), (self._left, left), (self._right, ~far & ~left)):
            index = np.flatnonzero(where)
            size = max(1, _CHUNK // self._mesh[0].size)
            for start in range(0, index.size, size):
                value[index[start : start + size]] = part(s[index[start : start + size]])
        return value

    def _series(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        inverse = 1.0 / z
        kink = -2.0 * inverse * polyval(inverse * inverse, self.taylor[:_SERIES])
        other = np.asarray(np.where(z.real > 0, -z, z) / self.b, np.complex128)
        return np.asarray(np.log(kink + np.exp(z * self.mu + self.b * log_rho(other))), np.complex128)

    def _left(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        a, log_mass, _ = self._mesh
        return np.asarray(np.log(np.exp(np.outer(z, a)) @ np.exp(log_mass)), np.complex128)

    def _right(self, z: NDArray[np.complex128]) -> NDArray[np.complex128]:
        a, log_mass, below = self._mesh
        a, log_mass = a[:below], log_mass[:below]
        upper = -z * self.mu + self.b * log_rho(z / self.b)
        scale = np.maximum(upper.real, (np.outer(z.real, a) + log_mass).max(axis=1, initial=-np.inf))
        rest = log_mass - scale[:, None]
        lower = (np.exp(np.outer(z, a) + rest) - np.exp(np.outer(-z, a) + rest)).sum(axis=1)
        return np.asarray(scale + np.log(np.exp(upper - scale) + lower), np.complex128)

    def slopes(self, s: NDArray[np.float64]) -> Slopes:
        """K, K' and K'' at real points."""
        out = np.empty((3, s.size))
        far = s < -self._far
        left = ~far & (s < 0)
        for part, where in (
            (self._series_slopes, far),
            (self._left_slopes, left),
            (self._right_slopes, ~far & ~left),
        ):
            index = np.flatnonzero(where)
            size = max(1, _CHUNK // self._mesh[0].size)
            for start in range(0, index.size, size):
                chunk = index[start : start + size]
                log_scale, m0, m1, m2 = part(s[chunk])
                out[:, chunk] = log_scale + np.log(m0), m1 / m0, m2 / m0 - (m1 / m0) ** 2
        return out[0], out[1], out[2]

    def _series_slopes(self, s: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        u = -1.0 / s
        odd = 2 * np.arange(_SERIES) + 1.0
        coefficients = 2 * self.taylor[:_SERIES]
        m0, m1, m2 = (polyval(u * u, coefficients * c) for c in (1.0, odd, odd * (odd + 1)))
        return np.asarray(np.log(u)), np.asarray(m0), np.asarray(u * m1), np.asarray(u * u * m2)

    def _left_slopes(self, s: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        a, log_mass, _ = self._mesh
        exponent = np.outer(s, a) + log_mass
        scale = exponent.max(axis=1)
        m0, m1, m2 = (np.exp(exponent - scale[:, None]) @ a[:, None] ** np.arange(3)).T
        return scale, m0, m1, m2

    def _right_slopes(self, s: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        a, log_mass, below = self._mesh
        a, log_mass = a[:below], log_mass[:below]
        log_value, first, second = rho_slopes(s / self.b)
        upper = self.b * log_value - s * self.mu
        shift, spread = first - self.mu, second / self.b
        scale = np.maximum(upper, (np.outer(s, a) + log_mass).max(axis=1, initial=-np.inf))
        rest = log_mass - scale[:, None]
        powers = a[:, None] ** np.arange(3)
        grow, shrink = np.exp(np.outer(s, a) + rest), np.exp(np.outer(-s, a) + rest)
        lower = grow @ powers - shrink @ powers * [1.0, -1.0, 1.0]
        bulk = np.exp(upper - scale)
        return scale, bulk + lower[:, 0], bulk * shift + lower[:, 1], bulk * (spread + shift**2) + lower[:, 2]


@lru_cache(maxsize=128)
def amplitude_deviation(b: int, mu: float) -> AmplitudeDeviation:
    """Return the one :class:`AmplitudeDeviation` of `b` amplitudes and target `mu`, with its tables kept."""
    return AmplitudeDeviation(b, mu)
