"""Noise that is not white: creative colours, resized noise, what an image or an inversion leaves."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from zoo.defect import Defect, Shape
from zoo.tools import (
    Float,
    Rng,
    blurred,
    coloured,
    enlarged,
    enlargement_covariance,
    filtered,
    mixed,
    normal,
    standardised,
)

_SPECTRUM = ("power_spectrum", "band_power", "autocorrelation", "cumulative_periodogram")
_OCTAVES = (2, 4, 8)
_DISCOUNT = 0.8
_CELL = 8
_LEAK = 0.068265  # square root of the last cumulative alpha of the Stable Diffusion schedule
_MEANS = (0.9, -0.6, 0.4, -0.3)  # of the channels of an encoded image, repeated
_INVERTED_POWER, _INVERTED_WIDTH = 0.1, 2.0


def resized_up(shape: Shape, rng: Rng) -> Float:
    """Noise of half the size, enlarged by bilinear interpolation, brought back to unit variance."""
    b, c, h, w = shape
    small = normal((b, c, -(-h // 2), -(-w // 2)), rng)
    x = enlarged(enlarged(small, 2, 2), 2, 3)[..., :h, :w]
    deviation = math.sqrt(enlargement_covariance(2, 0))
    return x / deviation ** ((h > 1) + (w > 1))


def resized_down(shape: Shape, rng: Rng, *, taps: tuple[float, ...], factor: float) -> Float:
    """Noise of twice the size, filtered along each axis and every second value kept, times a factor."""
    x = normal((shape[0], shape[1], 2 * shape[2], 2 * shape[3]), rng)
    for axis in (2, 3):
        x = sum(weight * np.roll(x, -k, axis) for k, weight in enumerate(taps))  # type: ignore[assignment]
        x = x[:, :, ::2] if axis == 2 else x[..., ::2]
    return factor * x


def pyramid(shape: Shape, rng: Rng) -> Float:
    """White noise and coarser noises on it, of unit variance in expectation."""
    b, c, h, w = shape
    x = normal(shape, rng)
    for octave, factor in enumerate(_OCTAVES, 1):
        coarse = normal((b, c, -(-h // factor), -(-w // factor)), rng)
        x += _DISCOUNT**octave * enlarged(enlarged(coarse, factor, 2), factor, 3)[..., :h, :w]
    return x / math.sqrt(_pyramid_covariance(0))


def _pyramid_covariance(lag: int) -> float:
    octaves = sum(
        _DISCOUNT ** (2 * k) * enlargement_covariance(f, 0) * enlargement_covariance(f, lag)
        for k, f in enumerate(_OCTAVES, 1)
    )
    return float(lag == 0) + octaves


def perlin(shape: Shape, rng: Rng) -> Float:
    """Smooth interpolation of random slopes on a lattice of 8 pixels, each plane standardised."""
    b, c, h, w = shape
    cells = (b, c, -(-h // _CELL), -(-w // _CELL))
    angle = rng.uniform(0.0, 2.0 * math.pi, cells)
    slope = (np.sin(angle), np.cos(angle))
    u = (np.arange(_CELL) + 0.5) / _CELL
    fade = faded(u)
    total = np.zeros((b, c, cells[2], _CELL, cells[3], _CELL))
    for i in (0, 1):
        for j in (0, 1):
            weight = np.multiply.outer(fade if i else 1.0 - fade, fade if j else 1.0 - fade)
            sides = [np.roll(s, (-i, -j), (2, 3))[..., :, np.newaxis, :, np.newaxis] for s in slope]
            ramp = sides[0] * (u - i)[:, np.newaxis, np.newaxis] + sides[1] * (u - j)
            total += weight[:, np.newaxis, :] * ramp
    x = total.reshape(b, c, cells[2] * _CELL, cells[3] * _CELL)[..., :h, :w]
    return standardised(x)


def faded(u: Float) -> Float:
    """Perlin's smooth step from 0 to 1."""
    return u**3 * (u * (6.0 * u - 15.0) + 10.0)


def _perlin_correlation() -> float:
    """Correlation of neighbours along w, averaged over the places in a cell."""
    d = np.arange(-_CELL, _CELL) + 0.5
    weight = faded(1.0 - np.abs(d) / _CELL)
    ramp = weight * d
    both = np.sum(ramp[1:] * ramp[:-1]) * np.sum(weight**2) + np.sum(weight[1:] * weight[:-1]) * np.sum(
        ramp**2
    )
    return float(both / (2.0 * np.sum(ramp**2) * np.sum(weight**2)))


def channel_means(channels: int) -> Float:
    """Means of the channels of an encoded image, shape (c, 1, 1)."""
    return np.resize(_MEANS, channels)[:, np.newaxis, np.newaxis]


def image_like(shape: Shape, rng: Rng) -> Float:
    """Fields of power 1/f^2 with a mean for each channel, as autoencoders return them."""
    return coloured(shape, rng, -2.0) + channel_means(shape[1])


def leakage(shape: Shape, rng: Rng) -> Float:
    """The last step of a schedule that does not end in pure noise."""
    return _LEAK * image_like(shape, rng) + math.sqrt(1.0 - _LEAK**2) * normal(shape, rng)


def tint(shape: Shape, rng: Rng, *, amplitude: float) -> Float:
    """An offset for every channel of every sample."""
    return normal(shape, rng) + amplitude * normal((*shape[:2], 1, 1), rng)


def slope(shape: Shape, rng: Rng, *, power: float) -> Float:
    """A slope from left to right, of unit power together with the noise."""
    ramp = np.arange(shape[3]) - (shape[3] - 1) / 2.0
    return mixed(normal(shape, rng), ramp / np.sqrt(np.mean(ramp**2)), power)


def inverted(shape: Shape, rng: Rng) -> Float:
    """A tenth of the power in a smooth field of the image that was inverted."""
    return mixed(normal(shape, rng), blurred(shape, rng, _INVERTED_WIDTH), _INVERTED_POWER)


def ring_watermark(shape: Shape, rng: Rng, *, radius: int = 10) -> Float:
    """Rings of constant value in the Fourier plane of the first channel, as deep as the radius."""
    x = normal(shape, rng)
    h, w = shape[2:]
    distance = np.hypot(np.fft.fftfreq(h, 1 / h)[:, np.newaxis], np.fft.fftfreq(w, 1 / w))
    ring = np.rint(distance).astype(int)
    inside = ring <= min(radius, max(h, w) // 3)
    key = normal((radius + 1, 2), rng) @ np.array([1.0, 1.0j]) * math.sqrt(h * w / 2.0)
    plane = np.fft.fft2(x[:, 0])
    plane[:, inside] = key[ring[inside]]
    x[:, 0] = np.fft.ifft2(plane).real
    return x


def low_pass(shape: Shape, rng: Rng) -> Float:
    """Nothing above three quarters of the highest frequency along w; unit variance."""
    f = np.fft.rfftfreq(shape[3])
    gain = np.where(f <= 0.375, 1.0, 0.0)
    weight = np.where((f == 0) | (f == 0.5), 1.0, 2.0)
    return filtered(normal(shape, rng), gain[np.newaxis] / np.sqrt(np.sum(weight * gain) / np.sum(weight)))


def _colour(name: str, exponent: float) -> Defect:
    return Defect(
        name=name,
        title=f"{name} noise, power f^{exponent:+g}",
        story="a creative noise, normalised, in place of white noise",
        source="ClownsharkBatwing/RES4LYF; blepping/ComfyUI-sonar",
        recipe=partial(coloured, slope=exponent),
        family="spectrum",
        statistics=_SPECTRUM,
        truth={"mean": 0.0, "std": 1.0, "slope": exponent},
        hint=name,
        needs="w",
    )


DEFECTS = (
    _colour("pink", -1.0),
    _colour("brown", -2.0),
    _colour("blue", 1.0),
    _colour("violet", 2.0),
    Defect(
        name="perlin",
        title="Perlin noise, cells of 8 pixels",
        story="a creative noise, normalised, in place of white noise",
        source="ClownsharkBatwing/RES4LYF; blepping/ComfyUI-sonar",
        recipe=perlin,
        family="spectrum",
        statistics=_SPECTRUM,
        truth={"mean": 0.0, "std": 1.0, "cyclic_lag1": _perlin_correlation()},
        needs="w",
        hint="Perlin",
    ),
    Defect(
        name="pyramid",
        title="pyramid noise, three octaves",
        story="white noise with enlarged coarser noises on it, normalised",
        source="ClownsharkBatwing/RES4LYF; jy0205/Pyramid-Flow issue 250",
        recipe=pyramid,
        family="spectrum",
        statistics=_SPECTRUM,
        truth={"std": 1.0, "lag1": _pyramid_covariance(1) / _pyramid_covariance(0)},
        needs="w",
        hint="pyramid noise",
    ),
    Defect(
        name="resized_up",
        title="bilinear enlargement by 2, unit variance",
        story="noise of one size is interpolated to another and normalised",
        source="jy0205/Pyramid-Flow issue 250",
        recipe=resized_up,
        family="spectrum",
        statistics=_SPECTRUM,
        truth={"std": 1.0, "lag1": enlargement_covariance(2, 1) / enlargement_covariance(2, 0)},
        needs="w",
        hint="resized",
    ),
    Defect(
        name="resized_down",
        title="halved by averaging four pixels",
        story="noise is reduced with the image and loses half of its scale",
        source="PKU-YuanGroup/Helios issue 116",
        recipe=partial(resized_down, taps=(0.5, 0.5), factor=1.0),
        family="moments",
        statistics=("moment", "hermite", "anderson_darling"),
        truth={"std": 0.5, "lag1": 0.0},
        hint="half scale",
    ),
    Defect(
        name="resized_down_smooth",
        title="halved by antialiased bilinear resizing, times 2",
        story="the factor that repairs averaging does not repair an antialiased resize",
        source="PKU-YuanGroup/Helios issue 116",
        recipe=partial(resized_down, taps=(0.125, 0.375, 0.375, 0.125), factor=2.0),
        family="spectrum",
        statistics=(*_SPECTRUM, "moment"),
        truth={"std": 0.625, "lag1": 0.3, "lag1_h": 0.3},
        hint="resized",
    ),
    Defect(
        name="low_pass",
        title="no power above 0.375 cycles a pixel",
        story="noise was enlarged by a good filter and normalised: the top of the spectrum is empty",
        source="PKU-YuanGroup/Helios issue 116",
        recipe=low_pass,
        family="spectrum",
        statistics=_SPECTRUM,
        truth={"std": 1.0, "top_power": 0.0},
        needs="w",
        hint="sharp filter",
    ),
    Defect(
        name="terminal_leakage",
        title="terminal signal-to-noise ratio above 0",
        story="the last step of training still holds 0.068 of the image: its mean and its low frequencies",
        source="Lin et al., arXiv 2305.08891",
        recipe=leakage,
        family="spectrum",
        statistics=("spectral_peak", "band_power", "moment"),
        truth={"first_channel_mean": _LEAK * _MEANS[0]},
        hint="terminal signal",
    ),
    Defect(
        name="offset_noise",
        title="offset noise 0.1",
        story="a random offset for each channel, a common trick of training, is left in the noise",
        source="kohya-ss/sd-scripts, noise_offset",
        recipe=partial(tint, amplitude=0.1),
        family="spectrum",
        statistics=("spectral_peak", "band_power", "moment"),
        truth={"std": math.sqrt(1.01), "tint": 0.01},
        needs="c",
        hint="means of their own",
    ),
    Defect(
        name="slope_tint",
        title="a slope of 1 % of the power",
        story="a gradient of the image shines through",
        source="suxuann/ddib issue 13",
        recipe=partial(slope, power=0.01),
        family="spectrum",
        statistics=("spectral_peak", "band_power"),
        truth={"std": 1.0, "ramp": 0.1},
        needs="w",
        hint="lowest frequencies",
    ),
    Defect(
        name="inverted",
        title="a tenth of the power in a smooth field",
        story="inverted noise still shows the image",
        source="suxuann/ddib issue 13; inbarhub/DDPM_inversion issue 14",
        recipe=inverted,
        family="spectrum",
        statistics=_SPECTRUM,
        truth={"std": 1.0, "lag1": _INVERTED_POWER * math.exp(-1 / (4 * _INVERTED_WIDTH**2))},
        needs="w",
        hint="lowest frequencies",
    ),
    Defect(
        name="image_latents",
        title="latents of images",
        story="a training cache is taken for noise",
        source="kohya-ss/sd-scripts PR 2010",
        recipe=image_like,
        family="spectrum",
        statistics=(*_SPECTRUM, "moment"),
        truth={"slope": -2.0, "first_channel_mean": _MEANS[0]},
        needs="hw",
        hint="latents of images",
    ),
    Defect(
        name="ring_watermark",
        title="tree-ring watermark",
        story="rings of constant value in the Fourier plane of one channel",
        source="YuxinWenRick/tree-ring-watermark issues 9, 40 and 43",
        recipe=ring_watermark,
        family="spectrum",
        statistics=("band_power", "power_spectrum", "spectral_flatness"),
        truth={"ring_spread": 0.0},
        needs="hw",
        hint="watermark",
    ),
)
