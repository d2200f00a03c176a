"""The largest ordinate of the periodogram: one frequency that stands out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gausscheck.catalogue.base import Statistic, frozen, only
from gausscheck.effects import with_interval
from gausscheck.errors import ArgumentError
from gausscheck.finding import Effect
from gausscheck.judging import Judgement, Situation, Unasked, judged
from gausscheck.needs import FieldsNeed
from gausscheck.nulls.base import Null
from gausscheck.spectral import on_lattice, resolution, rows_of_channels, worst_of
from gausscheck.summaries.fields import FieldSpectra
from gausscheck.summaries.frequency import FrequencyBins, frequency_bins

__all__ = ["STATISTIC"]

_DEFAULTS = frozen({"bins": "complex"})
_DEGREES = {"complex": 2, "real": 1}
_FEWEST = 4  # values in a field


def _check(**given: Any) -> dict[str, Any]:
    checked = only(_DEFAULTS, given, "spectral_peak")
    if checked["bins"] not in _DEGREES:
        msg = f"spectral_peak: bins must be 'complex' or 'real', got {checked['bins']!r}"
        raise ArgumentError(msg)
    return checked


def _count(bins: FrequencyBins, kind: str) -> int:
    return bins.complex_count if kind == "complex" else bins.real_count


def _law(bins: int, fields: int, kind: str, situation: Situation) -> Null:
    from gausscheck.nulls.largest_ordinate import LargestOrdinateNull

    return on_lattice(LargestOrdinateNull(bins, fields, degrees=_DEGREES[kind]), situation)


def _null(situation: Situation, *, bins: str) -> Null:
    count = _count(frequency_bins(situation.shape), bins)
    return _law(count, situation.samples * situation.channels, bins, situation)


def _effect(ordinate: float, fields: int, kind: str, size: int) -> Effect:
    """Mean square of a wave of this frequency, in units of the variance of the noise.

    A wave adds a constant to the ordinate, which then is a noncentral chi-square variable.
    """
    degrees = _DEGREES[kind]
    excess = ordinate - 1
    error = math.sqrt((1 + 2 * max(excess, 0.0)) * 2 / (degrees * fields))
    return with_interval("power of one frequency", degrees * excess / size, degrees * error / size)


def _named(frequency: tuple[float, ...]) -> str:
    """What the pattern of a real bin looks like."""
    halves = sum(f != 0 for f in frequency)
    if halves == 1:
        return "stripes" if len(frequency) > 1 else "alternation"
    return "mean" if halves == 0 else "checkerboard"


def _judge(summary: FieldSpectra, situation: Situation, scope: str, *, bins: str) -> Judgement | Unasked:
    table = summary.bins
    count = _count(table, bins)
    if table.size < _FEWEST or count == 0:
        return Unasked(f"needs {_FEWEST} values along the ordered axes, a field has shape {summary.shape}")
    place: dict[str, Any] = {}
    least = resolution(situation)
    chosen = table.weight == (2 if bins == "complex" else 1)
    fields = choices = 1
    if scope == "sample":
        if summary.count == 1:
            return Unasked()
        peak = summary.complex_peak if bins == "complex" else summary.real_peak
        value, at = max(peak.value / situation.variance, least), peak.place
        null = _law(count * summary.count, 1, bins, situation)
        place = dict(summary.place(peak.field))
    elif scope == "pooled":
        fields = summary.count
        null = _law(count, fields, bins, situation)
        mean = np.where(chosen, summary.pooled, -np.inf) / (fields * situation.variance)
        at = int(mean.argmax())
        value = max(float(mean[at]), least)
    else:
        rows = rows_of_channels(summary)
        if rows is None:
            return Unasked()
        fields, choices = summary.count // summary.channels, summary.channels
        null = _law(count, fields, bins, situation)
        mean = np.where(chosen, rows, -np.inf) / (fields * situation.variance)
        channel, _, _ = worst_of(np.maximum(mean.max(axis=1), least), null)
        at = int(mean[channel].argmax())
        value = max(float(mean[channel, at]), least)
        place = {"channel": channel, "channels": summary.channels}
    frequency = table.at(at)
    effect = _effect(value, fields, bins, table.size)
    power = max(effect.value, 0.0)
    # A wave of amplitude a has mean square a^2/2, an alternating pattern +-a has a^2.
    amplitude = math.sqrt(2 * power if bins == "complex" else power)
    named = {"bin": _named(frequency)} if bins == "real" else {}
    return judged(
        value,
        null,
        n=table.size * (summary.count if scope == "sample" else fields),
        choices=choices,
        effect=effect,
        where={"frequency": frequency, **named, **place},
        extra={"amplitude": amplitude},
    )


STATISTIC = Statistic(
    name="spectral_peak",
    family="spectrum",
    title="Largest ordinate of the periodogram",
    formula=(
        "max over bins of I_k = |F_k|^2 / D, F the transform over the ordered axes of one channel of one "
        "sample of D values; pooled: of the mean of I over all fields. bins = complex: bins that come in "
        "conjugate pairs; bins = real: those that are their own conjugates, each component of the frequency "
        "0 or 1/2 (the mean, stripes of period 2, the checkerboard)"
    ),
    null_text=(
        "1 - (1 - q)^N for N bins, q the upper tail of the mean of F exponential (complex) or chi-square "
        "variables with 1 degree of freedom (real), exact. Two-sided: no largest ordinate, that is a "
        "spectrum clipped or flattened, is a fault too."
    ),
    sees="complex: a single wave, tiling, a watermark in few bins; real: checkerboards, stripes, the mean",
    blind="faint colour spread over many bins; repeats; the law of the values",
    reference="Schuster 1898, Terrestrial Magnetism 3, 13; Fisher 1929, Proc. Royal Soc. A 125, 54",
    n_min=4,
    parameters=_DEFAULTS,
    check=_check,
    needs=lambda **_: FieldsNeed(),
    make_null=_null,
    judge=_judge,
)
