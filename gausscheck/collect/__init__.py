"""From values to the summaries of whole tensors, chunk by chunk, in bounded memory: one collector a need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from gausscheck.arrays import Values
from gausscheck.collect.base import Collector, Setting
from gausscheck.engines import select
from gausscheck.judging import Situation
from gausscheck.layout import Layout
from gausscheck.needs import Need

__all__ = ["Collector", "Setting", "collect", "collector"]

_MODULES = {
    "CountsNeed": "counts",
    "FieldsNeed": "fields",
    "ChannelGramNeed": "gram",
    "SampleGramNeed": "gram",
    "RepeatsNeed": "repeats",
}


def collector(need: Need, setting: Setting) -> Collector:
    """Collector of the summary that `need` asks for.

    Raises
    ------
    KeyError
        For needs of power sums and of the batched power spectrum, which every walk keeps itself.
    """
    made: Collector = import_module(f"{__name__}.{_MODULES[type(need).__name__]}").collector(need, setting)
    return made


def collect(need: Need, values: Values, layout: Layout, *, lattice: str | None) -> tuple[Any, Situation]:
    """Summary of one array as a whole, and the situation that it is judged in.

    Parameters
    ----------
    need : Need
    values : Values
        Of the array's own shape.
    layout : Layout
    lattice : str or None
        That the values were rounded to.
    """
    setting = Setting(layout, values.shape, values.dtype, select(values.size, device=values.device))
    collecting = collector(need, setting)
    block = values.like(layout.rows(values.data))
    samples = block.shape[0]
    collecting.take(np.arange(samples), block)
    situation = Situation(
        n=values.size,
        samples=samples,
        channels=setting.channels,
        shape=setting.ordered,
        lattice=lattice,
        dtype=values.dtype,
    )
    return collecting.finish(), situation
