r"""Largest absolute value of a Brownian bridge looked at at some points only.

Between two points a bridge may cross a level and come back unseen. What that changes is known near the level
alone: a walk with steps of variance delta that drifts towards a level with exponent theta crosses it with
:func:`log_nu` ``(theta sqrt delta)`` times the chance of its continuous companion (Siegmund 1985, *Sequential
Analysis*, chapters 4 and 10), to first order as if the level were ``0.5826 sqrt delta`` farther away. Where
the bridge meets a level is told by :func:`meeting_weights`. Points that lie too far apart for this are gone
through one by one (:func:`log_tails`).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

from gausscheck.nulls.smirnov import log_sum

__all__ = ["OVERSHOOT", "log_nu", "log_tails", "meeting_weights"]

OVERSHOOT = 0.5825971579390106
"""``-zeta(1/2) / sqrt(2 pi)``."""

_ROOT = math.sqrt(2 * math.pi)
_CUBIC = 0.00345  # next term of log nu, from the sum
_FINENESS = 0.8  # distance of the nodes in the middle over the narrowest step


def log_nu(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log of Siegmund's ``nu(x) = 2 x^-2 exp(-2 sum_k Phi(-x sqrt k / 2) / k)``, x positive.

    The sum itself from x = 1 on; below, ``-0.5826 x + 0.00345 x^3``, right to 2e-5.
    """
    x = np.asarray(x, dtype=np.float64)
    k = np.arange(1, 401)
    y = np.maximum(x, 1.0)
    series = math.log(2) - 2 * np.log(y) - 2 * (ndtr(-0.5 * np.multiply.outer(y, np.sqrt(k))) @ (1 / k))
    return np.asarray(np.where(x < 1, -OVERSHOOT * x + _CUBIC * x**3, series))


def meeting_weights(z: float, t: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much the chance to stay within (-z, z) depends on the level at times t, up to a factor.

    ``q(t) q(1 - t)`` with q the density of the time at which a Brownian motion first leaves (-z, z): moving a
    boundary changes the chance by the product of the slopes there of the densities before and after.
    """
    return _first_exit(z, t) * _first_exit(z, 1 - t)


def _first_exit(z: float, t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Density of the first exit from (-z, z), each time by the series that converges at once."""
    s = t / (z * z)
    odd = 2 * np.arange(8) + 1.0
    sign = (-1.0) ** np.arange(8)
    late = np.exp(-(math.pi**2) / 8 * np.multiply.outer(s, odd**2)) @ (sign * odd) * (math.pi / 2)
    short = np.minimum(s, 1.0)
    early = np.exp(-np.multiply.outer(1 / (2 * short), odd**2)) @ (sign * odd)
    return np.asarray(np.where(s > 0.5, late, 2 * early * (_ROOT * short**1.5) ** -1)) / (z * z)


def log_tails(times: NDArray[np.float64], z: float) -> tuple[float, float]:
    """Logs of P(max |B(t)| < z) and P(max |B(t)| > z) over some times.

    Parameters
    ----------
    times : numpy.ndarray
        Ascending, inside (0, 1).
    z : float
        Positive.

    Notes
    -----
    The density of paths that have stayed goes from time to time by Gauss-Legendre quadrature, on the half
    line by symmetry; what leaves is booked at each time, so that either tail has its own relative accuracy,
    about 1e-10. The nodes are as dense as the shortest step asks for: points some 1e-3 apart or more.
    """
    after = 1 - times
    before = np.concatenate(([1.0], after[:-1]))
    ratio = after / before
    spread = np.sqrt((before - after) * ratio)
    count = int(math.pi * z / (2 * _FINENESS * float(spread.min()))) + 12
    node, weight = np.polynomial.legendre.leggauss(count)
    x, w = 0.5 * z * (node + 1), 0.5 * z * weight
    density = np.zeros(count)
    mass, log_scale = 1.0, 0.0
    left = []
    for i, (r, v) in enumerate(zip(ratio.tolist(), spread.tolist(), strict=True)):
        centre = np.zeros(1) if i == 0 else r * x
        held = np.ones(1) if i == 0 else w * density
        out = log_ndtr((centre - z) / v) if i == 0 else None
        if out is None:
            chance = ndtr((centre - z) / v) + ndtr((-centre - z) / v)
            with np.errstate(divide="ignore"):
                left.append(float(np.log(held @ chance)) + log_scale)
        else:
            left.append(float(out[0]) + math.log(2) + log_scale)
        kernel = np.exp(-0.5 * ((x[:, None] - centre) / v) ** 2) + np.exp(
            -0.5 * ((x[:, None] + centre) / v) ** 2
        )
        density = kernel @ held / (v * _ROOT)
        mass = float(w @ density)
        if not mass > 0:
            return -math.inf, 0.0
        density /= mass
        log_scale += math.log(mass)
    return min(0.0, log_scale), min(0.0, log_sum(np.array(left)))
