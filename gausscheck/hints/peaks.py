"""Single places of the Fourier plane: patterns, rings of a watermark, means of channels."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from gausscheck.finding import Finding
from gausscheck.hints.evidence import Evidence
from gausscheck.hints.fields import Fields

__all__ = ["peaks"]

_FEWEST = 24  # degrees of freedom of a ring that is a background
_WIDEST = 48  # radius in bins, of watermarks
_PERIODS = {
    4: "as tokens of 2×2 patches give that are read as planes: unpack them, or name the axes with --layout",
    8: "as the grid of an autoencoder that reduces by 8 gives, or tiles",
    16: "as the grid of an autoencoder that reduces by 16 gives, or tiles",
}


def peaks(seen: Evidence, fields: Fields) -> Iterator[str]:
    """Name what single frequencies tell."""
    if seen.copies is not None or not fields.sharp:
        return
    yield from _watermark(seen, fields)
    if fields.constants.any():
        if any(f.family in ("moments", "spectrum") for f in seen.failed):
            yield from _constants(fields)
        return
    if seen.zeros or fields.lanes:
        return
    real = seen.first("spectral_peak", tail="upper", bins="real")
    single = seen.first("spectral_peak", tail="upper", bins="complex")
    pattern = single is not None and _stands_out(seen, fields, single)
    # A pattern of another even period has power there too.
    if not pattern and real is not None and _stands_out(seen, fields, real):
        yield from _alternating(real)
    if fields.own_means and any(seen.fails(name) for name in ("spectral_peak", "band_power", "moment")):
        yield from _means(seen, fields)
    if pattern and single is not None:
        yield from _pattern(fields, single)


def _stands_out(seen: Evidence, fields: Fields, peak: Finding) -> bool:
    """Whether a peak is one beside the power of the frequencies around it, whatever their scale."""
    frequency = [float(f) for f in peak.where.get("frequency", ())]
    radius = math.hypot(*frequency)
    ring = next((r for r in fields.rings if r.low < radius <= r.high), None)
    if ring is None or fields.spectra is None or "sample" in peak.where:
        return False
    # The peak itself belongs to its ring: what is left of the ring without it is its background.
    weight = 1 if peak.parameters.get("bins") == "real" else 2
    spread = seen.spread**2 * (1 - fields.mean_share)
    inside = ring.degrees * ring.power * spread
    background = max(inside - weight * peak.value, 0.0) / max(ring.degrees - weight, 1)
    if ring.degrees < _FEWEST:
        background = spread
    lowest = radius <= 1.5 / min(n for n in fields.spectra.shape if n > 1)
    return not lowest and peak.value > background * (peak.expected + 8 * peak.std)


def _alternating(real: Finding) -> Iterator[str]:
    frequency = tuple(abs(float(f)) for f in real.where.get("frequency", ()))
    high = sum(f == 0.5 for f in frequency)
    if high > 1 and high == len(frequency):
        yield f"power at ({', '.join('½' for _ in frequency)}) cycles a value: a checkerboard"
    elif high:
        yield "power at ½ cycle a value along one axis: stripes, every other row or column"


def _pattern(fields: Fields, single: Finding) -> Iterator[str]:
    frequency = tuple(float(f) for f in single.where.get("frequency", ()))
    where = ", ".join(f"{f:.4g}" for f in frequency)
    along = [abs(f) for f in frequency if f]
    period = 1 / along[0] if len(along) == 1 else 0.0
    whole = period > 0 and abs(period - round(period)) < 1e-6
    cause = _PERIODS.get(round(period), "") if whole else ""
    if fields.red:
        if not whole or round(period) not in _PERIODS:
            # Of uneven spectra some bin is always the largest.
            return
        cause = _PERIODS[4]
    if cause:
        cause = f"period {round(period)}, {cause}"
    cause = cause or "interference, tiling, or a hidden mark"
    yield f"one periodic pattern at ({where}) cycles a value: {cause}"


def _constants(fields: Fields) -> Iterator[str]:
    constant, count = fields.constants, fields.constants.size
    half = count // 2
    second = count % 2 == 0 and constant[half:].all() and not constant[:half].any()
    if second and np.all(fields.channel_powers[half:] > 1e-3):
        yield (
            "the second half of the channels are constants with little noise: mean and log-variance of a "
            "posterior (a moments cache), not samples; sample them, or audit the first half"
        )
    elif constant.any() and not constant.all():
        places = np.flatnonzero(constant)
        listed = ", ".join(str(c) for c in places[:8]) + (", …" if places.size > 8 else "")
        word = "channel" if places.size == 1 else "channels"
        yield f"constants in {word} {listed} of {count} (labels, one-hot, masks) beside noise; audit the rest"


def _means(seen: Evidence, fields: Fields) -> Iterator[str]:
    if fields.coloured or seen.fails("duplicates", unit="value"):
        # Named by the shape of the spectrum.
        return
    yield (
        "channels have means of their own and are white beside: offset noise, or a schedule without zero "
        "terminal signal, whose noise keeps the mean colour of the image"
    )


def _watermark(seen: Evidence, fields: Fields) -> Iterator[str]:
    """Rings of one power each around the origin: white noise scatters by 100 % on every ring."""
    spectra = fields.spectra
    if spectra is None or len(spectra.shape) != 2 or min(spectra.shape) < 16:
        return
    if not any(f.family == "spectrum" for f in seen.failed):
        return
    h, w = spectra.shape
    radius = min(min(h, w) // 2, _WIDEST)
    rows = np.r_[1:radius, h - radius + 1 : h]
    columns = np.arange(1, radius)
    distance = np.rint(np.hypot(np.minimum(rows, h - rows)[:, np.newaxis], columns)).astype(int)
    scatter = 1 / math.sqrt(max(spectra.count / spectra.power.shape[0], 1))
    for channel, power in enumerate(fields.power):
        plane = power.reshape(spectra.bins.grid)[np.ix_(rows, columns)]
        rings = [plane[distance == r] for r in range(3, radius)]
        even = sum(bool(ring.std() < 0.1 * scatter * ring.mean()) for ring in rings)
        if 3 <= even <= 0.7 * len(rings):
            name = f" of channel {channel}" if fields.power.shape[0] > 1 else ""
            yield (
                f"{even} rings in the Fourier plane{name} have the same power all around: a watermark of the "
                "initial noise (Tree-Ring)"
            )
            return
