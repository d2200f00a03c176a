"""Coincidences of overlapping windows, whose equal contents come in clumps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gausscheck.lattice import Lattice, lattice_of_format
from gausscheck.nulls.base import Grade, Null
from gausscheck.nulls.coincidence import CoincidenceNull, log_collision, log_pairs

__all__ = ["WindowsNull", "log_equal_shifted", "log_equal_windows"]


class WindowsNull(Null):
    r"""Bound of the number K of coincidences among windows: of hashes, by chance, and of contents, in clumps.

    Unlike windows have equal hashes independently of each other: their number H is Poisson. Windows of equal
    values come in clumps, for where two stretches are equal all windows in them are; of their number C the
    mean alone is used, by Markov's inequality. For each split :math:`1 \le a \le k`

    .. math:: P(H + C \ge k) \le P(H \ge k - a + 1) + E(C) / a,

    of which the better one of a = 1 and a = ceil(k/2) is taken: never below the truth, and close to it where
    k = 1 and the mean is small.

    Fewer coincidences than expected are no fault: `logcdf` is 0.

    Parameters
    ----------
    log_hashes, log_contents : float
        Natural logarithms of the expected numbers.
    """

    grade = Grade.EXACT

    def __init__(self, log_hashes: float, log_contents: float) -> None:
        self.hashes = CoincidenceNull(log_hashes)
        self.log_contents = float(log_contents)

    @property
    def mean(self) -> float:
        """Largest expected number."""
        return self.hashes.mean + math.exp(self.log_contents)

    @property
    def std(self) -> float:
        """Square root of the mean, as of numbers that do not clump."""
        return math.sqrt(self.mean)

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of the bound of P(K >= t), elementwise."""
        return np.vectorize(self._log_at_least, otypes=[float])(np.asarray(t, dtype=np.float64))

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """0 for every t >= 0: few coincidences are no fault."""
        return self.hashes.logcdf(t)

    def _log_at_least(self, t: float) -> float:
        k = math.ceil(t)
        if k <= 0:
            return 0.0
        bounds = [
            np.logaddexp(float(self.hashes.logsf(k - a + 1)), self.log_contents - math.log(a))
            for a in (1, -(-k // 2))
        ]
        return min(0.0, *map(float, bounds))


@lru_cache(maxsize=64)
def log_equal_windows(
    length: int, windows: int, dtype: str, lattice: str | None, scale: float, *, period: int
) -> float:
    r"""Log of the expected number of pairs of windows with equal contents, at most.

    Parameters
    ----------
    length : int
        Values in a window.
    windows : int
        Number of windows, of all samples.
    dtype : str
        Storage format.
    lattice : str or None
        That the values were rounded to, if it is coarser.
    scale : float
        Standard deviation under H0.
    period : int
        Windows that repeat themselves after fewer values were left out.

    Notes
    -----
    Windows that share no value are equal with probability :math:`s_2^{length}`, with
    :math:`s_m = \sum_i p_i^m` over the cells. A window and the one d < length places on are equal where
    length + d values repeat themselves after d: with probability :math:`\prod_r s_{m_r}`, the d classes r of
    places having :math:`m_r` members. Without a lattice :math:`s_m \le s_2^{m/2}`.
    """
    apart = log_pairs(windows) + length * log_collision(dtype, lattice, scale)
    if windows < 2:
        return apart
    sums = _log_power_sums(dtype, lattice, scale, 2 + length // period)
    close = [math.log(windows) + log_equal_shifted(length, d, sums) for d in range(period, length)]
    return float(np.logaddexp.reduce([apart, *close]))


def log_equal_shifted(length: int, shift: int, log_sums: Sequence[float]) -> float:
    """Log of the probability that a window and the one `shift` places on, not beyond it, are equal.

    Parameters
    ----------
    length, shift : int
    log_sums : sequence of float
        Logs of ``s_m`` from m = 0 on.
    """
    # A class of places r has those of r, r + shift, … below length + shift.
    return sum(log_sums[(length + shift - r + shift - 1) // shift] for r in range(shift))


def _log_power_sums(dtype: str, lattice: str | None, scale: float, most: int) -> list[float]:
    """Logs of ``s_m`` for m = 0..most."""
    name = lattice or lattice_of_format(dtype)
    if name is None:
        return [math.inf, 0.0, *(0.5 * m * log_collision(dtype, None, scale) for m in range(2, most + 1))]
    log_p = Lattice(name).log_probabilities(scale)
    return [math.inf, 0.0, *(float(np.logaddexp.reduce(m * log_p)) for m in range(2, most + 1))]
