"""Overlapping windows of each sample, of which a fraction is kept by content: copies at any shift."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gausscheck.arrays import Values
from gausscheck.collect.base import Setting
from gausscheck.collect.units import LEAST_SIZE, RUN
from gausscheck.summaries.repeats import LEAST_HALVINGS, MOST_RUNS, Units, halvings_for

__all__ = ["RunsCollector"]

_STRETCH = 2**21  # values looked at together


class RunsCollector:
    """Hashes of the windows of :data:`~gausscheck.collect.units.RUN` values that start at every place.

    Windows lie within one sample, in stored order, whatever its axes.

    Parameters
    ----------
    setting : Setting

    Attributes
    ----------
    per_sample : int
        Windows in a sample; 0 where samples are too short.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.per_sample = setting.size - RUN + 1 if setting.size >= LEAST_SIZE else 0
        self.halvings = LEAST_HALVINGS
        self.seen = 0
        self.kept: list[tuple[NDArray[np.uint64], NDArray[np.int64]]] = []

    def take(self, index: NDArray[np.int64], block: Values) -> None:
        """Add the samples numbered `index`, the rows of `block`: few, or one that may be long."""
        if self.per_sample == 0:
            return
        self.seen += index.size
        self._halve()
        for low in range(0, self.per_sample, _STRETCH):
            # Windows reach into the next stretch.
            stretch = block.columns(low, min(low + _STRETCH, self.per_sample) + RUN - 1)
            hashes, row, place = self.setting.engine.runs(stretch, RUN, self.halvings)
            self.kept.append((hashes, index[row] * self.per_sample + (low + place)))
            self.setting.release()

    def _halve(self) -> None:
        """Keep a smaller fraction as more is seen: in the end that depends on how much was seen alone."""
        halvings = halvings_for(self.per_sample * self.seen, MOST_RUNS, LEAST_HALVINGS)
        if halvings > self.halvings:
            self.halvings = halvings
            few = np.uint64(2 ** (64 - halvings))
            self.kept = [
                (hashes[small], places[small]) for hashes, places in self.kept for small in (hashes < few,)
            ]

    def finish(self) -> Units | None:
        """All windows taken; None where samples are too short to have any."""
        if self.seen == 0:
            return None
        hashes, places = zip(*self.kept, strict=True)
        return Units(
            RUN,
            self.per_sample,
            self.per_sample * self.seen,
            self.halvings,
            np.concatenate(hashes),
            np.concatenate(places),
            MOST_RUNS,
        )
