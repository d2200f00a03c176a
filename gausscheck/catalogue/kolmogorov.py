"""Largest distance between the distribution of the values and that of H0."""

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
    from gausscheck.nulls.edges import kolmogorov_grid
    from gausscheck.nulls.grid_kolmogorov import GridKolmogorovNull

    _, grid = kolmogorov_grid(situation.dtype, situation.lattice, situation.scale)
    if grid is None:
        msg = f"kolmogorov: at scale {situation.scale} nearly all values round to one; there is no distance"
        raise ArgumentError(msg)
    return GridKolmogorovNull(situation.n, grid)


def _judge(summary: Counts, situation: Situation, scope: str) -> Judgement | Unasked:
    from gausscheck.nulls.cells import cells
    from gausscheck.nulls.edges import kolmogorov_grid
    from gausscheck.nulls.grid_kolmogorov import GridKolmogorovNull

    if scope != "pooled":
        return Unasked()
    of = cells(summary.dtype, situation.lattice, situation.scale)
    below = np.cumsum(of.observed(summary))
    n = int(below[-1])
    if n < _N_MIN:
        return Unasked(f"needs {_N_MIN} finite values, here {n}")
    kept, grid = kolmogorov_grid(summary.dtype, situation.lattice, situation.scale)
    if grid is None:
        return Unasked("nearly all values round to one")
    share = below[kept] / n
    gap = share - grid.times
    at = int(np.argmax(np.abs(gap)))
    value = abs(float(gap[at]))
    error = math.sqrt(float(share[at] * (1 - share[at])) / n)
    return judged(
        value,
        GridKolmogorovNull(n, grid),
        n=n,
        effect=with_interval("distribution gap", value, error),
        where={"value": float(of.high[kept[at]])},
    )


STATISTIC = Statistic(
    name="kolmogorov",
    family="marginal",
    title="Kolmogorov distance",
    formula=(
        "D = max_j |F_n(e_j) - F(e_j)| over edges e_j of cells: rounding cells of 8- and 16-bit data, else "
        "cells of the upper 16 bits of a float32; edges nearer than 1/1024 of the mass are left out"
    ),
    null_text=(
        "n to 2,048: exact, from the chance that multinomial counts stay within bounds. Above: Smirnov's sum "
        "and the Pelz-Good expansion, at a level moved by what lies unseen between edges; wide cells by "
        "transition densities of the Brownian bridge. On a lattice, of the rounded law. Two-sided."
    ),
    sees="shift, wrong scale, gaps and lumps near the middle of the law; values that are too evenly spread",
    blind="tails: beyond three deviations only; the order of the values",
    reference=(
        "Kolmogorov 1933; Smirnov 1939; Pelz and Good 1976, J. R. Stat. Soc. B 38, 152; Siegmund 1985, "
        "Sequential Analysis"
    ),
    n_min=_N_MIN,
    parameters=_DEFAULTS,
    check=lambda **given: only(_DEFAULTS, given, "kolmogorov"),
    needs=lambda **_: CountsNeed(),
    make_null=_null,
    judge=_judge,
)
