"""How evenly power is spread over the frequencies: geometric against arithmetic mean of the periodogram."""

from __future__ import annotations

import math
from typing import Any

from gausscheck.catalogue.base import Statistic, frozen, only
from gausscheck.engines.ordinates import LEAST_ORDINATE
from gausscheck.finding import Effect
from gausscheck.judging import Judgement, Situation, Unasked, judged, two_sided
from gausscheck.needs import FieldsNeed
from gausscheck.nulls.base import Null
from gausscheck.spectral import on_lattice
from gausscheck.summaries.fields import FieldSpectra
from gausscheck.summaries.frequency import frequency_bins

__all__ = ["STATISTIC"]

_DEFAULTS: Any = frozen({})
_FEWEST = 2  # complex bins
_Z95 = 1.959963984540054


def _law(bins: int, fields: int, situation: Situation) -> Null:
    from gausscheck.nulls.flatness import FlatnessNull

    # E log max(I, a) - E log I = a + O(a^2) for exponential I.
    raised = bins * fields * LEAST_ORDINATE
    return on_lattice(FlatnessNull(bins, fields), situation, shift=raised)


def _null(situation: Situation) -> Null:
    return _law(
        frequency_bins(situation.shape).complex_count, situation.samples * situation.channels, situation
    )


def _effect(value: float, null: Null, ordinates: int) -> Effect:
    """Flatness of the population: exp of the mean logarithm, free of the bias of single ordinates."""
    log_ratio, error = (value - null.mean) / ordinates, _Z95 * null.std / ordinates
    low, middle, high = (math.exp(log_ratio + shift) for shift in (-error, 0.0, error))
    return Effect("spectral flatness", middle, low, high)


def _judge(summary: FieldSpectra, situation: Situation, scope: str) -> Judgement | Unasked:
    bins = summary.bins.complex_count
    if bins < _FEWEST:
        return Unasked(f"needs {_FEWEST} complex bins, a field of shape {summary.shape} has {bins}")
    found = summary.flatness
    if scope == "pooled":
        null = _law(bins, summary.count, situation)
        effect = _effect(found.total, null, bins * summary.count)
        return judged(found.total, null, n=summary.bins.size * summary.count, effect=effect)
    if scope == "channel" or summary.count == 1:
        return Unasked()
    null = _law(bins, 1, situation)
    ends = ((found.low, found.low_at), (found.high, found.high_at))
    value, at = min(ends, key=lambda end: two_sided(null, end[0])[0])
    return judged(
        value,
        null,
        n=summary.bins.size,
        choices=summary.count,
        effect=_effect(value, null, bins),
        where=dict(summary.place(at)),
    )


STATISTIC = Statistic(
    name="spectral_flatness",
    family="spectrum",
    title="Spectral flatness",
    formula=(
        "L = sum over the complex bins k of a field of log(I_k / mean I), I the periodogram over the ordered "
        "axes of one channel of one sample; pooled: summed over fields. At most 0"
    ),
    null_text=(
        "E exp(sL) = [Gamma(1+s)^N N^(Ns) Gamma(N) / Gamma(N+Ns)]^F for F fields of N complex bins, "
        "inverted through its saddle point, exact. The scale of the values does not matter. Two-sided: a "
        "spectrum that is too flat is a fault too."
    ),
    sees="colour of any kind spread over many bins, repeats, images; noise optimised to a flat spectrum",
    blind="power in a few bins; which frequencies are affected; the law of the values",
    reference="Moran 1947, J. Royal Statist. Soc. B 9, 92; Gray and Markel 1974, IEEE Trans. ASSP 22, 207",
    n_min=5,
    parameters=_DEFAULTS,
    check=lambda **given: only(_DEFAULTS, given, "spectral_flatness"),
    needs=lambda **_: FieldsNeed(),
    make_null=_null,
    judge=_judge,
)
