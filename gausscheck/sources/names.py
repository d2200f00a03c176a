"""What the name of a tensor says: is it noise, something beside it, or neither."""

from __future__ import annotations

import re

__all__ = ["MOMENTS", "is_noise_name", "skip_reason", "words"]

MOMENTS = "posterior moments (mean and log-variance), not a sample"

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SKIP = {
    ("mask",): "a mask",
    ("masks",): "a mask",
    ("clip",): "a CLIP embedding",
    ("te",): "a text embedding",
    ("text",): "text conditioning",
    ("embed",): "an embedding",
    ("embeds",): "an embedding",
    ("embedding",): "an embedding",
    ("embeddings",): "an embedding",
    ("context",): "conditioning context",
    ("hint",): "a control image",
    ("original", "size"): "an image size",
    ("crop",): "crop coordinates",
    ("crops",): "crop coordinates",
    ("f", "indices"): "frame indices",
    ("num", "frames"): "a frame count",
    ("timestep",): "time steps",
    ("timesteps",): "time steps",
    ("moment",): MOMENTS,
    ("moments",): MOMENTS,
}
_NOISE = {"latent", "latents", "noise", "noises", "noisy", "eps", "epsilon", "sample", "samples"}
# x_T and z_T are also written xT and zT, which read as two words, or XT and zt, which read as one.
_SYMBOLS = (("z",), ("zt",), ("xt",), ("x", "t"))
# With one of these, a name speaks about the noise: latent_ids, noise_level, latents_mean.
_ABOUT = {
    *(
        "id",
        "ids",
        "index",
        "indices",
        "version",
        "format",
        "shape",
        "shapes",
        "size",
        "sizes",
        "count",
        "length",
    ),
    *("mean", "means", "std", "stds", "var", "logvar", "scale", "scales", "scaling", "factor", "shift"),
    *("level", "levels", "rate", "score", "loss"),
}


def words(name: str) -> tuple[str, ...]:
    """Split a name into lower-case words and numbers, at separators, digits and changes of case.

    Examples
    --------
    >>> words("latents_64x64"), words("initNoise"), words("zT"), words("te1_out")
    (('latents', '64', 'x', '64'), ('init', 'noise'), ('z', 't'), ('te', '1', 'out'))
    """
    return tuple(word.lower() for word in _WORD.findall(name))


def is_noise_name(key: str) -> bool:
    """Tell whether the last part of a dotted or slashed key names noise or latents.

    The words ``latent``, ``noise``, ``noisy``, ``eps``, ``sample`` count anywhere in it, the symbols
    ``z``, ``z_T`` and ``x_T`` at its beginning, unless another word makes it a quantity about the noise.
    """
    parts = words(re.split(r"[./]", key)[-1])
    if _ABOUT.intersection(parts):
        return False
    return bool(_NOISE.intersection(parts)) or any(parts[: len(symbol)] == symbol for symbol in _SYMBOLS)


def skip_reason(key: str) -> str:
    """Return what a tensor is, judged by a word anywhere in its key, if that is not noise; else ``""``."""
    parts = words(key)
    for phrase, what in _SKIP.items():
        if any(parts[i : i + len(phrase)] == phrase for i in range(len(parts))):
            return what
    return ""
