"""Largest correlation between channels."""

from __future__ import annotations

from math import prod
from typing import Any, Literal

from gausscheck.catalogue.base import Statistic, frozen, only
from gausscheck.effects import correlation
from gausscheck.judging import Judgement, Situation, Unasked, judged
from gausscheck.needs import ChannelGramNeed
from gausscheck.nulls.base import Grade
from gausscheck.nulls.correlation import CorrelationNull
from gausscheck.summaries.gram import Correlated, Gram

__all__ = ["STATISTIC", "correlation_null", "judged_correlation"]

_DEFAULTS: Any = frozen({})
_N_MIN = 8
# On a lattice of 8 bits two short rows are multiples of each other by chance: at 8 values of e5m2 one pair in
# 1e12, which the law of unrounded values calls impossible; at 16 the chance is beyond any number of pairs.
_N_MIN_COARSE = 16
# Products are added up in float32: a correlation of 1 is known to so much.
_CLOSEST_TO_ONE = 1 - 2.0**-24


def correlation_null(n: int, lattice: str | None) -> CorrelationNull:
    """Law of the correlation of two rows of n values; rounding to 16 bits changes nothing visible."""
    return CorrelationNull(n, Grade.EXACT if lattice in (None, "bf16", "fp16") else Grade.ASYMPTOTIC)


def judged_correlation(
    found: Correlated, n: int, rows: Literal["channels", "samples"], situation: Situation, **extra: Any
) -> Judgement | Unasked:
    """Judge the largest of the correlations between rows of n values."""
    coarse = situation.lattice not in (None, "bf16", "fp16")
    least = _N_MIN_COARSE if coarse else _N_MIN
    if n < least:
        where = " on a lattice of 8 bits" if coarse else ""
        return Unasked(f"needs {least} values in each of the {rows}{where}, here {n}")
    if found.pairs == 0:
        return Unasked(f"all {rows} but one are zero throughout")
    value = min(max(found.r, -_CLOSEST_TO_ONE), _CLOSEST_TO_ONE)
    return judged(
        value,
        correlation_null(n, situation.lattice),
        n=n,
        choices=found.pairs,
        effect=correlation(f"{rows[:-1]} correlation", value, n),
        where={rows: [found.first, found.second]},
        extra=extra,
    )


def _judge(summary: Gram | None, situation: Situation, scope: str) -> Judgement | Unasked:
    if scope != "pooled":
        return Unasked("channels are compared over all samples together")
    if summary is None:
        return Unasked(
            "" if situation.channels == 1 else f"{situation.channels} channels are too many to compare"
        )
    return judged_correlation(summary.largest(), summary.n, "channels", situation)


STATISTIC = Statistic(
    name="channel_correlation",
    family="dependence",
    title="Channel correlation",
    formula=(
        "r_ij = sum x_i x_j / sqrt(sum x_i^2 sum x_j^2) over all samples and places, channels i < j; the "
        "r_ij of largest absolute value"
    ),
    null_text=(
        "of one pair: r sqrt(n - 1) / sqrt(1 - r^2) is Student's t with n - 1 degrees of freedom, exactly, n "
        "the values in a channel. The p-value of the largest pays for all pairs."
    ),
    sees="channels that were mixed, copied, negated or drawn from one stream",
    blind="channels that depend on each other without a correlation at equal places, such as shifted copies",
    reference="Fisher 1915, Biometrika 10, 507",
    n_min=_N_MIN,
    parameters=_DEFAULTS,
    check=lambda **given: only(_DEFAULTS, given, "channel_correlation"),
    needs=lambda **_: ChannelGramNeed(),
    make_null=lambda situation: correlation_null(
        situation.samples * prod(situation.shape), situation.lattice
    ),
    judge=_judge,
)
