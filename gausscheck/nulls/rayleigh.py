r"""The mean of ``b`` independent Rayleigh amplitudes, by inversion of its Laplace transform.

An amplitude ``r = sqrt(I)`` of a whitened periodogram ordinate ``I ~ Exp(1)`` has density ``2 r exp(-r^2)``,
and

.. math:: \rho(\zeta) = E e^{\zeta r} = 1 + \zeta g(\zeta), \quad g(\zeta) = \tfrac{\sqrt\pi}{2} w(-i\zeta/2),

with Faddeeva's ``w``. The mean ``B`` of ``b`` of them has ``E exp(z B) = rho(z/b)^b``, an entire function,
so that

.. math:: J_k(x) = \frac{1}{2\pi i} \int (-z)^k e^{-z x} \rho(z/b)^b \, dz

is the density for ``k = 0``, its derivatives for ``k > 0`` and, on a path left of the origin, the lower
partial moments ``E (x - B)_+^m / m!``, ``m = -k - 1``, for ``k < 0`` (right of the origin: ``(-1)^k`` times
the upper ones).
"""

from __future__ import annotations

from math import factorial, gamma

import numpy as np
from numpy.typing import NDArray
from scipy.special import wofz

__all__ = ["RAYLEIGH_MEAN", "density_derivatives", "log_rho", "raw_moment", "rho_slopes", "transforms"]

RAYLEIGH_MEAN = float(np.sqrt(np.pi) / 2)
_HALF_ROOT_PI = float(np.sqrt(np.pi) / 2)

# E exp(zeta r) ~ 2 sum (-1)^k (2k+1)!/k! / zeta^(2k+2); beyond |zeta| = 20 the 20th term is below 1e-20,
# while the closed form has lost a factor zeta^2/2 of its digits.
_FAR = 20.0
_FAR_COEFFICIENTS = np.array([2.0 * (-1) ** k * factorial(2 * k + 1) / factorial(k) for k in range(20)])

# The path is a hyperbola that leaves the saddle upwards and bends to 68 degrees, where rho still decays and
# exp(-z x) decays exponentially: the trapezoidal rule in u converges as exp(-2 pi 0.38 / step).
_BEND = float(np.deg2rad(22.0))
_STEP = 0.07
_U = _STEP * (np.arange(76) + 0.5)


def log_rho(zeta: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Logarithm of ``E exp(zeta r)`` for complex `zeta` off the zeros of rho, without overflow.

    Parameters
    ----------
    zeta : numpy.ndarray
        Complex, any shape.

    Returns
    -------
    numpy.ndarray
        A logarithm (any branch) of rho, same shape.
    """
    right = zeta.real > 0
    far = (np.abs(zeta) > _FAR) & (zeta.real < 0.8 * np.abs(zeta.imag))
    mirrored = np.where(right, -zeta, zeta)
    near = 1.0 + mirrored * _HALF_ROOT_PI * wofz(-0.5j * mirrored)
    inverse = 1.0 / np.where(far, zeta, _FAR) ** 2
    series = inverse * np.polynomial.polynomial.polyval(inverse, _FAR_COEFFICIENTS)
    # rho(zeta) = rho(-zeta) + sqrt(pi) zeta exp(zeta^2/4): the exponential is taken out where it dominates.
    square = 0.25 * zeta * zeta
    grown = right & ~far & (square.real > 0)
    factor = np.where(grown, square, 0.0)
    wave = np.where(
        right & ~far, 2 * _HALF_ROOT_PI * zeta * np.exp(np.where(right & ~far, square - factor, 0.0)), 0.0
    )
    decay = np.exp(-factor)
    return np.asarray(factor + np.log(np.where(far, series, near * decay + wave)), np.complex128)


def rho_slopes(
    zeta: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return ``log rho`` and its first two derivatives on the real axis.

    Derivatives follow from ``g' = (zeta g + 1)/2``; left of -20 from the leading terms of the expansion.
    """
    far = zeta < -_FAR
    z = np.where(far, -1.0, zeta)
    log_value = log_rho(zeta.astype(np.complex128)).real
    # the scaled g/rho and 1/rho stay finite however large zeta is
    unit = np.exp(-np.where(far, 0.0, log_value))
    g = np.where(
        np.abs(z) > 1e-3,
        (1.0 - unit) / np.where(z == 0, 1.0, z),
        _HALF_ROOT_PI * wofz(-0.5j * np.minimum(z, 1)).real * unit,
    )
    first = g * (1 + z * z / 2) + unit * z / 2
    second = (z * g + unit) / 2 * (1 + z * z / 2) + z * g + unit / 2
    inverse = 1.0 / np.where(far, zeta, _FAR) ** 2
    first = np.where(far, -2.0 / np.where(far, zeta, 1.0) * (1 - 6 * inverse), first)
    second = np.where(far, 2.0 * inverse * (1 - 18 * inverse), second - first**2)
    return log_value, first, second


def _saddle(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve ``(log rho)'(zeta) = x``; a start that is right at both ends and at the mean, then Newton."""
    zeta = 2 * x - np.pi / 2 / x
    for _ in range(6):
        _, first, second = rho_slopes(zeta)
        zeta = zeta + np.clip((x - first) / second, -0.5 - 0.3 * np.abs(zeta), 0.5 + 0.3 * np.abs(zeta))
    return zeta


def transforms(
    b: int, x: NDArray[np.float64], orders: range
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    r"""``J_k(x)`` of the mean of `b` amplitudes for each k of `orders`.

    Parameters
    ----------
    b : int
        Number of amplitudes, >= 1.
    x : numpy.ndarray
        Positive points, shape (n,).
    orders : range
        The k wanted; negative ones move the path off the pole at 0.

    Returns
    -------
    values : numpy.ndarray
        ``J_k(x) exp(-log_scale)``, shape ``(len(orders), n)``; relative error near 1e-13 in both tails.
    log_scale : numpy.ndarray
        Shape (n,).
    side : numpy.ndarray
        Shape (n,): -1 where the path runs left of the origin (lower partial moments), +1 where right.
    """
    saddle = _saddle(x)
    _, _, curvature = rho_slopes(saddle)
    width = 1.0 / np.sqrt(b * curvature)
    if orders.start < 0:
        saddle = np.where(saddle < 0, np.minimum(saddle, -width), np.maximum(saddle, width))
    radius = 3.0 * width / np.cos(_BEND)
    path = saddle + np.outer(np.sin(_BEND) * (np.cosh(_U) - 1) + 1j * np.cos(_BEND) * np.sinh(_U), radius)
    zeta = np.asarray(path, np.complex128)
    slope = np.outer(np.sin(_BEND) * np.sinh(_U) + 1j * np.cos(_BEND) * np.cosh(_U), radius)
    peak = b * (log_rho(saddle.astype(np.complex128)).real - saddle * x)
    weight = np.exp(b * (log_rho(zeta) - zeta * x) - peak) * slope
    values = np.empty((len(orders), x.size))
    for row, k in enumerate(orders):
        values[row] = (weight * (-b * zeta) ** k).imag.sum(axis=0)
    return values * (b * _STEP / np.pi), peak, np.where(saddle < 0, -1.0, 1.0)


def density_derivatives(b: int, x: float, count: int) -> NDArray[np.float64]:
    r"""Derivatives of the density of the mean of `b` amplitudes at one point, orders 0 to ``count - 1``.

    High derivatives of few amplitudes need a transform that decays: the density continued as an odd function
    is entire and has the transform ``rho(z/b)^b - rho(-z/b)^b``, which falls like ``exp(z^2/(4 b))`` along a
    vertical line. Far below the mean the image at ``-x`` would drown the value; there the mean is of many
    amplitudes, whose own transform (:func:`transforms`) decays fast enough.

    Parameters
    ----------
    b : int
        Number of amplitudes.
    x : float
        Positive point.
    count : int
        How many derivatives.

    Returns
    -------
    numpy.ndarray
        Shape ``(count,)``.
    """
    point = np.array([x])
    saddle = float(_saddle(point)[0])
    width = 1.0 / np.sqrt(b * (1 - np.pi / 4))
    if saddle < -width and b >= 16:
        values, log_scale, _ = transforms(b, point, range(count))
        return np.asarray(values[:, 0] * np.exp(log_scale[0]), np.float64)
    zeta = max(saddle, width) + 1j * width * 0.1 * (np.arange(250) + 0.5)
    mirrored = log_rho(np.asarray(-zeta, np.complex128))
    square = 0.25 * zeta * zeta
    ratio = 2 * _HALF_ROOT_PI * zeta * np.exp(square - mirrored)
    weight = np.exp(b * (mirrored - zeta * x)) * np.expm1(b * np.log1p(ratio))
    powers = (-b * zeta) ** np.arange(count)[:, None]
    return np.asarray((weight * powers).real.sum(axis=1) * b * width * 0.1 / np.pi, np.float64)


def raw_moment(b: int, order: int) -> float:
    """Raw moment of the mean of `b` amplitudes, order 1 to 3."""
    m1, m2, m3 = (gamma(1 + j / 2) for j in (1, 2, 3))
    if order == 1:
        return m1
    variance = (m2 - m1**2) / b
    if order == 2:
        return variance + m1**2
    return (m3 - 3 * m1 * m2 + 2 * m1**3) / b**2 + 3 * m1 * variance + m1**3
