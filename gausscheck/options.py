"""What an audit is asked to do: options, checked once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

from gausscheck.battery import Battery, battery
from gausscheck.errors import ArgumentError
from gausscheck.lattice import LATTICES
from gausscheck.tolerance import EFFECTS

__all__ = ["Options", "Progress", "options"]

Progress = Callable[[str, int, int], None]
"""Called often with the name of the tensor, values done, and values in all."""


@dataclass(frozen=True)
class Options:
    """Checked options of an audit; see :func:`gausscheck.audit`."""

    layout: str | None
    battery: Battery
    scale: float
    lattice: str | None
    seed: int
    alpha: float
    tolerance: Mapping[str, float] = field(default_factory=dict)
    progress: Progress | None = None

    @property
    def detect(self) -> bool:
        """True where the lattice is to be found from the values."""
        return self.lattice == "auto"


def options(
    *,
    layout: Any,
    battery_name: str,
    reference: str,
    lattice: str,
    permutations: int,
    seed: Any,
    alpha: float,
    tolerance: Any,
    progress: Progress | None,
) -> Options:
    """Check the options of an audit.

    Raises
    ------
    ArgumentError
        Naming the option, what it was, and what it may be.
    """
    if not (isinstance(alpha, (int, float)) and 0 < alpha < 1):
        msg = f"alpha must lie between 0 and 1, got {alpha!r}"
        raise ArgumentError(msg)
    if layout is not None and not isinstance(layout, str):
        msg = f"layout must be a string of axis letters, such as 'b c h w', got {layout!r}"
        raise ArgumentError(msg)
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        msg = f"seed must be an integer from 0 up, got {seed!r}"
        raise ArgumentError(msg)
    if lattice not in ("auto", "none", *LATTICES):
        msg = f"unknown lattice {lattice!r}; expected auto, none, {', '.join(LATTICES)}"
        raise ArgumentError(msg)
    return Options(
        layout=layout,
        battery=battery(battery_name, permutations),
        scale=_scale(reference),
        lattice=None if lattice == "none" else lattice,
        seed=int(seed),
        alpha=float(alpha),
        tolerance=_tolerance(tolerance or {}),
        progress=progress,
    )


def _scale(reference: str) -> float:
    if reference == "standard":
        return 1.0
    name, _, number = str(reference).partition("=")
    try:
        scale = float(number) if name == "scale" else math.nan
    except ValueError:
        scale = math.nan
    if not 1e-30 <= scale <= 1e30:
        msg = (
            "reference must be 'standard' or 'scale=S' with a positive number S (1e-30 to 1e30), "
            f"got {reference!r}"
        )
        raise ArgumentError(msg)
    return scale


def _tolerance(tolerance: Any) -> dict[str, float]:
    if not isinstance(tolerance, Mapping):
        msg = f"tolerance must map names of effects to sizes, such as {{'scale': 0.01}}, got {tolerance!r}"
        raise ArgumentError(msg)
    for name, value in tolerance.items():
        if name not in EFFECTS:
            msg = f"unknown tolerance {name!r}; known: {', '.join(EFFECTS)}"
            raise ArgumentError(msg)
        if not (isinstance(value, (int, float)) and math.isfinite(value) and value > 0):
            msg = f"tolerance {name} must be a positive number, got {value!r}"
            raise ArgumentError(msg)
    return dict(tolerance)
