"""A recipe of noise with a known fault, or with none: what it makes, whence it comes, who should see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, int, int, int]
Recipe = Callable[[Shape, np.random.Generator], NDArray[np.floating]]
SIZES = Path(__file__).with_name("detect_at.json")
"""Measured by ``tests/benchmarks/zoo_sizes.py``."""

_AXES = "bchw"
_MANY = 2**17  # from this size on, 16 channels instead of 4, as newer models have


@dataclass(frozen=True)
class Defect:
    """One recipe.

    Attributes
    ----------
    name : str
        Unique, for tables and tests.
    title : str
        In a few words.
    story : str
        What goes wrong in practice.
    source : str
        Where it was seen or described in public.
    recipe : callable
        ``(shape (b, c, h, w), generator) -> array`` of that shape.
    family : str
        Family of statistics that should see it: ``moments``, ``marginal``, ``spectrum``, ``dependence``; or
        ``none``, for noise without fault and for faults that nothing sees.
    statistics : tuple of str
        Statistics that should see it.
    truth : mapping
        Measurable quantities of the population; their names are those of :data:`zoo.measure.MEASURES`.
    fault : bool
        False for noise that must pass.
    hint : str or None
        Part of the hint that should be given.
    needs : str
        Axes of ``b c h w`` that must be longer than 1 for the fault to exist.
    samples : int
        Samples in the tensors of :meth:`shape`.
    channels : int or None
        Channels in the tensors of :meth:`shape`; by default 4, and 16 in large single samples.
    """

    name: str
    title: str
    story: str
    source: str
    recipe: Recipe
    family: str
    statistics: tuple[str, ...] = ()
    truth: Mapping[str, float] = field(default_factory=dict)
    fault: bool = True
    hint: str | None = None
    needs: str = ""
    samples: int = 1
    channels: int | None = None

    def make(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw one tensor.

        Parameters
        ----------
        shape : tuple of int
            ``(b, c, h, w)`` or ``(b, w)``.
        rng : numpy.random.Generator
            The only source of randomness.

        Returns
        -------
        numpy.ndarray
            float32, of that shape.
        """
        if len(shape) not in (2, 4):
            msg = f"{self.name}: shape {shape} is neither (b, c, h, w) nor (b, w)"
            raise ValueError(msg)
        full = shape if len(shape) == 4 else (shape[0], 1, 1, shape[1])
        short = [axis for axis in self.needs if full[_AXES.index(axis)] < 2]
        if short:
            msg = f"{self.name}: shape {shape} has no length along {', '.join(short)}, where its fault lies"
            raise ValueError(msg)
        return np.ascontiguousarray(self.recipe(full, rng), dtype=np.float32).reshape(shape)

    def shape(self, n: int) -> Shape:
        """Shape ``(b, c, h, w)`` of `n` values, a power of two: planes square or twice as wide."""
        channels = self.channels or (16 if self.samples == 1 and n >= _MANY else 4)
        plane = n // (self.samples * channels)
        while plane < 1:
            channels //= 2
            plane = n // (self.samples * channels)
        height = 2 ** ((plane.bit_length() - 1) // 2)
        shape = (self.samples, channels, height, plane // height)
        if prod(shape) != n:
            msg = f"{self.name}: {n} values do not fill {shape}; n must be a power of two, 64 or more"
            raise ValueError(msg)
        return shape

    @property
    def detect_at(self) -> int | None:
        """Values at which the standard battery fails it in nine of ten draws; None: not up to 2**24."""
        return _sizes()[self.name]


@cache
def _sizes() -> dict[str, int | None]:
    sizes: dict[str, int | None] = json.loads(SIZES.read_text(encoding="utf-8"))["detect_at"]
    return sizes
