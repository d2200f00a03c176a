"""Certain, and of no account: deviations that many values prove and few uses would notice."""

from __future__ import annotations

from collections.abc import Iterator

from gausscheck.finding import Effect
from gausscheck.hints.evidence import Evidence
from gausscheck.hints.fields import Fields
from gausscheck.tolerance import EFFECTS
from gausscheck.wording import resolved

__all__ = ["NEGLIGIBLE", "size"]

NEGLIGIBLE: dict[str, float] = {
    "mean": 0.01,
    "scale": 0.01,
    "skewness": 0.03,
    "excess kurtosis": 0.1,
    "distribution gap": 0.005,
    "Anderson-Darling distance": 1e-4,
    "tail ratio": 0.5,
    "excess share of one value": 1e-4,
    "spectrum discrepancy ratio": 0.05,
    "spectral flatness": 0.01,
    "excess low-frequency power": 0.005,
    "power of one frequency": 1e-4,
    "excess band power": 0.02,
    "autocorrelation": 0.01,
    "channel correlation": 0.01,
    "sample correlation": 0.01,
}
"""Sizes that noise for diffusion models may have without a visible difference; others ask for others."""


def size(seen: Evidence, fields: Fields) -> Iterator[str]:
    """Say it where every failing effect, with its whole interval, is negligible."""
    del fields
    effects = [f.effect for f in seen.failed if f.statistic != "moment" or f.parameters.get("order", 0) <= 4]
    if not effects or any(f.family in ("validity", "loss") for f in seen.failed):
        return
    if not all(effect is not None and _negligible(effect) for effect in effects):
        return
    largest = effects[0]
    if largest is None:
        return
    width = (largest.high - largest.low) / 4
    value, low, high = (resolved(x, width) for x in (largest.value, largest.low, largest.high))
    off = max(abs(end - EFFECTS[largest.name]) for end in (largest.low, largest.high))
    yield (
        f"certain, but small: {largest.name} {value} in [{low}, {high}]; "
        f'few uses would notice; --tolerance "{largest.name}={2 * off:.1g}" accepts it'
    )


def _negligible(effect: Effect) -> bool:
    allowed = NEGLIGIBLE.get(effect.name)
    if allowed is None:
        return False
    centre = EFFECTS[effect.name]
    return effect.low >= centre - allowed and effect.high <= centre + allowed
