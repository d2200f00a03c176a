"""Number of values beyond thresholds in the tails."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.catalogue.base import Statistic, frozen, only
from gausscheck.errors import ArgumentError
from gausscheck.finding import Effect
from gausscheck.judging import Judgement, Situation, Unasked, judged, two_sided
from gausscheck.needs import CountsNeed
from gausscheck.nulls.base import Null
from gausscheck.nulls.binomial import BinomialNull
from gausscheck.nulls.cells import Cells, cells
from gausscheck.summaries.counts import Counts

__all__ = ["STATISTIC"]

_DEFAULTS: Any = frozen({"threshold": None, "side": None})
# Both sides have the power against symmetric faults, each side against others. High levels tell few outliers
# from none at any n, low levels a wrong weight of the tail; 27 counts cost a factor 27 of p at most.
_LEVELS = (2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0)
_LEVEL_OF_THE_LAW = 3.0
_SIDES = ("both", "upper", "lower")
_RANGE = (1.0, 8.0)  # a single threshold, and how far from the centre an edge may lie, in deviations


@dataclass(frozen=True)
class _Tail:
    """Values at or beyond `edge`, in units of the data, on a side: cells ``[:below]`` and ``[above:]``."""

    edge: float
    side: str
    below: int
    above: int
    log_p: float

    def observed(self, cumulative: NDArray[np.int64]) -> int:
        """How many values it holds, from counts ``cumulative[j]`` of the cells before cell j."""
        return int(cumulative[self.below] + cumulative[-1] - cumulative[self.above])


def _tails(of: Cells, scale: float, threshold: float | None, side: str | None) -> list[_Tail]:
    """What is asked: at the edge of a cell next to each level, each once."""
    low, high = (float(bound) * scale for bound in _RANGE)
    # Cells that no value can fall into repeat an edge: beyond it is all from the first cell on.
    edges = np.unique(of.low[(of.low >= low) & (of.low <= high)])
    if edges.size == 0:
        return []
    levels = np.array(_LEVELS if threshold is None else (threshold,)) * scale
    nearest = np.unique(np.argmin(np.abs(edges - levels[:, np.newaxis]), axis=1))
    found = []
    for edge in edges[nearest].tolist():
        above = int(np.searchsorted(of.low, edge, "left"))
        below = int(np.searchsorted(of.high, -edge, "right"))
        upper, lower = float(of.log_upper[above]), float(of.log_lower[below - 1])
        for name in _SIDES if side is None else (side,):
            log_p = {"upper": upper, "lower": lower, "both": float(np.logaddexp(upper, lower))}[name]
            begin = below if name != "upper" else 0
            end = above if name != "lower" else of.count
            found.append(_Tail(edge, name, begin, end, log_p))
    return found


def _checked(**given: Any) -> dict[str, Any]:
    checked = only(_DEFAULTS, given, "tail_count")
    threshold, side = checked["threshold"], checked["side"]
    if side is not None and side not in _SIDES:
        msg = f"tail_count: side must be one of {', '.join(_SIDES)}, or None for all three, got {side!r}"
        raise ArgumentError(msg)
    if threshold is None:
        return checked
    number = isinstance(threshold, (int, float, np.integer, np.floating)) and not isinstance(threshold, bool)
    if not (number and _RANGE[0] <= threshold <= _RANGE[1]):
        msg = f"tail_count: threshold must lie from 1 to 8 standard deviations, or be None, got {threshold!r}"
        raise ArgumentError(msg)
    return {**checked, "threshold": float(threshold)}


def _null(situation: Situation, *, threshold: float | None, side: str | None) -> Null:
    of = cells(situation.dtype, situation.lattice, situation.scale)
    level = _LEVEL_OF_THE_LAW if threshold is None else threshold
    tails = _tails(of, situation.scale, level, side or "both")
    if not tails:
        msg = _no_edges(situation)
        raise ArgumentError(msg)
    return BinomialNull(situation.n, tails[0].log_p)


def _no_edges(situation: Situation) -> str:
    where = situation.lattice or situation.dtype
    return f"{where} has no values between 1 and 8 deviations of {situation.scale:g}"


def _judge(
    summary: Counts, situation: Situation, scope: str, *, threshold: float | None, side: str | None
) -> Judgement | Unasked:
    if scope != "pooled":
        return Unasked("values are counted over all samples together")
    of = cells(situation.dtype, situation.lattice, situation.scale)
    tails = _tails(of, situation.scale, threshold, side)
    if not tails:
        return Unasked(_no_edges(situation))
    observed = of.observed(summary)
    cumulative = np.concatenate(([0], np.cumsum(observed)))
    n = int(cumulative[-1])
    if n == 0:
        return Unasked("no value is finite")
    found = [(tail, tail.observed(cumulative), BinomialNull(n, tail.log_p)) for tail in tails]
    tail, count, null = min(found, key=lambda one: two_sided(one[2], one[1])[0])
    return judged(
        float(count),
        null,
        n=n,
        choices=len(tails),
        effect=_effect(n, count, tail.log_p),
        where={"threshold": tail.edge, "side": tail.side},
    )


def _effect(n: int, count: int, log_p: float) -> Effect:
    """Probability of the tail over that under H0, with the interval of Clopper and Pearson."""
    from scipy.special import betaincinv

    low = float(betaincinv(count, n - count + 1, 0.025)) if count > 0 else 0.0
    high = float(betaincinv(count + 1, n - count, 0.975)) if count < n else 1.0
    return Effect("tail ratio", *(p / math.exp(log_p) for p in (count / n, low, high)))


STATISTIC = Statistic(
    name="tail_count",
    family="marginal",
    title="Values in the tails",
    formula=(
        "number of values with |x| >= t, x >= t, x <= -t, each t the edge of a cell next to 2, 2.5 … 6 "
        "standard deviations; the most surprising of all (threshold: one t alone, side: both, upper or lower)"
    ),
    null_text=(
        "binomial (n, P), P exact on the lattice of the values; two-sided, both tails including the count; "
        "p = 1 - (1 - p)^m for the m counts looked at. The law alone, if not told which: that of |x| >= 3."
    ),
    sees="tails cut off on one side or both, heavy or light tails, only positive tails, a few outliers",
    blind="what happens within two standard deviations; the order of the values",
    reference="Clopper and Pearson 1934, Biometrika 26, 404 (interval)",
    n_min=8,
    parameters=_DEFAULTS,
    check=_checked,
    needs=lambda **_: CountsNeed(),
    make_null=_null,
    judge=_judge,
)
