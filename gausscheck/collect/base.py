"""What every collector does: take samples, chunk by chunk, and finish with a summary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gausscheck.arrays import Values
from gausscheck.engines import Engine
from gausscheck.layout import Layout

__all__ = ["Collector", "Setting"]


@dataclass
class Setting:
    """What a collector knows before it sees values: not how many samples will come.

    Attributes
    ----------
    layout : Layout
    shape : tuple of int
        Of an array; its length along the sample axis means nothing.
    dtype : str
        Storage format.
    engine : Engine
        May be replaced by one that does the same faster.
    scale : float
        Standard deviation under H0.
    seed : int
        Of random choices, if any.
    release : callable
        Gives the memory of what was read of a file back; called after each stretch of a long sample.
    magnitude : float or None
        Largest absolute value of the samples at hand, where whoever hands them over knows it.
    """

    layout: Layout
    shape: tuple[int, ...]
    dtype: str
    engine: Engine
    scale: float = 1.0
    seed: int = 0
    release: Callable[[], None] = lambda: None
    magnitude: float | None = None

    @property
    def size(self) -> int:
        """Values in a sample."""
        return self.layout.samples(self.shape)[1]

    @property
    def channels(self) -> int:
        """Channels of a sample; 1 without such an axis."""
        axis = self.layout.channel_axis
        return 1 if axis is None else self.shape[axis]

    @property
    def ordered(self) -> tuple[int, ...]:
        """Lengths of the ordered axes; ``(1,)`` without any."""
        return tuple(self.shape[axis] for axis in self.layout.ordered_axes) or (1,)


class Collector(Protocol):
    """Makes one summary of the samples that it takes.

    Attributes
    ----------
    whole : bool
        True where samples with non-finite values are taken too.
    """

    whole: bool

    def take(self, index: NDArray[np.int64], block: Values) -> None:
        """Add the samples numbered `index`, the rows of `block`, shape ``(len(index), D)``.

        Rows are flattened in stored order. Their data may be a memory map, and one row very long: a collector
        looks at bounded stretches.
        """
        ...

    def finish(self) -> Any:
        """Summary of all samples taken."""
        ...
