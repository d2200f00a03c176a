r"""The shape of a centred sum of group deviations, as a function of its variance and third cumulant.

For ``A = |B - mu|`` of a group of amplitudes, ``h(u) = (log E exp(u A) - kappa_1 u) / u^2``: the sum of n
centred copies of A times beta, n not necessarily whole, has the cumulant generating function ``n beta^2 s^2
h(beta s)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from gausscheck.nulls.amplitude import AmplitudeDeviation, amplitude_deviation
from gausscheck.nulls.spline import UniformSpline

__all__ = ["CentredDeviation", "centred_deviation"]

_SMALL = 1e-3
_GRID = np.linspace(-30.0, 30.0, 1201)
# E exp(u A) has zeros in the right half plane, the first near (1.9, 2.8) standard deviations of B, and its
# fractional powers have no meaning beyond them. For a sum of 14 copies what these heights cut off is below
# 1e-8 of the integral.
_HEIGHT_RIGHT = 2.6
_HEIGHT_LEFT = 3.3


@dataclass(frozen=True)
class CentredDeviation:
    """h(u) / kappa_2 for real and complex u.

    Attributes
    ----------
    deviation : AmplitudeDeviation
        Law of A.
    """

    deviation: AmplitudeDeviation

    def height(self, real: float) -> float:
        """Largest imaginary part of u that is of use at a real part of `real`."""
        unit = 1.0 / self.deviation.deviation
        return _HEIGHT_RIGHT * unit if real > 0.5 * unit else _HEIGHT_LEFT * unit + 8.0 * max(0.0, -real)

    def shape(self, u: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """``h(u) / kappa_2`` on the branch that is continuous from the real axis, up to `height`."""
        k1, k2, k3, k4 = self.deviation.cumulants
        small = np.abs(u) * np.sqrt(k2) < _SMALL
        safe = np.where(small, 1.0, u)
        value = self.deviation.log_mgf(safe)
        # The phase of E exp(u A) stays near (0, pi/2) left of the imaginary axis and turns with the tilted
        # mean right of it.
        _, slope, _ = self._tables(safe.real)
        turn = np.maximum(slope * k2 * safe.real, 0.0) * safe.imag
        phase = np.angle(np.exp(1j * (value.imag - turn))) + turn
        far = (value.real + 1j * phase - k1 * safe) / safe**2
        near = k2 / 2 + u * (k3 / 6 + u * k4 / 24)
        return np.asarray(np.where(small, near, far) / k2, np.complex128)

    def real_shape(
        self, u: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """``h(u)``, ``(K_A'(u) - kappa_1) / u`` and ``K_A''(u)``, each over kappa_2, on the real axis."""
        return self._tables(u)

    def _tables(
        self, u: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        values = self._spline(np.arcsinh(u * self.deviation.deviation))
        return values[..., 0], values[..., 1], values[..., 2]

    @cached_property
    def _spline(self) -> UniformSpline:
        """The three functions on a grid in arcsinh(u sigma), sigma that of B; relative error near 1e-8."""
        k1, k2, k3, k4 = self.deviation.cumulants
        u = np.sinh(_GRID) / self.deviation.deviation
        small = np.abs(u) * np.sqrt(k2) < _SMALL
        safe = np.where(small, 1.0, u)
        value, first, second = self.deviation.slopes(safe)
        table = np.stack(
            [
                np.where(small, k2 / 2 + u * (k3 / 6 + u * k4 / 24), (value - k1 * safe) / safe**2),
                np.where(small, k2 + u * (k3 / 2 + u * k4 / 6), (first - k1) / safe),
                np.where(small, k2 + u * (k3 + u * k4 / 2), second),
            ],
            axis=-1,
        )
        return UniformSpline(_GRID[0], _GRID[-1], table / k2)


@lru_cache(maxsize=64)
def centred_deviation(b: int, mu: float) -> CentredDeviation:
    """Return the one :class:`CentredDeviation` of `b` amplitudes and target `mu`, with its table kept."""
    return CentredDeviation(amplitude_deviation(b, mu))
