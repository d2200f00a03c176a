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

__all__ = ["band_sums", "on_lattice", "resolution", "rows_of_channels", "worst_of"]

_FINE = ("bf16", "fp16")


def on_lattice(null: Null, situation: Situation, *, shift: float = 0.0) -> Null:
    """`null` moved by `shift`, its grade lowered for values rounded to 8 bits.

    Rounding errors are white, so that rounded noise has the spectrum of noise of their common variance. The
    law of a few values of 8 bits is not quite normal, nor are sums of them.
    """
    grade = Grade.ASYMPTOTIC if _coarse(situation) else null.grade
    if shift == 0 and grade is null.grade:
        return null
    return AffineNull(null, mean=null.mean + shift, std=null.std, grade=grade)


def _coarse(situation: Situation) -> bool:
    return situation.lattice is not None and situation.lattice not in _FINE


def resolution(situation: Situation) -> float:
    """Ordinate below which the law has no density: a few values on a lattice often sum to exactly 0.

    The sum of D values is a multiple of the spacing at the smallest of them, which meets 0 with a probability
    of 2e-4 (bf16, 4 values) or 1e-5 (64 values); a chi-square variable falls below the resolution as often.
    """
    if _coarse(situation):
        return 1e-4
    return 1e-9 if situation.lattice is None else 1e-7


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
