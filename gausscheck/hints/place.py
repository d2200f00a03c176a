"""Faults of one place: a sample, a channel, a layout that was guessed wrong."""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt

from gausscheck.hints.evidence import Evidence

__all__ = ["place"]

_TOKENS = (64, 128, 256)  # channels of packed tokens: 2x2 patches of 16, 32, 64 channels


def place(seen: Evidence) -> Iterator[str]:
    """Name the sample or channel that alone is wrong, or the layout that would fit."""
    pooled = min((f.log_p for f in seen.findings if f.scope == "pooled"), default=0.0)
    alone = [f for f in seen.failed if f.scope == "sample" and "sample" in f.where]
    if alone and alone[0].log_p < 2 * pooled:
        yield f"the deviation sits in sample {alone[0].where['sample']}; look at the others without it"
    powers = seen.channel_powers
    if powers.size > 2:
        yield from _channel(seen)
    letters = str(seen.layout)
    if (
        seen.structured
        and len(seen.shape) == 3
        and letters == "c h w"
        and seen.shape[2] in _TOKENS
        and _square(seen.shape[1])
    ):
        side = isqrt(seen.shape[1])
        yield (
            f"shape {'×'.join(map(str, seen.shape))} looks like packed tokens ({side}×{side} patches of "
            f'{seen.shape[2] // 4} channels): use --layout "b w c", or unpack them to b c h w first'
        )


def _channel(seen: Evidence) -> Iterator[str]:
    found = next((f for f in seen.failed if f.statistic == "band_power" and f.scope == "channel"), None)
    if found is None or "channel" not in found.where:
        return
    powers = seen.channel_powers
    others = [p for c, p in enumerate(powers) if c != found.where["channel"]]
    if (
        max(others) - min(others) < 0.1 * max(others)
        and abs(powers[found.where["channel"]] - others[0]) > 0.1
    ):
        yield f"channel {found.where['channel']} of {powers.size} alone has another power; the others agree"


def _square(n: int) -> bool:
    return isqrt(n) ** 2 == n and n > 1
