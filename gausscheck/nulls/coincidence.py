"""Coincidences: how likely it is that stored values, and runs of them, are equal by chance."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, gammainccinv, gammaln

from gausscheck.floats import float_format
from gausscheck.lattice import Lattice, lattice_of_format
from gausscheck.nulls.base import Grade, Null
from gausscheck.nulls.chi_square import ChiSquareMeanNull

__all__ = ["CoincidenceNull", "largest_mean", "log_collision", "log_pairs"]

_TINY_MEAN = -600.0


class CoincidenceNull(Null):
    r"""Law of the number of coincidences: Poisson, with a mean that may be far below the smallest double.

    Of pairs that are equal with a small probability each, all independent of each other but for those that
    share a member, the number K has the stated mean exactly, :math:`P(K \ge 1)` is at most the mean, and
    falls short of it by a part of the order of the mean. The Poisson law beyond the first coincidence is
    asymptotic in the same sense (Chen 1975, Annals of Probability 3, 534).

    Fewer coincidences than expected are no fault: `logcdf` is 0.

    Parameters
    ----------
    log_mean : float
        Natural logarithm of the expected number.
    grade : Grade
    """

    def __init__(self, log_mean: float, grade: Grade = Grade.EXACT) -> None:
        self.log_mean = float(log_mean)
        self.grade = grade

    @property
    def mean(self) -> float:
        """Expected number; 0 where it underflows."""
        return math.exp(self.log_mean)

    @property
    def std(self) -> float:
        """Square root of the mean."""
        return math.exp(self.log_mean / 2)

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        r"""Log of P(K >= t), elementwise: the lower tail of chi-square with 2t degrees of freedom."""
        return np.vectorize(self._log_at_least, otypes=[float])(np.asarray(t, dtype=np.float64))

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """0 for every t >= 0: few coincidences are no fault."""
        return np.where(np.asarray(t, dtype=np.float64) < 0, -math.inf, 0.0)

    def _log_at_least(self, t: float) -> float:
        k = math.ceil(t)
        if k <= 0:
            return 0.0
        if self.log_mean < _TINY_MEAN:
            # The first term of the series; the next is smaller by the mean.
            return k * self.log_mean - float(gammaln(k + 1))
        return float(ChiSquareMeanNull(2 * k).logcdf(self.mean / k))


def log_pairs(first: float, second: float | None = None) -> float:
    """Log of the number of pairs among `first` things, or between them and `second` others."""
    pairs = first * (first - 1) / 2 if second is None else first * second
    return math.log(pairs) if pairs > 0 else -math.inf


def largest_mean(count: float, error: float) -> float:
    """Mean of a Poisson law of which so few, or fewer, are seen with probability `error`."""
    return float(gammainccinv(count + 1, error))


@lru_cache(maxsize=64)
def log_collision(dtype: str, lattice: str | None, scale: float = 1.0) -> float:
    r"""Log of the probability that two N(0, scale^2) values are stored alike, `sum p_i**2` over the cells.

    Parameters
    ----------
    dtype : str
        Storage format.
    lattice : str or None
        That the values were rounded to, if it is coarser.
    scale : float

    Notes
    -----
    On a lattice of 8 or 16 bits by exact enumeration. A float of t mantissa bits has cells of width
    :math:`2^{e-t}` from :math:`2^e` to :math:`2^{e+1}`, across which the density is constant to a part of
    :math:`2^{-2t}`:

    .. math:: \sum_i p_i^2 = 2 \sum_e 2^{e-t} \int_{2^e}^{2^{e+1}} \varphi^2 =
              \sum_e \frac{2^{e-t}}{2 \sqrt\pi \sigma}
              \bigl[\mathrm{erf}(2^{e+1}/\sigma) - \mathrm{erf}(2^e/\sigma)\bigr]

    For float32 and scale 1: 1.37e-8.
    """
    name = lattice or lattice_of_format(dtype)
    if name is not None:
        return math.log(Lattice(name).collision_probability(scale))
    bits = float_format(dtype).mantissa_bits
    # A power of two in the scale moves all octaves alike; those below 2**-60 weigh less than 2**-100.
    fraction, _ = math.frexp(scale)
    octave = np.arange(-60.0, 6.0)
    mass = erf(2 ** (octave + 1) / fraction) - erf(2**octave / fraction)
    total = float(np.sum(2**octave * mass)) / (2 * math.sqrt(math.pi) * fraction)
    return math.log(total) - bits * math.log(2)
