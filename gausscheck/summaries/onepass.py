"""What one pass over the data keeps."""

from __future__ import annotations

from dataclasses import dataclass

from gausscheck.summaries.extremes import Extremes
from gausscheck.summaries.moments import Moments
from gausscheck.summaries.nonfinite import Nonfinite

__all__ = ["OnePass"]


@dataclass(frozen=True)
class OnePass:
    """Power sums, extremes and the tally of non-finite values, taken together.

    Attributes
    ----------
    moments : Moments
    extremes : Extremes
    nonfinite : Nonfinite
    """

    moments: Moments
    extremes: Extremes
    nonfinite: Nonfinite

    def shifted(self, offset: int) -> OnePass:
        """Same values, found `offset` values into their sample."""
        return OnePass(self.moments, self.extremes, self.nonfinite.shifted(offset))

    def merge(self, other: OnePass) -> OnePass:
        """Summary of both sets of values, sample by sample."""
        return OnePass(
            self.moments.merge(other.moments),
            self.extremes.merge(other.extremes),
            self.nonfinite.merge(other.nonfinite),
        )

    def pool(self) -> OnePass:
        """All samples as one."""
        return OnePass(self.moments.pool(), self.extremes.pool(), self.nonfinite.pool())
