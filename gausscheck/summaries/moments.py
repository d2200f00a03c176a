"""Power sums: the sufficient statistic of all moments and Hermite means up to order eight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gausscheck.errors import ArgumentError
from gausscheck.gaussian import hermite_coefficients

__all__ = ["ORDERS", "Moments", "saturated", "total_sums"]

ORDERS = 8
_LARGEST = float(np.finfo(np.float64).max)


def saturated(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values clamped to the range of doubles: what overflowed becomes ± the largest finite double.

    So does NaN, which a difference of overflowed powers leaves: it must not pass for an ordinary value.
    """
    return np.nan_to_num(sums, nan=_LARGEST, posinf=_LARGEST, neginf=-_LARGEST)


@dataclass(frozen=True)
class Moments:
    """Power sums of the finite values, by sample.

    Attributes
    ----------
    n : numpy.ndarray of int64
        Number of finite values, shape ``(...)``; the axes are samples.
    sums : numpy.ndarray of float64
        ``sum x**k`` for k = 1..8, shape ``(..., 8)``. A sum that overflows (values beyond 1e38) is ± the
        largest finite double: only its size has a meaning, and merging it is no longer associative.

    Notes
    -----
    Powers are kept, not Hermite polynomials: both kinds of mean are exact linear maps of them. In h_8 terms
    of size 0.5 to 3 cancel to one of size n**-1/2. Measured against 40-digit arithmetic on N(0, 1) values
    (three seeds), the error of h_8 is at most 5.2e-16 at n = 1e3 and 3.3e-16 at n = 1e5; its standard
    deviation is 3e-2 and 3e-3 there.
    """

    n: NDArray[np.int64]
    sums: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.sums.shape != (*self.n.shape, ORDERS):
            msg = f"power sums have shape {self.sums.shape}, expected {(*self.n.shape, ORDERS)} beside n"
            raise ArgumentError(msg)

    def merge(self, other: Moments) -> Moments:
        """Sums over both sets of values, sample by sample."""
        with np.errstate(over="ignore"):
            sums = saturated(self.sums + other.sums)
        return Moments(self.n + other.n, sums)

    def pool(self) -> Moments:
        """All samples as one."""
        sums = total_sums(self.sums.reshape(-1, ORDERS), axis=0)
        return Moments(np.asarray(np.sum(self.n, dtype=np.int64)), sums)

    def mean(self, k: int) -> NDArray[np.float64]:
        """Raw moment ``m_k = sum x**k / n``, k = 1..8, shape ``(...)``; NaN where n = 0."""
        return self._over_n(self.sums[..., _checked(k) - 1])

    def hermite(self, k: int) -> NDArray[np.float64]:
        """Hermite mean ``h_k = mean He_k(x) / sqrt(k!)``, k = 1..8, shape ``(...)``; NaN where n = 0.

        Saturated sums give ± infinity or NaN, without a warning.
        """
        coefficients = hermite_coefficients(_checked(k))
        with np.errstate(over="ignore", invalid="ignore"):
            total = self.n * coefficients[0] + self.sums[..., :k] @ coefficients[1:]
        return self._over_n(np.asarray(total))

    def _over_n(self, total: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.divide(total, self.n, out=np.full(self.n.shape, np.nan), where=self.n > 0)


def _checked(k: int) -> int:
    if not 1 <= k <= ORDERS:
        msg = f"order {k} is not one of 1..{ORDERS}, the power sums that are kept"
        raise ArgumentError(msg)
    return k


def total_sums(sums: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Sum over `axis` that saturates only if the total itself overflows, and never meets inf - inf."""
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.asarray(np.sum(sums, axis=axis))
        lost = ~np.isfinite(total)
        if np.any(lost):
            scaled = np.asarray(np.sum(sums * 2.0**-64, axis=axis))
            total = np.where(lost, saturated(scaled * 2.0**64), total)
    return total
