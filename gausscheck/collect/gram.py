"""Products of channels, and of samples, with each other."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.arrays import Values
from gausscheck.collect.base import Collector, Setting
from gausscheck.needs import ChannelGramNeed, Need
from gausscheck.summaries.gram import Correlated, Gram, SampleGram

__all__ = ["GROUP", "MOST_CHANNELS", "ChannelGramCollector", "SampleGramCollector", "collector"]

MOST_CHANNELS = 1024
"""Most channels whose products are kept."""

GROUP = 4096
"""Most samples that are compared with each other; of more, those in each group of neighbours."""

_STRETCH = 2**21  # values decoded together
_KEPT = 2**22  # values of samples kept as float32: 16 MiB
_MOST_PRODUCTS = 2**34  # of two values each: a quarter of a second on one core
_COLUMNS = 2**16  # places whose products are added in float32
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
        products = _products(x)
    squares = np.diag(products) / n
    if np.all((squares > _LEAST_SQUARE) & (squares < _LARGEST_SQUARE)):
        return Gram(products, np.zeros(len(squares), np.int64), n)
    scaled, exponents = _scaled(setting.engine.decode(rows, np.float64))
    return Gram(_products(scaled), exponents, n)


def _scaled(x: Any) -> tuple[Any, NDArray[np.int64]]:
    """Rows of float64 brought to magnitudes below 1 by powers of two, and the exponents of these."""
    largest = _host(abs(x).max(1) if isinstance(x, np.ndarray) else abs(x).amax(1))
    exponents = np.frexp(largest)[1].astype(np.int64)
    # In two steps, for the inverse of the smallest doubles is out of range.
    half = exponents // 2
    for step in (half, exponents - half):
        x = x * _like(np.ldexp(1.0, -step)[:, np.newaxis], x)
    return x, exponents


def _products(*parts: Any) -> NDArray[np.float64]:
    """``x x^T`` of all rows of some arrays, in their precision over stretches of places, added in float64."""
    rows = sum(int(part.shape[0]) for part in parts)
    total = np.zeros((rows, rows))
    for start in range(0, parts[0].shape[1], _COLUMNS):
        x = _stacked([part[:, start : start + _COLUMNS] for part in parts])
        total += _host(x @ x.swapaxes(0, 1))
    return total


def _stacked(parts: list[Any]) -> Any:
    """Rows of some arrays as one."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    x = parts[0].new_empty((sum(int(part.shape[0]) for part in parts), parts[0].shape[1]))
    first = 0
    for part in parts:
        x[first : first + part.shape[0]] = part
        first += int(part.shape[0])
    return x


def _host(x: Any) -> NDArray[Any]:
    """Small results as arrays of NumPy, wherever they were computed."""
    return x if isinstance(x, np.ndarray) else x.cpu().numpy()


def _like(array: NDArray[Any], x: Any) -> Any:
    """`array` as what `x` is, where `x` is."""
    return array if isinstance(x, np.ndarray) else x.new_tensor(array)


class SampleGramCollector:
    """Collector of :class:`~gausscheck.summaries.gram.SampleGram`.

    Kept are as many evenly strided places of each sample as fit into 2**22 values in all, and into 2**34
    products.
    """

    whole = False

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        samples, size = setting.samples, max(setting.size, 1)
        group = min(samples, GROUP)
        most = max(1, min(_KEPT // max(samples, 1), _MOST_PRODUCTS // max(samples * group, 1)))
        # An odd stride visits every column of an image whose width is a power of two.
        self.stride = 1 if size <= most else -(-size // most) | 1
        self.able = samples > 1
        self.index: list[NDArray[np.int64]] = []
        self.rows: list[Any] = []

    def take(self, index: NDArray[np.int64], block: Values) -> None:
        """See :meth:`gausscheck.collect.base.Collector.take`."""
        if not self.able or index.size == 0 or block.shape[1] == 0:
            return
        self.index.append(index)
        step = max(1, _STRETCH // block.shape[1])
        for start in range(0, index.size, step):
            part = block.like(block.data[start : start + step, :: self.stride])
            self.rows.append(self._unit_rows(part))
            self.setting.release()

    def _unit_rows(self, part: Values) -> Any:
        """Rows as float32 whose squares stay in its range; correlations know no scale."""
        x = self.setting.engine.decode(part, np.float32)
        with np.errstate(over="ignore", under="ignore"):
            total = np.einsum("ij,ij->i", x, x) if isinstance(x, np.ndarray) else _host((x * x).sum(1))
        squares = total / x.shape[1]
        if np.all((squares > _LEAST_SQUARE) & (squares < _LARGEST_SQUARE)):
            return x
        scaled, _ = _scaled(self.setting.engine.decode(part, np.float64))
        return scaled.astype(np.float32) if isinstance(scaled, np.ndarray) else scaled.float()

    def finish(self) -> SampleGram | None:
        """See :meth:`gausscheck.collect.base.Collector.finish`; None where there is nothing to compare."""
        if not self.rows:
            return None
        index = np.concatenate(self.index)
        largest = Correlated()
        for start in range(0, index.size, GROUP):
            products = _products(*self._parts(start, start + GROUP))
            found = Gram(products, np.zeros(len(products), np.int64), int(self.rows[0].shape[1])).largest()
            if found.pairs:
                at = index[start + np.array([found.first, found.second])]
                found = Correlated(found.r, int(at[0]), int(at[1]), found.pairs)
            largest = largest.merge(found)
        n = int(self.rows[0].shape[1])
        return SampleGram(largest, n, int(index.size), self.setting.size, GROUP)

    def _parts(self, start: int, stop: int) -> list[Any]:
        """Rows `start` to `stop` of all that were kept, as they lie."""
        chosen, first = [], 0
        for part in self.rows:
            low, high = max(start - first, 0), min(stop - first, part.shape[0])
            if low < high:
                chosen.append(part[low:high])
            first += int(part.shape[0])
        return chosen


def collector(need: Need, setting: Setting) -> Collector:
    """Collector for the products of channels or of samples."""
    if isinstance(need, ChannelGramNeed):
        return ChannelGramCollector(setting)
    return SampleGramCollector(setting)
