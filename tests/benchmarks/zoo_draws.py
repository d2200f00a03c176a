"""Draws of the zoo for measurements: the same for a recipe, a size and a number, whatever else is run."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "data"))
from zoo import ZOO, Defect

__all__ = ["ZOO", "chosen", "draw"]

SEED = 2718


def chosen(names: Sequence[str] | None) -> list[Defect]:
    """Recipes of these names, all by default, in the order of the zoo."""
    unknown = sorted(set(names or ()) - set(ZOO))
    if unknown:
        msg = f"not in the zoo: {', '.join(unknown)}"
        raise SystemExit(msg)
    return [defect for name, defect in ZOO.items() if not names or name in names]


def draw(defect: Defect, n: int, number: int) -> np.ndarray:
    """One tensor of `n` values, a power of two."""
    seed = [SEED, zlib.crc32(defect.name.encode()), n, number]
    return defect.make(defect.shape(n), np.random.default_rng(seed))
