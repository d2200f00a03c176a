"""Builders of small files, sound or broken, and the registry of attacks made from them."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Attack(NamedTuple):
    make: Callable[[], bytes]
    ending: str
    message: str


ATTACKS: dict[str, Attack] = {}
SAFETENSORS, NPY, NPZ = ".safetensors", ".npy", ".npz"


def attack(ending: str, message: str) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    def register(make: Callable[[], bytes]) -> Callable[[], bytes]:
        ATTACKS[make.__name__] = Attack(make, ending, message)
        return make

    return register


def safetensors_bytes(header: Any, data: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def info(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def npy_bytes(array: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def npy_with_header(text: str | bytes, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    raw = text if isinstance(text, bytes) else text.encode("latin1")
    width = "<H" if version == (1, 0) else "<I"
    return b"\x93NUMPY" + bytes(version) + struct.pack(width, len(raw)) + raw + data


def npz_bytes(
    members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED, force_zip64: bool = False
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as zipped:
        for name, data in members.items():
            description = zipfile.ZipInfo(name)
            description.compress_type = compression
            with zipped.open(description, "w", force_zip64=force_zip64) as member:
                member.write(data)
    return buffer.getvalue()


def noise(count: int = 4096) -> np.ndarray:
    return np.random.default_rng(7).standard_normal(count).astype(np.float32)
