"""Random orders on any device: sorted by hashed counters, a function of a key alone.

Fisher-Yates exchanges one value after another, which no accelerator does well. Values sorted by independent
uniform numbers are in uniformly random order too, and sorting is what these devices are good at.
"""

from __future__ import annotations

import numpy as np
import torch

from gausscheck.engines.base import GOLDEN, MIX_FIRST, MIX_SECOND
from gausscheck.errors import ArgumentError

__all__ = ["hashed_order", "keys_of_seed", "mixed", "signed"]


def hashed_order(keys: torch.Tensor, n: int) -> torch.Tensor:
    r"""Random order of `n` places for each key: a function of key and `n`, identical on every device.

    Parameters
    ----------
    keys : torch.Tensor of int64
        Shape ``(B,)``, on the device that is to do the work; 64-bit keys by their pattern.
    n : int
        Number of places.

    Returns
    -------
    torch.Tensor of int64
        Shape ``(B, n)``: each row holds 0..n-1 in an order uniform among all n!, up to the 2**64 keys there
        are. ``x.gather(1, hashed_order(keys, n))`` permutes the rows of x.

    Raises
    ------
    ArgumentError
        For keys of another type or number of axes.

    Notes
    -----
    With ``mix`` the output function of SplitMix64 and g its increment,

    .. math:: h_i = \mathrm{mix}(\mathrm{mix}(key + g) + (i + 1) g) \bmod 2^{64}, \quad i = 0..n-1,

    and the order is that which sorts h, read as signed integers, ascending. ``mix`` and the counter are
    one-to-one modulo 2**64, so that no two numbers of a row are equal and every sort gives the same order.
    No state is read or changed, nothing is copied to the host, and the meta device gives the shape.
    Memory: 16 bytes a place beside the result, and what the sort takes.
    """
    if keys.dtype != torch.int64 or keys.ndim != 1:
        msg = f"keys are int64 of shape (B,), got {keys.dtype} of shape {tuple(keys.shape)}"
        raise ArgumentError(msg)
    counter = torch.arange(1, n + 1, dtype=torch.int64, device=keys.device) * signed(GOLDEN)
    state = mixed(keys + signed(GOLDEN))
    return torch.argsort(mixed(state[:, None] + counter), dim=1)


@torch.compiler.assume_constant_result
def _start_of(seed: int) -> int:
    return int(np.random.SeedSequence([seed, 0]).generate_state(1, np.uint64)[0])


def keys_of_seed(seed: int, rows: int = 1, *, device: torch.device | str | None = None) -> torch.Tensor:
    """Keys of `rows` independent orders from one seed, for :func:`hashed_order`.

    Parameters
    ----------
    seed : int
        From 0 up, of any size.
    rows : int
        Number of keys.
    device : torch.device or str, optional
        Where they are made; torch's default device if not given.

    Returns
    -------
    torch.Tensor of int64
        Shape ``(rows,)``: the keys of :func:`gausscheck.views.permutation_keys` for permutation 0 of samples
        0, 1, …, by their pattern. The first keys do not depend on how many there are.
    """
    start = _start_of(seed)
    number = torch.arange(1, rows + 1, dtype=torch.int64, device=device)
    return mixed(number * signed(GOLDEN) + signed(start))


def signed(pattern: int) -> int:
    """64-bit pattern as the signed integer that torch takes."""
    return pattern - 2**64 if pattern >= 2**63 else pattern


def mixed(z: torch.Tensor) -> torch.Tensor:
    """Output function of SplitMix64, as :func:`gausscheck.engines.base.mix`, on 64-bit patterns in int64."""
    z = (z ^ _shifted(z, 30)) * signed(MIX_FIRST)
    z = (z ^ _shifted(z, 27)) * signed(MIX_SECOND)
    return z ^ _shifted(z, 31)


def _shifted(z: torch.Tensor, by: int) -> torch.Tensor:
    """Logical shift to the right: torch repeats the sign bit, which the mask takes out."""
    return (z >> by) & ((1 << (64 - by)) - 1)
