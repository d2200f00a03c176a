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
from gausscheck.needs import CountsNeed, FieldsNeed, Need, RepeatsNeed
from gausscheck.summaries.counts import Counts
from gausscheck.summaries.fields import FieldSpectra
from gausscheck.summaries.onepass import OnePass
from gausscheck.summaries.repeats import Repeats, ValueSketch
from gausscheck.summaries.samples import SampleValues

__all__ = ["UNITS", "Evidence", "percent", "plain"]

UNITS = ("sample", "frame", "channel", "row", "block", "run")
"""Kinds of copies, the largest first: where whole samples repeat, their parts do too."""

_RARE = math.log(1e-6)
_MANY = 20  # values at one place before they are called a heap
_HEAP = 1e-3  # share of all values
_UNDERFLOW = 1e-37
_FEW = 5  # unrounded values at one place
_MOST = 0.1  # of the pairs of equal values


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
    squares : SampleValues or None
        Mean squares of samples, in units of the reference.
    """

    findings: tuple[Finding, ...]
    shape: tuple[int, ...]
    layout: Layout
    lattice: str | None
    scale: float
    pooled: OnePass
    summaries: Mapping[Need, Any]
    squares: SampleValues | None = None

    @cached_property
    def failed(self) -> tuple[Finding, ...]:
        """Findings that fail, most surprising first."""
        return tuple(f for f in self.findings if f.verdict == "fail")

    def fails(
        self, *statistics: str, tail: str | None = None, scope: str | None = None, **given: Any
    ) -> bool:
        """Whether a finding of one of these kinds fails."""
        return any(self.first(s, tail=tail, scope=scope, **given) is not None for s in statistics)

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
    def spread(self) -> float:
        """Standard deviation; 0 where it is not finite."""
        # A power of a float raises where it leaves the range of doubles; a product is infinite.
        variance = float(self.moments[1]) - self.mean * self.mean
        return math.sqrt(variance) if 0 < variance < math.inf else 0.0

    @cached_property
    def kurtosis(self) -> float:
        """Excess kurtosis; 0 of a constant."""
        m, s = self.moments, self.spread
        # Squares of the spread must not leave the range of doubles.
        if not 1e-60 < s < 1e60:
            return 0.0
        fourth = m[3] - 4 * self.mean * m[2] + 6 * self.mean**2 * m[1] - 3 * self.mean**4
        return float(fourth / s**4 - 3)

    @cached_property
    def skewness(self) -> float:
        """Skewness; 0 of a constant."""
        m, s = self.moments, self.spread
        if not 1e-60 < s < 1e60:
            return 0.0
        return float((m[2] - 3 * self.mean * m[1] + 2 * self.mean**3) / s**3)

    @property
    def kurtosis_error(self) -> float:
        """Standard error of the excess kurtosis of normal values; half as much for the skewness."""
        return math.sqrt(24 / max(self.n, 1))

    @cached_property
    def skewness_error(self) -> float:
        """Standard error of the skewness, of the tails that the values have (about mean 0)."""
        s = self.spread
        if not 1e-40 < s < 1e40:
            return math.inf
        fourth, sixth = self.moments[3] / s**4, self.moments[5] / s**6
        return math.sqrt(max(float(sixth - 6 * fourth + 9), 6.0) / max(self.n, 1))

    @property
    def low(self) -> float:
        """Smallest value in units of the reference scale."""
        return float(self.pooled.extremes.low) / self.scale

    @property
    def high(self) -> float:
        """Largest value in units of the reference scale."""
        return float(self.pooled.extremes.high) / self.scale

    @property
    def largest(self) -> float:
        """Largest magnitude in units of the reference scale."""
        return max(-self.low, self.high)

    def log_none_beyond(self, reach: float) -> float:
        """Natural logarithm of the chance that no value lies farther out than `reach` of their own spread."""
        from scipy.special import erfc

        return self.n * math.log1p(-min(float(erfc(reach / math.sqrt(2))), 1 - 1e-12))

    @cached_property
    def cut(self) -> bool:
        """Whether the tails end sooner than they do in normal values of the same spread."""
        return self.spread > 0 and self.log_none_beyond(self.largest / self.spread) < _RARE

    @cached_property
    def normal_shape(self) -> bool:
        """Whether of the scale alone one may speak: skewness, kurtosis and reach are normal."""
        error = self.kurtosis_error
        near = abs(self.kurtosis) < max(4 * error, 0.02) and abs(self.skewness) < max(2.5 * error, 0.02)
        return self.spread > 0 and near and not (self.few_levels or self.cut)

    @property
    def spectra(self) -> FieldSpectra | None:
        """Periodograms over the ordered axes."""
        kept: FieldSpectra | None = self.summaries.get(FieldsNeed())
        return kept

    @property
    def sketch(self) -> ValueSketch | None:
        """Values, and how often each occurs; None in formats of 8 and 16 bits."""
        repeats: Repeats | None = self.summaries.get(RepeatsNeed())
        return None if repeats is None else repeats.values

    @cached_property
    def cells(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Value next to 0 of each count cell that is not empty, in units of the reference, and its count."""
        counts: Counts | None = self.summaries.get(CountsNeed())
        if counts is None:
            return np.zeros(0), np.zeros(0, np.int64)
        table = counts.table.reshape(-1, counts.table.shape[-1]).sum(axis=0)
        if float_format(counts.dtype).bits > 16:
            patterns = (np.arange(table.size, dtype=np.uint32) << np.uint32(16)).view(np.float32)
        else:
            patterns = decode_table(counts.dtype)
        kept = (table > 0) & np.isfinite(patterns)
        return patterns[kept].astype(np.float64) / self.scale, table[kept]

    def tail(self, start: float, stop: float = math.inf, *, unit: float = 1.0) -> tuple[float, float]:
        """Observed and expected number of values with ``start <= |x| < stop``.

        Parameters
        ----------
        start, stop : float
            In deviations.
        unit : float
            Deviation of the normal law compared with, in units of the reference.
        """
        from scipy.special import erfc

        values, counts = self.cells
        magnitude = np.abs(values)
        inside = (magnitude >= start * unit) & (magnitude < stop * unit)
        probability = erfc(start / math.sqrt(2)) - erfc(stop / math.sqrt(2))
        return float(counts[inside].sum()), self.n * float(probability)

    def heap(self, value: float) -> float:
        """Share of the values that equal this one, 0 unless they are a heap; `value` in units of the data."""
        count = self._equal(value)
        heap = count > _MANY and count > _HEAP * self.n
        sketch = self.sketch
        if self.lattice is None and value != 0 and sketch is not None and sketch.halvings == 0:
            # Of unrounded values few are equal, and here or nowhere.
            heap = count > _FEW and count * (count - 1) / 2 > _MOST * sketch.tied_pairs
        if value == 0 and count > _FEW:
            # Zeros have a cell of their own in every format, where few of them are too many.
            told = self.first("heaps", tail="upper")
            heap = heap or (told is not None and told.where["value"] == 0)
        return count / self.n if heap else 0.0

    def _equal(self, value: float) -> int:
        values, counts = self.cells
        if value == 0:
            if 0 < self.largest * self.scale < _UNDERFLOW:
                # Cells are those of float32, where such values are 0.
                return 0
            return int(counts[values == 0].sum())
        sketch = self.sketch
        if sketch is not None and sketch.halvings == 0:
            at = int(np.searchsorted(sketch.values, value))
            found = at < sketch.values.size and sketch.values[at] == value
            return int(sketch.counts[at]) if found else 0
        with np.errstate(over="ignore"):
            stored = np.float32(value).view(np.uint32) & np.uint32(0xFFFF0000)
        # The values around are as many as in the next cell towards 0.
        here, next_one = (
            int(counts[values == float(np.uint32(code).view(np.float32)) / self.scale].sum())
            for code in (stored, stored - np.uint32(0x10000))
        )
        return max(here - 2 * next_one, 0) if self.lattice is None else here

    @cached_property
    def zeros(self) -> float:
        """Share of exact zeros, where they are a heap of their own."""
        return 0.0 if self.few_levels else self.heap(0.0)

    @cached_property
    def few_levels(self) -> int:
        """Number of different values, where there are so few that each is a heap; else 0."""
        sketch = self.sketch
        if self.lattice is not None:
            # Noise rounded to 16 bits has few values too, if not so few; of 8 bits it never has more.
            distinct, most = int(self.cells[0].size), 0 if "fp8" in self.lattice else 256
        elif sketch is not None:
            distinct, most = int(sketch.values.size) << sketch.halvings, 4096
        else:
            return 0
        return distinct if distinct <= most and 16 * distinct < self.n else 0

    @cached_property
    def choices(self) -> float:
        """Number of equally likely values that would tie as often; infinite if unknown or without ties."""
        sketch = self.sketch
        if sketch is None:
            return math.inf
        # Exact zeros have causes of their own.
        counts = sketch.counts[sketch.values != 0].astype(np.float64)
        pairs = float(np.sum(counts * (counts - 1) / 2))
        return 0.5 * float(counts.sum()) ** 2 / pairs * 2.0**sketch.halvings if pairs else math.inf

    @cached_property
    def drift(self) -> int:
        """1 where the mean square of samples goes up along the batch, -1 where it goes down, else 0.

        Told by the weakest and the strongest sample, if both are beyond chance and lie at opposite ends.
        """
        squares, samples = self.squares, self.layout.samples(self.shape)[0]
        if squares is None or squares.count < 8 or not self.fails("moment", scope="sample"):
            return 0
        error = math.sqrt(2 * samples / max(self.n, 1))
        below = (squares.total - squares.high) / (squares.count - 1)
        above = (squares.total - squares.low) / (squares.count - 1)
        both = squares.low < below * (1 - 3.5 * error) and squares.high > above * (1 + 3.5 * error)
        way = (squares.high_at - squares.low_at) / (samples - 1)
        return round(math.copysign(1, way)) if both and abs(way) > 0.7 else 0

    @cached_property
    def odd_sample(self) -> int | None:
        """The sample that alone deviates, where all values together deviate much less."""
        pooled = min((f.log_p for f in self.findings if f.scope == "pooled"), default=0.0)
        alone = [f for f in self.failed if f.scope == "sample" and f.where.get("samples", 1) > 1]
        return int(alone[0].where["sample"]) if alone and alone[0].log_p < 2 * pooled else None

    @cached_property
    def few_draws(self) -> bool:
        """Whether values tie so often that of the law of what draws them little can be told."""
        ends = any(self.heap(end * self.scale) for end in (self.low, self.high))
        tied = self.fails("duplicates", unit="value")
        return tied and not ends and self.choices < 0.5 * self.n

    @cached_property
    def copies(self) -> Finding | None:
        """The largest kind of unit that repeats; None if what repeats is nothing but zeros."""
        for unit in UNITS:
            found = self.first("duplicates", unit=unit)
            if found is None:
                continue
            units, distinct = found.extra.get("units", 0), found.extra.get("distinct", 0)
            if unit == "run":
                # Those of zeros are not among them; those of few levels repeat by chance.
                return None if self.few_levels or self._by_chance(units - distinct) else found
            # Units of zeros are one of the distinct ones.
            if self.zeros and (units - distinct) / max(units, 1) <= self.zeros:
                continue
            return found
        return None

    def _by_chance(self, repeats: int) -> bool:
        """Whether values that occur as often as these, in any order, make up as many equal runs."""
        runs = self.summaries[RepeatsNeed()].units["run"]
        values, counts = self.cells
        if counts.size == 0:
            return False
        # Both zeros are one value.
        share = np.bincount(np.unique(values, return_inverse=True)[1], counts) / counts.sum()
        log_equal = runs.length * float(np.log(np.sum(share**2)))
        log_mean = 2 * math.log(runs.count) - (1 + runs.halvings) * math.log(2) + log_equal
        return math.log(repeats) < log_mean + math.log(_MANY)


def percent(share: float) -> str:
    """A share in per cent, of which two digits count."""
    return f"{100 * share:.2g} %" if share < 0.095 else f"{100 * share:.0f} %"


def plain(x: float) -> str:
    """A number in four digits without an exponent where it can be read so."""
    return f"{x:.4g}" if 1e-4 <= abs(x) < 1e5 else f"{x:.3g}"
