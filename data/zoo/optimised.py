"""Noise that is too good: matched, levelled, stratified."""

from __future__ import annotations

import math

import numpy as np

from zoo.defect import Defect, Shape
from zoo.tools import Float, Rng, inverse_normal, normal

_BLOCK = 16
_TARGET = math.sqrt(math.pi) / 2.0


def matched(shape: Shape, rng: Rng) -> Float:
    """Every sample brought to mean 0 and standard deviation 1."""
    x = normal(shape, rng).reshape(shape[0], -1)
    x -= x.mean(axis=1, keepdims=True)
    return (x / x.std(axis=1, keepdims=True)).reshape(shape)


def stratified(shape: Shape, rng: Rng) -> Float:
    """The quantiles at (i + 1/2) / n, shuffled."""
    n = math.prod(shape)
    x = (2.0 * np.arange(n) + 1.0 - n) / n
    return rng.permutation(inverse_normal(x)).reshape(shape)


def levelled(shape: Shape, rng: Rng) -> Float:
    """Mean amplitude of every block of 16 frequencies of the flattened sample at its target."""
    x = normal(shape, rng).reshape(shape[0], -1)
    size = x.shape[1]
    bins = np.fft.rfft(x, norm="ortho")
    inner = bins[:, 1 : (size + 1) // 2]
    for k in range(0, inner.shape[1], _BLOCK):
        block = inner[:, k : k + _BLOCK]
        block *= _TARGET / np.mean(np.abs(block), axis=1, keepdims=True)
    return np.fft.irfft(bins, size, norm="ortho").reshape(shape)


def unit_amplitudes(shape: Shape, rng: Rng) -> Float:
    """Every amplitude of the spectrum of each plane 1, the phases left."""
    bins = np.fft.rfft2(normal(shape, rng), norm="ortho")
    return np.fft.irfft2(bins / np.abs(bins), s=shape[2:], norm="ortho")


def decorrelated(shape: Shape, rng: Rng) -> Float:
    """Channels made exactly orthonormal over the batch and the plane."""
    rows = np.moveaxis(normal(shape, rng), 1, 0).reshape(shape[1], -1)
    gram = rows @ rows.T / rows.shape[1]
    values, vectors = np.linalg.eigh(gram)
    rows = (vectors / np.sqrt(values)) @ vectors.T @ rows
    return np.moveaxis(rows.reshape(shape[1], shape[0], *shape[2:]), 0, 1)


DEFECTS = (
    Defect(
        name="moments_matched",
        title="mean 0 and deviation 1 to the last digit",
        story="noise is normalised sample by sample",
        source="comfyanonymous/ComfyUI issue 6924",
        recipe=matched,
        family="moments",
        statistics=("moment", "hermite"),
        truth={"sample_mean": 0.0, "sample_std": 1.0},
    ),
    Defect(
        name="too_perfect",
        title="stratified quantiles, shuffled",
        story="an optimiser or a quasi-random sequence that fits the law better than chance allows",
        source="quasi-random normal numbers; losses of the empirical law driven to 0",
        recipe=stratified,
        family="marginal",
        statistics=("kolmogorov", "anderson_darling", "moment"),
        truth={"kolmogorov_distance": 0.5},
        hint="too closely",
    ),
    Defect(
        name="too_flat",
        title="every block of the spectrum at its target",
        story="the minimiser of a spectral loss: flatter than noise",
        source="garibida/ReNoise-Inversion, noise regularisation driven to its minimum",
        recipe=levelled,
        family="spectrum",
        statistics=("power_spectrum", "spectral_flatness"),
        truth={"block_spread": 0.0},
        hint="flatter",
    ),
    Defect(
        name="unit_amplitudes",
        title="every amplitude 1, random phases",
        story="random-phase textures: the periodogram has no scatter at all",
        source="Galerne, Gousseau and Morel 2011, Random phase textures",
        recipe=unit_amplitudes,
        family="spectrum",
        statistics=("spectral_flatness", "power_spectrum", "cumulative_periodogram", "autocorrelation"),
        truth={"sample_std": 1.0, "amplitude_spread": 0.0},
        hint="flatter",
        needs="w",
    ),
    Defect(
        name="decorrelated",
        title="channels exactly uncorrelated",
        story="whitening by the sample's own covariance",
        source="facebookresearch/vicreg and other covariance losses, driven to 0",
        recipe=decorrelated,
        family="moments",
        statistics=("moment", "channel_correlation"),
        truth={"channel_gram_error": 0.0},
        needs="c",
    ),
)
