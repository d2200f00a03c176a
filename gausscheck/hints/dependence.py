"""Copies and relatives among samples, channels, rows and values."""

from __future__ import annotations

from collections.abc import Iterator

from gausscheck.finding import Finding
from gausscheck.hints.evidence import Evidence

__all__ = ["dependence"]

# Largest unit first: where whole samples repeat, their parts do too, and need no line of their own.
_UNITS = ("sample", "frame", "channel", "row", "block")


def dependence(seen: Evidence) -> Iterator[str]:
    """Name what repeats, and what is correlated."""
    found = next((f for unit in _UNITS if (f := seen.first("duplicates", unit=unit)) is not None), None)
    if found is not None:
        yield _repeated(found)
    values = seen.first("duplicates", unit="value")
    if values is not None and found is None:
        yield from _values(values)
    if found is None:
        yield from _correlated(seen)


def _repeated(found: Finding) -> str:
    unit = str(found.parameters["unit"])
    units, distinct = found.extra.get("units", 0), found.extra.get("distinct", 0)
    first, second = found.where.get(f"{unit}s", (0, 0))
    name = {"block": "blocks of 64 values"}.get(unit, f"{unit}s")
    start = f"{units - distinct} of {units} {name} are bit-identical copies ({unit}s {first} and {second}"
    start += " first)"
    if distinct == 1:
        return f"{start}: one {unit} repeated; the effective number of values is that of one"
    if unit == "sample" and 2 * distinct == units and second - first == distinct:
        return f"{start}: the batch is stacked twice (classifier-free guidance); audit one half"
    if unit == "sample":
        return f"{start}: workers or ranks that share one seed"
    return f"{start}: noise that was tiled, repeated or copied"


def _values(found: Finding) -> Iterator[str]:
    if found.extra.get("even", False):
        yield "every value occurs an even number of times: a generator that writes each value twice"
    else:
        yield (
            "values repeat more often than their format explains: a short period, a small pool of values, or "
            "values copied within the tensor"
        )


def _correlated(seen: Evidence) -> Iterator[str]:
    for statistic, unit in (("sample_correlation", "sample"), ("channel_correlation", "channel")):
        found = seen.first(statistic)
        if found is None or found.effect is None:
            continue
        i, j = found.where.get(f"{unit}s", (0, 0))
        r = found.effect.value
        if abs(r) > 0.95:
            yield f"{unit}s {i} and {j} are nearly the same (correlation {r:.3f})"
        elif unit == "sample":
            yield (
                f"samples {i} and {j} are correlated ({r:.3g}): a shared component, near seeds, or "
                "mixtures of the same draws"
            )
        else:
            yield f"channels {i} and {j} are correlated ({r:.3g}): mixed channels, or encoded images"
