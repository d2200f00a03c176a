"""Effective number of values: what is left of a tensor once its copies are taken out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gausscheck.arrays import Values
from gausscheck.collect import Setting, collector
from gausscheck.collect.distinct import DistinctBlocks
from gausscheck.engines import select
from gausscheck.finding import Finding
from gausscheck.gather import CHUNK, in_reference
from gausscheck.gathered import Gathered
from gausscheck.layout import Layout
from gausscheck.needs import CountsNeed
from gausscheck.summaries.onepass import OnePass

__all__ = ["distinct_only", "repeats_surely"]

_SURE = -20.0
_UNITS = ("sample", "channel", "frame", "row", "block")


def repeats_surely(findings: list[Finding]) -> bool:
    """Whether stretches of values are copies of each other: p below 2e-9 for any kind of them."""
    return any(
        f.statistic == "duplicates" and f.parameters["unit"] in _UNITS and f.log_p < _SURE for f in findings
    )


def distinct_only(values: Values, layout: Layout, kept: Gathered, *, scale: float) -> Gathered:
    """Summaries of the marginal law once more, of the first occurrence of each block of values alone.

    Parameters
    ----------
    values : Values
        Of the whole tensor.
    layout : Layout
    kept : Gathered
        Of all values. What depends on order and place stays: there copies are what is to be seen.
    scale : float
        Standard deviation under H0.

    Returns
    -------
    Gathered
        With fewer values in `pooled` and in the counts of cells; non-finite values are counted as before.
    """
    engine = select(2 * values.size, device=values.device)
    setting = Setting(layout, values.shape, values.dtype, engine, scale=scale)
    new = DistinctBlocks(setting)
    counting = collector(CountsNeed(), setting)
    total: OnePass | None = None
    rows = max(1, CHUNK // max(kept.size, 1))
    stretch = max(CHUNK // new.length, 1) * new.length
    for first in range(0, kept.samples, rows):
        block = values.like(layout.rows(values.data, first, min(first + rows, kept.samples)))
        for start in range(0, kept.size, stretch):
            for part in new.take(block.columns(start, min(start + stretch, kept.size))):
                summary = in_reference(engine.one_pass(part), scale).pool()
                total = summary if total is None else total.merge(summary)
                counting.take(np.arange(part.shape[0]), part)
    assert total is not None
    assert kept.pooled is not None
    pooled = OnePass(total.moments, total.extremes, kept.pooled.nonfinite)
    summaries = kept.summaries
    if CountsNeed() in summaries:
        summaries = {**summaries, CountsNeed(): counting.finish()}
    return replace(kept, pooled=pooled, summaries=summaries)
