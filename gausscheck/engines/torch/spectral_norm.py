"""Spectral norm of small symmetric matrices on any device, without waiting for it."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["spectral_norm"]

# After p squarings an eigenvalue within a relative 2^-p of the largest still counts with it.
_SQUARINGS = {torch.float32: 28, torch.float64: 56}


def spectral_norm(a: Tensor) -> tuple[Tensor, Tensor]:
    r"""Largest absolute eigenvalue and its derivative.

    By repeated squaring ``B -> B^2 / |B|_F`` from ``B = A^2``, which converges to a multiple of the projector
    P on the eigenvectors of the largest ``|lambda|``; then ``|lambda| = sqrt(tr P A^2)`` and, with
    ``P = v v^T``, ``d|lambda| = sign(lambda) v^T dA v = tr(P A dA) / |lambda|``. The library's eigenvalue
    routines wait for the device.

    Parameters
    ----------
    a : Tensor
        Symmetric, shape (N, k, k).

    Returns
    -------
    norm : Tensor
        Shape (N,); 0 of a matrix of zeros.
    slope : Tensor
        ``d norm / dA``, shape (N, k, k), symmetric; of equal eigenvalues one of the subgradients.
    """
    tiny = torch.finfo(a.dtype).tiny
    size = a.abs().amax(dim=(1, 2), keepdim=True)
    unit = a / size.clamp_min(tiny)
    square = unit @ unit
    power = square
    for _ in range(_SQUARINGS[a.dtype]):
        power = power / power.square().sum(dim=(1, 2), keepdim=True).sqrt().clamp_min(tiny)
        power = power @ power
    trace = power.diagonal(dim1=1, dim2=2).sum(dim=1).clamp_min(tiny)
    projector = power / trace[:, None, None]
    norm = (projector * square).sum(dim=(1, 2)).sqrt()
    slope = projector @ unit / norm.clamp_min(tiny)[:, None, None]
    return norm * size[:, 0, 0], 0.5 * (slope + slope.transpose(1, 2))
