"""Units of a tensor that may repeat: blocks, rows, channels, frames, samples."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from gausscheck.layout import Layout

__all__ = ["BLOCK", "LEAST_SIZE", "RUN", "SHORTEST", "Kind", "kinds_of"]

BLOCK = 64
"""Consecutive values of a sample that make a block."""

SHORTEST = 16
"""Fewest values of a unit; shorter ones repeat by chance on coarse lattices."""

RUN = SHORTEST
"""Consecutive values of a sample, from any place on, that make a run."""

LEAST_SIZE = 2 * RUN
"""Values of a sample from which its runs are looked at; shorter samples are told by their own hashes."""

_MOST_UNITS = 2**22  # in a sample, of kinds whose hashes are not complete before its end


@dataclass(frozen=True)
class Kind:
    """One kind of unit.

    Attributes
    ----------
    name : str
        ``row``, ``channel``, ``frame`` or ``sample``.
    keys : tuple of int
        Axes of a sample, in stored order, that number the units; a unit runs over the others in stored order.
    length, count : int
        Values in a unit, and units in a sample.
    """

    name: str
    keys: tuple[int, ...]
    length: int
    count: int


def kinds_of(layout: Layout, shape: tuple[int, ...]) -> tuple[Kind, ...]:
    """Kinds of unit in arrays of a shape, beside blocks; of two that are the same, the one with more meaning.

    Rows are along the last stored axis; rows of 64 values are blocks and not named.
    """
    axis = layout.sample_axis
    letters = [letter for letter in layout.letters if letter != "b"]
    dims = [n for k, n in enumerate(shape) if k != axis]
    size = prod(dims)
    kinds: list[Kind] = []

    def add(name: str, keys: tuple[int, ...]) -> None:
        count = prod(dims[k] for k in keys)
        length = size // max(count, 1)
        known = any(kind.keys == keys for kind in kinds)
        # A lone sample is hashed too, to be found in other tensors.
        if (
            (count > 1 or not keys)
            and length >= SHORTEST
            and not known
            and (name == "row" or count <= _MOST_UNITS)
        ):
            kinds.append(Kind(name, keys, length, count))

    if size:
        add("sample", ())
        if "c" in letters:
            add("channel", (letters.index("c"),))
        if "t" in letters:
            add("frame", (letters.index("t"),))
        if dims and dims[-1] != BLOCK:
            add("row", tuple(k for k in range(len(dims) - 1)))
    return tuple(kinds)
