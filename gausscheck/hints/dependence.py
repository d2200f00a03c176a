"""Copies and relatives among samples, channels, rows and values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gausscheck.finding import Finding
from gausscheck.hints.evidence import Evidence, percent, plain
from gausscheck.hints.fields import Fields
from gausscheck.hints.marginal import few_bits
from gausscheck.summaries.repeats import ValueSketch

__all__ = ["dependence"]

_BLOCK = 64
_SAME = 0.95  # correlation
_FEW = 5  # equal values
_ALIGNED = ("row", "block")
_MORE = 2.0
_NEAR = 1 / 16  # of the length of a sample
_PERIODIC = 0.8  # of the runs that a period repeats; others lie across the end of a sample


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
    if unit == "run":
        yield from _shifted(seen, found)
        return
    runs = seen.first("duplicates", unit="run")
    if runs is not None and unit in _ALIGNED and _repeats(runs) > _MORE * _repeats(found):
        # Blocks and rows are equal only where the shift happens to be a multiple of their length.
        yield from _shifted(seen, runs)
        return
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


def _shifted(seen: Evidence, found: Finding) -> Iterator[str]:
    """Stretches that repeat, none of them where blocks and samples begin."""
    if period := _distance(seen, found):
        yield f"values repeat with period {period:,d}: a generator of short period, or a buffer read again"
        return
    first, second = found.where.get("places", (0, 0))
    start = f"{percent(_repeats(found))} of the stretches of 16 values are bit-identical copies at a shift"
    if "samples" in found.where:
        one, two = found.where["samples"]
        yield (
            f"{start} (sample {one} from place {first} as sample {two} from place {second} first): workers "
            "whose streams start at an offset of each other, or crops that overlap"
        )
    else:
        yield (
            f"{start} (from place {first} as from place {second} first): a part of a buffer that was written "
            "twice, or tiles that overlap"
        )


def _repeats(found: Finding) -> float:
    """Share of units that are copies of others."""
    return 1 - int(found.extra.get("distinct", 0)) / max(int(found.extra.get("units", 0)), 1)


def _distance(seen: Evidence, found: Finding) -> int:
    """The period, where all values past it are what they were one period before; else 0."""
    distance, common = int(found.extra.get("distance", 0)), float(found.extra.get("common", 0.0))
    size = seen.layout.samples(seen.shape)[1]
    if round(distance / size) and abs(distance - round(distance / size) * size) < _NEAR * size:
        # Samples that start a little later in one stream repeat after nearly their length, too.
        return 0
    past = 1 - distance / max(seen.n, 1)
    return distance if common > _PERIODIC and _repeats(found) > _PERIODIC * past > 0 else 0


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
