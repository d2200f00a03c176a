"""Tensors that hold something else beside noise, or noise in another order."""

from __future__ import annotations

from functools import partial

import numpy as np

from zoo.defect import Defect, Shape
from zoo.fields import image_like
from zoo.patterns import checkerboard
from zoo.tools import Float, Rng, normal

_SHARE = 16  # one value of so many belongs to the label
_LOG_VARIANCE = -17.0


def labelled(shape: Shape, rng: Rng) -> Float:
    """The last sixteenth of every sample is one-hot."""
    x = normal(shape, rng).reshape(shape[0], -1)
    length = -(-x.shape[1] // _SHARE)
    x[:, -length:] = 0.0
    x[np.arange(shape[0]), x.shape[1] - length + rng.integers(0, length, shape[0])] = 1.0
    return x.reshape(shape)


def moments_cache(shape: Shape, rng: Rng) -> Float:
    """Half of the channels are means, the other half logarithms of variances."""
    x = image_like(shape, rng)
    half = shape[1] // 2
    x[:, half:] = _LOG_VARIANCE + normal((shape[0], shape[1] - half, *shape[2:]), rng)
    return x


def packed(x: Float) -> Float:
    """Blocks of 2 x 2 pixels of all channels made into tokens, in the shape that was."""
    b, c, h, w = x.shape
    p, q = (2 if size % 2 == 0 else 1 for size in (h, w))
    blocks = x.reshape(b, c, h // p, p, w // q, q).transpose(0, 2, 4, 1, 3, 5)
    return blocks.reshape(x.shape)


def packed_image(shape: Shape, rng: Rng) -> Float:
    """Latents of images as tokens."""
    return packed(image_like(shape, rng))


def packed_checkerboard(shape: Shape, rng: Rng, *, amplitude: float) -> Float:
    """Noise with a checkerboard, as tokens."""
    return packed(checkerboard(shape, rng, amplitude=amplitude))


DEFECTS = (
    Defect(
        name="label_glued",
        title="a one-hot part glued to noise",
        story="the input of a conditional generator: noise and label in one vector",
        source="ajbrock/BigGAN-PyTorch, noise and class joined",
        recipe=labelled,
        family="dependence",
        statistics=("duplicates", "moment", "hermite"),
        truth={"zeros": 1 / _SHARE - 1 / 2**14, "ones": 1.0},
        hint="one-hot label",
    ),
    Defect(
        name="moments_cache",
        title="means and logarithms of variances",
        story="a cache of posteriors, twice the channels, is taken for latents",
        source="LTH14/mar issue 2; its cached moments",
        recipe=moments_cache,
        family="moments",
        statistics=("moment", "anderson_darling"),
        truth={"last_channel_mean": _LOG_VARIANCE},
        needs="chw",
        hint="moments cache",
    ),
    Defect(
        name="packed_image",
        title="latents of images, packed to tokens",
        story="latents of FLUX are saved as tokens and read as planes",
        source="huggingface/diffusers, pipeline_flux._pack_latents",
        recipe=packed_image,
        family="spectrum",
        statistics=("power_spectrum", "band_power", "moment", "autocorrelation"),
        truth={"unpacked_slope": -2.0},
        needs="hw",
        hint="packed tokens",
    ),
    Defect(
        name="packed_checkerboard",
        title="a checkerboard of 0.1, packed to tokens",
        story="packing turns a pixel pattern into one along tokens",
        source="huggingface/diffusers, pipeline_flux._pack_latents",
        recipe=partial(packed_checkerboard, amplitude=0.1),
        family="spectrum",
        statistics=("spectral_peak",),
        truth={"mean": 0.0, "unpacked_checker": 0.1},
        needs="hw",
        hint="tokens of 2×2 patches",
    ),
)
