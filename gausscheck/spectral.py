"""What statistics of periodograms share: sums over bands, grades on a lattice, the worst of many values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gausscheck.finding import Tail
from gausscheck.judging import Situation, two_sided
from gausscheck.nulls.affine import AffineNull
from gausscheck.nulls.base import Grade, Null
from gausscheck.summaries.fields import FieldSpectra
from gausscheck.summaries.frequency import FrequencyBins

__all__ = ["band_sums", "on_lattice", "rows_of_channels", "worst_of"]


def on_lattice(null: Null, situation: Situation, *, shift: float = 0.0) -> Null:
    """`null` moved by `shift`, its grade lowered for values rounded to 8 bits.

    Rounding errors are white, so that rounded noise has the spectrum of noise of their common variance. The
    law of a few values of 8 bits is not quite normal, nor are sums of them.
    """
    coarse = situation.lattice is not None and situation.lattice not in ("bf16", "fp16")
    grade = Grade.ASYMPTOTIC if coarse else null.grade
    if shift == 0 and grade is null.grade:
        return null
    return AffineNull(null, mean=null.mean + shift, std=null.std, grade=grade)


def rows_of_channels(summary: FieldSpectra) -> NDArray[np.float64] | None:
    """Summed ordinates of each channel, shape ``(channels, M)``.

    None without several channels, where a channel is one field, or where they were too large to be kept.
    """
    several = summary.channels > 1 and summary.count > summary.channels
    return summary.power if several and summary.power.shape[0] == summary.channels else None


def worst_of(values: NDArray[np.float64], null: Null) -> tuple[int, float, Tail]:
    """Place, log p and tail of the most surprising of values of one law: the largest or the smallest."""
    ends = [int(values.argmax()), int(values.argmin())]
    (log_p, tail), at = min(((two_sided(null, float(values[i])), i) for i in ends), key=lambda c: c[0][0])
    return at, log_p, tail


def band_sums(power: NDArray[np.float64], bins: FrequencyBins) -> NDArray[np.float64]:
    """``sum weight * I`` over each band of ``bins.bands``, of ordinates of shape ``(M,)``."""
    weighted = power * bins.weight
    sums = np.zeros(256)
    for labels in bins.labels:
        sums += np.bincount(labels, weights=weighted, minlength=256)
    return sums[: len(bins.bands)]
