r"""Null distribution of the batched power-spectrum statistic.

For x of D values iid N(0, 1), ``r_k = |rfft(x)_k| / sqrt(D)``, k = 1..N, ``N = ceil(D/2) - 1`` (zero and
Nyquist frequency left out) are independent Rayleigh amplitudes. In consecutive groups of `block` (a short
last one kept, with its own mean)

.. math:: P = \frac{1}{N_B} \sum_g | \bar r_g - \mu |

is a mean of independent variables and its law is known exactly (:mod:`gausscheck.nulls.contour`). Averaged
over R > 1 random permutations of x it is a mixture over the sample variance
(:mod:`gausscheck.nulls.permutation`).
"""

from __future__ import annotations

from functools import lru_cache
from math import isfinite, sqrt

import numpy as np

from gausscheck.errors import ArgumentError
from gausscheck.nulls.amplitude import amplitude_deviation
from gausscheck.nulls.base import Grade, Null
from gausscheck.nulls.cgf import Cgf, SumCgf
from gausscheck.nulls.contour import ContourNull
from gausscheck.nulls.one_group import OneGroup
from gausscheck.nulls.permutation import permuted_cgf
from gausscheck.nulls.power_tail import PowerTail
from gausscheck.nulls.rayleigh import RAYLEIGH_MEAN, transforms
from gausscheck.nulls.small_sum import SmallSum

__all__ = [
    "N_MIN",
    "N_MIN_PERMUTED",
    "PAPER_MEAN",
    "SmallSum",
    "batch_sizes",
    "power_spectrum_null",
    "resolve_mean",
]

PAPER_MEAN = 0.875
N_MIN = 3
N_MIN_PERMUTED = 256
LEAST_COPIES = 14
_LEAST_LOG_DENSITY = -400.0
# Below this part of the mean the law of a permuted spectrum goes on as a power; log p < -12 there.
_POWER_TAIL = 0.3


def batch_sizes(n: int, block: int) -> dict[int, int]:
    """Size of a group of amplitudes -> how many such groups, for `n` values."""
    full, rest = divmod(-(-n // 2) - 1, block)
    return {size: count for size, count in ((block, full), (rest, 1)) if size and count > 0}


def resolve_mean(mu: float | str) -> float:
    """Turn ``"exact"`` (sqrt(pi)/2), ``"paper"`` (0.875) or a number into the target of the groups' means."""
    if isinstance(mu, str):
        if mu == "exact":
            return RAYLEIGH_MEAN
        if mu == "paper":
            return PAPER_MEAN
        msg = f"unknown mu {mu!r}; expected 'exact' (sqrt(pi)/2), 'paper' (0.875) or a positive number"
        raise ArgumentError(msg)
    return float(mu)


def power_spectrum_null(
    n: int,
    *,
    block: int = 16,
    mu: float | str = "exact",
    permutations: int | None = None,
    samples: int = 1,
    variance: float = 1.0,
) -> Null:
    """Law of the batched power-spectrum statistic of `n` values iid N(0, 1).

    Parameters
    ----------
    n : int
        Values in a sample: at least 3; at least 256 with ``permutations > 1``.
    block : int
        Amplitudes in a group.
    mu : float or str
        Target of a group's mean amplitude: ``"exact"`` is sqrt(pi)/2, ``"paper"`` 0.875.
    permutations : int, optional
        Average over so many independent random permutations of each sample. None is the stored order; 1 has
        the same law.
    samples : int
        Average over so many independent samples of `n` values each.
    variance : float
        E x^2 of the values where it is not 1, as for values rounded to a coarse lattice (rounding errors are
        white, so that every amplitude scales with its square root).

    Returns
    -------
    Null
        Graded ``exact`` (measured: relative error below 1e-11 of either tail, down to log p = -745) in
        stored order and ``asymptotic`` for ``permutations > 1``. Kept for later calls with the same
        arguments.

    Raises
    ------
    ArgumentError
        For an argument out of range.

    Examples
    --------
    >>> null = power_spectrum_null(16384)
    >>> round(null.mean, 6), str(null.grade)
    (0.092448, 'exact')
    """
    target = resolve_mean(mu)
    smallest = N_MIN if permutations is None or permutations == 1 else N_MIN_PERMUTED
    for name, value, least in (
        ("n", n, smallest),
        ("block", block, 1),
        ("permutations", 1 if permutations is None else permutations, 1),
        ("samples", samples, 1),
    ):
        if value < least:
            msg = f"{name} = {value} is too small for the law of the power spectrum; need at least {least}"
            raise ArgumentError(msg)
    for name, number in (("mu", target), ("variance", variance)):
        if not (isfinite(number) and 0.01 <= number <= 100.0):
            msg = f"{name} = {number} cannot be used; expected a number between 0.01 and 100"
            raise ArgumentError(msg)
    return _cached_null(
        int(n),
        int(block),
        target,
        permutations=1 if permutations is None else int(permutations),
        samples=int(samples),
        variance=float(variance),
    )


@lru_cache(maxsize=256)
def _cached_null(
    n: int, block: int, mu: float, /, *, permutations: int, samples: int, variance: float
) -> Null:
    unit = sqrt(variance)
    mu = mu / unit
    sizes = batch_sizes(n, block)
    groups_a_sample = sum(sizes.values())
    for size in sizes:
        if transforms(size, np.array([mu]), range(1))[1][0] < _LEAST_LOG_DENSITY:
            msg = (
                f"mu = {mu * unit} lies so far from the mean amplitude {RAYLEIGH_MEAN * unit:.4f} that "
                f"groups of {size} never come near it; use a mu nearer the mean, or a smaller block"
            )
            raise ArgumentError(msg)
    if permutations > 1:
        if permutations * groups_a_sample < LEAST_COPIES:
            msg = (
                f"{permutations} permutations of {groups_a_sample} groups average too few deviations for "
                f"this law (at least {LEAST_COPIES} are needed); use a smaller block or more permutations"
            )
            raise ArgumentError(msg)
        average: Cgf = permuted_cgf(n, sizes, mu, permutations)
        if samples > 1:
            average = SumCgf(((samples, 1.0 / samples, average),))
        lower = PowerTail(
            ContourNull(average),
            _POWER_TAIL * float(average.cumulants[0]),
            samples * permutations * groups_a_sample,
        )
        return ContourNull(average, grade=Grade.ASYMPTOTIC, lower=lower, unit=unit)
    groups = tuple((count * samples, amplitude_deviation(size, mu)) for size, count in sizes.items())
    total = sum(count for count, _ in groups)
    if total == 1:
        return OneGroup(groups[0][1], unit)
    cgf = SumCgf(tuple((count, 1.0 / total, deviation) for count, deviation in groups))
    return ContourNull(cgf, lower=SmallSum(groups), unit=unit)
