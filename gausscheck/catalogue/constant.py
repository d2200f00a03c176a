"""All values equal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gausscheck.catalogue.base import Statistic, frozen, only
from gausscheck.gaussian import log_density
from gausscheck.lattice import Lattice
from gausscheck.needs import OnePassNeed
from gausscheck.nulls.base import Grade, Null
from gausscheck.summaries.onepass import OnePass

__all__ = ["STATISTIC", "EqualNull"]

_DEFAULTS: Any = frozen({})
# Spacing of float32 values near 1, the finest rounding that a chance tie may be blamed on.
_FINEST_STEP = 2.0**-24


class EqualNull(Null):
    """Law of the indicator that n values are all equal.

    Its probability is that of the likeliest value to the power n - 1, an upper bound; values that lie on no
    known lattice are taken as float32.
    """

    grade = Grade.EXACT

    def __init__(self, n: int, lattice: str | None, scale: float) -> None:
        if lattice is None:
            largest = float(log_density(0.0)) + math.log(_FINEST_STEP)
        else:
            largest = float(np.max(Lattice(lattice).log_probabilities(scale)))
        self._log_p = min(0.0, max(n - 1, 0) * largest)

    @property
    def mean(self) -> float:
        """Probability that all values are equal."""
        return math.exp(self._log_p)

    @property
    def std(self) -> float:
        """Standard deviation of the indicator."""
        return math.sqrt(self.mean * (1 - self.mean))

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T >= t)."""
        return np.where(np.asarray(t, dtype=np.float64) > 0, self._log_p, 0.0)

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T <= t); 0 for every t >= 0, for differing values are no fault."""
        return np.where(np.asarray(t, dtype=np.float64) < 0, -math.inf, 0.0)


def _value(summary: OnePass) -> NDArray[np.float64]:
    equal = (summary.extremes.low == summary.extremes.high) & (summary.moments.n > 1)
    return np.asarray(equal, dtype=np.float64)


STATISTIC = Statistic(
    name="constant",
    family="validity",
    title="Constant values",
    formula="1 if all finite values are equal, else 0",
    null_text="probability of the likeliest value of the storage format, to the power n - 1 (upper bound)",
    sees="a tensor of one repeated value, such as zeros that were never filled",
    blind="everything else",
    reference="elementary",
    n_min=1,
    parameters=_DEFAULTS,
    check=lambda **given: only(_DEFAULTS, given, "constant"),
    needs=lambda **_: OnePassNeed(),
    value=_value,
    make_null=lambda *, n, samples, lattice, scale: EqualNull(n, lattice, scale),
    effect=lambda **_: None,
)
