"""Which axis of an array is which: sample, channel, and ordered axes (time and space)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from gausscheck.errors import ArgumentError, DataError

__all__ = ["DEFAULT_LAYOUTS", "Layout"]

_MEANING = {"b": "sample", "c": "channel", "t": "time", "h": "height", "w": "width"}
_ORDERED = "thw"

DEFAULT_LAYOUTS: dict[int, str] = {1: "w", 2: "b w", 3: "c h w", 4: "b c h w", 5: "b c t h w"}


@dataclass(frozen=True)
class Layout:
    """Names of the axes of an array, in stored order.

    Attributes
    ----------
    letters : tuple of str
        One of ``b`` (sample), ``c`` (channel), ``t h w`` (ordered axes) for each axis, each at most once.

    Examples
    --------
    >>> Layout.resolve("b w c", (8, 64, 4)).ordered_axes
    (1,)
    """

    letters: tuple[str, ...]

    def __post_init__(self) -> None:
        for letter in self.letters:
            if letter not in _MEANING:
                allowed = ", ".join(f"{name} ({meaning})" for name, meaning in _MEANING.items())
                msg = (
                    f"layout {str(self)!r}: unknown axis {letter!r}; allowed, separated by spaces: {allowed}"
                )
                raise ArgumentError(msg)
            if self.letters.count(letter) > 1:
                msg = f"layout {str(self)!r}: axis {letter!r} is named more than once; name each axis once"
                raise ArgumentError(msg)
        if not self.letters:
            msg = "the layout is empty; name every axis, for example 'b c h w'"
            raise ArgumentError(msg)

    def __str__(self) -> str:
        return " ".join(self.letters)

    @classmethod
    def resolve(cls, layout: str | Layout | None, shape: tuple[int, ...]) -> Layout:
        """Layout of an array of this shape: the one given, or the default for its number of axes.

        Parameters
        ----------
        layout : str, Layout or None
            Letters separated by spaces, ``"b c h w"``; None for the default:
            1 ``w``, 2 ``b w``, 3 ``c h w``, 4 ``b c h w``, 5 ``b c t h w``.
        shape : tuple of int
            Shape of the array.

        Raises
        ------
        ArgumentError
            Unknown or repeated letter, or another number of letters than axes; names layout and shape.
        DataError
            No layout given and none is the default for this number of axes.
        """
        shape = tuple(int(n) for n in shape)
        if layout is None:
            try:
                return cls(tuple(DEFAULT_LAYOUTS[len(shape)].split()))
            except KeyError:
                msg = (
                    f"an array of shape {shape} has {len(shape)} axes, for which there is no default layout; "
                    "reshape it to 1 to 5 axes, each one of b c t h w, and name them with layout"
                )
                raise DataError(msg) from None
        if isinstance(layout, str):
            try:
                layout = cls(tuple(layout.split()))
            except ArgumentError as error:
                msg = f"{error} (array of shape {shape})"
                raise ArgumentError(msg) from None
        layout._check(shape)
        return layout

    @property
    def sample_axis(self) -> int | None:
        """Position of ``b``, or None where the array is one sample."""
        return self.letters.index("b") if "b" in self.letters else None

    @property
    def channel_axis(self) -> int | None:
        """Position of ``c``, or None."""
        return self.letters.index("c") if "c" in self.letters else None

    @property
    def ordered_axes(self) -> tuple[int, ...]:
        """Positions of the time and space axes, in stored order."""
        return tuple(axis for axis, letter in enumerate(self.letters) if letter in _ORDERED)

    def samples(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Number of samples B and values D in each, so that B D is the size of the array."""
        self._check(shape)
        axis = self.sample_axis
        count = 1 if axis is None else int(shape[axis])
        return count, prod(int(n) for position, n in enumerate(shape) if position != axis)

    def rows(self, array: Any, start: int = 0, stop: int | None = None) -> Any:
        """Samples `start` to `stop`, one a row, the other axes flattened in stored order.

        Parameters
        ----------
        array : numpy.ndarray or torch.Tensor
            Of a shape that this layout fits.
        start, stop : int
            As in a slice along the sample axis (one sample if there is none).

        Returns
        -------
        numpy.ndarray or torch.Tensor
            As `array` is. Shape ``(stop - start, D)``; a view wherever strides allow, else a copy of these
            samples only.
        """
        count, size = self.samples(array.shape)
        begin, end, _ = slice(start, stop).indices(count)
        end = max(begin, end)
        axis = self.sample_axis
        first = array[None] if axis is None else array
        # The axis goes to the front by exchanges of neighbours, a method that arrays and tensors share.
        for place in range(axis or 0, 0, -1):
            first = first.swapaxes(place - 1, place)
        return first[begin:end].reshape(end - begin, size)

    def fields(self, rows: Any, shape: tuple[int, ...]) -> Any:
        """Rows as :meth:`rows` makes them, with an axis of channels and the ordered axes.

        Parameters
        ----------
        rows : numpy.ndarray or torch.Tensor
            Shape ``(k, D)``: k samples.
        shape : tuple of int
            Of the whole array.

        Returns
        -------
        numpy.ndarray or torch.Tensor
            Shape ``(k, channels, *ordered axes)``, the ordered axes in stored order (one of length 1 without
            any, one channel without such an axis); a view where strides allow.
        """
        axis = self.sample_axis
        others = [n for k, n in enumerate(shape) if k != axis]
        letters = [letter for letter in self.letters if letter != "b"]
        block = rows.reshape(rows.shape[0], *others)
        if "c" in letters:
            for place in range(letters.index("c"), 0, -1):
                block = block.swapaxes(place, place + 1)
        else:
            block = block[:, None]
        return block if block.ndim > 2 else block[..., None]

    def position(self, sample: int, index: int, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Place in the array of value `index` of a sample, as :meth:`rows` counts."""
        axis = self.sample_axis
        others = tuple(n for k, n in enumerate(shape) if k != axis)
        place = [int(i) for i in np.unravel_index(index, others)]
        if axis is not None:
            place.insert(axis, sample)
        return tuple(place)

    def _check(self, shape: tuple[int, ...]) -> None:
        if len(self.letters) != len(shape):
            msg = (
                f"layout {str(self)!r} names {len(self.letters)} axes, "
                f"but the array has {len(shape)}: shape {tuple(shape)}; name each axis once"
            )
            raise ArgumentError(msg)
