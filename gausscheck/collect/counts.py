"""Collects how many values fall into each cell, over all samples together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gausscheck.arrays import Values
from gausscheck.collect.base import Setting
from gausscheck.needs import Need
from gausscheck.summaries.counts import Counts, table_length

__all__ = ["CountsCollector", "collector"]

_STRETCH = 2**21  # values counted between two releases of memory


class CountsCollector:
    """Adds up :class:`~gausscheck.summaries.counts.Counts`; non-finite values have rows of their own there.

    Parameters
    ----------
    setting : Setting
    """

    whole = True

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._counts = Counts(np.zeros(table_length(setting.dtype), dtype=np.int64), setting.dtype)

    def take(self, index: NDArray[np.int64], block: Values) -> None:
        """Count all values of some samples; which ones does not matter."""
        del index
        rows, size = block.shape
        step = max(1, _STRETCH // max(size, 1))
        for start in range(0, rows, step):
            some = block.like(block.data[start : start + step])
            for low in range(0, size, _STRETCH):
                counts = self._setting.engine.counts(some.columns(low, low + _STRETCH))
                self._counts = self._counts.merge(counts)
                self._setting.release()

    def finish(self) -> Counts:
        """Counts over all samples taken."""
        return self._counts


def collector(need: Need, setting: Setting) -> CountsCollector:
    """Collector of :class:`~gausscheck.needs.CountsNeed`, which has no parameters."""
    del need
    return CountsCollector(setting)
