"""A guess, in a few words, of what wrote a tensor and what it stands for; from names and metadata alone.

Source: the writers' own code (ComfyUI ``SaveLatent``, sd-scripts ``strategy_base``, the latent caches of
musubi-tuner and ai-toolkit, MAR ``engine_mar``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gausscheck.sources.base import TensorEntry
from gausscheck.sources.names import is_noise_name, skip_reason, words

__all__ = ["guess_kind"]

_MUSUBI = re.compile(r"latents(_[a-z]+)*_\d+x\d+x\d+_(bfloat16|float16|float32)")
_KOHYA = re.compile(r"latents(_flipped)?_\d+x\d+")
_START = {"init", "initial", "start", "inverted", "z", "zt", "xt"}


def guess_kind(entry: TensorEntry, metadata: Mapping[str, str]) -> str:
    """Guess what a tensor is.

    Parameters
    ----------
    entry : TensorEntry
        The tensor.
    metadata : Mapping[str, str]
        Metadata of its file.

    Returns
    -------
    str
        A few words, or ``""`` where the names say nothing.
    """
    if entry.key.startswith("latent_format_version"):
        return "ComfyUI format marker"
    skipped = skip_reason(entry.key)
    if skipped:
        return skipped
    if entry.key == "latent_tensor":
        return "ComfyUI latent (VAE space, unscaled)"
    if _MUSUBI.fullmatch(entry.key):
        return "musubi-tuner cache (VAE latents of training data)"
    if _KOHYA.fullmatch(entry.key):
        return "kohya cache (VAE latents of training images)"
    if "latent_space_version" in metadata:
        return "ai-toolkit cache (VAE latents of training data)"
    parts = words(entry.key)
    if not is_noise_name(entry.key):
        return ""
    if _START.intersection(parts) or parts[:2] == ("x", "t"):
        return "initial or inverted noise"
    if {"noise", "eps", "epsilon", "noises"}.intersection(parts):
        return "noise"
    if "noisy" in parts:
        return "noisy latents"
    if "packed" in parts:
        return "packed latents (tokens of 2x2 patches)"
    return "latents"
