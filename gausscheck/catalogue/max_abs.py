"""Largest magnitude of all values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.catalogue.base import Statistic, frozen, only
from gausscheck.finding import Effect
from gausscheck.needs import OnePassNeed
from gausscheck.nulls.base import Null
from gausscheck.nulls.extreme import MaxAbsNull, max_abs_null
from gausscheck.summaries.onepass import OnePass

__all__ = ["STATISTIC"]

_DEFAULTS: Any = frozen({})
_LARGEST_EXPONENT = 700.0  # of a double


def _value(summary: OnePass) -> NDArray[np.float64]:
    return summary.extremes.magnitude


def _null(*, n: int, samples: int, lattice: str | None, scale: float) -> Null:
    del samples  # all values are looked at together
    return max_abs_null(n, lattice, scale)


def _effect(*, n: int, sums: tuple[float, ...], value: float, null: Null) -> Effect:
    """How much likelier the population is to exceed the largest value seen than N(0, scale²) is.

    Of n values of any law the chance to exceed the largest, ``P(|X| > T)``, is distributed as
    ``1 - U^(1/n)``, U uniform; where values can tie it is at most that, and ``P(|X| >= T)`` at least. So the
    interval assumes nothing of the tail. The value is the median.
    """
    del sums
    assert isinstance(null, MaxAbsNull)
    at_least, beyond = null.log_beyond(value)
    beyond = beyond if math.isfinite(beyond) else at_least

    def ratio(u: float, log_p: float) -> float:
        return math.exp(min(math.log(-math.expm1(math.log(u) / n)) - log_p, _LARGEST_EXPONENT))

    middle = 0.5 * (at_least + beyond)
    return Effect("tail ratio", ratio(0.5, middle), ratio(0.975, at_least), ratio(0.025, beyond))


STATISTIC = Statistic(
    name="max_abs",
    family="marginal",
    title="Largest magnitude",
    formula="T = max |x|, in units of the data",
    null_text=(
        "P(T < t) = (1 - 2 Q(t/scale))^n, Q the upper tail of N(0, 1), exact at any n; on a lattice the same "
        "at the edges of rounding cells, both tails including the value seen. Two-sided."
    ),
    sees="tails that are cut off (clipping, too few bits in a generator), a single outlier, heavy tails",
    blind="everything but the two outermost values; a cut farther out than the largest of n values is likely",
    reference="David and Nagaraja 2003, Order Statistics, 2.1",
    n_min=8,
    parameters=_DEFAULTS,
    check=lambda **given: only(_DEFAULTS, given, "max_abs"),
    needs=lambda **_: OnePassNeed(),
    value=_value,
    make_null=_null,
    effect=_effect,
)
