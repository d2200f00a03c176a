"""Which lattices the values of a tensor lie on, found on its device."""

from __future__ import annotations

import torch
from torch import Tensor

from gausscheck.lattice import Lattice, LatticeCandidates

__all__ = ["lattices_of"]

_PREFIX = 256  # values looked at first, on the host: ordinary ones leave every lattice within them
_TILE = 2**21
_MANTISSA = {torch.float32: (torch.int32, 23), torch.float64: (torch.int64, 52)}


def lattices_of(x: Tensor, candidates: LatticeCandidates) -> LatticeCandidates:
    """Candidates that all finite values lie on too: :meth:`gausscheck.lattice.LatticeCandidates.update`.

    Parameters
    ----------
    x : torch.Tensor of float32 or float64
        Shape ``(B, D)``.
    candidates : LatticeCandidates

    Notes
    -----
    A value lies on a lattice where it is not beyond the largest point, has no mantissa bits below those of
    the lattice, and, among the subnormal points, is a multiple of their distance.
    """
    rows, size = x.shape
    if not candidates.names or x.numel() == 0:
        return candidates
    head = x[: -(-_PREFIX // size), :_PREFIX]
    left = candidates.update(head.cpu().numpy())
    step = max(1, _TILE // size)
    for start in range(0, rows, step):
        for low in range(0, size, _TILE):
            if not left.names or head.numel() == x.numel():
                return left
            tile = x[start : start + step, low : low + _TILE]
            held = torch.stack([_contains(Lattice(name), tile) for name in left.names]).tolist()
            left = LatticeCandidates(tuple(name for name, on in zip(left.names, held, strict=True) if on))
    return left


def _contains(lattice: Lattice, x: Tensor) -> Tensor:
    """Whether all finite values are points: one truth value, on the device."""
    fmt = lattice.format
    integer, bits = _MANTISSA[x.dtype]
    y = torch.where(torch.isfinite(x), x, 0.0)  # 0 is a point of every lattice
    magnitude = y.abs()
    surplus = (y.view(integer) & ((1 << (bits - fmt.mantissa_bits)) - 1)) != 0
    smallest_normal = 2.0 ** (1 - fmt.bias)
    # In float64, for the distance of the subnormal points of bf16 has no inverse in float32.
    steps = torch.where(magnitude < smallest_normal, y, 0.0).to(torch.float64) * (
        2.0**fmt.mantissa_bits / smallest_normal
    )
    return ~((magnitude > float(lattice.points[-1])).any() | surplus.any() | (steps != steps.round()).any())
