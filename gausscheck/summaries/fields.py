"""What is kept of the periodograms of many fields of one shape."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gausscheck.errors import ArgumentError
from gausscheck.summaries.frequency import FrequencyBins, frequency_bins
from gausscheck.summaries.samples import SampleValues

__all__ = ["BandExtremes", "FieldSpectra", "Peak"]


@dataclass(frozen=True)
class Peak:
    """Largest ordinate of many periodograms.

    Attributes
    ----------
    value : float
        The ordinate; -inf before any was seen.
    field, place : int
        Number of the field, and of the bin within its flattened transform; -1 before any was seen.
    """

    value: float = -np.inf
    field: int = -1
    place: int = -1

    def merge(self, other: Peak) -> Peak:
        """The larger of both; of equal ones that of the earlier field."""
        return min(self, other, key=lambda p: (-p.value, p.field % 2**63, p.place))

    def shifted(self, fields: int) -> Peak:
        """The same where fields have higher numbers."""
        return self if self.field < 0 else replace(self, field=self.field + fields)


@dataclass(frozen=True)
class BandExtremes:
    """Smallest and largest sum of ``weight * I`` over each band, among fields.

    Attributes
    ----------
    low, high : numpy.ndarray of float64
        Shape ``(bands,)``.
    low_at, high_at : numpy.ndarray of int64
        Numbers of their fields.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    low_at: NDArray[np.int64]
    high_at: NDArray[np.int64]

    @classmethod
    def of(cls, sums: NDArray[np.float64], field: NDArray[np.int64]) -> BandExtremes:
        """From the sums of some fields, shape ``(fields, bands)``, and their numbers."""
        low, high = sums.argmin(axis=0), sums.argmax(axis=0)
        column = np.arange(sums.shape[1])
        return cls(sums[low, column], sums[high, column], field[low], field[high])

    def merge(self, other: BandExtremes) -> BandExtremes:
        """Extremes of both sets of fields; of equal ones those of the earlier field."""
        left = (self.low < other.low) | ((self.low == other.low) & (self.low_at < other.low_at))
        right = (self.high > other.high) | ((self.high == other.high) & (self.high_at < other.high_at))
        return BandExtremes(
            np.where(left, self.low, other.low),
            np.where(right, self.high, other.high),
            np.where(left, self.low_at, other.low_at),
            np.where(right, self.high_at, other.high_at),
        )

    def shifted(self, fields: int) -> BandExtremes:
        """The same where fields have higher numbers."""
        return replace(self, low_at=self.low_at + fields, high_at=self.high_at + fields)


@dataclass(frozen=True)
class FieldSpectra:
    """Periodograms ``I = |rfftn(x)|^2 / (D scale^2)`` of fields: what a sample holds of one channel.

    Fields are numbered ``sample * channels + channel``; where a field was cut into pieces, each piece counts
    as one field of the shape of a piece: ``(sample * channels + channel) * pieces + piece``.

    Attributes
    ----------
    shape : tuple of int
        Of a field.
    channels, pieces : int
    count : int
        Fields seen.
    power : numpy.ndarray of float64
        Sums of I over fields, shape ``(channels, M)``; ``(1, M)`` over all channels where the former would
        be too large. M and the order of bins as in :class:`~gausscheck.summaries.frequency.FrequencyBins`.
    flatness : SampleValues
        ``sum log(I / mean I)`` over the complex bins of each field.
    complex_peak, real_peak : Peak
        Largest ordinate among all bins of a kind and all fields.
    bands : BandExtremes
    """

    shape: tuple[int, ...]
    channels: int
    pieces: int
    count: int
    power: NDArray[np.float64]
    flatness: SampleValues
    complex_peak: Peak
    real_peak: Peak
    bands: BandExtremes

    @property
    def bins(self) -> FrequencyBins:
        """What each bin is."""
        return frequency_bins(self.shape)

    @property
    def pooled(self) -> NDArray[np.float64]:
        """Sums of I over all fields, shape ``(M,)``."""
        return np.asarray(self.power.sum(axis=0))

    def place(self, field: int) -> dict[str, int]:
        """Sample, channel and piece of a field, as far as there are several; with their totals."""
        whole, piece = divmod(field, self.pieces)
        sample, channel = divmod(whole, self.channels)
        where = {"sample": sample, "samples": self.count // (self.channels * self.pieces)}
        if self.channels > 1:
            where |= {"channel": channel, "channels": self.channels}
        if self.pieces > 1:
            where |= {"piece": piece, "pieces": self.pieces}
        return where

    def merge(self, other: FieldSpectra) -> FieldSpectra:
        """Both sets of fields."""
        if (self.shape, self.channels, self.pieces, self.power.shape) != (
            other.shape,
            other.channels,
            other.pieces,
            other.power.shape,
        ):
            msg = f"cannot merge spectra of fields {self.shape} and {other.shape}"
            raise ArgumentError(msg)
        return replace(
            self,
            count=self.count + other.count,
            power=self.power + other.power,
            flatness=self.flatness.merge(other.flatness),
            complex_peak=self.complex_peak.merge(other.complex_peak),
            real_peak=self.real_peak.merge(other.real_peak),
            bands=self.bands.merge(other.bands),
        )

    def shifted(self, samples: int) -> FieldSpectra:
        """The same of samples with higher numbers."""
        fields = samples * self.channels * self.pieces
        return replace(
            self,
            flatness=self.flatness.shifted(fields),
            complex_peak=self.complex_peak.shifted(fields),
            real_peak=self.real_peak.shifted(fields),
            bands=self.bands.shifted(fields),
        )
