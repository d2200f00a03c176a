"""Squared distance between the distribution of the values and that of H0, weighted towards the tails."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gausscheck.catalogue.base import Statistic, frozen, only
from gausscheck.effects import with_interval
from gausscheck.errors import ArgumentError
from gausscheck.judging import Judgement, Situation, Unasked, judged
from gausscheck.needs import CountsNeed
from gausscheck.nulls.base import Null
from gausscheck.summaries.counts import Counts

__all__ = ["STATISTIC"]

_DEFAULTS: Any = frozen({})
_N_MIN = 8


def _null(situation: Situation) -> Null:
    from gausscheck.nulls.anderson_darling import AndersonDarlingNull
    from gausscheck.nulls.edges import anderson_darling_grid

    grid = anderson_darling_grid(situation.dtype, situation.lattice, situation.scale)
    if grid is None:
        msg = f"anderson_darling: at scale {situation.scale} all values round to one; there is no distance"
        raise ArgumentError(msg)
    return AndersonDarlingNull(situation.n, grid)


def _judge(summary: Counts, situation: Situation, scope: str) -> Judgement | Unasked:
    from gausscheck.nulls.anderson_darling import AndersonDarlingNull
    from gausscheck.nulls.cells import cells
    from gausscheck.nulls.edges import anderson_darling_grid

    if scope != "pooled":
        return Unasked()
    of = cells(summary.dtype, situation.lattice, situation.scale)
    below = np.cumsum(of.observed(summary))
    n = int(below[-1])
    if n < _N_MIN:
        return Unasked(f"needs {_N_MIN} finite values, here {n}")
    grid = anderson_darling_grid(summary.dtype, situation.lattice, situation.scale)
    if grid is None:
        return Unasked("all values round to one")
    count_below = below[grid.kept]
    value = grid.value(n, count_below)
    null = AndersonDarlingNull(n, grid)
    # Delta method with the values' own law; near H0, where the derivative vanishes, the spread of the null.
    influence = grid.influence(grid.gap(n, count_below))
    mass = np.diff(count_below, prepend=0, append=n) / n
    spread = float(mass @ influence**2) - float(mass @ influence) ** 2
    error = math.sqrt(max(spread, 0.0) / n + (null.std / n) ** 2)
    effect = with_interval("Anderson-Darling distance", (value - null.mean) / n, error)
    return judged(value, null, n=n, effect=effect)


STATISTIC = Statistic(
    name="anderson_darling",
    family="marginal",
    title="Anderson-Darling statistic",
    formula=(
        "A^2 = n sum_j w_j (F_n(e_j) - F(e_j))^2, the trapezoid rule of n int (F_n - F)^2 / (F (1 - F)) dF "
        "in the log odds of F, over edges e_j of cells, one for each 0.03 in asinh(log odds)"
    ),
    null_text=(
        "sum of chi-square variables, their weights from the covariance of the bridge at the edges, by "
        "contour inversion, moved to the exact mean and variance at n values; on wide cells with the exact "
        "rate of large deviations. On a lattice, of the rounded law. Two-sided."
    ),
    sees="wrong scale, shift, tails too heavy or light; values that are too evenly spread",
    blind="narrow gaps or lumps; the order of the values",
    reference=(
        "Anderson and Darling 1952, Ann. Math. Stat. 23, 193; Choulakian, Lockhart and Stephens 1994, Can. "
        "J. Stat. 22, 125 (discrete laws)"
    ),
    n_min=_N_MIN,
    parameters=_DEFAULTS,
    check=lambda **given: only(_DEFAULTS, given, "anderson_darling"),
    needs=lambda **_: CountsNeed(),
    make_null=_null,
    judge=_judge,
)
