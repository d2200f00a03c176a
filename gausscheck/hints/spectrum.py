"""Shapes of the spectrum that have a cause."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from gausscheck.finding import Finding
from gausscheck.hints.evidence import Evidence, Ring

__all__ = ["spectrum"]

_ORDER = ("spectral_flatness", "cumulative_periodogram", "band_power", "autocorrelation", "power_spectrum")
_SLOPES = (
    (-2.6, -1.6, "brown (1/f²) noise, or smooth images"),
    (-1.6, -0.5, "pink (1/f) noise, or latents of images instead of noise"),
    (0.5, 1.6, "blue noise"),
    (1.6, 2.6, "violet noise: differences of neighbours"),
)


def spectrum(seen: Evidence) -> Iterator[str]:
    """Name what colours the spectrum; at most one shape, then single peaks."""
    if seen.fails("spectral_flatness", tail="upper") or seen.fails("power_spectrum", tail="lower"):
        yield "the power spectrum is flatter than that of noise: was it optimised against a spectral loss?"
    if any(seen.fails(name) for name in _ORDER):
        yield from _shape(seen.rings)
    yield from _peaks(seen)


def _shape(rings: tuple[Ring, ...]) -> Iterator[str]:
    power = np.array([ring.power for ring in rings])
    if power.size < 4:
        return
    off = np.array([(ring.power - 1) / ring.error for ring in rings])
    odd = np.abs(off) > 6
    if not odd.any():
        return
    middle = np.array([ring.middle for ring in rings])
    error = np.array([ring.error for ring in rings])
    top = middle > 0.25
    low = middle < 0.13
    if not low.any() or not top.any():
        return
    flat_low = float(np.ptp(np.log(np.maximum(power[low], 1e-12)))) < 0.7
    if np.median(power[top]) < 0.2 * np.median(power[low]) and flat_low:
        yield (
            "power is missing at high frequencies and even at low ones: noise that was resized (bilinear or "
            "bicubic upsampling) or blurred; draw it at the final size"
        )
        return
    weight = 1 / np.maximum(error, 0.02) ** 2
    x, y = np.log(middle), np.log(np.maximum(power, 1e-12))
    slope, level = np.polyfit(x, y, 1, w=np.sqrt(weight))
    rest = y - (slope * x + level)
    straight = float(np.sqrt(np.average(rest**2, weights=weight))) < 0.5
    if straight and odd.sum() > power.size // 2:
        for least, most, name in _SLOPES:
            if least <= slope < most:
                yield f"power goes like frequency to the {slope:.1f}: {name}"
                return
        if slope < -2.6:
            yield f"power goes like frequency to the {slope:.1f}: smooth content (images), not noise"
            return
    strong = odd & (np.abs(power - 1) > 0.05)
    lowest = np.flatnonzero(strong)
    if strong.any() and lowest[0] < 2 and np.all(middle[strong] < 0.2) and np.all(power[strong] > 1):
        yield (
            "excess power at the lowest frequencies alone: a tint or layout of an image leaks into the noise "
            "(a schedule without zero terminal signal, or partial denoising)"
        )
    elif 0 < odd.sum() <= 3 and np.ptp(np.flatnonzero(odd)) < 3:
        first, last = rings[int(np.flatnonzero(odd)[0])], rings[int(np.flatnonzero(odd)[-1])]
        yield (
            f"only frequencies between {first.low:.3g} and {last.high:.3g} cycles a value are off: a ring in "
            "the Fourier plane, such as a watermark of initial noise (Tree-Ring)"
        )


def _peaks(seen: Evidence) -> Iterator[str]:
    real = seen.first("spectral_peak", tail="upper", bins="real")
    if real is not None and _stands_out(seen, real):
        frequency = tuple(abs(float(f)) for f in real.where.get("frequency", ()))
        high = sum(f == 0.5 for f in frequency)
        if high == len(frequency) and high > 1:
            yield f"power at ({', '.join('½' for _ in frequency)}) cycles a value: a checkerboard"
        elif high:
            yield "power at ½ cycle a value along one axis: stripes, every other row or column"
        elif frequency:
            yield from _means(seen)
    single = seen.first("spectral_peak", tail="upper", bins="complex")
    coloured = seen.fails("spectral_flatness", tail="lower") or seen.fails("cumulative_periodogram")
    if single is not None and not coloured and _stands_out(seen, single):
        where = ", ".join(f"{f:.4g}" for f in single.where.get("frequency", ()))
        yield f"one periodic pattern at ({where}) cycles a value: interference, tiling, or a hidden mark"


def _stands_out(seen: Evidence, peak: Finding) -> bool:
    """Whether a peak is one beside the power that the values have, whatever their scale."""
    return seen.spread > 0 and peak.value / seen.spread**2 > peak.expected + 8 * peak.std


def _means(seen: Evidence) -> Iterator[str]:
    means, powers = seen.channel_means, seen.channel_powers
    if means.size < 2 or not math.isfinite(float(means.max())):
        return
    # What the mean of one field has under H0, in units of the scale that the values have.
    spectra = seen.spectra
    assert spectra is not None
    usual = seen.spread / math.sqrt(spectra.bins.size)
    constant = means**2 > 0.8 * powers
    half = means.size // 2
    if means.size % 2 == 0 and constant[half:].all() and not constant[:half].any():
        yield (
            "the second half of the channels are constants with little noise: mean and log-variance of a "
            "posterior (a moments cache), not samples; sample them, or audit the first half"
        )
    elif constant.any() and not constant.all():
        listed = ", ".join(str(c) for c in np.flatnonzero(constant)[:8])
        yield f"channels {listed} are constants (labels, one-hot, masks) glued to the noise; audit the others"
    elif np.count_nonzero(means > 6 * usual) > means.size // 2:
        yield (
            "channels have means of their own: latents of an autoencoder, or a schedule without zero "
            "terminal signal, whose noise keeps the mean colour of the image"
        )
