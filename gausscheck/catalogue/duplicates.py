"""Values, windows, blocks, rows, channels, frames and samples that occur more than once."""

from __future__ import annotations

import math
from math import prod
from typing import Any

import numpy as np

from gausscheck.catalogue.base import Statistic, frozen, only
from gausscheck.collect.units import BLOCK, LEAST_SIZE, RUN, SHORTEST
from gausscheck.effects import share
from gausscheck.engines.runs import LEAST_DIFFERENT
from gausscheck.errors import ArgumentError
from gausscheck.judging import Judgement, Situation, Unasked, judged
from gausscheck.needs import RepeatsNeed
from gausscheck.nulls.base import LOG_TWO, Grade, Null
from gausscheck.nulls.coincidence import CoincidenceNull, log_collision, log_pairs
from gausscheck.nulls.windows import WindowsNull, log_equal_windows
from gausscheck.summaries.repeats import (
    LEAST_HALVINGS,
    MOST_HASHES,
    MOST_RUNS,
    MOST_VALUES,
    Repeats,
    Units,
    ValueSketch,
    halvings_for,
)

__all__ = ["COARSEST", "HASH_BITS", "STATISTIC", "log_equal", "log_tie"]

_DEFAULTS: Any = frozen({"unit": "block"})
_UNITS = ("value", "run", "block", "row", "channel", "frame", "sample")
HASH_BITS = 64

COARSEST = 2.0**-22
"""Probability of a tie that values of float32 and float64 may have.

Generators that turn 23 random bits into one normal value (inverse error function of a uniform float32) make
2**23 different values, all equally likely, which is coarser than float32 is: their noise is not at fault.
"""


def log_tie(dtype: str, scale: float) -> float:
    """Log of the probability of a tie of two values on no lattice, as far as it is granted."""
    return max(log_collision(dtype, None, scale), math.log(COARSEST))


def log_equal(length: int, dtype: str, lattice: str | None, scale: float) -> float:
    """Log of the probability that two units of `length` values have the same hash."""
    equal = length * log_collision(dtype, lattice, scale)
    return float(np.logaddexp(equal, -HASH_BITS * LOG_TWO))


def _unit_null(units: int, length: int, halvings: int, situation: Situation) -> CoincidenceNull:
    equal = log_equal(length, situation.dtype, situation.lattice, situation.scale)
    return CoincidenceNull(log_pairs(units) + equal - halvings * LOG_TWO)


def _run_null(windows: int, halvings: int, situation: Situation) -> WindowsNull:
    thinned = halvings * LOG_TWO
    contents = log_equal_windows(
        RUN, windows, situation.dtype, situation.lattice, situation.scale, period=LEAST_DIFFERENT
    )
    return WindowsNull(log_pairs(windows) - HASH_BITS * LOG_TWO - thinned, contents - thinned)


def _value_null(total: int, halvings: int, dtype: str, scale: float) -> CoincidenceNull:
    log_mean = log_pairs(total) + log_tie(dtype, scale) - halvings * LOG_TWO
    return CoincidenceNull(log_mean, Grade.ASYMPTOTIC)


def _make_null(situation: Situation, *, unit: str) -> Null:
    """Law for arrays whose last stored axis is the last ordered axis, and whose first one is time."""
    size = prod(situation.shape) * situation.channels
    total = size * situation.samples
    if unit == "value":
        if situation.lattice is not None:
            msg = f"values on the lattice {situation.lattice} tie anyway; unit='value' has no law there"
            raise ArgumentError(msg)
        return _value_null(total, halvings_for(total, MOST_VALUES), situation.dtype, situation.scale)
    if unit == "run":
        windows = (size - RUN + 1) * situation.samples if size >= LEAST_SIZE else 0
        return _run_null(windows, halvings_for(windows, MOST_RUNS, LEAST_HALVINGS), situation)
    length = {
        "block": BLOCK,
        "row": situation.shape[-1],
        "channel": prod(situation.shape),
        "frame": size // situation.shape[0],
        "sample": size,
    }[unit]
    units = size // length * situation.samples
    return _unit_null(units, length, halvings_for(units, MOST_HASHES), situation)


def _judge(summary: Repeats | None, situation: Situation, scope: str, *, unit: str) -> Judgement | Unasked:
    if scope != "pooled":
        return Unasked("repeats are looked for in all samples together")
    if summary is None:
        return Unasked()
    if unit == "value":
        if summary.values is None or situation.lattice is not None:
            return Unasked()
        if summary.values.whole:
            return Unasked("whole numbers tie anyway")
        return _judge_values(summary.values, situation)
    units = summary.units.get(unit)
    if units is None or units.count < 2:
        return Unasked()
    if unit == "run":
        return _judge_runs(units, summary.samples * summary.size, situation)
    return _judge_units(units, unit, situation)


def _judge_units(units: Units, unit: str, situation: Situation) -> Judgement:
    repeats = units.repeats
    return judged(
        float(repeats),
        _unit_null(units.count, units.length, units.halvings, situation),
        n=units.count * units.length,
        effect=share("share of repeats", repeats, units.kept) if units.kept else None,
        where=_where(units, unit),
        extra={"distinct": units.kept - repeats, "units": units.kept},
    )


def _judge_runs(units: Units, n: int, situation: Situation) -> Judgement:
    repeats = units.repeats
    extra: dict[str, Any] = {"distinct": units.kept - repeats, "units": units.kept}
    if repeats:
        # In values, from one sample into the next: the windows of a sample end before it does.
        distance, common = units.distance(units.length - 1)
        extra |= {"distance": distance, "common": common}
    return judged(
        float(repeats),
        _run_null(units.count, units.halvings, situation),
        n=n,
        effect=share("share of repeats", repeats, units.kept) if units.kept else None,
        where=_where(units, "place"),
        extra=extra,
    )


def _where(units: Units, unit: str) -> dict[str, Any]:
    """The first unit that repeats an earlier one, and that one; in which samples, where there are several."""
    pair = units.first_pair
    if pair is None:
        return {}
    (sample, one), (other, two) = (divmod(place, units.per_sample) for place in pair)
    if unit == "sample":
        return {"samples": [sample, other]}
    several = units.count > units.per_sample
    where: dict[str, Any] = {}
    if several:
        where = {"sample": sample} if sample == other else {"samples": [sample, other]}
    return {**where, f"{unit}s": [one, two]}


def _judge_values(sketch: ValueSketch, situation: Situation) -> Judgement:
    # Values of float64 that are numbers of float32 tie as those do.
    single = situation.dtype == "float64" and sketch.single
    dtype = "float32" if single else situation.dtype
    return judged(
        sketch.tied_pairs,
        _value_null(sketch.total, sketch.halvings, dtype, situation.scale),
        n=sketch.total,
        effect=share("share of repeats", sketch.repeats, sketch.kept) if sketch.kept else None,
        extra={"distinct": int(sketch.values.size), "units": sketch.kept},
    )


def _check(**given: Any) -> dict[str, Any]:
    checked = only(_DEFAULTS, given, "duplicates")
    if checked["unit"] not in _UNITS:
        msg = f"duplicates: unit must be one of {', '.join(_UNITS)}, got {checked['unit']!r}"
        raise ArgumentError(msg)
    return checked


STATISTIC = Statistic(
    name="duplicates",
    family="dependence",
    title="Duplicates",
    formula=(
        "number of units beyond the first occurrence of each: blocks of 64 consecutive values of a sample, "
        "rows along the last stored axis, channels, frames or whole samples, by 64-bit hashes; runs of 16 "
        "consecutive values of a sample that start at any place and have 4 different ones; of values, the "
        "number of tied pairs. Of runs one in 16, and of very many units or values a fraction, is kept, "
        "chosen by hash: equal ones together."
    ),
    null_text=(
        "Poisson, mean = pairs (P + 2^-64) times the fraction kept; P = (sum p_i^2)^length over the rounding "
        "cells of the lattice or of the storage format. Of values P is at least 2^-22, so that generators "
        "that make a value from 23 random bits pass; values on a lattice and whole numbers are not asked. "
        "Runs overlap, so that equal ones clump: P(H >= k - a + 1) + E C / a, H the Poisson number of equal "
        "hashes, C that of pairs of equal contents, overlapping ones too, a = 1 or ceil(k/2). Fewer than "
        "expected is no fault."
    ),
    sees=(
        "generators that return values twice, workers with one seed, repeated rows, channels, frames or "
        "samples, tiled noise; as runs: any period, copies at any shift, crops and streams that overlap"
    ),
    blind=(
        "repeats that are negated, scaled, mirrored or shuffled; at a shift, stretches shorter than some 100 "
        "values, or than one in 50,000 of very many; scattered repeats of values among more than some "
        "4 million"
    ),
    reference="Chen 1975, Annals of Probability 3, 534 (Poisson law); elementary",
    n_min=SHORTEST,
    parameters=_DEFAULTS,
    check=_check,
    needs=lambda **_: RepeatsNeed(),
    make_null=_make_null,
    judge=_judge,
)
