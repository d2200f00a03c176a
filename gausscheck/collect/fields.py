"""Periodograms of fields, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.arrays import Values
from gausscheck.collect.base import Setting
from gausscheck.engines.ordinates import Ordinates
from gausscheck.needs import Need
from gausscheck.summaries.fields import BandExtremes, FieldSpectra, Peak
from gausscheck.summaries.frequency import frequency_bins
from gausscheck.summaries.samples import SampleValues

__all__ = ["LONGEST_FIELD", "FieldsCollector", "collector", "pieces_of"]

_STRETCH = 2**21  # values decoded together
LONGEST_FIELD = 2**22
"""Most values that are Fourier transformed together; larger fields are cut along their longest axis."""
_MOST_POWER = 2**23  # ordinates kept by channel: 64 MiB
_MAGNITUDES = (1e-15, 1e15)  # squares of others may leave the range of float32
_CLIP = 1e100


def pieces_of(shape: tuple[int, ...]) -> tuple[int, int, tuple[int, ...]]:
    """Axis to cut fields of `shape` along, number of pieces and shape of each; what is left over is unused.

    One piece where the field is short enough.
    """
    axis = max(range(len(shape)), key=lambda a: shape[a])
    count = min(-(-prod(shape) // LONGEST_FIELD), shape[axis])
    length = shape[axis] // max(count, 1)
    return axis, max(count, 1), tuple(length if a == axis else n for a, n in enumerate(shape))


class FieldsCollector:
    """Collector of :class:`~gausscheck.summaries.fields.FieldSpectra`."""

    whole = False

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.axis, self.pieces, self.shape = pieces_of(setting.ordered)
        self.bins = frequency_bins(self.shape)
        self.by_channel = setting.channels * self.bins.count <= _MOST_POWER
        self.kept: FieldSpectra | None = None

    def take(self, index: NDArray[np.int64], block: Values) -> None:
        """See :meth:`gausscheck.collect.base.Collector.take`."""
        if min(self.shape) == 0 or block.size == 0:
            return
        size = block.shape[1]
        rows = max(1, _STRETCH // size)
        for start in range(0, index.size, rows):
            part = block.like(block.data[start : start + rows])
            for sample, channel, fields in self._groups(index[start : start + rows], part):
                self._add(sample, channel, fields)
                self.setting.release()

    def _groups(
        self, index: NDArray[np.int64], block: Values
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Values]]:
        """Samples, channels and raw values of fields, shape ``(fields, values of one)``."""
        view = self.setting.layout.fields(block.data, self.setting.shape)
        channels, size = view.shape[1], prod(view.shape[2:])
        if index.size > 1 or view[0].shape[0] * size <= _STRETCH:
            sample = np.repeat(index, channels)
            channel = np.tile(np.arange(channels), index.size)
            yield sample, channel, block.like(view.reshape(-1, size))
            return
        group = max(1, _STRETCH // size)
        for first in range(0, channels, group):
            part = view[0, first : first + group]
            channel = np.arange(first, first + part.shape[0])
            yield np.full(channel.size, index[0]), channel, block.like(part.reshape(-1, size))

    def _add(self, sample: NDArray[np.int64], channel: NDArray[np.int64], values: Values) -> None:
        setting = self.setting
        engine = setting.engine
        # Read only, so that float32 in memory needs no copy.
        ready = values.device is None and values.dtype == "float32" and values.data.flags.c_contiguous
        x = values.data if ready else engine.decode(values, np.float32)
        largest = setting.magnitude
        if largest is None:
            largest = max(-float(x.min()), float(x.max()))
        if not _MAGNITUDES[0] < largest < _MAGNITUDES[1]:
            x = engine.decode(values, np.float64).clip(-_CLIP, _CLIP)
        field = sample * setting.channels + channel
        x = x.reshape(field.size, *setting.ordered)
        length = self.shape[self.axis]
        for piece in range(self.pieces):
            cut = _along(x, self.axis + 1, piece * length, length) if self.pieces > 1 else x
            rows = channel if self.by_channel else np.zeros_like(channel)
            ordinates = engine.ordinates(
                cut,
                self.bins,
                rows,
                setting.channels if self.by_channel else 1,
                scale=setting.scale,
            )
            self._keep(ordinates, field * self.pieces + piece)

    def _keep(self, ordinates: Ordinates, field: NDArray[np.int64]) -> None:
        new = FieldSpectra(
            shape=self.shape,
            channels=self.setting.channels,
            pieces=self.pieces,
            count=field.size,
            power=ordinates.power,
            flatness=SampleValues.of(ordinates.flatness, field),
            complex_peak=_peak(ordinates.complex_peak, ordinates.complex_place, field),
            real_peak=_peak(ordinates.real_peak, ordinates.real_place, field),
            bands=BandExtremes.of(ordinates.bands, field),
        )
        self.kept = new if self.kept is None else self.kept.merge(new)

    def finish(self) -> FieldSpectra | None:
        """See :meth:`gausscheck.collect.base.Collector.finish`; None without a finite sample."""
        return self.kept


def _along(x: Any, axis: int, start: int, length: int) -> Any:
    chosen = x[tuple(slice(start, start + length) if a == axis else slice(None) for a in range(x.ndim))]
    return np.ascontiguousarray(chosen) if isinstance(chosen, np.ndarray) else chosen.contiguous()


def _peak(value: NDArray[np.float64], place: NDArray[np.int64], field: NDArray[np.int64]) -> Peak:
    at = int(value.argmax())
    return Peak(float(value[at]), int(field[at]), int(place[at]))


def collector(need: Need, setting: Setting) -> FieldsCollector:
    """Collector for :class:`~gausscheck.needs.FieldsNeed`."""
    del need
    return FieldsCollector(setting)
