"""Facts about the order of values: powers of rings and axes, means of channels, colour, likeness."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gausscheck.finding import Finding
from gausscheck.hints.evidence import Evidence
from gausscheck.spectral import band_sums
from gausscheck.summaries.fields import FieldSpectra

__all__ = ["Fields", "Ring"]

_CLEARLY, _SURELY = 5.0, 6.0  # standard errors; of one channel among many


@dataclass(frozen=True)
class Ring:
    """Power in one band of frequencies, over the mean of all bands.

    Attributes
    ----------
    low, high : float
        Cycles a value.
    power : float
        1 where the band holds its share.
    error : float
        Standard error of `power` for white noise.
    degrees : int
        Degrees of freedom.
    """

    low: float
    high: float
    power: float
    error: float
    degrees: int

    @property
    def middle(self) -> float:
        """Geometric mean of the borders; for the lowest band half its upper one."""
        return math.sqrt(self.low * self.high) if self.low > 0 else 0.5 * self.high


class Fields:
    """Evidence on the order of values; every fact is empty where no periodograms were kept.

    Parameters
    ----------
    seen : Evidence
    """

    def __init__(self, seen: Evidence) -> None:
        self.seen = seen
        self.spectra: FieldSpectra | None = seen.spectra

    @cached_property
    def power(self) -> NDArray[np.float64]:
        """Mean ordinate of each channel, shape ``(channels, M)``; one row where they were not kept apart."""
        spectra = self.spectra
        if spectra is None:
            return np.zeros((0, 0))
        return np.asarray(spectra.power / (spectra.count / spectra.power.shape[0]))

    @cached_property
    def pooled(self) -> NDArray[np.float64]:
        """Sums of ordinates over all fields, shape ``(M,)``."""
        return np.zeros(0) if self.spectra is None else self.spectra.pooled

    @cached_property
    def _band_sums(self) -> NDArray[np.float64]:
        return np.zeros(0) if self.spectra is None else band_sums(self.pooled, self.spectra.bins)

    def bands(self, axis: int | None = None) -> tuple[Ring, ...]:
        """Bands of the length of the frequency vector, or along one ordered axis, without DC."""
        spectra = self.spectra
        if spectra is None:
            return ()
        bins = spectra.bins
        chosen = [
            (number, band)
            for number, band in enumerate(bins.bands)
            if band.axis == (-1 if axis is None else axis)
        ]
        if not chosen:
            return ()
        sums = self._band_sums
        degrees = np.array([band.degrees for _, band in chosen], np.float64)
        power = np.array([sums[number] for number, _ in chosen]) / (degrees * spectra.count)
        mean = float(np.sum(power * degrees) / degrees.sum())
        if not (mean > 0 and math.isfinite(mean)):
            return ()
        return tuple(
            Ring(
                band.low,
                band.high,
                float(p) / mean,
                math.sqrt(2 / (band.degrees * spectra.count)),
                band.degrees,
            )
            for (_, band), p in zip(chosen, power, strict=True)
        )

    @cached_property
    def rings(self) -> tuple[Ring, ...]:
        """Radial profile of the spectrum."""
        return self.bands()

    @cached_property
    def sharp(self) -> bool:
        """Whether there is a spectrum that neither the floor of ordinates nor overflow has flattened."""
        return bool(self.rings) and 1e-3 < self.seen.spread < 1e9

    @cached_property
    def mean_share(self) -> float:
        """Share of the mean square that means of fields hold."""
        spectra = self.spectra
        if spectra is None:
            return 0.0
        total = float(self.pooled @ spectra.bins.weight)
        return float(self.pooled[0]) / total if 0 < total < math.inf else 0.0

    @cached_property
    def loose(self) -> float:
        """Independent values that one value of a field is worth, 1 for white noise, less for coloured.

        ``(sum of powers)^2 / sum of squared powers`` over the bins, per value: the variance of an (uncentred)
        correlation of fields of n values is 1/(n times this). Squares of a mean ordinate over F fields are
        1 + 1/F times too large, as it scatters.
        """
        spectra = self.spectra
        if spectra is None or not self.sharp:
            return 1.0
        power = self.pooled * spectra.bins.weight
        total = float(power.sum())
        square = float(power @ self.pooled) - float(self.pooled[0]) ** 2
        square = square / (1 + 1 / spectra.count) + float(self.pooled[0]) ** 2
        return min(total**2 / square / spectra.bins.size, 1.0)

    def related(self, found: Finding | None) -> bool:
        """Whether a correlation is more than the means and the colour of the values explain."""
        if found is None or found.effect is None:
            return False
        return abs(found.effect.value) > min(_CLEARLY / math.sqrt(found.n * self.loose), 0.99)

    @cached_property
    def echo(self) -> Finding | None:
        """The largest autocorrelation, where it is more than a mean common to all values explains."""
        found = self.seen.first("autocorrelation", scope="pooled")
        if found is None or abs(found.value - self.mean_share) < _CLEARLY * found.std:
            return None
        return found

    @cached_property
    def lag(self) -> tuple[int, ...]:
        """Lag of the echo; empty without one."""
        return () if self.echo is None else tuple(int(step) for step in self.echo.where.get("lag", ()))

    @cached_property
    def lanes(self) -> bool:
        """Whether values come again at a fixed distance, so that the spectrum is a comb."""
        alike = self.echo is not None and self.echo.value > 0.2
        return alike and self.seen.fails("duplicates", unit="value")

    @cached_property
    def ordered(self) -> bool:
        """Whether neighbours are nearly equal and the law is normal all the same, as in sorted values."""
        failed = self.seen.failed
        lawful = not any(f.family in ("moments", "marginal") and f.scope == "pooled" for f in failed)
        near = self.echo is not None and self.echo.value > 0.99
        return lawful and near and sum(map(abs, self.lag)) == 1

    @cached_property
    def red(self) -> bool:
        """Whether power is uneven in several rings, the lowest one among those that hold more."""
        odd = [abs(ring.power - 1) > _SURELY * ring.error for ring in self.rings]
        return sum(odd) >= 3 and odd[0] and self.rings[0].power > 1.5

    @cached_property
    def coloured(self) -> bool:
        """Whether the spectrum is uneven, apart from the mean."""
        uneven = self.seen.fails("spectral_flatness", tail="lower")
        return uneven or self.seen.fails("cumulative_periodogram") or self.echo is not None

    @cached_property
    def structured(self) -> bool:
        """Whether values depend on each other, so that the law of the generator cannot be told from them."""
        related = any(
            self.related(self.seen.first(name)) for name in ("channel_correlation", "sample_correlation")
        )
        return self.coloured or related or self.seen.copies is not None

    @cached_property
    def channel_means(self) -> NDArray[np.float64]:
        """Root mean square of the means of the fields of each channel, shape ``(channels,)``; or empty."""
        spectra = self.spectra
        if spectra is None or spectra.power.shape[0] != spectra.channels:
            return np.zeros(0)
        return np.asarray(np.sqrt(self.power[:, 0] / spectra.bins.size))

    @cached_property
    def channel_powers(self) -> NDArray[np.float64]:
        """Mean square of each channel, its mean included, shape ``(channels,)``; or empty."""
        spectra = self.spectra
        if spectra is None or spectra.power.shape[0] != spectra.channels:
            return np.zeros(0)
        return np.asarray(self.power @ spectra.bins.weight / spectra.bins.size)

    @cached_property
    def channel_variances(self) -> NDArray[np.float64]:
        """Mean square of each channel beside the means of its fields, shape ``(channels,)``; or empty."""
        return np.asarray(np.maximum(self.channel_powers - self.channel_means**2, 0.0))

    @cached_property
    def odd_channel(self) -> int | None:
        """The one channel whose power is another than that of all others; None if there is not just one."""
        powers, spectra = self.channel_variances, self.spectra
        if powers.size < 3 or spectra is None or self.structured or not np.median(powers) > 0:
            return None
        values = spectra.bins.size * spectra.count / spectra.channels
        z = np.abs(powers / np.median(powers) - 1) / math.sqrt(2 / values)
        worst = int(z.argmax())
        alone = z[worst] > _SURELY and np.delete(z, worst).max() < 0.6 * z[worst]
        return worst if alone and np.count_nonzero(z > _SURELY) == 1 else None

    @cached_property
    def own_means(self) -> bool:
        """Whether fields have means of their own, beyond one mean common to all.

        ``size sum (mean_i - mean)^2 / variance`` is chi-square with a degree of freedom less than fields,
        whatever the common mean.
        """
        spectra, spread = self.spectra, self.seen.spread
        if spectra is None or spread == 0 or spectra.count < 2:
            return False
        size, fields = spectra.bins.size, spectra.count
        inner = max(1 - self.mean_share, 1e-9) * float(self.seen.moments[1])
        if self.rings:
            # Means of coloured noise scatter as its lowest frequencies do.
            inner *= max(self.rings[0].power, 1.0)
        common = fields * size * self.seen.mean**2 / inner
        between = float(self.pooled[0]) / inner - common
        # Ordinates are those of a transform in float32.
        error = math.sqrt(2 * (fields - 1)) + 1e-5 * common
        return between - (fields - 1) > _CLEARLY * error + 10

    @cached_property
    def constants(self) -> NDArray[np.bool_]:
        """Which channels are constants, with little or nothing beside; or empty."""
        means, powers = self.channel_means, self.channel_powers
        if self.ordered or means.size < 2 or not math.isfinite(float(powers.max())):
            return np.zeros(0, bool)
        return np.asarray((means**2 > 0.8 * powers) | (powers < 1e-3 * np.median(powers)))
