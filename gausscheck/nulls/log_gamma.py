r"""What Stirling's formula leaves of the logarithm of the Gamma function, and derivatives of that.

.. math:: r(z) = \log\Gamma(z) - (z - \tfrac12) \log z + z - \tfrac12 \log 2\pi
               = \sum_{j \ge 1} \frac{B_{2j}}{2j (2j - 1)} z^{1 - 2j} ,

small where log Gamma itself is large, so that differences of log Gamma functions keep their digits.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import bernoulli, loggamma, polygamma, psi

__all__ = ["first_slope", "remainder", "remainder_slopes"]

# From |z| = 10 on ten terms leave 1e-19.
_FAR = 10.0
_TERMS = 10
# From here on the leading term of a derivative is all that counts.
_FARTHER = 1e5
_J = np.arange(1, _TERMS + 1)
_SERIES = bernoulli(2 * _TERMS)[2::2] / (2 * _J * (2 * _J - 1))
_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def remainder(z: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return r at complex points off the negative real axis.

    The series serves the right half plane and, where its error exp(-2 pi |Im z|) is below rounding, the left.
    """
    z = np.asarray(z, np.complex128)
    series = (np.abs(z) > _FAR) & ((z.real > 0) | (np.abs(z.imag) > _FAR))
    value = np.empty(z.shape, np.complex128)
    far, near = z[series], z[~series]
    inverse = 1 / far
    value[series] = np.polynomial.polynomial.polyval(inverse * inverse, _SERIES) * inverse
    value[~series] = loggamma(near) - (near - 0.5) * np.log(near) + near - _HALF_LOG_TWO_PI
    return value


def remainder_slopes(
    z: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """First three derivatives of r at positive points, each to 1e-9 of the terms that it is left of."""
    far, x = z > _FARTHER, np.minimum(z, _FARTHER)
    with np.errstate(under="ignore"):
        second = np.where(far, 1 / (6 * z**3), polygamma(1, x) - 1 / x - 0.5 / x**2)
        third = np.where(far, -1 / (2 * z**4), polygamma(2, x) + 1 / x**2 + 1 / x**3)
    return first_slope(z), second, third


def first_slope(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """First derivative of r at positive points."""
    x = np.minimum(z, _FARTHER)
    direct = psi(x) - np.log(x) + 0.5 / x
    return np.asarray(np.where(z > _FARTHER, -1 / (12 * z**2), direct), np.float64)
