r"""Evidence against H0 that may be looked at at any time: e-values of the mean and of the scale.

Of n values, iid N(0, 1) under H0, :math:`S = \sum x_i` and :math:`Q = \sum x_i^2` are kept. Each e-value is a
likelihood ratio, averaged over alternatives; along a sequence it is a nonnegative martingale of mean 1, so
that it ever reaches 1/α with probability at most α (Ville). Derivations: ``docs/math/drift.md``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import logsumexp

from gausscheck.errors import ArgumentError
from gausscheck.nulls.log_gamma import remainder

__all__ = ["WIDTHS", "log_e", "log_e_mean", "log_e_variance", "mean_radius", "scale_limits"]

WIDTHS: NDArray[np.float64] = 10.0 ** (-np.arange(13) / 2)
"""Sizes of the alternatives, 1 to 1e-6 in steps of the square root of ten; each has the same weight.

Where e reaches 2e6 the average lies below the width that fits best, which nobody knows beforehand, by at most
2.03 in log e from n = 1e4 to 1e13, and by 2.6 at n = 100: some 14 % more values.
"""
WIDTHS.flags.writeable = False

_PRECISION_SHAPE = WIDTHS**-2.0
_REST = np.real(remainder(_PRECISION_SHAPE.astype(np.complex128)))
_SMALL = 0.2
_TERMS = 9


def log_e_mean(n: ArrayLike, total: ArrayLike) -> NDArray[np.float64]:
    r"""Logarithm of the e-value for a shifted mean.

    .. math:: e = \frac1K \sum_t \frac{\exp\left( \frac{S^2 t^2}{2 (1 + n t^2)} \right)}{\sqrt{1 + n t^2}}

    The likelihood ratio of N(μ, 1) averaged over μ ~ N(0, t²), then over :data:`WIDTHS` t.

    Parameters
    ----------
    n : array_like
        Number of values, from 0 up to 2**53.
    total : array_like
        S.

    Returns
    -------
    numpy.ndarray
        Broadcast shape; 0 where n = 0.
    """
    n, total = (np.asarray(a, np.float64)[..., None] for a in (n, total))
    spread = n * WIDTHS**2
    # (S t)² and not S² t²: a large sum must not overflow.
    return _average((total * WIDTHS) ** 2 / (2 * (1 + spread)) - 0.5 * np.log1p(spread))


def log_e_variance(n: ArrayLike, excess: ArrayLike) -> NDArray[np.float64]:
    r"""Logarithm of the e-value for a changed scale.

    .. math:: e = \frac1K \sum_a \frac{a^a\, \Gamma(a + n/2)}{\Gamma(a) (a + Q/2)^{a + n/2}} e^{Q/2}

    The likelihood ratio of N(0, 1/λ) averaged over λ ~ Gamma(a, rate a), which has mean 1 and standard
    deviation w = a^(-1/2), then over :data:`WIDTHS` w.

    Parameters
    ----------
    n : array_like
        Number of values, from 0 up to 2**53.
    excess : array_like
        Q - n, at least -n. Asked as a difference because it is small against both.

    Returns
    -------
    numpy.ndarray
        Broadcast shape; 0 where n = 0.

    Notes
    -----
    With A = a + n/2, u = (Q - n)/(2A) and r what Stirling's formula leaves of log Γ, each term has the
    logarithm ``A (u - log(1 + u)) - log(1 + n/(2a))/2 + r(A) - r(a)``, in which nothing large cancels:
    against 60 digits the error is below 1e-14 + 1e-14 |log e|, for n from 1 to 1e13.
    """
    n, excess = (np.asarray(a, np.float64)[..., None] for a in (n, excess))
    shape = _PRECISION_SHAPE + n / 2
    u = excess / (2 * shape)
    rest = np.real(remainder(shape.astype(np.complex128))) - _REST
    # 1 + u = (a + Q/2)/A: where u is near -1 the sum a + Q/2 has the digits that 1 + u lost.
    ratio = (_PRECISION_SHAPE + np.maximum(n + excess, 0.0) / 2) / shape
    return _average(shape * _less_log(u, ratio) - 0.5 * np.log1p(n / (2 * _PRECISION_SHAPE)) + rest)


def log_e(n: ArrayLike, total: ArrayLike, excess: ArrayLike) -> NDArray[np.float64]:
    """Logarithm of the average of both e-values, which is an e-value again.

    Parameters
    ----------
    n, total, excess : array_like
        n, S and Q - n, as above.
    """
    return np.logaddexp(log_e_mean(n, total), log_e_variance(n, excess)) - math.log(2)


def mean_radius(n: int, alpha: float) -> float:
    r"""Half the width of an interval around S/n that misses the mean at any n with probability alpha at most.

    Of all μ, those are in it for which the e-value of the values x - μ stays below 1/alpha. For one width t

    .. math:: n r = \sqrt{2 (n + t^{-2}) \left(\log\tfrac1\alpha + \tfrac12 \log(1 + n t^2)\right)} ;

    the radius of the average is found between 0 and the least of these at level alpha/K.

    Parameters
    ----------
    n : int
        Number of values, at least 1.
    alpha : float
        Probability that the mean is ever missed, if the variance is 1.
    """
    target = _target(n, alpha)
    slack = target + math.log(WIDTHS.size) + 0.5 * np.log1p(n * WIDTHS**2)
    most = float(np.min(np.sqrt(2 * (n + WIDTHS**-2) * slack)))
    # A little more than the bound, which rounding may put a hair below the root.
    return float(brentq(lambda s: float(log_e_mean(n, s)) - target, 0.0, most * (1 + 1e-9), rtol=1e-12)) / n


def scale_limits(n: int, excess: float, alpha: float) -> tuple[float, float]:
    """Interval of σ that misses the scale at any n with probability alpha at most.

    Of all σ, those are in it for which the e-value of the values x/σ stays below 1/alpha: Q/σ² lies between
    n(1 + v) for two roots v on either side of 0, where e is least.

    Parameters
    ----------
    n : int
        Number of values, at least 1.
    excess : float
        Q - n.
    alpha : float
        Probability that the scale is ever missed, if the mean is 0.

    Returns
    -------
    tuple of float
        The upper limit is infinite where so few values bound nothing.
    """
    target = _target(n, alpha)

    def above(v: float) -> float:
        return float(log_e_variance(n, n * v)) - target

    far = math.sqrt(2 / n)
    while above(far) < 0:
        far *= 2
    near = 1e-13 * far
    upper = float(brentq(above, 0.0, far, xtol=near))
    lower = float(brentq(above, -1.0, 0.0, xtol=near)) if above(-1.0) > 0 else -1.0
    square = max(1 + excess / n, 0.0)
    return math.sqrt(square / (1 + upper)), math.sqrt(square / (1 + lower)) if lower > -1 else math.inf


def _target(n: int, alpha: float) -> float:
    if n < 1:
        msg = f"an interval needs at least one value, got n = {n}"
        raise ArgumentError(msg)
    if not 0 < alpha < 1:
        msg = f"alpha must lie between 0 and 1, got {alpha!r}"
        raise ArgumentError(msg)
    return -math.log(alpha)


def _average(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of the mean over the last axis."""
    return np.asarray(logsumexp(logs, axis=-1) - math.log(logs.shape[-1]), np.float64)


def _less_log(u: NDArray[np.float64], ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """``u - log(1 + u)``, with `ratio` = 1 + u; near 0 by ``log(1 + u) = 2 artanh(s)``, s = u/(2 + u)."""
    s = np.where(np.abs(u) < _SMALL, u, 0.0)
    s = s / (2 + s)
    odd = np.polynomial.polynomial.polyval(s * s, 1 / (2 * np.arange(_TERMS) + 3.0))
    near = 2 * s * s * (1 / (1 - s) - s * odd)
    with np.errstate(divide="ignore"):
        return np.where(np.abs(u) < _SMALL, near, u - np.log(ratio))
