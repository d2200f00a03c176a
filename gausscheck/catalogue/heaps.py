"""Cells of the count table that hold far too many values, or far too few."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gausscheck.catalogue.base import Statistic, frozen, only
from gausscheck.catalogue.duplicates import COARSEST
from gausscheck.errors import ArgumentError
from gausscheck.finding import Effect
from gausscheck.floats import decode_table, float_format
from gausscheck.judging import Judgement, Situation, Unasked, judged, two_sided
from gausscheck.needs import CountsNeed
from gausscheck.nulls.base import Null
from gausscheck.nulls.binomial import BinomialNull
from gausscheck.nulls.cells import cells
from gausscheck.summaries.counts import Counts

__all__ = ["STATISTIC"]

_DEFAULTS: Any = frozen({})
_CLOSELY = 32  # cells judged exactly, of those that look most surprising


class _Shares(NamedTuple):
    """Probability of each cell, and between what bounds it is granted to lie; all of shape ``(count,)``."""

    expected: NDArray[np.float64]
    least: NDArray[np.float64]
    most: NDArray[np.float64]
    choices: int


@lru_cache(maxsize=8)
def _shares(dtype: str, lattice: str | None, scale: float) -> _Shares:
    of = cells(dtype, lattice, scale)
    p = np.exp(of.log_p)
    # A generator of 2^23 equally likely values cannot do better: a cell holds one of them more or less.
    arrays = (p, np.maximum(p - COARSEST, 0.0), np.minimum(p + COARSEST, 1.0))
    for array in arrays:
        array.flags.writeable = False
    return _Shares(*arrays, choices=int(np.count_nonzero(of.low < of.high)))


def _surprise(count: NDArray[np.int64], n: int, shares: _Shares) -> NDArray[np.float64]:
    """Minus log of the tail of each cell but for a factor of some 2: Poisson deviance and its first term."""
    k = count.astype(np.float64)
    mean = np.clip(k, n * shares.least, n * shares.most)
    with np.errstate(divide="ignore", invalid="ignore"):
        deviance = np.where(k > 0, k * np.log(k / mean), 0.0) - (k - mean)
        gap = np.where(k > mean, 1 - mean / k, 1 - k / mean)
    surprise = deviance + 0.5 * np.log1p(2 * math.pi * k * np.where(k == mean, 0.0, gap) ** 2)
    # Where nothing may be and nothing is there is no question.
    return np.where(mean > 0, surprise, -np.inf)


def _null(situation: Situation) -> Null:
    """Law of the count of the likeliest cell."""
    shares = _shares(situation.dtype, situation.lattice, situation.scale)
    likeliest = float(shares.expected.max())
    if likeliest >= 1:
        where = situation.lattice or situation.dtype
        msg = f"N(0, {situation.scale:g}²) in {where} falls into a single cell; its count has no law"
        raise ArgumentError(msg)
    return BinomialNull(situation.n, math.log(likeliest))


def _judge(summary: Counts, situation: Situation, scope: str) -> Judgement | Unasked:
    if scope != "pooled":
        return Unasked("values are counted over all samples together")
    of = cells(situation.dtype, situation.lattice, situation.scale)
    shares = _shares(situation.dtype, situation.lattice, situation.scale)
    observed = of.observed(summary)
    n = int(observed.sum())
    if n == 0:
        return Unasked("no value is finite")
    surprise = _surprise(observed, n, shares)
    some = min(_CLOSELY, surprise.size)
    found = []
    for cell in np.sort(np.argpartition(-surprise, some - 1)[:some]).tolist():
        count = int(observed[cell])
        granted = min(max(count / n, float(shares.least[cell])), float(shares.most[cell]))
        if not 0 < granted < 1:
            continue  # an empty cell where nothing is expected, or the one cell that there is
        null = BinomialNull(n, math.log(granted))
        found.append((two_sided(null, count)[0], cell, count, null))
    if not found:
        return Unasked("all values fall into one cell")
    _, cell, count, law = min(found, key=lambda one: one[:2])
    expected = float(shares.expected[cell])
    # The pattern counted: of wider formats, the edge of the cell next to 0. Adding 0 makes -0 into 0.
    value = float(_patterns(situation.dtype)[of.order[of.start[cell]]]) + 0.0
    return judged(
        float(count),
        law,
        n=n,
        choices=shares.choices,
        effect=_effect(n, count, expected),
        where={"value": value},
        extra={"expected_share": expected},
    )


def _patterns(dtype: str) -> NDArray[np.float32]:
    return decode_table(dtype if float_format(dtype).bits <= 16 else "bfloat16")


def _effect(n: int, count: int, expected: float) -> Effect:
    """Probability of the cell beyond that under H0, with the interval of Clopper and Pearson."""
    from scipy.special import betaincinv

    low = float(betaincinv(count, n - count + 1, 0.025)) if count > 0 else 0.0
    high = float(betaincinv(count + 1, n - count, 0.975)) if count < n else 1.0
    return Effect("excess share of one value", *(p - expected for p in (count / n, low, high)))


STATISTIC = Statistic(
    name="heaps",
    family="marginal",
    title="Heaps of equal values",
    formula=(
        "number of values in one cell of the count table, the most surprising of all: a cell is a value of "
        "formats of 8 and 16 bits (-0 is 0), or all values with the same upper 16 bits as float32"
    ),
    null_text=(
        "binomial (n, P), P exact on the lattice of the values; a generator of 2^23 equally likely values is "
        "granted: P may be up to 2^-22 larger or smaller. Two-sided; p = 1 - (1 - p)^m for the m cells that "
        "there are. The law alone: that of the likeliest cell."
    ),
    sees="exact zeros among the values, clipping, labels, coarse grids, few equally likely values, gaps",
    blind="shapes that are smooth from cell to cell; the order of the values",
    reference="Clopper and Pearson 1934, Biometrika 26, 404 (interval)",
    n_min=8,
    parameters=_DEFAULTS,
    check=lambda **given: only(_DEFAULTS, given, "heaps"),
    needs=lambda **_: CountsNeed(),
    make_null=_null,
    judge=_judge,
)
