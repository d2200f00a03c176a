"""In which order the values of a row are read: random permutations, kept as the transform wants them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from importlib import import_module

import torch
from torch import Tensor

from gausscheck.engines import NO_NUMBA
from gausscheck.engines.torch.shuffle import hashed_order, keys_of_seed
from gausscheck.engines.torch.split import split_of

__all__ = ["Orders", "fixed_orders", "fresh_orders", "given_orders", "numba_at_hand", "traced"]


@dataclass(frozen=True)
class Orders:
    """Permutations of the positions of a row.

    Attributes
    ----------
    positions : Tensor of int64 or int32
        Shape (R, D). With a split ``(n1, n2)``, entry ``b n1 + a`` is the position read as number
        ``a n2 + b``, so that a gather yields the layout of the transform; otherwise entry j is the position
        read as number j.
    split : tuple of int, optional
    """

    positions: Tensor
    split: tuple[int, int] | None

    def natural(self) -> Tensor:
        """Positions in the order in which they are read: int64, shape (R, D)."""
        positions = self.positions.to(torch.int64)
        if self.split is None:
            return positions
        n1, n2 = self.split
        return positions.unflatten(1, (n2, n1)).transpose(1, 2).flatten(1)


def traced() -> bool:
    """Whether torch looks at the operations rather than at values: compiled, or under ``torch.func``."""
    return torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()


def numba_at_hand(device: torch.device) -> bool:
    """Whether compiled passes may be used for tensors of a device."""
    return device.type == "cpu" and os.environ.get(NO_NUMBA) != "1" and _numba_works()


@cache
def _numba_works() -> bool:
    try:
        import_module("gausscheck.engines.torch.fused")
    except ImportError:
        return False
    return True


def cpu_split(size: int, block: int, device: torch.device) -> tuple[int, int] | None:
    """How rows are cut for their transform; None for the library's own: off the CPU, and when compiled."""
    if device.type != "cpu" or traced():
        return None
    return split_of(size, block)


def fresh_orders(
    size: int, count: int, *, block: int, device: torch.device, generator: torch.Generator | None = None
) -> Orders:
    """Draw `count` uniformly random permutations of `size` positions.

    A generator is advanced, or torch's own of the device. The same state gives the same permutations on the
    same device with the same libraries: with Numba a draw is a key, otherwise ``torch.randperm``.
    """
    split = cpu_split(size, block, device)
    if split is not None and numba_at_hand(device) and not traced():
        from gausscheck.engines.torch.fused import shuffled_order

        limit = torch.iinfo(torch.int64)
        keys = torch.randint(limit.min, limit.max, (count,), generator=generator, device=device)
        return Orders(shuffled_order(size, keys), split)
    drawn = [torch.randperm(size, generator=generator, device=device) for _ in range(count)]
    return Orders(torch.stack(drawn), split)


def fixed_orders(size: int, count: int, *, block: int, device: torch.device, seed: int) -> Orders:
    """Permutations that depend on the size and the seed alone, whatever the device."""
    keys = keys_of_seed(seed, count, device=device)
    return given_orders(hashed_order(keys, size), block=block)


def given_orders(natural: Tensor, *, block: int) -> Orders:
    """Permutations given in the order in which positions are read, int64 of shape (R, D)."""
    size = natural.shape[1]
    split = cpu_split(size, block, natural.device)
    if split is None:
        return Orders(natural, None)
    n1, n2 = split
    laid = natural.unflatten(1, (n1, n2)).transpose(1, 2).flatten(1)
    if numba_at_hand(natural.device) and not traced():
        laid = laid.to(torch.int32)
    return Orders(laid, split)
