"""One walk over a tensor: everything that the probes of a battery need, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.arrays import Values
from gausscheck.battery import Battery, Probe
from gausscheck.collect import Collector, Setting, collector
from gausscheck.engines import Engine, select
from gausscheck.floats import decode_table, float_format
from gausscheck.gathered import Gathered, Key
from gausscheck.lattice import LATTICES, LatticeCandidates, lattice_of_format
from gausscheck.layout import Layout
from gausscheck.needs import CountsNeed, FieldsNeed, Need, SpectrumNeed
from gausscheck.summaries.counts import Counts
from gausscheck.summaries.moments import ORDERS, Moments, saturated
from gausscheck.summaries.onepass import OnePass
from gausscheck.summaries.samples import SampleValues
from gausscheck.views import spectrum_values

__all__ = ["CHUNK", "LONGEST", "Gathering", "gather", "in_reference", "key_of"]

CHUNK = 2**21
"""Values looked at together: 8 MiB of float32, and as much again for their spectrum."""

_SIDE_BY_SIDE = 2**18  # values from which on two threads at work are worth their start

LONGEST = 2**24
"""Longest stretch that is Fourier transformed at once; longer samples are cut into equal segments."""


def key_of(probe: Probe) -> Key:
    """Identity of the value that a probe asks for, whatever its scope."""
    return probe.statistic, tuple(sorted(probe.checked.items()))


class Gathering:
    """Takes samples in any number of pieces and keeps what the probes of a battery need, in bounded memory.

    Parameters
    ----------
    layout : Layout
    shape : tuple of int
        Of an array of such samples; its length along the sample axis means nothing.
    dtype : str
        Storage format.
    battery : Battery
    scale : float
        Standard deviation under H0.
    seed : int
        Of the permutations.
    device : str or None
        Where the values live.
    release : callable, optional
        Called after each stretch read, to give its memory back; it may be read again.
    """

    def __init__(
        self,
        layout: Layout,
        shape: tuple[int, ...],
        dtype: str,
        battery: Battery,
        *,
        scale: float,
        seed: int,
        device: str | None = None,
        release: Callable[[], None] | None = None,
    ) -> None:
        self.layout, self.dtype, self.scale, self.seed = layout, dtype, scale, seed
        self.device = device
        _, size = layout.samples(shape)
        segments = -(-size // LONGEST)
        self.kept = Gathered(0, size, segments, size // max(segments, 1))
        self.spectrum_needs = _spectrum_needs(battery, self.kept.segment_size)
        asked = dict.fromkeys(p.need for p in battery.probes if p.definition.judge is not None)
        self.by_sample = {
            key_of(p): partial(p.definition.value, **p.checked)
            for p in battery.probes
            if p.scope == "sample" and size >= p.smallest and p.definition.value is not None
        }
        passes = 1 + sum(1 if n.permutations is None else 2 * n.permutations for n in self.spectrum_needs)
        self.passes = passes + len(asked)
        self.candidates = LatticeCandidates()
        engine = select(0, device=device)
        self.setting = Setting(
            layout, shape, dtype, engine, scale=scale, seed=seed, release=release or _nothing
        )
        # The longest work first, for whoever works side by side.
        order = sorted(asked, key=lambda need: not isinstance(need, FieldsNeed))
        self.collectors: dict[Need, Collector] = {need: collector(need, self.setting) for need in order}
        self.engine: Engine = engine
        self.lanes = False

    def expect(self, values: int) -> None:
        """Choose the engine for so many values in all.

        Values in memory are reduced in two lanes side by side, each with half of the threads: what collectors
        do between two calls of the engine is then done meanwhile, too.
        """
        self.engine = select(values * self.passes, device=self.device)
        threads = getattr(self.engine, "threads", 1)
        self.lanes = threads > 1 and self.setting.release is _nothing
        self.setting.engine = self.engine
        if self.lanes:
            self.setting.engine = select(values * self.passes, threads // 2, device=self.device)

    def take(self, first: int, block: Values) -> None:
        """Add samples ``first …``, whole, one a row of `block`."""
        batch = self._one_pass(block)
        finite = batch.nonfinite.total == 0
        self.kept.samples += block.shape[0]
        self.kept.left_out += int(np.count_nonzero(~finite))
        place = batch.nonfinite.location()
        if self.kept.first_bad is None and place is not None:
            self.kept.first_bad = (first + place[0], place[1])
        scaled = in_reference(batch, self.scale)
        index = np.arange(first, first + block.shape[0])[finite]
        for key, value in self.by_sample.items():
            kept = SampleValues.of(value(scaled)[finite], index, scaled.moments.sums[finite])
            self.kept.worst[key] = self.kept.worst.get(key, SampleValues()).merge(kept)
        pooled = scaled.pool()
        self.kept.pooled = pooled if self.kept.pooled is None else self.kept.pooled.merge(pooled)
        whole = block if finite.all() else block.rows(finite)
        if self.spectrum_needs and finite.any():
            self._spectra(index, whole, batch)
        self.setting.magnitude = float(np.max(batch.extremes.magnitude))
        everything = np.arange(first, first + block.shape[0])
        jobs = [
            partial(taking.take, everything, block) if taking.whole else partial(taking.take, index, whole)
            for taking in self.collectors.values()
            if taking.whole or finite.any()
        ]
        if not self.lanes or block.size < _SIDE_BY_SIDE:
            for job in jobs:
                job()
            return
        # Threads of their own each time, for a stream may go on in a process that was forked meanwhile.
        with ThreadPoolExecutor(2) as lanes:
            for done in [lanes.submit(job) for job in jobs]:
                done.result()

    def _one_pass(self, block: Values) -> OnePass:
        """One pass in pieces, so that a long sample is never decoded as a whole."""
        rows, size = block.shape
        if block.size <= 2 * CHUNK or rows > 1:
            self._detect(block)
            return self.engine.one_pass(block)
        total: OnePass | None = None
        for start in range(0, size, CHUNK):
            piece = block.columns(start, start + CHUNK)
            self._detect(piece)
            part = self.engine.one_pass(piece).shifted(start)
            total = part if total is None else total.merge(part)
            self.setting.release()
        assert total is not None
        return total

    def _detect(self, block: Values) -> None:
        if not block.format.coded and block.format.bits >= 32:
            self.candidates = self.engine.lattices(block, self.candidates)

    def _spectra(self, index: NDArray[np.int64], block: Values, batch: OnePass) -> None:
        # Squares of values outside this range may leave that of float32. Within it float32 is enough: its
        # roundings are white and below 1e-7 of the values.
        wide = not 1e-15 < float(np.max(batch.extremes.magnitude)) < 1e15
        size = self.kept.segment_size
        for segment in range(self.kept.segments):
            piece = block.columns(segment * size, (segment + 1) * size)
            x = self.engine.decode(piece, np.float64 if wide else np.float32)
            self.setting.release()
            number = index * self.kept.segments + segment
            for need in self.spectrum_needs:
                by_sample = spectrum_values(
                    self.engine, x, need, seed=self.seed, number=number, scale=self.scale
                )
                part = SampleValues.of(by_sample, number)
                self.kept.spectra[need] = self.kept.spectra.get(need, SampleValues()).merge(part)

    def misfit(self, kept: Gathered) -> str:
        """Say what `kept` lacks, or has too much, beside what this walk keeps; empty if nothing.

        What one of two merged parts lacks would be judged as if the other one were the whole.
        """
        finite = kept.left_out < kept.samples
        pairs: dict[str, tuple[Any, Any]] = {
            "segments of a sample": (
                (kept.segments, kept.segment_size),
                (self.kept.segments, self.kept.segment_size),
            ),
            "statistics by sample": (set(kept.worst), set(self.by_sample)),
            "power spectra": (set(kept.spectra), set(self.spectrum_needs) if finite else set()),
            "summaries": (set(kept.summaries), set(self.collectors)),
        }
        return next((what for what, (held, wanted) in pairs.items() if held != wanted), "")

    def finish(self) -> Gathered:
        """Everything kept so far; more may be taken afterwards."""
        declared = lattice_of_format(self.dtype)
        summaries = {need: taking.finish() for need, taking in self.collectors.items()}
        if declared is None:
            lattices = tuple(self.candidates.names)
        else:
            lattices = (*_narrower(summaries.get(CountsNeed())), declared)
        kept = self.kept
        return replace(
            kept,
            worst=dict(kept.worst),
            spectra=dict(kept.spectra),
            lattices=lattices,
            summaries=summaries,
        )


def _narrower(counts: Counts | None) -> tuple[str, ...]:
    """Narrower lattices that values in 16-bit storage lie on as well, narrowest first.

    Noise rounded to 8 bits, or to bfloat16, is often kept in float16 or bfloat16. Every bit pattern that
    occurs is known there, so that all values are looked at in one glance at the table.
    """
    if counts is None or float_format(counts.dtype).bits != 16:
        return ()
    table = decode_table(counts.dtype)
    value = table[(counts.pool().table > 0) & np.isfinite(table)]
    if value.size == 0:
        return ()
    own = tuple(LATTICES).index(lattice_of_format(counts.dtype) or "")
    found = LatticeCandidates(tuple(LATTICES)[:own]).update(value)
    return found.names


def _nothing() -> None:
    pass


def _spectrum_needs(battery: Battery, size: int) -> tuple[SpectrumNeed, ...]:
    """Needs of the probes that samples of `size` are long enough for; the stored order comes first."""
    asked = (probe.need for probe in battery.probes if size >= probe.smallest)
    needs = dict.fromkeys(need for need in asked if isinstance(need, SpectrumNeed))
    return tuple(sorted(needs, key=lambda n: n.permutations or 0))


def in_reference(batch: OnePass, scale: float) -> OnePass:
    """The same with power sums in units of the reference scale; extremes stay in those of the data."""
    if scale == 1.0:
        return batch
    with np.errstate(over="ignore"):
        sums = saturated(batch.moments.sums / scale ** np.arange(1, ORDERS + 1))
    return OnePass(Moments(batch.moments.n, sums), batch.extremes, batch.nonfinite)


def gather(
    values: Values,
    layout: Layout,
    battery: Battery,
    *,
    scale: float,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
    release: Callable[[], None] | None = None,
) -> Gathered:
    """Walk once over a tensor and keep what the probes of a battery need.

    Parameters
    ----------
    values : Values
        May be a memory map, or a tensor on a device: it is read chunk by chunk, where it lives.
    layout : Layout
    battery : Battery
    scale : float
        Standard deviation under H0.
    seed : int
        Of the permutations.
    progress : callable, optional
        Called with values done and values in all.
    release : callable, optional
        Called after each stretch read, to give its memory back; it may be read again.
    """
    walk = Gathering(
        layout,
        values.shape,
        values.dtype,
        battery,
        scale=scale,
        seed=seed,
        device=values.device,
        release=release,
    )
    walk.expect(values.size)
    samples, size = layout.samples(values.shape)
    rows = max(1, CHUNK // max(size, 1))
    done = 0
    for first in range(0, samples, rows):
        block = values.like(layout.rows(values.data, first, min(first + rows, samples)))
        walk.take(first, block)
        done += block.size
        walk.setting.release()
        if progress is not None:
            progress(done, values.size)
    return walk.finish()
