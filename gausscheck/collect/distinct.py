"""Which blocks of values are new: what is left of a tensor once its repeats are taken out."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from gausscheck.arrays import Values
from gausscheck.collect.base import Setting
from gausscheck.collect.units import BLOCK, SHORTEST
from gausscheck.engines.base import mix

__all__ = ["DistinctBlocks"]


class DistinctBlocks:
    """Tells, chunk after chunk, which blocks of a tensor occur for the first time.

    A block is 64 consecutive values of a sample; a row along the last stored axis where channels do not
    consist of whole blocks, so that those of a repeated channel are found there too. The last block of a
    sample may be shorter; below 16 values it counts as new.

    The hashes of all new blocks are kept: 8 bytes for each.

    Parameters
    ----------
    setting : Setting

    Attributes
    ----------
    length : int
        Values in a block.
    total, new : int
        Values seen so far, and those in new blocks.
    """

    def __init__(self, setting: Setting) -> None:
        self.engine = setting.engine
        axis = setting.layout.sample_axis
        last = [n for k, n in enumerate(setting.shape) if k != axis][-1:]
        whole = prod(setting.ordered) % BLOCK == 0
        self.length = BLOCK if whole or not last or last[0] < SHORTEST else last[0]
        self.total = self.new = 0
        # Sorted, each more than twice as long as the next: few to search, each value moved few times.
        self._seen: list[NDArray[np.uint64]] = []

    def mask(self, block: Values) -> NDArray[np.bool_]:
        """Which blocks are new.

        Parameters
        ----------
        block : Values
            Shape ``(k, m)``: k samples, or a stretch of one that starts with a block; in stored order.

        Returns
        -------
        numpy.ndarray of bool
            Shape ``(k, ceil(m / length))``.
        """
        rows, size = block.shape
        hashes = mix(self.engine.hashes(block, self.length))
        lengths = np.full(hashes.shape, self.length)
        if size % self.length:
            lengths[:, -1] = size % self.length
        distinct, first = np.unique(hashes, return_index=True)
        known = np.zeros(distinct.size, bool)
        for seen in self._seen:
            at = np.minimum(np.searchsorted(seen, distinct), seen.size - 1)
            known |= seen[at] == distinct
        new = np.zeros(hashes.size, bool)
        new[first[~known]] = True
        new = new.reshape(hashes.shape) | (lengths < SHORTEST)
        self._remember(distinct[~known])
        self.total += rows * size
        self.new += int(lengths[new].sum())
        return new

    def take(self, block: Values) -> tuple[Values, ...]:
        """The new blocks of a chunk: whole ones, shape ``(n, length)``, and short ones if there are any."""
        new = self.mask(block)
        rows, size = block.shape
        whole = size // self.length
        parts = []
        if whole:
            body = block.columns(0, whole * self.length)
            parts.append(body.like(body.data.reshape(rows * whole, self.length)).rows(new[:, :whole].ravel()))
        if size % self.length:
            parts.append(block.columns(whole * self.length, size).rows(new[:, -1]))
        return tuple(part for part in parts if part.shape[0])

    def _remember(self, hashes: NDArray[np.uint64]) -> None:
        if hashes.size == 0:
            return
        self._seen.append(hashes)
        while len(self._seen) > 1 and self._seen[-2].size <= 2 * self._seen[-1].size:
            last = self._seen.pop()
            self._seen[-1] = np.sort(np.concatenate((self._seen[-1], last)))
