"""Copies and relatives among samples, channels, rows and values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gausscheck.finding import Finding
from gausscheck.hints.evidence import Evidence, plain
from gausscheck.hints.fields import Fields
from gausscheck.hints.marginal import few_bits
from gausscheck.summaries.repeats import ValueSketch

__all__ = ["dependence"]

_BLOCK = 64
_SAME = 0.95  # correlation
_FEW = 5  # equal values


def dependence(seen: Evidence, fields: Fields) -> Iterator[str]:
    """Name what repeats, and what is correlated."""
    if seen.copies is not None:
        yield from _repeated(seen, seen.copies)
        return
    if not (seen.few_levels or seen.zeros) and seen.fails("duplicates", unit="value"):
        yield from _values(seen, fields)
    yield from _correlated(seen, fields)


def _repeated(seen: Evidence, found: Finding) -> Iterator[str]:
    unit = str(found.parameters["unit"])
    units, distinct = int(found.extra.get("units", 0)), int(found.extra.get("distinct", 0))
    first, second = found.where.get(f"{unit}s", (0, 0))
    if unit == "block" and seen.shape[-1] == _BLOCK:
        unit = "row"
    name = "blocks of 64 values" if unit == "block" else f"{unit}s"
    start = f"{units - distinct} of {units} {name} are bit-identical copies ({unit}s {first} and {second}"
    if "samples" in found.where and unit != "sample":
        start += " of samples {} and {}".format(*found.where["samples"])
    start += " first)"
    halves = 2 * distinct == units and 2 * (second - first) == _in_order(seen, unit, units)
    if distinct == 1:
        yield f"{start}: one {unit} repeated; the effective number of values is that of one"
        return
    if unit == "sample" and halves:
        yield f"{start}: the batch is stacked twice (classifier-free guidance); audit one half"
    elif unit == "sample":
        yield f"{start}: workers or ranks that share one seed, or a seed used twice"
    elif halves:
        yield f"{start}: the second half repeats the first, a buffer that was filled once and copied"
    else:
        yield f"{start}: noise that was tiled, enlarged to the nearest neighbour, or copied"
    if unit != "row":
        yield from _period(seen)


def _in_order(seen: Evidence, unit: str, units: int) -> int:
    """Units of one kind that are counted on: those of a sample, or all samples."""
    return units if unit == "sample" else units // seen.layout.samples(seen.shape)[0]


def _period(seen: Evidence) -> Iterator[str]:
    blocks = seen.first("duplicates", unit="block")
    if blocks is None:
        return
    units, distinct = int(blocks.extra.get("units", 0)), int(blocks.extra.get("distinct", 0))
    # Whole samples, frames or channels that repeat have no more blocks than they must.
    if 1 < 16 * distinct < units and seen.n >= _BLOCK * units:
        yield (
            f"only {_BLOCK * distinct:,d} of {_BLOCK * units:,d} values come without a copy: a generator of "
            "a short period, or one small draw used for all"
        )


def _values(seen: Evidence, fields: Fields) -> Iterator[str]:
    sketch = seen.sketch
    if sketch is None or _heaped(sketch):
        return
    if not seen.few_draws and next(few_bits(seen), None) is not None:
        return
    even = sketch.values.size > 20 and np.mean(sketch.counts % 2 == 0) > 0.99
    echo = fields.echo
    apart = ""
    if echo is not None and echo.effect is not None and echo.effect.value > 0.2:
        apart = f", at a distance of {_steps(echo)} values"
    if even:
        yield (
            f"every value occurs an even number of times{apart}: a generator that writes each value twice, "
            "or noise copied value by value"
        )
    else:
        yield (
            f"values repeat more often than their format explains{apart}, like draws from some "
            f"{seen.choices:.1g} different ones: a generator of few bits, a short period, or a small pool of "
            "values (Wallace's method)"
        )


def _heaped(sketch: ValueSketch) -> bool:
    """Whether a few values account for the ties; they are named by their law."""
    counts = np.sort(sketch.counts.astype(np.float64))[::-1]
    pairs = counts * (counts - 1)
    return bool(counts.size and counts[0] > _FEW and pairs[:4].sum() > 0.9 * pairs.sum())


def _steps(found: Finding) -> str:
    lag = [abs(int(step)) for step in found.where.get("lag", ())]
    return str(max(lag)) if sum(step != 0 for step in lag) == 1 else str(tuple(lag))


def _correlated(seen: Evidence, fields: Fields) -> Iterator[str]:
    for statistic, unit in (("sample_correlation", "sample"), ("channel_correlation", "channel")):
        found = seen.first(statistic)
        if found is None or found.effect is None or not fields.related(found):
            continue
        i, j = found.where.get(f"{unit}s", (0, 0))
        r = found.effect.value
        if fields.constants.any() or fields.ordered or seen.zeros:
            # What they have in common is named elsewhere.
            continue
        if r < -_SAME:
            yield f"{unit}s {i} and {j} are negatives of each other (correlation {r:.3f}): antithetic draws"
        elif r > _SAME:
            yield f"{unit}s {i} and {j} are nearly the same (correlation {r:.3f})"
        elif unit == "sample":
            yield (
                f"samples {i} and {j} are correlated ({plain(r)}): a component common to several, near "
                "seeds, or mixtures of the same draws"
            )
        elif not fields.coloured:
            yield f"channels {i} and {j} are correlated ({plain(r)}): mixed, or with a part in common"
