"""Noise without fault, made and stored in many ways: it must pass."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from zoo.defect import Defect, Recipe, Shape
from zoo.pipelines import packed
from zoo.tools import Float, Rng, inverse_normal, normal, rounded


def native_float32(shape: Shape, rng: Rng) -> NDArray[np.float32]:
    """The ziggurat of NumPy in single precision."""
    return rng.standard_normal(shape, dtype=np.float32)


def quantile_23_bits(shape: Shape, rng: Rng) -> NDArray[np.float32]:
    """Inverse error function of float32 uniforms of 23 bits, as JAX draws."""
    low = np.nextafter(np.float32(-1.0), np.float32(0.0))
    u = np.ldexp(rng.integers(0, 2**23, shape).astype(np.float32), -23)
    return inverse_normal(np.maximum(low, u * (np.float32(1.0) - low) + low)).astype(np.float32)


def stored(shape: Shape, rng: Rng, *, name: str) -> Float:
    """Rounded to a narrow format."""
    return rounded(normal(shape, rng), name)


def turned(shape: Shape, rng: Rng) -> Float:
    """Axes swapped."""
    b, c, h, w = shape
    return np.swapaxes(normal((b, c, w, h), rng), 2, 3)


def shuffled(shape: Shape, rng: Rng) -> Float:
    """In random order."""
    return rng.permutation(normal(math.prod(shape), rng)).reshape(shape)


def packed_noise(shape: Shape, rng: Rng) -> Float:
    """Packed to tokens."""
    return packed(normal(shape, rng))


def rotated(shape: Shape, rng: Rng) -> Float:
    """After an orthogonal transform: the Hartley transform of each plane."""
    bins = np.fft.fft2(normal(shape, rng), norm="ortho")
    return bins.real - bins.imag


def on_a_circle(shape: Shape, rng: Rng) -> Float:
    """Two noises interpolated with weights whose squares sum to 1."""
    return 0.6 * normal(shape, rng) + 0.8 * normal(shape, rng)


_WHITE = {"mean": 0.0, "std": 1.0, "kurtosis": 0.0, "lag1": 0.0, "lag1_h": 0.0}


def _good(name: str, title: str, recipe: Recipe, story: str, *, source: str = "", **truth: float) -> Defect:
    return Defect(
        name=name,
        title=title,
        story=story,
        source=source or "a control",
        recipe=recipe,
        family="none",
        truth=_WHITE | truth,
        fault=False,
    )


DEFECTS = (
    _good("clean", "float32 from float64", normal, "the plain case"),
    _good("clean_float32", "drawn in float32", native_float32, "generators of 23 and 24 bits are common"),
    _good(
        "clean_23_bits",
        "inverse error function, 23 bits",
        quantile_23_bits,
        "values on a grid of 2**23 levels repeat more often than float32 explains",
        source="jax-ml/jax, random.normal",
    ),
    _good("clean_bf16", "rounded to bf16", partial(stored, name="bf16"), "stored narrow, widened again"),
    _good("clean_fp16", "rounded to fp16", partial(stored, name="fp16"), "stored narrow, widened again"),
    _good(
        "clean_fp8_e4m3",
        "rounded to fp8 e4m3",
        partial(stored, name="fp8_e4m3"),
        "stored narrow, widened again",
        std=0.9996376054435657,
        kurtosis=0.00889987623816113,
    ),
    _good(
        "clean_fp8_e5m2",
        "rounded to fp8 e5m2",
        partial(stored, name="fp8_e5m2"),
        "stored narrow, widened again",
        std=0.9985536253087484,
        kurtosis=0.03538367380641638,
    ),
    _good("clean_turned", "axes swapped", turned, "white noise has no preferred axis"),
    _good("clean_shuffled", "shuffled", shuffled, "white noise has no order"),
    _good(
        "clean_packed",
        "packed to tokens",
        packed_noise,
        "white noise survives any packing",
        source="huggingface/diffusers, pipeline_flux._pack_latents",
    ),
    _good("clean_rotated", "after an orthogonal transform", rotated, "white noise survives any rotation"),
    _good(
        "clean_slerp",
        "interpolated on the circle",
        on_a_circle,
        "the right way to mix two noises",
        source="Creative-comfyUI/seed_eng issue 1",
    ),
)
