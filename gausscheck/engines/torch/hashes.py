"""Hashes of runs of values on a device; the definitions are those of :mod:`gausscheck.engines.hashes`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gausscheck.engines.base import GOLDEN
from gausscheck.engines.hashes import FINAL_FIRST, FINAL_SECOND, OFFSET, powers
from gausscheck.engines.torch.shuffle import mixed, signed

__all__ = ["bottom_of", "hashes_of", "mixed_patterns", "patterns_of"]

_TILE = 2**20  # 64-bit temporaries of 8 MiB
_LOW = 0xFFFFFFFF
_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def patterns_of(x: Tensor) -> Tensor:
    """Bit patterns in int64, both zeros alike."""
    bits = 8 * x.element_size()
    patterns = x.contiguous().view(_INTEGERS[x.element_size()]).to(torch.int64)
    if bits < 64:
        patterns = patterns & ((1 << bits) - 1)
    return torch.where(patterns == signed(1 << (bits - 1)), 0, patterns)


def _mix32(z: Tensor) -> Tensor:
    """As :func:`gausscheck.engines.hashes.mix32`, on patterns in int64."""
    z = (z + OFFSET) & _LOW
    z = ((z ^ (z >> 16)) * FINAL_FIRST) & _LOW
    z = ((z ^ (z >> 13)) * FINAL_SECOND) & _LOW
    return z ^ (z >> 16)


def mixed_patterns(patterns: Tensor, x: Tensor) -> Tensor:
    """Mixed patterns m of what :func:`patterns_of` gives of `x`."""
    return mixed(patterns + signed(GOLDEN)) if x.element_size() == 8 else _mix32(patterns)


def hashes_of(x: Tensor, length: int) -> NDArray[np.uint64]:
    """See :meth:`gausscheck.engines.base.Engine.hashes`; `x` of shape ``(B, D)``."""
    rows, size = x.shape
    blocks = -(-size // length)
    out = torch.zeros((rows, blocks), dtype=torch.int64, device=x.device)
    step = max(1, _TILE // max(size, 1))
    for start in range(0, rows, step):
        for low in range(0, size, _TILE):
            tile = x[start : start + step, low : low + _TILE]
            place = np.arange(low, low + tile.shape[1])
            weight = torch.from_numpy(powers(place % length).view(np.int64)).to(x.device)
            terms = mixed_patterns(patterns_of(tile), tile)
            block = torch.from_numpy(place // length).to(x.device)
            out[start : start + step].index_add_(1, block, terms * weight)
    return out.cpu().numpy().view(np.uint64)


def bottom_of(x: Tensor, threshold: int) -> NDArray[np.float64]:
    """See :meth:`gausscheck.engines.base.Engine.bottom`; `x` of shape ``(B, D)``."""
    rows, size = x.shape
    step = max(1, _TILE // max(size, 1))
    parts = [np.empty(0)]
    for start in range(0, rows, step):
        for low in range(0, size, _TILE):
            tile = x[start : start + step, low : low + _TILE].reshape(-1)
            chosen = _mix32(patterns_of(tile.to(torch.float32))) < threshold
            parts.append((tile[chosen].to(torch.float64) + 0.0).cpu().numpy())
    return np.concatenate(parts)
