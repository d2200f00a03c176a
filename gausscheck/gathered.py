"""What a walk over values kept, whole or so far: it merges with what another walk kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from gausscheck.errors import ArgumentError
from gausscheck.needs import Need, SpectrumNeed
from gausscheck.summaries.onepass import OnePass
from gausscheck.summaries.samples import SampleValues

__all__ = ["Gathered", "Key"]

Key = tuple[str, tuple[tuple[str, Any], ...]]
"""A statistic and its parameters, sorted."""


@dataclass
class Gathered:
    """What one walk kept.

    Attributes
    ----------
    samples, size : int
        Samples and values in each.
    segments : int
        Equal pieces that each sample was cut into for the spectrum, and
    segment_size : int
        the values in each piece.
    pooled : OnePass or None
        Of all values, in units of the reference scale; the extremes in units of the data.
    worst : dict
        Values of each statistic of the values, by sample.
    spectra : dict
        Values of each power spectrum, by sample or segment.
    left_out : int
        Samples with non-finite values: not in `worst` and `spectra`.
    first_bad : tuple of int or None
        Sample, and index within it, of the first non-finite value.
    lattices : tuple of str
        Lattices that all values lie on, narrowest first.
    summaries : dict
        Summaries of all samples together, by the need that asked for them; of the finite samples alone where
        order or place matter. None where there is none.
    """

    samples: int
    size: int
    segments: int
    segment_size: int
    pooled: OnePass | None = None
    worst: dict[Key, SampleValues] = field(default_factory=dict)
    spectra: dict[SpectrumNeed, SampleValues] = field(default_factory=dict)
    left_out: int = 0
    first_bad: tuple[int, int] | None = None
    lattices: tuple[str, ...] = ()
    summaries: dict[Need, Any] = field(default_factory=dict)

    def merge(self, other: Gathered) -> Gathered:
        """Both sets of samples, of one shape and for one battery."""
        if (self.size, self.segments) != (other.size, other.segments):
            msg = f"cannot merge samples of {self.size} and of {other.size} values"
            raise ArgumentError(msg)
        if not other.samples or not self.samples:
            return other if not self.samples else self
        bad = [place for place in (self.first_bad, other.first_bad) if place is not None]
        return replace(
            self,
            samples=self.samples + other.samples,
            pooled=_merged(self.pooled, other.pooled),
            worst=_joined(self.worst, other.worst),
            spectra=_joined(self.spectra, other.spectra),
            left_out=self.left_out + other.left_out,
            first_bad=min(bad, default=None),
            lattices=tuple(name for name in self.lattices if name in other.lattices),
            summaries=_joined(self.summaries, other.summaries),
        )

    def shifted(self, samples: int) -> Gathered:
        """The same of samples with higher numbers."""
        by_segment = {need: part.shifted(samples * self.segments) for need, part in self.spectra.items()}
        return replace(
            self,
            worst={key: part.shifted(samples) for key, part in self.worst.items()},
            spectra=by_segment,
            first_bad=self.first_bad and (self.first_bad[0] + samples, self.first_bad[1]),
            summaries={
                need: part.shifted(samples) if hasattr(part, "shifted") else part
                for need, part in self.summaries.items()
            },
        )


def _merged(one: Any, two: Any) -> Any:
    return one if two is None else two if one is None else one.merge(two)


def _joined(one: dict[Any, Any], two: dict[Any, Any]) -> dict[Any, Any]:
    return {key: _merged(one.get(key), two.get(key)) for key in (*one, *(k for k in two if k not in one))}
