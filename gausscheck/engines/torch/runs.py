"""Hashes of overlapping windows on a device; the definitions are those of :mod:`gausscheck.engines.runs`."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gausscheck.engines.hashes import powers
from gausscheck.engines.runs import LEAST_DIFFERENT, Windows, inverse_powers
from gausscheck.engines.torch.hashes import mixed_patterns, patterns_of
from gausscheck.engines.torch.shuffle import mixed, signed

__all__ = ["runs_of"]

_TILE = 2**20  # 64-bit temporaries of 8 MiB


def runs_of(x: Tensor, length: int, halvings: int) -> Windows:
    """See :meth:`gausscheck.engines.base.Engine.runs`; `x` of shape ``(B, D)``."""
    rows, size = x.shape
    windows = size - length + 1
    step = max(1, _TILE // max(size, 1))
    inverse = _on_device(inverse_powers(min(max(windows, 0), _TILE)), x)
    power = _on_device(powers(np.arange(min(size, _TILE + length - 1))), x)
    found: list[Windows] = [(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64))]
    for start in range(0, rows, step):
        for low in range(0, windows, _TILE):
            high = min(low + _TILE, windows)
            tile = x[start : start + step, low : high + length - 1]
            patterns = patterns_of(tile)
            sums = torch.zeros((tile.shape[0], tile.shape[1] + 1), dtype=torch.int64, device=x.device)
            torch.cumsum(mixed_patterns(patterns, tile) * power[: tile.shape[1]], dim=1, out=sums[:, 1:])
            hashes = mixed((sums[:, length:] - sums[:, :-length]) * inverse[: high - low])
            row, place = torch.nonzero(_below(hashes, halvings), as_tuple=True)
            various = _various(patterns, row, place, length)
            row, place = row[various], place[various]
            held = hashes[row, place].cpu().numpy().view(np.uint64)
            row_found, place_found = np.divmod((row * windows + place).cpu().numpy(), windows)
            found.append((held, row_found + start, place_found + low))
    kept, rows_found, places_found = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return kept, rows_found, places_found


def _on_device(table: np.ndarray, x: Tensor) -> Tensor:
    return torch.from_numpy(table.view(np.int64)).to(x.device)


def _below(hashes: Tensor, halvings: int) -> Tensor:
    """Whether a 64-bit pattern is below ``2**(64 - halvings)``: its upper bits are 0."""
    if halvings == 0:
        return torch.ones_like(hashes, dtype=torch.bool)
    return (hashes & signed(2**64 - 2 ** (64 - halvings))) == 0


def _various(patterns: Tensor, row: Tensor, place: Tensor, length: int) -> Tensor:
    """Whether windows have enough different values."""
    parts = []
    # Windows are taken out in bounded portions: where all are kept they hold each value many times.
    portion = max(1, _TILE // length)
    offset = torch.arange(length, device=patterns.device)
    for start in range(0, row.numel(), portion):
        some = slice(start, start + portion)
        held = patterns[row[some, None], place[some, None] + offset].sort(dim=1).values
        parts.append((held[:, 1:] != held[:, :-1]).sum(dim=1) >= LEAST_DIFFERENT - 1)
    return torch.cat(parts) if parts else torch.ones_like(row, dtype=torch.bool)
