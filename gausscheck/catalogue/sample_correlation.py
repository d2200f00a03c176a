"""Largest correlation between samples."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

from gausscheck.catalogue.base import Statistic, frozen, only
from gausscheck.catalogue.channel_correlation import correlation_null, judged_correlation
from gausscheck.judging import Judgement, Situation, Unasked, log_any_of
from gausscheck.needs import SampleGramNeed
from gausscheck.summaries.gram import GROUP, SampleGram

__all__ = ["STATISTIC"]

_DEFAULTS: Any = frozen({})


def _judge(summary: SampleGram | None, situation: Situation, scope: str) -> Judgement | Unasked:
    if scope != "pooled":
        return Unasked("samples are compared with each other, all together")
    if summary is None or summary.samples < 2:
        return Unasked()
    group = {} if summary.complete else {"group": GROUP}
    answers = [
        judged_correlation(
            pair, n, "samples", situation, **({"places": n} if n < summary.size else {}), **group
        )
        for n, pair in sorted(summary.largest.items())
    ]
    found = [answer for answer in answers if isinstance(answer, Judgement)]
    if not found:
        return answers[0]
    # Groups may be compared at different numbers of places; the most surprising pays for that choice, too.
    most = min(found, key=lambda judgement: judgement.log_p)
    return replace(most, log_p=log_any_of(most.log_p, len(found)))


STATISTIC = Statistic(
    name="sample_correlation",
    family="dependence",
    title="Sample correlation",
    formula=(
        "r_ij = sum x_i x_j / sqrt(sum x_i^2 sum x_j^2) over the values of samples i < j, at evenly spread "
        "places where samples are many and long; of more than 4096 samples, pairs within groups of 4096 "
        "neighbours; the r_ij of largest absolute value"
    ),
    null_text=(
        "of one pair: r sqrt(n - 1) / sqrt(1 - r^2) is Student's t with n - 1 degrees of freedom, exactly, n "
        "the places compared. The p-value of the largest pays for all pairs."
    ),
    sees="repeated, negated, interpolated or nearly repeated samples; workers that share a stream",
    blind="samples that share values at other places",
    reference="Fisher 1915, Biometrika 10, 507",
    n_min=8,
    parameters=_DEFAULTS,
    check=lambda **given: only(_DEFAULTS, given, "sample_correlation"),
    needs=lambda **_: SampleGramNeed(),
    make_null=lambda situation: correlation_null(
        situation.channels * prod(situation.shape), situation.lattice
    ),
    judge=_judge,
)
