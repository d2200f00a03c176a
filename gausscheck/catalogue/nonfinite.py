"""NaN and infinite values: H0 forbids them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gausscheck.catalogue.base import Statistic, frozen, only
from gausscheck.needs import OnePassNeed
from gausscheck.nulls.base import Grade, Null
from gausscheck.summaries.onepass import OnePass

__all__ = ["STATISTIC", "NeverNull"]

_DEFAULTS: Any = frozen({})


class NeverNull(Null):
    """Law of a count that is 0 for certain."""

    grade = Grade.EXACT
    mean = 0.0
    std = 0.0

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T >= t): 0 for t <= 0, minus infinity above."""
        return np.where(np.asarray(t, dtype=np.float64) > 0, -math.inf, 0.0)

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of P(T <= t): 0 for t >= 0."""
        return np.where(np.asarray(t, dtype=np.float64) < 0, -math.inf, 0.0)


def _value(summary: OnePass) -> NDArray[np.float64]:
    return np.asarray(summary.nonfinite.total, dtype=np.float64)


STATISTIC = Statistic(
    name="nonfinite",
    family="validity",
    title="Non-finite values",
    formula="number of NaN, +infinity and -infinity",
    null_text="never under H0: one is enough to fail; the finite rest is still audited",
    sees="NaN and infinities, with the place of the first",
    blind="everything else",
    reference="IEEE 754",
    n_min=1,
    parameters=_DEFAULTS,
    check=lambda **given: only(_DEFAULTS, given, "nonfinite"),
    needs=lambda **_: OnePassNeed(),
    value=_value,
    make_null=lambda **_: NeverNull(),
    effect=lambda **_: None,
)
