"""What hints are drawn from: judged findings, and facts of the summaries that no single finding tells."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.finding import Finding
from gausscheck.floats import decode_table, float_format
from gausscheck.layout import Layout
from gausscheck.needs import CountsNeed, FieldsNeed, Need
from gausscheck.summaries.counts import Counts
from gausscheck.summaries.fields import FieldSpectra
from gausscheck.summaries.onepass import OnePass

__all__ = ["Evidence", "Ring"]


@dataclass(frozen=True)
class Ring:
    """Power in one radial band of frequencies, over the mean of all bands.

    Attributes
    ----------
    low, high : float
        Cycles a value.
    power : float
        1 where the band holds its share.
    error : float
        Standard error of `power` for white noise.
    """

    low: float
    high: float
    power: float
    error: float

    @property
    def middle(self) -> float:
        """Geometric mean of the borders; for the lowest band half its upper one."""
        return math.sqrt(self.low * self.high) if self.low > 0 else 0.5 * self.high


@dataclass(frozen=True)
class Evidence:
    """One tensor as hints see it.

    Attributes
    ----------
    findings : tuple of Finding
        Judged.
    shape : tuple of int
    layout : Layout
    lattice : str or None
    scale : float
        Of the reference.
    pooled : OnePass
        Of all finite values, power sums in units of the reference scale, extremes in those of the data.
    summaries : Mapping
        By need, as far as the battery asked for them.
    """

    findings: tuple[Finding, ...]
    shape: tuple[int, ...]
    layout: Layout
    lattice: str | None
    scale: float
    pooled: OnePass
    summaries: Mapping[Need, Any]

    @cached_property
    def failed(self) -> tuple[Finding, ...]:
        """Findings that fail, most surprising first."""
        return tuple(f for f in self.findings if f.verdict == "fail")

    def fails(
        self, statistic: str, *, tail: str | None = None, scope: str | None = None, **given: Any
    ) -> bool:
        """Whether a finding of this kind fails."""
        return self.first(statistic, tail=tail, scope=scope, **given) is not None

    def first(
        self, statistic: str, *, tail: str | None = None, scope: str | None = None, **given: Any
    ) -> Finding | None:
        """The most surprising failing finding of this kind."""
        for f in self.failed:
            if (
                f.statistic == statistic
                and tail in (None, f.tail)
                and scope in (None, f.scope)
                and all(f.parameters.get(name) == value for name, value in given.items())
            ):
                return f
        return None

    @cached_property
    def structured(self) -> bool:
        """Whether the values are related to each other, whatever their scale and law."""
        names = ("duplicates", "spectral_flatness", "cumulative_periodogram", "autocorrelation")
        return any(self.fails(name) for name in (*names, "channel_correlation", "sample_correlation"))

    @property
    def n(self) -> int:
        """Finite values."""
        return int(self.pooled.moments.n)

    @cached_property
    def moments(self) -> NDArray[np.float64]:
        """m_1 … m_8 in units of the reference scale."""
        return self.pooled.moments.sums / max(self.n, 1)

    @property
    def mean(self) -> float:
        """Mean."""
        return float(self.moments[0])

    @cached_property
    def rms(self) -> float:
        """Root mean square."""
        return math.sqrt(max(float(self.moments[1]), 0.0))

    @cached_property
    def spread(self) -> float:
        """Standard deviation."""
        return math.sqrt(max(float(self.moments[1]) - self.mean**2, 0.0))

    @cached_property
    def kurtosis(self) -> float:
        """Excess kurtosis; 0 of a constant."""
        m, s = self.moments, self.spread
        if not (s > 0 and math.isfinite(s)):
            return 0.0
        fourth = m[3] - 4 * self.mean * m[2] + 6 * self.mean**2 * m[1] - 3 * self.mean**4
        return float(fourth / s**4 - 3)

    @property
    def normal_shape(self) -> bool:
        """Excess kurtosis within five standard errors of 0, or 0.05: of the scale alone one may speak."""
        return abs(self.kurtosis) < max(5 * math.sqrt(24 / max(self.n, 1)), 0.05)

    @property
    def low(self) -> float:
        """Smallest value in units of the reference scale."""
        return float(self.pooled.extremes.low) / self.scale

    @property
    def high(self) -> float:
        """Largest value in units of the reference scale."""
        return float(self.pooled.extremes.high) / self.scale

    @property
    def spectra(self) -> FieldSpectra | None:
        """Periodograms over the ordered axes."""
        kept: FieldSpectra | None = self.summaries.get(FieldsNeed())
        return kept

    @property
    def counts(self) -> Counts | None:
        """Counts of cells."""
        kept: Counts | None = self.summaries.get(CountsNeed())
        return kept

    @cached_property
    def rings(self) -> tuple[Ring, ...]:
        """Radial profile of the spectrum, without DC, relative to the mean over all bands."""
        spectra = self.spectra
        if spectra is None:
            return ()
        bins = spectra.bins
        weighted = spectra.pooled * bins.weight
        radial = [(number, band) for number, band in enumerate(bins.bands) if band.kind == "radius"]
        if not radial:
            return ()
        sums = np.bincount(bins.labels[0], weights=weighted, minlength=256)
        degrees = np.array([band.degrees for _, band in radial])
        power = np.array([sums[number] for number, _ in radial]) / (degrees * spectra.count)
        mean = float(np.sum(power * degrees) / degrees.sum())
        if not (mean > 0 and math.isfinite(mean)):
            return ()
        return tuple(
            Ring(band.low, band.high, float(p) / mean, math.sqrt(2 / (band.degrees * spectra.count)))
            for (_, band), p in zip(radial, power, strict=True)
        )

    @cached_property
    def channel_means(self) -> NDArray[np.float64]:
        """Root mean square of the means of the fields of each channel, shape ``(channels,)``; or empty."""
        spectra = self.spectra
        if spectra is None or spectra.power.shape[0] != spectra.channels:
            return np.zeros(0)
        per_field = spectra.count / spectra.channels
        return np.asarray(np.sqrt(spectra.power[:, 0] / per_field / spectra.bins.size))

    @cached_property
    def channel_powers(self) -> NDArray[np.float64]:
        """Mean square of each channel, its mean included, shape ``(channels,)``; or empty."""
        spectra = self.spectra
        if spectra is None or spectra.power.shape[0] != spectra.channels:
            return np.zeros(0)
        per_field = spectra.count / spectra.channels
        return np.asarray(spectra.power @ spectra.bins.weight / per_field / spectra.bins.size)

    def share(self, value: float) -> float:
        """Share of the values in the count cell of `value`, both signs of zero together; 0 if unknown."""
        counts = self.counts
        if counts is None or self.n == 0:
            return 0.0
        if float_format(counts.dtype).bits > 16:
            signed = (0.0, -0.0) if value == 0 else (value,)
            cells = [int(np.array(v, np.float32).view(np.uint32)) >> 16 for v in signed]
        else:
            cells = np.flatnonzero(decode_table(counts.dtype) == value).tolist()
        return float(sum(int(counts.table[cell]) for cell in cells)) / self.n
