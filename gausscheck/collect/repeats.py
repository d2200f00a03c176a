"""Hashes of units and a sketch of the values, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd, prod

import numpy as np
from numpy.typing import NDArray

from gausscheck.arrays import Values
from gausscheck.collect.base import Setting
from gausscheck.collect.runs import RunsCollector
from gausscheck.collect.units import BLOCK, SHORTEST, Kind, kinds_of
from gausscheck.engines.base import mix
from gausscheck.engines.hashes import marks_of, powers
from gausscheck.needs import Need
from gausscheck.summaries.repeats import (
    MOST_HASHES,
    MOST_VALUES,
    Repeats,
    Units,
    ValueSketch,
    halvings_for,
)

__all__ = ["RepeatsCollector", "collector"]

_STRETCH = 2**21  # values looked at together
_LONG_RUN = 2**19  # from here on a run of values is looked at in pieces

_Hashes = NDArray[np.uint64]


class RepeatsCollector:
    """Collector of :class:`~gausscheck.summaries.repeats.Repeats`.

    A sample is seen as *runs*: what lies together in memory and belongs to one unit of every kind but blocks.
    Each run is hashed once, and the hashes of runs are combined to those of units. Only where the last stored
    axis itself numbers the units (channels last), a transposed copy is hashed for these.
    """

    whole = False

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        axis = setting.layout.sample_axis
        self.dims = tuple(n for k, n in enumerate(setting.shape) if k != axis)
        self.size = setting.size
        kinds = kinds_of(setting.layout, setting.shape)
        last = len(self.dims) - 1
        self.strided = tuple(kind for kind in kinds if last in kind.keys)
        self.along = tuple(kind for kind in kinds if last not in kind.keys)
        lead = max((key + 1 for kind in self.along for key in kind.keys), default=0)
        self.lead = self.dims[:lead]
        self.run = self.size // max(prod(self.lead), 1)
        self.blocks = self.size // BLOCK if self.size > BLOCK else 0
        # Blocks are put together from pieces of runs where these are not too short.
        common = gcd(BLOCK, self.run) if self.run else BLOCK
        self.whole_runs = self.run == self.size or common == BLOCK
        self.joined = self.whole_runs or (common >= SHORTEST and self.run <= _LONG_RUN)
        self.piece = BLOCK if self.whole_runs or not self.joined else common
        self.kept: dict[str, list[tuple[_Hashes, NDArray[np.int64]]]] = {}
        self.shapes = {kind.name: (kind.length, kind.count) for kind in kinds}
        if self.blocks:
            self.shapes["block"] = (BLOCK, self.blocks)
        self.halvings = dict.fromkeys(self.shapes, 0)
        self.sketched = setting.dtype in ("float32", "float64")
        self.value_halvings = 0
        self.values: list[NDArray[np.float64]] = []
        self.waiting = 0
        self.sketch: ValueSketch | None = None
        self.seen = 0
        self.grouped: dict[tuple[str, int, int], _Group] = {}
        self.windows = RunsCollector(setting)

    def take(self, index: NDArray[np.int64], block: Values) -> None:
        """See :meth:`gausscheck.collect.base.Collector.take`."""
        if block.size == 0:
            return
        rows = max(1, _STRETCH // self.size)
        for start in range(0, index.size, rows):
            part = block.like(block.data[start : start + rows])
            at = index[start : start + rows]
            self.seen += at.size
            self._halve()
            self._runs(at, part)
            if self.blocks and not self.joined:
                self._blocks_alone(at, part)
            for kind in self.strided:
                self._strided(kind, at, part)
            self.windows.take(at, part)

    def _halve(self) -> None:
        """Keep a smaller fraction as more is seen: in the end that depends on how much was seen alone."""
        for name, (_, count) in self.shapes.items():
            halvings = halvings_for(count * self.seen, MOST_HASHES)
            if halvings > self.halvings[name]:
                self.halvings[name] = halvings
                few = np.uint64(2 ** (64 - halvings))
                self.kept[name] = [
                    (hashes[kept], places[kept])
                    for hashes, places in self.kept.get(name, [])
                    for kept in (hashes < few,)
                ]
        halvings = halvings_for(self.size * self.seen, MOST_VALUES)
        if halvings > self.value_halvings:
            self._settle()
            self.value_halvings = halvings
            self.sketch = None if self.sketch is None else self.sketch.thinned(halvings)

    def _pieces(self) -> Iterator[tuple[int, int, int, int]]:
        """Stretches of a sample: runs `first` to `last`, and values `low` to `high` of each."""
        count = self.size // self.run
        if self.run > _STRETCH:
            for k in range(count):
                for low in range(0, self.run, _STRETCH):
                    yield k, k + 1, low, min(low + _STRETCH, self.run)
            return
        # A stretch ends with a block, too.
        whole = BLOCK // gcd(BLOCK, self.run) if self.joined else 1
        step = max(1, _STRETCH // (self.run * whole)) * whole
        for k in range(0, count, step):
            yield k, min(k + step, count), 0, self.run

    def _runs(self, index: NDArray[np.int64], part: Values) -> None:
        engine, k = self.setting.engine, index.size
        totals = {kind.name: np.zeros((k, kind.count), np.uint64) for kind in self.along}
        for first, last, low, high in self._pieces():
            begin = first * self.run + low
            stretch = part.columns(begin, begin + (last - first - 1) * self.run + high - low)
            runs, length = last - first, high - low
            if self.sketched:
                self._sketch(engine.bottom(stretch, self.value_halvings))
            base = engine.hashes(stretch.like(stretch.data.reshape(k * runs, length)), self.piece)
            base = base.reshape(k, runs, -1)
            if self.blocks and self.joined:
                self._blocks(index, begin, base)
            hashed = (base * powers(low + self.piece * np.arange(base.shape[2]))).sum(axis=2, dtype=np.uint64)
            for kind in self.along:
                if self._immediate(kind):
                    self._keep(kind.name, index, first, hashed)
                else:
                    group = self._group(kind, first, last)
                    terms = (hashed * group.weight)[:, group.order]
                    totals[kind.name][:, group.units] += np.add.reduceat(terms, group.starts, axis=1)
            self.setting.release()
        for kind in self.along:
            if not self._immediate(kind):
                self._keep(kind.name, index, 0, totals[kind.name])

    def _immediate(self, kind: Kind) -> bool:
        """True where each run is a unit of this kind, and seen as a whole."""
        return len(kind.keys) == len(self.lead) > 0 and self.run <= _STRETCH

    def _group(self, kind: Kind, first: int, last: int) -> _Group:
        """Which units runs `first` to `last` belong to, and where in them; the table of a sample is kept."""
        key = (kind.name, first, last)
        if key not in self.grouped:
            group = _Group(kind, self.lead, self.run, first, last)
            if (last - first) * self.run < self.size:
                return group
            self.grouped[key] = group
        return self.grouped[key]

    def _blocks(self, index: NDArray[np.int64], begin: int, base: _Hashes) -> None:
        """Blocks from the pieces of whole runs that start at `begin`."""
        first = begin // BLOCK
        flat = base.reshape(index.size, -1)
        if self.piece == BLOCK:
            # The last piece of a sample may be short.
            self._keep("block", index, first, flat[:, : self.blocks - first])
            return
        each = BLOCK // self.piece
        whole = flat[:, : flat.shape[1] // each * each].reshape(index.size, -1, each)
        self._keep(
            "block", index, first, (whole * powers(self.piece * np.arange(each))).sum(axis=2, dtype=np.uint64)
        )

    def _blocks_alone(self, index: NDArray[np.int64], part: Values) -> None:
        for low in range(0, self.blocks * BLOCK, _STRETCH):
            stretch = part.columns(low, min(low + _STRETCH, self.blocks * BLOCK))
            self._keep("block", index, low // BLOCK, self.setting.engine.hashes(stretch, BLOCK))
            self.setting.release()

    def _strided(self, kind: Kind, index: NDArray[np.int64], part: Values) -> None:
        """Units that the last axis numbers."""
        k, units = index.size, kind.count
        total = np.zeros((k, units), np.uint64)
        step = kind.length if k * self.size <= _STRETCH else max(1, _STRETCH // (k * units))
        for low in range(0, kind.length, step):
            high = min(low + step, kind.length)
            data = part.columns(low * units, high * units).data.reshape(k, high - low, units)
            turned = part.like(data.swapaxes(1, 2).reshape(k * units, high - low))
            hashed = self.setting.engine.hashes(turned, high - low).reshape(k, units)
            total += hashed * powers(low)
            self.setting.release()
        self._keep(kind.name, index, 0, total)

    def _keep(self, name: str, index: NDArray[np.int64], first: int, hashes: _Hashes) -> None:
        """Add units ``first …`` of each sample; the fraction is taken of mixed hashes."""
        mixed = mix(hashes)
        places = index[:, np.newaxis] * self.shapes[name][1] + np.arange(first, first + hashes.shape[1])
        if self.halvings[name]:
            kept = mixed < np.uint64(2 ** (64 - self.halvings[name]))
            mixed, places = mixed[kept], places[kept]
        self.kept.setdefault(name, []).append((mixed.ravel(), places.ravel()))

    def _sketch(self, values: NDArray[np.float64]) -> None:
        self.values.append(values)
        self.waiting += values.size
        if self.waiting > 8 * MOST_VALUES:
            self._settle()

    def _settle(self) -> None:
        """Count the values that wait."""
        if not self.values:
            return
        values, counts = np.unique(np.concatenate(self.values), return_counts=True)
        new = ValueSketch(0, self.value_halvings, values, counts.astype(np.int64), marks_of(values))
        self.sketch = new if self.sketch is None else self.sketch.merge(new)
        self.values, self.waiting = [], 0

    def finish(self) -> Repeats | None:
        """See :meth:`gausscheck.collect.base.Collector.finish`; None without a finite sample."""
        if self.seen == 0:
            return None
        units = {}
        for name, (length, count) in self.shapes.items():
            hashes, places = zip(*self.kept[name], strict=True)
            units[name] = Units(
                length,
                count,
                count * self.seen,
                self.halvings[name],
                np.concatenate(hashes),
                np.concatenate(places),
            )
        windows = self.windows.finish()
        if windows is not None:
            units["run"] = windows
        sketch = None
        if self.sketched:
            self._settle()
            assert self.sketch is not None
            held = self.sketch
            total = self.seen * self.size
            sketch = ValueSketch(total, held.halvings, held.values, held.counts, held.marks)
        return Repeats(self.setting.dtype, self.seen, self.size, units, sketch)


class _Group:
    """Runs `first` to `last` of a sample by unit.

    Attributes
    ----------
    weight : numpy.ndarray of uint64
        Power of c for the place of each run within its unit.
    order, starts : numpy.ndarray of int64
        Runs sorted by unit, and where each unit starts among them.
    units : numpy.ndarray of int64
        The units.
    """

    def __init__(self, kind: Kind, lead: tuple[int, ...], run: int, first: int, last: int) -> None:
        number = np.arange(first, last)
        place = np.unravel_index(number, lead) if lead else ()
        unit, within = np.zeros_like(number), np.zeros_like(number)
        for axis, along in enumerate(place):
            if axis in kind.keys:
                unit = unit * lead[axis] + along
            else:
                within = within * lead[axis] + along
        self.weight = powers(within * run)
        self.order = np.argsort(unit, kind="stable")
        self.units, self.starts = np.unique(unit[self.order], return_index=True)


def collector(need: Need, setting: Setting) -> RepeatsCollector:
    """Collector for :class:`~gausscheck.needs.RepeatsNeed`."""
    del need
    return RepeatsCollector(setting)
