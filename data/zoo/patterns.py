"""Noise with a regular pattern or a faint dependence along the axes."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from zoo.defect import Defect, Shape
from zoo.tools import Float, Rng, normal

_TERMS = 14  # of the moving average that stands for an AR(1): what is left out is below 0.1**14
_PERIOD = 8
_WAVE = 3 / 16  # cycles a pixel


def checkerboard(shape: Shape, rng: Rng, *, amplitude: float) -> Float:
    """Noise and an alternating sign."""
    h, w = np.indices(shape[2:])
    return normal(shape, rng) + amplitude * (1.0 - 2.0 * ((h + w) % 2))


def stripes(shape: Shape, rng: Rng, *, amplitude: float) -> Float:
    """Every eighth column raised, the mean of the row kept."""
    column = np.where(np.arange(shape[3]) % _PERIOD == 0, 1.0, -1.0 / (_PERIOD - 1))
    return normal(shape, rng) + amplitude * column


def wave(shape: Shape, rng: Rng, *, amplitude: float) -> Float:
    """Noise and one cosine along w, its phase drawn once."""
    phase = rng.uniform(0.0, 2.0 * math.pi)
    return normal(shape, rng) + amplitude * np.cos(2.0 * math.pi * _WAVE * np.arange(shape[3]) + phase)


def autoregressive(shape: Shape, rng: Rng, *, correlation: float) -> Float:
    """Stationary AR(1) along w, of unit variance."""
    x = normal((*shape[:3], shape[3] + _TERMS), rng)
    total = np.zeros(shape)
    for k in range(_TERMS):
        total += correlation**k * x[..., _TERMS - k : _TERMS - k + shape[3]]
    return total * math.sqrt(1.0 - correlation**2)


def ascending(shape: Shape, rng: Rng) -> Float:
    """The values of every sample sorted."""
    return np.sort(normal(shape, rng).reshape(shape[0], -1), axis=1).reshape(shape)


def seams(shape: Shape, rng: Rng, *, scale: float) -> Float:
    """Every eighth column of another scale; unit variance together."""
    column = np.where(np.arange(shape[3]) % _PERIOD == 0, scale, 1.0)
    return normal(shape, rng) * column / math.sqrt((scale**2 + _PERIOD - 1) / _PERIOD)


def _seam_kurtosis(scale: float) -> float:
    second = (scale**2 + _PERIOD - 1) / _PERIOD
    return 3 * (scale**4 + _PERIOD - 1) / _PERIOD / second**2 - 3


def _autoregressive(name: str, correlation: float) -> Defect:
    return Defect(
        name=name,
        title=f"AR(1) along w, {correlation:g}",
        story="a smoothing step so faint that no picture shows it",
        source="huggingface/diffusers PR 2397, the noise regulariser of pix2pix-zero",
        recipe=partial(autoregressive, correlation=correlation),
        family="spectrum",
        statistics=("autocorrelation", "cumulative_periodogram", "band_power"),
        truth={"std": 1.0, "lag1": correlation, "lag1_h": 0.0},
        needs="w",
        hint="neighbours",
    )


DEFECTS = (
    Defect(
        name="checkerboard",
        title="checkerboard of amplitude 0.05",
        story="transposed convolutions leave an alternating pattern",
        source="Odena, Dumoulin and Olah 2016, Distill, Deconvolution and checkerboard artifacts",
        recipe=partial(checkerboard, amplitude=0.05),
        family="spectrum",
        statistics=("spectral_peak",),
        truth={"mean": 0.0, "std": math.sqrt(1.0025), "checker": 0.05},
        hint="checkerboard",
        needs="hw",
    ),
    Defect(
        name="stripes",
        title="every eighth column raised",
        story="the grid of an autoencoder that reduces by 8",
        source="CompVis/latent-diffusion, autoencoders of stride 8",
        recipe=partial(stripes, amplitude=0.1),
        family="spectrum",
        statistics=("spectral_peak", "band_power"),
        truth={"mean": 0.0, "stripe": 0.1},
        needs="w",
        hint="periodic pattern",
    ),
    Defect(
        name="wave",
        title="one cosine of amplitude 0.07",
        story="hum: a single frequency along w",
        source="Fisher 1929, Tests of significance in harmonic analysis",
        recipe=partial(wave, amplitude=0.07),
        family="spectrum",
        statistics=("spectral_peak",),
        truth={"wave": 0.07},
        needs="w",
        hint="periodic pattern",
    ),
    _autoregressive("ar1_002", 0.02),
    _autoregressive("ar1_010", 0.1),
    Defect(
        name="sorted",
        title="sorted values",
        story="quantiles or sorted draws, saved without a shuffle",
        source="no public report; a control that no marginal test sees",
        recipe=ascending,
        family="spectrum",
        statistics=("power_spectrum", "spectral_peak", "autocorrelation", "band_power"),
        truth={"std": 1.0, "kurtosis": 0.0, "descents": 0.0},
        hint="sorted values",
    ),
    Defect(
        name="seams",
        title="every eighth column of scale 1.3, unit variance",
        story="tiles meet and their overlap has another variance",
        source="huggingface/diffusers, tiled decoding of autoencoders",
        recipe=partial(seams, scale=1.3),
        family="moments",
        statistics=("hermite",),
        truth={"std": 1.0, "lag1": 0.0, "kurtosis": _seam_kurtosis(1.3), "seam": 1.3},
        needs="w",
        hint="different scales",
    ),
)
