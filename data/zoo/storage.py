"""What storage does to noise: coarse grids, cut mantissas, holes."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from zoo.defect import Defect, Shape
from zoo.tools import Float, Rng, normal

_UINT8_SPAN = 24.0  # value = (code / 255 - 0.5) * 24
_LATENT_STEP = _UINT8_SPAN / 255.0
# Scale that is left where the bits below the mantissa of bfloat16 are cut off: sqrt(sum v^2 P(cell)) over all
# cells of N(0, 1), v the end of the cell that is nearer to 0.
_CUT_SCALE = 0.9971849440687169


def uint8_grid(shape: Shape, rng: Rng) -> Float:
    """Through 256 codes over a span of 24."""
    code = np.rint((normal(shape, rng) / _UINT8_SPAN + 0.5) * 255.0)
    return (np.clip(code, 0.0, 255.0) / 255.0 - 0.5) * _UINT8_SPAN


def int8_grid(shape: Shape, rng: Rng) -> Float:
    """Through 255 codes, the largest modulus of the tensor on the last."""
    x = normal(shape, rng)
    step = np.abs(x).max() / 127.0
    return np.rint(x / step) * step


def cut_mantissa(shape: Shape, rng: Rng) -> NDArray[np.float32]:
    """The low 16 bits of float32 set to 0: bfloat16 by truncation."""
    bits = normal(shape, rng).astype(np.float32).view(np.uint32)
    return (bits & np.uint32(0xFFFF0000)).view(np.float32)


def scattered_zeros(shape: Shape, rng: Rng, *, share: float) -> Float:
    """A share of the values is 0."""
    x = normal(shape, rng)
    x[rng.random(shape) < share] = 0.0
    return x


def hole(shape: Shape, rng: Rng) -> Float:
    """A corner of every plane, an eighth of each side, is 0."""
    x = normal(shape, rng)
    x[..., : -(-shape[2] // 8), : -(-shape[3] // 8)] = 0.0
    return x


def hole_share(h: int, w: int) -> float:
    """Share of the values in :func:`hole`."""
    return -(-h // 8) * -(-w // 8) / (h * w)


DEFECTS = (
    Defect(
        name="uint8_grid",
        title="256 codes over a span of 24",
        story="latents cached in 8 bits; the grid itself is uniform",
        source="cloneofsimo/imagenet.int8",
        recipe=uint8_grid,
        family="dependence",
        statistics=("duplicates", "anderson_darling", "kolmogorov"),
        truth={"std": math.sqrt(1.0 + _LATENT_STEP**2 / 12.0), "levels": 256},
        hint="even grid",
    ),
    Defect(
        name="int8_grid",
        title="quantised through int8",
        story="a tensor went through 8-bit storage with a scale of its own",
        source="TimDettmers/bitsandbytes, 8-bit quantisation by the largest modulus",
        recipe=int8_grid,
        family="dependence",
        statistics=("duplicates", "anderson_darling", "kolmogorov"),
        truth={"levels": 255},
        hint="even grid",
    ),
    Defect(
        name="bf16_truncated",
        title="bfloat16 by cutting bits",
        story="the low half of float32 is dropped without rounding: all values shrink",
        source="tensorflow/tensorflow, truncate_to_bfloat16",
        recipe=cut_mantissa,
        family="marginal",
        statistics=("anderson_darling", "kolmogorov", "moment"),
        truth={"std": _CUT_SCALE, "low_bits": 0.0},
        hint="cut to bf16",
    ),
    Defect(
        name="zeros_1",
        title="1 % of the values are 0",
        story="dropout was left on, or a mask was multiplied in",
        source="kohya-ss/sd-scripts, alpha_mask in latent caches",
        recipe=partial(scattered_zeros, share=0.01),
        family="dependence",
        statistics=("duplicates", "moment"),
        truth={"std": math.sqrt(0.99), "zeros": 0.01},
        hint="exactly 0",
    ),
    Defect(
        name="nan_to_zero",
        title="a hole of zeros",
        story="NaN of a region were replaced by 0 when the cache was saved",
        source="kohya-ss/musubi-tuner, latent caches",
        recipe=hole,
        family="dependence",
        statistics=("duplicates", "moment"),
        truth={"std": math.sqrt(1.0 - hole_share(64, 64)), "zeros": hole_share(64, 64)},
        hint="exactly 0",
    ),
)
