"""A run made of blocks: cuts them into the takes that are asked for."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np

from gausscheck.arrays import TensorValues, Values
from gausscheck.errors import ArgumentError, GausscheckError, GeneratorError
from gausscheck.floats import float_format
from gausscheck.sources.generators.returned import owned

__all__ = ["BlockDraw", "Fill", "checked_count", "nothing"]

Fill = Callable[[], Values | None]
"""Gives the next block, or None at the end."""


class BlockDraw:
    """A :class:`~gausscheck.sources.generators.base.Draw` from a function that gives blocks.

    Parameters
    ----------
    fill : callable
        Returns the next block, 1-d, not empty, its memory left alone afterwards; None at the end.
    name : str
        For messages.
    dtype : str, optional
        Storage format that is expected; by default that of the first block.
    """

    def __init__(self, fill: Fill, *, name: str, dtype: str | None = None) -> None:
        self._fill, self._name = fill, name
        self._block = nothing(dtype)
        self._known = dtype
        self._device: str | None = None
        self._at = 0
        self._given = 0
        self._failure: GausscheckError | None = None
        self.ended = False

    def take(self, n: int) -> Values:
        """See :class:`~gausscheck.sources.generators.base.Draw`."""
        n = checked_count(n)
        if n and not self._more():
            return self._next(0)
        if n <= self._block.size - self._at:
            return self._next(n)
        # Filled as blocks come, so that no more than the result and one block exist.
        result = _empty(self._block, n)
        done = 0
        while done < n:
            try:
                if not self._more():
                    break
            except GausscheckError:
                # It was kept: the next take raises it.
                break
            count = min(n - done, self._block.size - self._at)
            result[done : done + count] = self._next(count).data
            done += count
        return self._block.like(result[:done])

    def _next(self, n: int) -> Values:
        start = self._at
        self._at += n
        self._given += n
        return self._block.like(self._block.data[start : self._at])

    def _more(self) -> bool:
        """Whether there is a value, after a new block if need be."""
        if self._at < self._block.size:
            return True
        if self._failure is not None:
            raise self._failure
        if self.ended:
            return False
        # Let go before the next is made.
        self._block, self._at = owned(self._block.like(self._block.data[:0])), 0
        try:
            block = self._fill()
            if block is not None:
                self._accept(block)
        except GausscheckError as error:
            self._failure = error
            raise
        if block is None:
            self.ended = True
            return False
        self._block = block
        return True

    def _accept(self, block: Values) -> None:
        """Hold the generator to one storage format."""
        if self._known is None:
            self._known = block.dtype
        elif block.dtype != self._known:
            before = f"after {self._given:,} values of {self._known}" if self._given else f"not {self._known}"
            told = "its values must keep one type" if self._given else "ask for the type that it gives"
            msg = f"{self._name} gave {block.dtype} values, {before}; {told}"
            raise GeneratorError(msg)
        if self._given and block.device != self._device:
            msg = (
                f"{self._name} gave values on {block.device or 'the CPU'} after {self._given:,} values on "
                f"{self._device or 'the CPU'}; its values must stay on one device"
            )
            raise GeneratorError(msg)
        self._device = block.device


def _empty(like: Values, n: int) -> Any:
    if isinstance(like, TensorValues):
        return like.data.new_empty(n)
    return np.empty(n, like.data.dtype)


def nothing(dtype: str | None) -> Values:
    """No values, of a storage format; of float32 where none is known."""
    dtype = dtype or "float32"
    return Values(np.empty(0, float_format(dtype).container), dtype)


def checked_count(n: Any) -> int:
    """A number of values to take."""
    if isinstance(n, bool) or not isinstance(n, Integral) or n < 0:
        msg = f"the number of values to take must be an integer from 0 up, got {n!r}"
        raise ArgumentError(msg)
    return int(n)
