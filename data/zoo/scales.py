"""Noise of another scale or mean."""

from __future__ import annotations

import math
from functools import partial

from zoo.defect import Defect, Shape
from zoo.tools import Float, Rng, normal

_SEES = ("moment", "hermite", "anderson_darling")


def affine(shape: Shape, rng: Rng, *, scale: float = 1.0, mean: float = 0.0) -> Float:
    """N(mean, scale^2)."""
    return mean + scale * normal(shape, rng)


def interpolated(shape: Shape, rng: Rng, *, share: float) -> Float:
    """(1 - share) a + share b of two noises."""
    return (1.0 - share) * normal(shape, rng) + share * normal(shape, rng)


def _scaled(
    name: str, title: str, scale: float, story: str, source: str, *, hint: str | None = None
) -> Defect:
    return Defect(
        name=name,
        title=title,
        story=story,
        source=source,
        recipe=partial(affine, scale=scale),
        family="moments",
        statistics=_SEES,
        truth={"mean": 0.0, "std": scale, "kurtosis": 0.0},
        hint=hint,
    )


def _shifted(name: str, title: str, mean: float, story: str, source: str, *, hint: str) -> Defect:
    return Defect(
        name=name,
        title=title,
        story=story,
        source=source,
        recipe=partial(affine, mean=mean),
        family="moments",
        statistics=("moment", "anderson_darling", "kolmogorov"),
        truth={"mean": mean, "std": 1.0},
        hint=hint,
    )


def _interpolated(name: str, share: float) -> Defect:
    return Defect(
        name=name,
        title=f"two noises interpolated linearly, {share:g}",
        story="seeds are mixed by lerp instead of slerp: the variance drops and images blur",
        source="Creative-comfyUI/seed_eng issue 1",
        recipe=partial(interpolated, share=share),
        family="moments",
        statistics=_SEES,
        truth={"std": math.hypot(1.0 - share, share), "kurtosis": 0.0},
        hint="interpolation",
    )


_BEFORE = "tensor of the autoencoder's own scale, taken for model space"
_LATENTS = "huggingface/diffusers issues 437 and 7111"

DEFECTS = (
    _scaled("scale_sd1", "1/0.18215, SD1 and SD2", 1 / 0.18215, _BEFORE, _LATENTS, hint="SD1.x"),
    _scaled("scale_sdxl", "1/0.13025, SDXL", 1 / 0.13025, _BEFORE, _LATENTS, hint="SDXL"),
    _scaled("scale_sd3", "1/1.5305, SD3", 1 / 1.5305, _BEFORE, _LATENTS, hint="SD3"),
    _scaled("scale_flux", "1/0.3611, FLUX.1", 1 / 0.3611, _BEFORE, _LATENTS, hint="FLUX.1"),
    _scaled(
        "scale_hunyuan",
        "1/0.476986, HunyuanVideo",
        1 / 0.476986,
        "caches of HunyuanVideo latents are written in the space of the autoencoder",
        "kohya-ss/musubi-tuner, latent caches",
        hint="HunyuanVideo",
    ),
    _scaled("scale_cogvideox", "1/1.15258, CogVideoX", 1 / 1.15258, _BEFORE, _LATENTS, hint="CogVideoX"),
    _scaled(
        "init_noise_sigma",
        "14.6146, first sigma of Euler samplers",
        14.6146,
        "noise saved after the scheduler's init_noise_sigma; a pipeline then multiplies it again",
        "huggingface/diffusers, latents= of the Stable Diffusion pipelines",
        hint="init_noise_sigma",
    ),
    _scaled(
        "sigma_max",
        "80, sigma_max of EDM",
        80.0,
        "noise saved after the multiplication by sigma_max",
        "NVlabs/edm, edm_sampler",
        hint="sigma_max",
    ),
    _scaled(
        "half_scaled",
        "half the scale",
        0.5,
        "latents of Playground 2.5 are halved after they were normalised",
        "huggingface/diffusers, Playground 2.5",
        hint="half scale",
    ),
    _scaled(
        "divided_noise",
        "noise divided by 1.77",
        1 / 1.77,
        "img2img divided the noise by the deviation of the latents as well: 57 % of it were left",
        "invoke-ai/InvokeAI PR 9556",
        hint="1.77",
    ),
    _scaled(
        "inverted_variance",
        "variance 0.71 after inversion",
        math.sqrt(0.71),
        "noise that an inversion returns has lost variance",
        "garibida/ReNoise-Inversion issue 11",
        hint="variance was lost",
    ),
    _scaled(
        "variance_105",
        "variance 1.05",
        math.sqrt(1.05),
        "noise off by a few per cent: an optimiser, an average, a resampling",
        "comfyanonymous/ComfyUI issue 6924",
        hint="only the scale is wrong",
    ),
    _scaled(
        "variance_102",
        "variance 1.02",
        math.sqrt(1.02),
        "a sampler within the tolerances of common unit tests",
        "ROCm/rocRAND, unit tests within 10 and 20 %",
        hint="only the scale is wrong",
    ),
    _scaled(
        "variance_098",
        "variance 0.98",
        math.sqrt(0.98),
        "predicted noise used in place of drawn noise",
        "garibida/ReNoise-Inversion issue 11",
        hint="only the scale is wrong",
    ),
    _shifted(
        "mean_0032",
        "mean 0.032",
        0.032,
        "a device's generator is off by ten sampling errors, hidden behind a tolerance of 4 %",
        "tenstorrent/tt-metal issue 50487",
        hint="shifted by",
    ),
    _shifted(
        "mean_shift_flux",
        "mean 0.1159, the shift of FLUX.1",
        0.1159,
        "the shift of the autoencoder is added and never taken off",
        "black-forest-labs/flux, autoencoder shift_factor",
        hint="of FLUX.1",
    ),
    _interpolated("lerp_half", 0.5),
    _interpolated("lerp_tenth", 0.1),
)
