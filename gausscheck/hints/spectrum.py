"""Shapes of the spectrum that have a cause."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gausscheck.hints.evidence import Evidence, percent
from gausscheck.hints.fields import Fields, Ring

__all__ = ["spectrum"]

_ORDER = ("spectral_flatness", "cumulative_periodogram", "band_power", "autocorrelation", "power_spectrum")
_SLOPES = (
    (-2.6, -1.5, "brown (1/f²) noise, or smooth images"),
    (-1.5, -0.5, "pink (1/f) noise, or latents of images instead of noise"),
    (0.5, 1.5, "blue noise"),
    (1.5, 2.6, "violet noise: differences of neighbours"),
)
_TINY = 1e-12
_CLEARLY = 6.0  # standard errors
_FAR = 4  # values apart, where smooth content is alike at every lag below


def spectrum(seen: Evidence, fields: Fields) -> Iterator[str]:
    """Name what colours the spectrum: at most one shape."""
    if seen.copies is not None or seen.zeros or fields.constants.any() or not fields.sharp:
        # The spectrum is that of the copies, of the holes, of the constants, of the rounding.
        return
    flat = seen.fails("spectral_flatness", tail="upper", scope="pooled")
    if flat or seen.fails("power_spectrum", tail="lower"):
        yield "the power spectrum is flatter than that of noise: was it optimised against a spectral loss?"
        return
    if not any(seen.fails(name) for name in _ORDER) or (not fields.coloured and not _odd(fields.rings).any()):
        return
    if fields.lanes:
        return
    for rule in (_ordered, _alike, _enlarged, _leak, _band, _resized, _images, _slope):
        line = next(rule(seen, fields), None)
        if line is not None:
            yield line
            return
    yield from _neighbours(seen, fields)


def _profile(rings: tuple[Ring, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Middle, power and standard error of each ring."""
    return (
        np.array([ring.middle for ring in rings]),
        np.array([ring.power for ring in rings]),
        np.array([ring.error for ring in rings]),
    )


def _odd(rings: tuple[Ring, ...]) -> NDArray[np.bool_]:
    """Rings whose power white noise of the same mean does not have."""
    _, power, error = _profile(rings)
    return np.asarray(np.abs(power - 1) > _CLEARLY * error)


def _ordered(seen: Evidence, fields: Fields) -> Iterator[str]:
    if fields.ordered and seen.failed:
        yield "a normal law but neighbours nearly equal: sorted values, saved without a shuffle"


def _alike(seen: Evidence, fields: Fields) -> Iterator[str]:
    del seen
    echo, lag = fields.echo, fields.lag
    if echo is not None and abs(echo.value) > 0.2 and max(map(abs, lag), default=0) >= _FAR:
        yield (
            f"values at lag {lag} are alike (correlation {echo.value:.2g}): tiled or mirrored content, or "
            "packed tokens read as planes (unpack them, or name the axes with --layout)"
        )


def _enlarged(seen: Evidence, fields: Fields) -> Iterator[str]:
    """An end of the spectrum along one axis that is empty, the rest even."""
    for axis in range(max(len(seen.layout.ordered_axes), 1)):
        quarters = [band.power for band in fields.bands(axis)]
        if not quarters:
            middle, power, _ = _profile(fields.rings)
            quarter = np.minimum(middle * 8, 3).astype(int)
            quarters = [float(np.median(power[quarter == q])) for q in range(4) if np.any(quarter == q)]
        if len(quarters) == 4 and quarters[3] < 0.02 and quarters[2] > 0.6 * quarters[0]:
            letter = seen.layout.letters[seen.layout.ordered_axes[axis]]
            yield (
                f"no power above 0.375 cycles a value along {letter}, and an even spectrum below: noise that "
                "was resized by a sharp filter, or low-passed; draw it at the final size"
            )


def _resized(seen: Evidence, fields: Fields) -> Iterator[str]:
    middle, power, error = _profile(fields.rings)
    top, low = middle > 0.4, middle < 0.1
    if not top.any() or not low.any():
        return
    level = power[low]
    degrees = np.array([ring.degrees for ring in fields.rings], np.float64)[low]
    # Of a slope the last of the low rings holds much less than those below it.
    below = float(np.average(level[:-1], weights=degrees[:-1])) if level.size > 1 else float(level[0])
    even = 0.6 * below < level[-1] < 1.7 * below
    falling = np.all(np.diff(power[middle > 0.1]) < 3 * error[middle > 0.1][1:] * power[middle > 0.1][:-1])
    if even and falling and np.median(power[top]) < 0.35 * np.median(power[low]):
        yield (
            "power is even at low frequencies and falls smoothly at high ones: noise that was resized "
            "(bilinear or bicubic enlargement, antialiased reduction) or blurred; draw it at the final size"
        )


def _band(seen: Evidence, fields: Fields) -> Iterator[str]:
    middle, power, _ = _profile(fields.rings)
    peak = int(power.argmax())
    if power.size < 4 or peak == 0 or power[0] > 0.5 * power[peak]:
        return
    inside = power > 0.1 * power[peak]
    first, last = int(np.flatnonzero(inside)[0]), int(np.flatnonzero(inside)[-1])
    degrees = np.array([r.degrees for r in fields.rings])
    share = float(np.sum((power * degrees)[first : last + 1]) / np.sum(power * degrees))
    if share > 0.9 and last < power.size // 2 and middle[last] < 0.2:
        yield (
            f"smooth fields: all power below {fields.rings[last].high:.2g} cycles a value, most of it around "
            f"{middle[peak]:.2g}: Perlin or simplex noise, or smooth content"
        )


def _images(seen: Evidence, fields: Fields) -> Iterator[str]:
    slope = _fitted(fields.rings)
    if slope is not None and slope < -0.5 and fields.own_means:
        yield (
            f"power goes like frequency to the {slope:.1f} and channels have means of their own: latents of "
            "images (a training cache), not noise"
        )


def _leak(seen: Evidence, fields: Fields) -> Iterator[str]:
    """An even spectrum, and more at its low end."""
    middle, power, error = _profile(fields.rings)
    degrees = np.array([r.degrees for r in fields.rings], np.float64)
    high = middle > 0.3
    if np.count_nonzero(high) < 2 or not (~high).any():
        return
    floor = float(np.average(power[high], weights=degrees[high]))
    if floor <= 0:
        return
    even = np.all(np.abs(power[high] / floor - 1) < np.maximum(_CLEARLY * error[high], 0.25))
    slope = abs(float(np.polyfit(np.log(middle[high]), power[high] / floor, 1, w=np.sqrt(degrees[high]))[0]))
    excess = power / floor - 1
    over = excess > np.maximum(_CLEARLY * error, 0.1)
    if not even or slope > 0.25 or not over.any() or int(np.flatnonzero(over)[0]) > 1:
        return
    last = int(np.flatnonzero(over)[-1])
    if not np.all(over[int(np.flatnonzero(over)[0]) : last + 1]) or middle[last] > 0.35:
        return
    share = float(np.sum((power - floor) * degrees * over) / np.sum(power * degrees))
    cause = (
        "a tint, gradient or layout of an image in the noise (an inversion, partial denoising, or a schedule "
        "without zero terminal signal)"
    )
    if share > 0.2:
        cause = f"pyramid noise (coarse noises added), or {cause}"
    yield (
        f"white but for {percent(share)} of the power in excess at the lowest frequencies, below "
        f"{fields.rings[last].high:.2g} cycles a value: {cause}"
    )


def _slope(seen: Evidence, fields: Fields) -> Iterator[str]:
    slope = _fitted(fields.rings)
    if slope is None:
        return
    for least, most, name in _SLOPES:
        if least <= slope < most:
            yield f"power goes like frequency to the {slope:.1f}: {name}"
    if slope < _SLOPES[0][0]:
        yield f"power goes like frequency to the {slope:.1f}: smooth content (images), not noise"


def _fitted(rings: tuple[Ring, ...]) -> float | None:
    """Exponent of a power law that describes the rings; None where none does."""
    if len(rings) < 4 or np.count_nonzero(_odd(rings)) <= len(rings) // 2:
        return None
    if len(rings) > 6:
        # The lowest ring is wide, in octaves, and has no middle.
        rings = rings[1:]
    middle, power, error = _profile(rings)
    weight = 1 / np.maximum(error, 0.05) ** 2
    x, y = np.log(middle), np.log(np.maximum(power, _TINY))
    slope, level = np.polyfit(x, y, 1, w=np.sqrt(weight))
    rest = y - (slope * x + level)
    straight = float(np.sqrt(np.average(rest**2, weights=weight))) < 0.35
    return float(slope) if straight else None


def _neighbours(seen: Evidence, fields: Fields) -> Iterator[str]:
    del seen
    echo, lag = fields.echo, fields.lag
    if echo is not None and max(map(abs, lag), default=0) == 1:
        yield (
            f"neighbours at lag {lag} are correlated ({echo.value:.2g}): a slight blur, an interpolation, "
            "or a filter that remembers the last value"
        )
