r"""Law of Kolmogorov's ``D_n = sup |F_n - F|`` over n iid values of a continuous law, any n, both tails.

* Up to 256 values: exact, from the counts between the two lines (:mod:`.counting_process`).
* Above, the upper tail is ``2 P(D+ >= d) - P(both)`` with Smirnov's sum (:mod:`.smirnov`) and, for what both
  sides share, the second term of Kolmogorov's series at ``z + 1/(6 sqrt n)``: below p = 0.1 that is 1.5e-5 of
  the tail, so that the tail is exact to 1e-7 there and to 1e-12 from p = 1e-4 on.
* The rest of the law is the expansion of Pelz and Good (1976, J. R. Stat. Soc. B 38, 152) in its logarithm,

  .. math:: \log P(D_n < d) = \log K_0 + \frac{\kappa_1}{\sqrt n} + \frac{\kappa_2}{n}
            + \frac{\kappa_3}{n^{3/2}} ,  \qquad z = d \sqrt n ,

  which stays positive in the lower tail; and where ``n d`` is small, the power of the matrix of Marsaglia,
  Tsang and Wang (2003, J. Stat. Softw. 8(18)), which is exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from gausscheck.errors import ArgumentError
from gausscheck.nulls.base import LOG_TWO, Grade, Null
from gausscheck.nulls.counting_process import log_both
from gausscheck.nulls.smirnov import log_one_sided

__all__ = ["KolmogorovNull", "log_limit_cdf", "log_limit_sf"]

LIMIT_MEAN = math.sqrt(math.pi / 2) * LOG_TWO
LIMIT_STD = math.sqrt(math.pi**2 / 12 - math.pi / 2 * LOG_TWO**2)
_COUNTED = 256  # values up to which paths are counted
_MATRIX = 20.0  # n d up to which the matrix is taken
_TAIL = 0.1  # p from which on the upper tail is Smirnov's
_ROOT = math.sqrt(2 * math.pi)


def log_limit_sf(z: float) -> float:
    """Log of Kolmogorov's limit ``P(sup |B| > z)`` for a Brownian bridge B."""
    if z < 1.0:
        return math.log(-math.expm1(log_limit_cdf(z)))
    k = np.arange(2, 12)
    rest = float(((-1.0) ** (k - 1) * np.exp(-2 * (k * k - 1) * z * z)).sum())
    return LOG_TWO - 2 * z * z + math.log1p(rest)


def log_limit_cdf(z: float) -> float:
    """Log of ``P(sup |B| < z)``."""
    if z <= 0:
        return -math.inf
    if z >= 1.0:
        return math.log1p(-math.exp(log_limit_sf(z)))
    m2 = (2 * np.arange(1, 12) + 1.0) ** 2
    first = math.pi**2 / (8 * z * z)
    rest = float(np.exp(-(m2 - 1) * first).sum()) if first < 1e300 else 0.0
    return math.log(_ROOT / z) - first + math.log1p(rest)


def _log_pelz_good(n: int, z: float) -> float:
    """Log of P(D_n < z / sqrt n)."""
    z2 = z * z
    odd = (2 * np.arange(0, max(int(8 * z) + 4, 4)) + 1.0) ** 2
    whole = np.arange(1, max(int(8 * z) + 4, 4)) ** 2.0
    p2 = math.pi**2
    first = p2 / (8 * z2)
    # Both relative to the first term of K0.
    weight = np.exp(-(odd - 1) * first)
    other = np.exp(-p2 * whole / (2 * z2) + first)
    k0 = _ROOT / z * float(weight.sum())
    k1 = _ROOT / (6 * z2**2) * float(weight @ (-z2 + p2 / 4 * odd))
    k2 = _ROOT / (72 * z**7) * float(
        weight
        @ (6 * z2**3 + 2 * z2**2 + (2 * z2**2 - 5 * z2) * p2 / 4 * odd + p2**2 * (1 - 2 * z2) / 16 * odd**2)
    ) - _ROOT * p2 / (36 * z**3) * float(other @ whole)
    k3 = _ROOT / (6480 * z2**5) * float(
        weight
        @ (
            -30 * z2**3
            - 90 * z2**4
            + p2 * (135 * z2**2 - 96 * z2**3) / 4 * odd
            + p2**2 * (-60 * z2 + 212 * z2**2) / 16 * odd**2
            + p2**3 * (5 - 30 * z2) / 64 * odd**3
        )
    ) + _ROOT * p2 / (216 * z**6) * float(other @ ((3 * z2 - p2 * whole) * whole))
    a, b, c = k1 / k0, k2 / k0, k3 / k0
    steps = (a, b - a * a / 2, c - a * b + a**3 / 3)
    log_p = math.log(k0) - first + sum(s / n ** (0.5 * (i + 1)) for i, s in enumerate(steps))
    return min(0.0, log_p)


def _log_matrix(n: int, d: float) -> float:
    """Log of P(D_n < d): ``n! / n^n`` times the middle element of the n-th power of a matrix."""
    k = math.floor(n * d) + 1
    m, h = 2 * k - 1, k - n * d
    row = np.arange(m)
    order = row[:, None] - row[None, :] + 1
    matrix = np.where(order >= 0, 1.0, 0.0)
    power = h ** np.arange(1, m + 1)
    matrix[:, 0] -= power
    matrix[-1, :] -= power[::-1]
    matrix[-1, 0] += max(2 * h - 1, 0.0) ** m
    matrix = np.where(order > 0, matrix / np.exp(gammaln(np.maximum(order, 0) + 1.0)), matrix)
    result, scale, base, base_scale = np.eye(m), 0.0, matrix, 0.0
    exponent = n
    while exponent:
        if exponent & 1:
            result = result @ base
            top = float(result.max())
            result, scale = result / top, scale + base_scale + math.log(top)
        base = base @ base
        top = float(base.max())
        base, base_scale = base / top, 2 * base_scale + math.log(top)
        exponent >>= 1
    middle = float(result[k - 1, k - 1])
    return (
        min(0.0, math.log(middle) + scale + math.lgamma(n + 1) - n * math.log(n)) if middle > 0 else -math.inf
    )


def _bounds(n: int, d: float) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Times and bounds of counts for ``D_n < d``: U_(j) above ``j/n - d`` and below ``(j - 1)/n + d``."""
    j = np.arange(1, n + 1)
    above, below = j / n - d, (j - 1) / n + d
    late, early = above > 0, below < 1
    times = np.concatenate((above[late], below[early]))
    low = np.concatenate((np.zeros(late.sum(), np.int64), j[early]))
    high = np.concatenate((j[late] - 1, np.full(early.sum(), n)))
    order = np.argsort(times, kind="stable")
    return times[order], low[order], high[order]


def _log_cdf_above(n: int, d: float) -> float:
    """Log of P(D_n < d) above 256 values, where it is not near 1."""
    if n * d <= 1:
        return math.lgamma(n + 1) + n * math.log(2 * d - 1 / n) if 2 * n * d > 1 else -math.inf
    return _log_matrix(n, d) if n * d <= _MATRIX else _log_pelz_good(n, d * math.sqrt(n))


def _log_sf_above(n: int, d: float) -> float:
    """Log of P(D_n > d) above 256 values where it is below 0.1, too large elsewhere."""
    both = LOG_TWO - 8 * (d * math.sqrt(n) + 1 / (6 * math.sqrt(n))) ** 2
    once = LOG_TWO + log_one_sided(n, d)
    return once + math.log1p(-math.exp(both - once)) if both < once else once


@lru_cache(maxsize=64)
def _log_tails(n: int, d: float) -> tuple[float, float]:
    """Logs of P(D_n < d) and of P(D_n > d)."""
    if not d * n > 0.5:
        return -math.inf, 0.0
    if d >= 1:
        return 0.0, -math.inf
    if n <= _COUNTED:
        below, above = log_both(n, *_bounds(n, d))
        # From one half on the two sides exclude each other.
        return below, above if d < 0.5 else LOG_TWO + log_one_sided(n, d)
    if d * math.sqrt(n) > 1.0:
        above = _log_sf_above(n, d)
        if above < math.log(_TAIL):
            return math.log1p(-math.exp(above)), above
    below = _log_cdf_above(n, d)
    return below, math.log(-math.expm1(below)) if below < 0 else -math.inf


class KolmogorovNull(Null):
    """Law of ``sup |F_n - F|``.

    Parameters
    ----------
    n : int
        Number of values, 1 to 1e12.

    Notes
    -----
    Relative error of either tail: 1e-11 up to 256 values; above, 1e-12 in the upper tail below p = 1e-4, and
    at most 4e-6 elsewhere at n = 257, falling like 1 / n^2, down to p = 1e-10 in the lower tail. Beyond, the
    logarithm of the lower tail is right to 1e-3 of itself.
    """

    grade = Grade.EXACT

    def __init__(self, n: int) -> None:
        if n < 1:
            msg = f"Kolmogorov's law needs at least 1 value, got n = {n}"
            raise ArgumentError(msg)
        self.n = int(n)

    @property
    def mean(self) -> float:
        """``(0.86873 - 1/(6 sqrt n)) / sqrt n``; right to 1 % at 8 values."""
        return (LIMIT_MEAN - 1 / (6 * math.sqrt(self.n))) / math.sqrt(self.n)

    @property
    def std(self) -> float:
        """``0.26033 / sqrt n``; right to 10 % at 8 values."""
        return LIMIT_STD / math.sqrt(self.n)

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(D > t), elementwise."""
        return elementwise(lambda d: _log_tails(self.n, d)[1], t)

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(D < t), elementwise."""
        return elementwise(lambda d: _log_tails(self.n, d)[0], t)


def elementwise(function: Callable[[float], float], t: ArrayLike) -> NDArray[np.float64]:
    """A function of one number, applied to each; NaN stays NaN."""
    x = np.asarray(t, dtype=np.float64)
    flat = [v if math.isnan(v) else function(v) for v in x.ravel().tolist()]
    return np.array(flat, dtype=np.float64).reshape(x.shape)
