"""Perfect noise in every storage format, and arrays as a storage format would hold them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.arrays import Values
from gausscheck.floats import decode_table, float_format
from gausscheck.lattice import Lattice, lattice_of_format

__all__ = ["FORMATS", "noise", "stored"]

FORMATS = ("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")


def stored(x: NDArray[Any], dtype: str) -> Values:
    """Round once, to nearest, from float64 to `dtype`."""
    if not float_format(dtype).coded:
        return Values(np.asarray(x).astype(dtype), dtype)
    lattice = lattice_of_format(dtype)
    assert lattice is not None
    rounded = Lattice(lattice).round(x)
    table = decode_table(dtype).astype(np.float64)
    code = np.flatnonzero(np.isfinite(table))
    code = code[np.argsort(table[code], kind="stable")]
    at = np.searchsorted(table[code], rounded)
    assert np.array_equal(table[code][at], rounded)
    return Values(code[at].astype(float_format(dtype).container), dtype)


def noise(
    shape: int | tuple[int, ...], dtype: str = "float64", seed: int | list[int] = 0, scale: float = 1.0
) -> Values:
    """N(0, scale²) values, drawn in float64 and rounded once."""
    return stored(np.random.default_rng(seed).standard_normal(shape) * scale, dtype)
