"""Looks at a growing sample, and how a budget of false alarms is spent over them.

A run looks at its values K times, at sizes that double, and may fail at each look. Let β be the budget,
σ = sqrt(β/2), and p_k the smallest p-value at look k, adjusted for the number of tests of the battery, so
that P(p_k < a) <= a under H0 for every a, whatever the dependence between tests and between looks.

* Look k fails at once if p_k < (β/2)/K. Over all looks, by the union bound, this happens with probability at
  most β/2.
* Otherwise it is suspect if p_k < σ/K. Fresh values, independent of all before them, are then tested as one
  sample at the level (β/2)/σ, and the run fails if they are rejected. As they are independent of what made
  the look suspect, both together have probability at most (σ/K)(β/2)/σ; over all looks β/2.

In all, H0 is rejected with probability at most β/2 + β/2 = β. Nothing is assumed of the looks but that their
number is at most K and their sizes do not depend on the values.

A run that ends early (a source that ends) spends one of its remaining looks on what there is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gausscheck.errors import ArgumentError

__all__ = ["FIRST", "Plan", "plan"]

FIRST = 65536
"""Values of each stream at the first look."""

_MANY, _FEW = 16, 4
_MANY_UP_TO = 2**24


@dataclass(frozen=True)
class Plan:
    """When to look, and what each look may spend.

    Attributes
    ----------
    budget : float
        Probability that a correct source fails, at most.
    sizes : tuple of int
        Values at each look, increasing.
    """

    budget: float
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if not (isinstance(self.budget, (int, float)) and 0 < self.budget < 1):
            msg = f"budget must lie between 0 and 1, got {self.budget!r}"
            raise ArgumentError(msg)
        if not self.sizes or any(b <= a for a, b in zip((0, *self.sizes), self.sizes, strict=False)):
            msg = f"the sizes of the looks must increase from 1 up, got {self.sizes!r}"
            raise ArgumentError(msg)

    @property
    def level(self) -> float:
        """A look fails at once below this adjusted p-value: (β/2)/K."""
        return self.budget / 2 / len(self.sizes)

    @property
    def suspicion(self) -> float:
        """Below this adjusted p-value fresh values decide: sqrt(β/2)/K."""
        return math.sqrt(self.budget / 2) / len(self.sizes)

    @property
    def confirmation_level(self) -> float:
        """Level at which fresh values are tested: (β/2)/sqrt(β/2)."""
        return self.budget / 2 / math.sqrt(self.budget / 2)

    @property
    def bound(self) -> float:
        """What the levels add up to over all looks: the budget, to rounding."""
        return len(self.sizes) * (self.level + self.suspicion * self.confirmation_level)

    def confirmation_size(self, n: int) -> int:
        """Fresh values that decide on a look at `n` values: 16 n while that is at most 2**24, else 4 n."""
        return _MANY * n if _MANY * n <= _MANY_UP_TO else _FEW * n


def plan(n: int, budget: float, *, streams: int = 1, sample: int = FIRST) -> Plan:
    """Looks at doubling sizes, each made of whole samples of each stream.

    Parameters
    ----------
    n : int
        Values in all at the last look, rounded up to whole samples.
    budget : float
        As in :class:`Plan`.
    streams : int
        Streams that are drawn side by side.
    sample : int
        Values in a sample of one stream.

    Examples
    --------
    >>> plan(400_000, 1e-6).sizes
    (65536, 131072, 262144, 458752)
    """
    unit = streams * sample
    last = -(-n // unit) * unit
    size = -(-streams * FIRST // unit) * unit
    sizes = []
    # A look shortly before the last would spend its share on what the last one sees too.
    while 3 * size <= 2 * last:
        sizes.append(size)
        size *= 2
    return Plan(budget, (*sizes, last))
