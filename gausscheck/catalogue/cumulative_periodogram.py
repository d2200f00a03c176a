"""Power summed over rising frequency: largest distance from the straight line of white noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.catalogue.base import Statistic, frozen, only
from gausscheck.effects import with_interval
from gausscheck.errors import ArgumentError
from gausscheck.finding import Effect
from gausscheck.judging import Judgement, Situation, Unasked, judged, two_sided
from gausscheck.needs import FieldsNeed
from gausscheck.nulls.base import Null
from gausscheck.summaries.fields import FieldSpectra
from gausscheck.summaries.frequency import frequency_bins

__all__ = ["STATISTIC"]

_DEFAULTS: Any = frozen({})
_FEWEST = 3  # complex bins


def _null(situation: Situation) -> Null:
    from gausscheck.nulls.cumulative_periodogram import cumulative_periodogram_null

    bins = frequency_bins(situation.shape).complex_count
    if bins < _FEWEST:
        msg = f"cumulative_periodogram needs {_FEWEST} complex bins, a field {situation.shape} has {bins}"
        raise ArgumentError(msg)
    return cumulative_periodogram_null(bins, situation.samples * situation.channels)


@dataclass(frozen=True)
class _Sums:
    """Largest distance of normalised partial sums from the line, and after how many bins."""

    value: float
    bins: int

    @classmethod
    def of(cls, power: NDArray[np.float64], fields: int) -> _Sums:
        """From ordinates in the order of frequency, with some power in them."""
        sums = np.cumsum(power)
        share = sums[:-1] / sums[-1]
        count = share.size
        rank = np.arange(1, count + 1)
        if fields > 1:
            distance = np.abs(share - rank / (count + 1))
        else:
            distance = np.maximum(rank / count - share, share - (rank - 1) / count)
        at = int(np.argmax(distance))
        return cls(float(distance[at]), at + 1)


def _effect(power: NDArray[np.float64], fields: int) -> Effect:
    """Share of the lower half of the bins in all power, less the share that they have in white noise."""
    half = power.size // 2
    # Squares of the power itself may leave the range of doubles.
    part = power / power.sum()
    low, high = part[:half], part[half:]
    share = float(low.sum())
    # Var I = (E I)^2 / F, which E I^2 / (F + 1) estimates without bias.
    below, above = float(low @ low), float(high @ high)
    spread = ((1 - share) ** 2 * below + share**2 * above) / (fields + 1)
    return with_interval("excess low-frequency power", share - half / power.size, math.sqrt(spread))


def _judge(summary: FieldSpectra, situation: Situation, scope: str) -> Judgement | Unasked:
    from gausscheck.nulls.cumulative_periodogram import cumulative_periodogram_null

    bins = summary.bins
    if bins.complex_count < _FEWEST:
        return Unasked(
            f"needs {_FEWEST} complex bins, a field of shape {summary.shape} has {bins.complex_count}"
        )
    if scope == "pooled":
        rows, fields = summary.pooled[np.newaxis], summary.count
    elif scope == "channel" and summary.channels > 1 and summary.power.shape[0] == summary.channels:
        rows, fields = summary.power, summary.count // summary.channels
    else:
        return Unasked()
    rows = rows[:, bins.complex_at]
    # Channels without power are constant, which other statistics tell.
    lit = [c for c, power in enumerate(rows) if 0 < float(power.sum()) < math.inf]
    if not lit:
        return Unasked("no power")
    null = cumulative_periodogram_null(bins.complex_count, fields)
    found = {c: _Sums.of(rows[c], fields) for c in lit}
    ordered = sorted(found, key=lambda c: found[c].value)
    # The law of all channels is the same: the most surprising is the largest or the smallest.
    worst = min((ordered[-1], ordered[0]), key=lambda c: two_sided(null, found[c].value)[0])
    where: dict[str, Any] = {"frequency": float(bins.radius[bins.complex_at[found[worst].bins - 1]])}
    if scope == "channel":
        where |= {"channel": worst, "channels": summary.channels}
    return judged(
        found[worst].value,
        null,
        n=bins.size * fields,
        choices=len(rows),
        effect=_effect(rows[worst], fields),
        where=where,
    )


STATISTIC = Statistic(
    name="cumulative_periodogram",
    family="spectrum",
    title="Cumulative periodogram",
    formula=(
        "W = max_j |C_j - j/N|, C_j the share of the first j of N complex bins in their power, by length of "
        "the frequency vector, summed over fields; of one field Bartlett's max_j max(j/(N-1) - C_j, C_j - "
        "(j-1)/(N-1))"
    ),
    null_text=(
        "one field: Kolmogorov's law of N - 1 values, exact. F fields: every F-th of N F - 1 ordered uniform "
        "values between two lines, exact to N F = 1,024; above, the law of a bridge at N - 1 points with a "
        "correction for the steps' skewness. The scale of the values does not matter. Two-sided."
    ),
    sees="smoothing, sharpening, AR(1) and other broad colour of the spectrum",
    blind="single frequencies; direction; repeats; the law of the values",
    reference="Bartlett 1955, An Introduction to Stochastic Processes, 9.2; Durbin 1969, Biometrika 56, 1",
    n_min=8,
    parameters=_DEFAULTS,
    check=lambda **given: only(_DEFAULTS, given, "cumulative_periodogram"),
    needs=lambda **_: FieldsNeed(),
    make_null=_null,
    judge=_judge,
)
