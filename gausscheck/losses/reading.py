"""In which order a loss reads the values of a sample: as stored, permuted, or both."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, Literal

import torch

from gausscheck.engines.torch.orders import Orders, fixed_orders, fresh_orders, traced
from gausscheck.engines.torch.reduction import View
from gausscheck.errors import ArgumentError
from gausscheck.losses.base import choice

__all__ = ["Permute", "Reading", "positive"]

Permute = Literal["fixed", "fresh", "mix"] | None

_FIXED_KEPT = 8


def positive(name: str, value: Any) -> int:
    """`value` as a positive integer."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        msg = f"{name}={value!r} cannot be used; expected a positive integer"
        raise ArgumentError(msg)
    return int(value)


@dataclass
class Reading:
    """Policy of permutations.

    Attributes
    ----------
    permute : str or None
        None: stored order. ``fixed``: permutations that depend on `seed` and the size alone. ``fresh``:
        drawn anew at each call, one draw for all samples of a batch. ``mix``: half stored, half fresh.
    permutations : int
        How many are averaged.
    seed : int, optional
        Of ``fixed``; 0 by default.
    generator : torch.Generator, optional
        Of ``fresh`` and ``mix``; on the tensor's device.
    """

    permute: Permute
    permutations: int
    seed: int | None
    generator: torch.Generator | None
    _fixed: dict[tuple[int, int, torch.device], Orders] = field(default_factory=dict)

    def __post_init__(self) -> None:
        choice("permute", self.permute, (None, "fixed", "fresh", "mix"))
        self.permutations = positive("permutations", self.permutations)
        if self.permute is None and self.permutations > 1:
            msg = f"permutations={self.permutations} have no use with permute=None, which is the stored order"
            raise ArgumentError(msg)
        seed: Any = self.seed
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0):
            msg = f"seed={self.seed!r} cannot be used; expected an integer that is not negative"
            raise ArgumentError(msg)
        if self.seed is not None and self.permute != "fixed":
            msg = (
                f"seed={self.seed} has no use with permute={self.permute!r}: it is of permute='fixed'; "
                f"repeatable fresh draws take generator=torch.Generator().manual_seed({self.seed})"
            )
            raise ArgumentError(msg)
        if self.generator is not None and not isinstance(self.generator, torch.Generator):
            msg = f"generator must be a torch.Generator, got a {type(self.generator).__name__}"
            raise ArgumentError(msg)
        if self.generator is not None and self.permute not in ("fresh", "mix"):
            msg = f"a generator has no use with permute={self.permute!r}; use permute='fresh' or 'mix'"
            raise ArgumentError(msg)

    @property
    def views(self) -> tuple[View, ...]:
        """Views of the values, each with an equal share of the weight."""
        if self.permute is None:
            return ("stored",)
        return ("stored", "permuted") if self.permute == "mix" else ("permuted",)

    def orders(self, size: int, block: int, device: torch.device) -> Orders | None:
        """Permutations of this call."""
        if self.permute is None:
            return None
        if self.permute == "fixed":
            key = (size, block, device)
            if traced():
                return self._drawn(size, block, device)
            if key not in self._fixed:
                if len(self._fixed) >= _FIXED_KEPT:
                    self._fixed.clear()
                self._fixed[key] = self._drawn(size, block, device)
            return self._fixed[key]
        generator = self.generator_for(device)
        return fresh_orders(size, self.permutations, block=block, device=device, generator=generator)

    def _drawn(self, size: int, block: int, device: torch.device) -> Orders:
        return fixed_orders(size, self.permutations, block=block, device=device, seed=self.seed or 0)

    def generator_for(self, device: torch.device) -> torch.Generator | None:
        """The generator, if it is on the device."""
        if self.generator is not None and self.generator.device.type != device.type:
            msg = (
                f"the generator is on {self.generator.device}, the tensor on {device}; make it with "
                f"torch.Generator({str(device)!r})"
            )
            raise ArgumentError(msg)
        return self.generator
