"""What a statistic needs kept of the data: recipes of summaries, equal where one summary serves both."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "ChannelGramNeed",
    "CountsNeed",
    "FieldsNeed",
    "Need",
    "OnePassNeed",
    "RepeatsNeed",
    "SampleGramNeed",
    "SpectrumNeed",
]


@dataclass(frozen=True)
class OnePassNeed:
    """Power sums, extremes and the tally of non-finite values."""


@dataclass(frozen=True)
class SpectrumNeed:
    """Power-spectrum discrepancy of each sample.

    Attributes
    ----------
    block : int
        Ordinates averaged together.
    mu : float
        What each average is compared with.
    permutations : int or None
        None: order as stored. Otherwise the mean over so many random permutations of the sample.
    """

    block: int
    mu: float
    permutations: int | None


@dataclass(frozen=True)
class CountsNeed:
    """How many values fall into each cell: a pattern of 8 or 16 bits, of wider formats the upper 16 bits."""


@dataclass(frozen=True)
class FieldsNeed:
    """Periodograms over the ordered axes, inside each sample and channel."""


@dataclass(frozen=True)
class ChannelGramNeed:
    """Products of channels with each other, summed over samples and places."""


@dataclass(frozen=True)
class SampleGramNeed:
    """Products of samples with each other."""


@dataclass(frozen=True)
class RepeatsNeed:
    """Hashes of blocks, channels and samples, and of the values themselves, to tell repeats."""


Need = OnePassNeed | SpectrumNeed | CountsNeed | FieldsNeed | ChannelGramNeed | SampleGramNeed | RepeatsNeed
