"""Products of channels, and of samples, with each other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import gcd, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.arrays import Values
from gausscheck.collect.base import Collector, Setting
from gausscheck.needs import ChannelGramNeed, Need
from gausscheck.summaries.gram import (
    GROUP,
    Gram,
    OpenGroup,
    SampleGram,
    on_host,
    places_kept,
    products_of,
)

__all__ = ["MOST_CHANNELS", "ChannelGramCollector", "SampleGramCollector", "collector", "places_of"]

MOST_CHANNELS = 1024
"""Most channels whose products are kept."""

_STRETCH = 2**21  # values decoded together
# Squares of values outside this range, or their sums, may leave that of float32.
_LEAST_SQUARE, _LARGEST_SQUARE = 1e-28, 1e30


class ChannelGramCollector:
    """Collector of :class:`~gausscheck.summaries.gram.Gram` over channels."""

    whole = False

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.kept: Gram | None = None
        self.able = 1 < setting.channels <= MOST_CHANNELS and prod(setting.ordered) > 0

    def take(self, index: NDArray[np.int64], block: Values) -> None:
        """See :meth:`gausscheck.collect.base.Collector.take`."""
        if not self.able or index.size == 0:
            return
        for part in self._stretches(block):
            gram = _gram(self.setting, part)
            self.kept = gram if self.kept is None else self.kept.merge(gram)
            self.setting.release()

    def _stretches(self, block: Values) -> Iterator[Values]:
        """Raw values by channel, shape ``(channels, places)``."""
        channels = self.setting.channels
        view = self.setting.layout.fields(block.data, self.setting.shape)
        places = prod(view.shape[2:])
        if channels * places <= _STRETCH:
            rows = max(1, _STRETCH // (channels * places))
            for start in range(0, view.shape[0], rows):
                yield block.like(view[start : start + rows].swapaxes(0, 1).reshape(channels, -1))
            return
        # Cut along the longest ordered axis, as often as it takes; later axes are short enough then.
        for sample in view:
            yield from (block.like(piece.reshape(channels, -1)) for piece in _cut(sample, 1))

    def finish(self) -> Gram | None:
        """See :meth:`gausscheck.collect.base.Collector.finish`; None where there is nothing to compare."""
        return self.kept


def _cut(view: Any, axis: int) -> Iterator[Any]:
    """Pieces of at most `_STRETCH` values, cut along `axis` and, where that is not enough, the next."""
    each = prod(view.shape) // view.shape[axis]
    if each > _STRETCH and axis + 1 < len(view.shape):
        for k in range(view.shape[axis]):
            chosen = tuple(slice(k, k + 1) if a == axis else slice(None) for a in range(len(view.shape)))
            yield from _cut(view[chosen], axis + 1)
        return
    step = max(1, _STRETCH // each)
    for k in range(0, view.shape[axis], step):
        yield view[tuple(slice(k, k + step) if a == axis else slice(None) for a in range(len(view.shape)))]


def _gram(setting: Setting, rows: Values) -> Gram:
    """Products of rows of at most `_STRETCH` values in all."""
    x = setting.engine.decode(rows, np.float32)
    n = int(x.shape[1])
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        products = products_of(x)
    squares = np.diag(products) / n
    if np.all((squares > _LEAST_SQUARE) & (squares < _LARGEST_SQUARE)):
        return Gram(products, np.zeros(len(squares), np.int64), n)
    scaled, exponents = _scaled(setting.engine.decode(rows, np.float64))
    return Gram(products_of(scaled), exponents, n)


def _scaled(x: Any) -> tuple[Any, NDArray[np.int64]]:
    """Rows of float64 brought to magnitudes below 1 by powers of two, and the exponents of these."""
    largest = on_host(abs(x).max(1) if isinstance(x, np.ndarray) else abs(x).amax(1))
    exponents = np.frexp(largest)[1].astype(np.int64)
    # In two steps, for the inverse of the smallest doubles is out of range.
    half = exponents // 2
    for step in (half, exponents - half):
        x = x * _like(np.ldexp(1.0, -step)[:, np.newaxis], x)
    return x, exponents


def _like(array: NDArray[Any], x: Any) -> Any:
    """`array` as what `x` is, where `x` is."""
    return array if isinstance(x, np.ndarray) else x.new_tensor(array)


class SampleGramCollector:
    """Collector of :class:`~gausscheck.summaries.gram.SampleGram`.

    Kept are the values of each sample at some places common to all, of one group of 4096 samples at a time.
    """

    whole = False

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.able = setting.layout.sample_axis is not None and setting.size > 0
        self.kept = SampleGram(0, setting.size)
        self.number = -1  # of the group at hand,
        self.covered = False  # whether it was seen from its start,
        self.members = 0  # how many samples of it were,
        self.parts: list[tuple[NDArray[np.int64], Any]] = []  # and what is kept of them

    def take(self, index: NDArray[np.int64], block: Values) -> None:
        """See :meth:`gausscheck.collect.base.Collector.take`."""
        if not self.able or index.size == 0:
            return
        step = max(1, _STRETCH // block.shape[1])
        for number in range(int(index[0]) // GROUP, int(index[-1]) // GROUP + 1):
            low, high = np.searchsorted(index, (number * GROUP, (number + 1) * GROUP)).tolist()
            if low == high:
                continue
            self._enter(number, int(index[low]))
            self.members += high - low
            width = places_kept(self.members, number, self.setting.size)
            for start in range(low, high, step):
                stop = min(start + step, high)
                rows = self._unit_rows(block.like(block.data[start:stop]), width)
                self.parts.append((index[start:stop], rows))
                self.setting.release()
            if self.parts[0][1].shape[1] >= 2 * width:
                group = OpenGroup.of(self.parts, self.setting.size)
                self.parts = [(group.index, group.rows)]

    def _enter(self, number: int, first: int) -> None:
        """Come to a group with its sample `first`; often the group at hand."""
        if number == self.number:
            return
        self.kept = self._joined(complete=self.covered)
        self.covered = self.number >= 0 or first == number * GROUP
        self.number, self.members, self.parts = number, 0, []

    def _joined(self, *, complete: bool) -> SampleGram:
        """All groups; `complete` says that no more samples of the one at hand will come, from anywhere."""
        if not self.parts:
            return self.kept
        group = OpenGroup.of(self.parts, self.setting.size)
        alone = SampleGram(group.index.size, self.setting.size, {}, {self.number: group})
        return self.kept.merge(alone.closing({self.number}) if complete else alone)

    def finish(self) -> SampleGram | None:
        """See :meth:`gausscheck.collect.base.Collector.finish`; None where there is nothing to compare."""
        return self._joined(complete=False) if self.parts else None

    def _unit_rows(self, part: Values, width: int) -> Any:
        """Values at some places as float32 whose squares stay in its range: correlations know no scale."""
        part = part.places(places_of(self.setting.size, width))
        x = self.setting.engine.decode(part, np.float32)
        with np.errstate(over="ignore", under="ignore"):
            total = np.einsum("ij,ij->i", x, x) if isinstance(x, np.ndarray) else on_host((x * x).sum(1))
        squares = total / x.shape[1]
        if np.all((squares > _LEAST_SQUARE) & (squares < _LARGEST_SQUARE)):
            return x
        scaled, _ = _scaled(self.setting.engine.decode(part, np.float64))
        return scaled.astype(np.float32) if isinstance(scaled, np.ndarray) else scaled.float()


@lru_cache(maxsize=8)
def places_of(size: int, count: int) -> NDArray[np.int64]:
    """The first `count` places of an order in which any number of first ones covers a sample evenly.

    Multiples of the golden section of the sample, made odd and prime to its size: place by place as even as
    can be, along every axis whose length is no near multiple of it.
    """
    step = round(size * (5**0.5 - 1) / 2)
    while gcd(step, size) != 1:
        step += 1
    places: NDArray[np.int64] = np.arange(count, dtype=np.int64) * step % size
    places.setflags(write=False)
    return places


def collector(need: Need, setting: Setting) -> Collector:
    """Collector for the products of channels or of samples."""
    if isinstance(need, ChannelGramNeed):
        return ChannelGramCollector(setting)
    return SampleGramCollector(setting)
