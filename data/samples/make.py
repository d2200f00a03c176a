"""Make the sample tensors of this folder; the same bytes each time.

Run ``python data/samples/make.py``, or with another folder to write to. Every file has a generator of its
own, seeded by its place in ``RECIPES``; only sums, products, quotients and square roots follow the draws, so
that the result does not depend on the mathematical library.
"""

from __future__ import annotations

import io
import json
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator

SEED = 20240917
LATENTS = (2, 4, 64, 64)
SD_SCALING = 0.18215
DEGREES = 8
PATTERN = 0.4
TINT = 0.4
BAD_SAMPLE, BAD_SCALE = 11, 1.1
NAN_AT = (2, 17, 40)


def safetensors(key: str, dtype: str, array: NDArray[Any], truth: str) -> bytes:
    """One tensor in the safetensors format; `array` holds values, or the bit patterns of BF16."""
    header = {
        "__metadata__": {"maker": "data/samples/make.py", "truth": truth},
        key: {"dtype": dtype, "shape": list(array.shape), "data_offsets": [0, array.nbytes]},
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + array.astype(array.dtype.newbyteorder("<")).tobytes()


def npy(array: NDArray[Any]) -> bytes:
    """One array in the npy format."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npz(**arrays: NDArray[Any]) -> bytes:
    """Arrays in the npz format, without compression and without the time of day."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            member.create_system = 3
            archive.writestr(member, npy(array))
    return buffer.getvalue()


def bfloat16(x: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Bit patterns of x rounded to nearest, ties to even; finite values only."""
    bits = x.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def noise(rng: Rng, shape: tuple[int, ...] = LATENTS) -> NDArray[np.float64]:
    """N(0, 1) values."""
    return rng.standard_normal(shape)


def mixed(x: NDArray[np.float64], pattern: NDArray[np.float64], amplitude: float) -> NDArray[np.float32]:
    """Noise and a pattern of unit power in such parts that the power of their sum is 1."""
    return (np.sqrt(1 - amplitude**2) * x + amplitude * pattern).astype(np.float32)


def clean_fp32(rng: Rng) -> bytes:
    """Perfect noise."""
    return safetensors("latents", "F32", noise(rng).astype(np.float32), "iid N(0, 1)")


def clean_bf16(rng: Rng) -> bytes:
    """Perfect noise, saved in bfloat16."""
    codes = bfloat16(noise(rng).astype(np.float32))
    return safetensors("latents", "BF16", codes, "iid N(0, 1) rounded to bfloat16")


def scaled_latents(rng: Rng) -> bytes:
    """Noise of the scale that SD1.x latents have before scaling."""
    x = (noise(rng) / SD_SCALING).astype(np.float32)
    return safetensors("latents", "F32", x, "iid N(0, S^2), S = 1/0.18215")


def heavy_tails(rng: Rng) -> bytes:
    """Student t with 8 degrees of freedom, of unit variance."""
    chi_square = sum(noise(rng) ** 2 for _ in range(DEGREES))
    t = noise(rng) / np.sqrt(chi_square / DEGREES)
    return npy((t * np.sqrt((DEGREES - 2) / DEGREES)).astype(np.float32))


def checkerboard(rng: Rng) -> bytes:
    """Noise with a checkerboard, of unit power together."""
    h, w = np.indices(LATENTS[2:])
    return npz(noise=mixed(noise(rng), 1.0 - 2.0 * ((h + w) % 2), PATTERN))


def low_frequency_tint(rng: Rng) -> bytes:
    """Noise on a slope from top to bottom, of unit power together."""
    size = LATENTS[2]
    slope = 2.0 * np.arange(size) - (size - 1)
    slope /= np.sqrt(np.mean(slope**2))
    x = mixed(noise(rng), slope[:, np.newaxis], TINT)
    return safetensors("latents", "F32", x, "iid N(0, 0.84) on a slope of power 0.16 along h")


def one_bad_sample(rng: Rng) -> bytes:
    """Sixteen samples, one of them too large."""
    x = noise(rng, (16, 4, 32, 32))
    x[BAD_SAMPLE] *= BAD_SCALE
    return npy(x.astype(np.float32))


def one_nan(rng: Rng) -> bytes:
    """Perfect noise with one NaN."""
    x = noise(rng, (4, 64, 64)).astype(np.float32)
    x[NAN_AT] = np.nan
    return npy(x)


RECIPES: dict[str, Callable[[Rng], bytes]] = {
    "clean_fp32.safetensors": clean_fp32,
    "clean_bf16.safetensors": clean_bf16,
    "scaled_latents.safetensors": scaled_latents,
    "heavy_tails.npy": heavy_tails,
    "checkerboard.npz": checkerboard,
    "low_frequency_tint.safetensors": low_frequency_tint,
    "one_bad_sample.npy": one_bad_sample,
    "one_nan.npy": one_nan,
}


def make(folder: Path) -> None:
    """Write every sample to `folder`."""
    for place, (name, recipe) in enumerate(RECIPES.items()):
        (folder / name).write_bytes(recipe(np.random.default_rng([SEED, place])))


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
