"""Power in bands of frequency, by radius and along each axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.catalogue.base import Statistic, frozen, only
from gausscheck.effects import with_interval
from gausscheck.judging import Judgement, Situation, Unasked, judged
from gausscheck.needs import FieldsNeed
from gausscheck.nulls.base import Null
from gausscheck.nulls.chi_square import ChiSquareMeanNull
from gausscheck.spectral import band_sums, on_lattice, resolution, rows_of_channels, worst_of
from gausscheck.summaries.fields import FieldSpectra
from gausscheck.summaries.frequency import Band

__all__ = ["STATISTIC"]

_DEFAULTS: Any = frozen({})
_FEWEST = 4  # values in a field


def _law(degrees: int, situation: Situation) -> Null:
    return on_lattice(ChiSquareMeanNull(degrees), situation)


def _null(situation: Situation) -> Null:
    fields = situation.samples * situation.channels
    return _law(fields * (math.prod(situation.shape) - 1), situation)


def _place(band: Band) -> dict[str, Any]:
    return {
        "band": band.kind,
        **({"axis": band.axis} if band.axis >= 0 else {}),
        "low": band.low,
        "high": band.high,
    }


def _judge(summary: FieldSpectra, situation: Situation, scope: str) -> Judgement | Unasked:
    bins = summary.bins
    if bins.size < _FEWEST:
        return Unasked(f"needs {_FEWEST} values along the ordered axes, a field has shape {summary.shape}")
    sums: NDArray[np.float64]
    fields = 1
    if scope == "pooled":
        fields, choices = summary.count, 1
        sums = band_sums(summary.pooled, bins)[None]
    elif scope == "sample":
        if summary.count == 1:
            return Unasked()
        choices = summary.count
        sums = np.stack([summary.bands.low, summary.bands.high])
    else:
        rows = rows_of_channels(summary)
        if rows is None:
            return Unasked()
        fields, choices = summary.count // summary.channels, summary.channels
        sums = np.stack([band_sums(row, bins) for row in rows])
    degrees = fields * np.array([band.degrees for band in bins.bands])
    means = np.maximum(sums / (degrees * situation.variance), resolution(situation))
    worst = []
    for number, column in enumerate(means.T):
        at, log_p, _ = worst_of(column, _law(int(degrees[number]), situation))
        worst.append((log_p, number, at))
    _, number, at = min(worst)
    value = float(means[at, number])
    where = _place(bins.bands[number])
    if scope == "channel":
        where |= {"channel": at, "channels": summary.channels}
    elif scope == "sample":
        extremes = summary.bands
        where |= summary.place(int((extremes.high_at if at else extremes.low_at)[number]))
    extra = {}
    if scope != "sample":
        row = summary.pooled if scope == "pooled" else summary.power[at]
        total = float(row @ bins.weight) / (bins.size * fields * situation.variance)
        extra = {"relative": value / total if total > 0 else 1.0}
    return judged(
        value,
        _law(int(degrees[number]), situation),
        n=bins.size * fields,
        choices=choices * len(bins.bands),
        effect=with_interval("excess band power", value - 1, value * math.sqrt(2 / int(degrees[number]))),
        where=where,
        extra=extra,
    )


STATISTIC = Statistic(
    name="band_power",
    family="spectrum",
    title="Power in a band",
    formula=(
        "mean of I_k = |F_k|^2 / D over the bins of a band, complex ones twice, and over all fields; the "
        "most surprising of all bands: rings of the length of the frequency vector (octaves up to 1/16 "
        "cycles a value, then sixteenths) and quarters of the range of each axis; DC belongs to none"
    ),
    null_text=(
        "chi-square over its degrees of freedom, 2 a complex and 1 a real bin and field, exact; corrected "
        "for the number of bands. The law without data is that of all power but DC. Two-sided."
    ),
    sees="blur, sharpening, upsampling, lost high frequencies, ring watermarks, stripes, wrong scale",
    blind="single frequencies in a wide band; phases, repeats; the law of the values",
    reference="Bartlett 1950, Biometrika 37, 1",
    n_min=4,
    parameters=_DEFAULTS,
    check=lambda **given: only(_DEFAULTS, given, "band_power"),
    needs=lambda **_: FieldsNeed(),
    make_null=_null,
    judge=_judge,
)
