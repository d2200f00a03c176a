"""The lower tail of a sum of group deviations, where it is small, as a power series."""

from __future__ import annotations

from math import lgamma

import numpy as np
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray

from gausscheck.nulls.amplitude import AmplitudeDeviation

__all__ = ["SmallSum"]


class SmallSum:
    r"""``P(A_1 + ... + A_n < y)`` for small y, from the Taylor series of the densities of the A_i at zero.

    With ``E exp(-z A) ~ 2 sum_j f^(2j)(mu) z^(-2j-1)`` the product over all groups, inverted term by term,
    is the convergent

    .. math:: \sum_k c_k \frac{y^{n + 2k}}{(n + 2k)!} .

    Attributes
    ----------
    limit : float
        Largest t = y / n (in the unit of the mean) it is used for: 3 standard deviations of a group's mean
        for the *sum*.
    """

    def __init__(self, groups: tuple[tuple[int, AmplitudeDeviation], ...]) -> None:
        self.count = sum(count for count, _ in groups)
        log_lead = 0.0
        log_series = np.zeros_like(groups[0][1].taylor)
        widest = np.inf
        k = np.arange(log_series.size)
        for count, deviation in groups:
            taylor = deviation.taylor
            log_lead += count * np.log(2 * taylor[0])
            log_series += count * _log_series(taylor / taylor[0])
            # where the first neglected term, one order on from the last kept one, is below 1e-13
            converged = np.exp(
                (lgamma(2 * k[-1] + 1) - 30.0 - np.log(abs(taylor[-1] / taylor[0]) + 1e-300)) / (2 * k[-1])
            )
            widest = min(widest, 3 * deviation.deviation, 0.9 * deviation.mu, float(converged))
        self._log_lead = float(log_lead)
        # c_k n! / (n + 2k)!, by running products of 1 / ((n + 2k - 1)(n + 2k))
        n = float(self.count)
        ratio = np.concatenate([[1.0], 1.0 / ((n + 2 * k[1:] - 1) * (n + 2 * k[1:]))])
        self._coefficients = _exp_series(log_series, np.cumprod(ratio))
        self.limit = widest / self.count

    def logcdf(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Natural logarithm of P(mean of the A_i < t), 0 < t <= limit."""
        y = t * self.count
        series = polyval(y * y, self._coefficients)
        return np.asarray(
            self._log_lead + self.count * np.log(y) - lgamma(self.count + 1) + np.log(series), np.float64
        )


def _log_series(a: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients of log(sum a_k x^k), a_0 = 1."""
    out = np.zeros_like(a)
    for m in range(1, a.size):
        j = np.arange(1, m)
        out[m] = a[m] - (j * out[j] * a[m - j]).sum() / m
    return out


def _exp_series(a: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients of exp(sum a_k x^k), a_0 = 0, the k-th times ``scale[k]``."""
    out = np.ones_like(a)
    for m in range(1, a.size):
        j = np.arange(1, m + 1)
        out[m] = (j * a[j] * out[m - j]).sum() / m
    return out * scale
