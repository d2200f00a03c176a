"""Faults of one place: a sample, a channel, a layout that was guessed wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from math import isqrt

from gausscheck.hints.evidence import Evidence, plain
from gausscheck.hints.fields import Fields
from gausscheck.layout import DEFAULT_LAYOUTS

__all__ = ["place"]

_TOKENS = (64, 128, 256)  # channels of packed tokens: 2x2 patches of 16, 32, 64 channels


def place(seen: Evidence, fields: Fields) -> Iterator[str]:
    """Name the sample or channel that alone is wrong, or the layout that would fit."""
    yield from _tokens(seen, fields)
    if seen.copies is not None or seen.zeros or fields.constants.any():
        return
    channel = next(_channel(seen, fields), None)
    if channel is not None:
        yield channel
        return
    if seen.drift:
        way = "rises" if seen.drift > 0 else "falls"
        yield f"the scale {way} along the batch: a running normalisation, or mixed origins in order"
        return
    if seen.odd_sample is not None:
        yield f"the deviation sits in sample {seen.odd_sample}; look at the others without it"


def _tokens(seen: Evidence, fields: Fields) -> Iterator[str]:
    if len(seen.shape) != 3 or str(seen.layout) != DEFAULT_LAYOUTS[3] or seen.shape[2] not in _TOKENS:
        return
    samples, tokens, channels = seen.shape
    if tokens <= 4 or seen.copies is not None or not (fields.structured or fields.own_means):
        return
    side = isqrt(tokens)
    what = f"{side}×{side}" if side * side == tokens else f"{tokens}"
    yield (
        f"shape {samples}×{tokens}×{channels} looks like packed tokens ({what} patches of {channels // 4} "
        'channels): use --layout "b w c", or unpack them to b c h w first; moments and law need no layout'
    )


def _channel(seen: Evidence, fields: Fields) -> Iterator[str]:
    channel = fields.odd_channel
    if channel is None or not any(f.family in ("moments", "spectrum") for f in seen.failed):
        return
    own = plain(math.sqrt(fields.channel_variances[channel]) * seen.scale)
    yield (
        f"channel {channel} of {fields.channel_variances.size} alone has another power (scale {own}); the "
        "others agree"
    )
