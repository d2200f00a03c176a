"""The largest circular autocorrelation over all lags."""

from __future__ import annotations

import math
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gausscheck.catalogue.base import Statistic, frozen, only
from gausscheck.effects import with_interval
from gausscheck.judging import Judgement, Situation, Unasked, judged, two_sided
from gausscheck.needs import FieldsNeed
from gausscheck.nulls.base import Null
from gausscheck.spectral import on_lattice, rows_of_channels
from gausscheck.summaries.fields import FieldSpectra
from gausscheck.summaries.frequency import FrequencyBins, frequency_bins

__all__ = ["STATISTIC", "order_of_lag"]

_DEFAULTS: Any = frozen({})
_FEWEST = 4  # values in a field
_TIE = 1e-5  # of a correlation, several times the rounding of float32 transforms


class _Lag(NamedTuple):
    """Correlation at a lag, the place of the lag in the field, and the row that it was found in."""

    rho: float
    place: int
    row: int


def order_of_lag(lag: tuple[int, ...], shape: tuple[int, ...]) -> int:
    """Return how many times a lag must be repeated to lead back to where it started."""
    return math.lcm(*(n // math.gcd(n, step) for n, step in zip(shape, lag, strict=True)))


def _law(bins: FrequencyBins, lag: tuple[int, ...], fields: int, situation: Situation) -> Null:
    from gausscheck.nulls.lag_product import LagProductNull

    return on_lattice(LagProductNull(bins.size, order_of_lag(lag, bins.shape), fields), situation)


def _null(situation: Situation) -> Null:
    longest = max(range(len(situation.shape)), key=lambda axis: situation.shape[axis])
    lag = tuple(int(axis == longest) for axis in range(len(situation.shape)))
    return _law(frequency_bins(situation.shape), lag, situation.samples * situation.channels, situation)


def _self_inverse(shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Places of the lags that are their own opposites, without 0."""
    steps = [(0, n // 2) if n % 2 == 0 else (0,) for n in shape]
    return np.array([np.ravel_multi_index(lag, shape) for lag in product(*steps)], np.intp)[1:]


def _largest(power: NDArray[np.float64], bins: FrequencyBins) -> list[_Lag]:
    """Largest correlation by size among the self-inverse and among all other lags, over all rows.

    Of lags that tie but for rounding, as opposite ones and the multiples of a period do, it is the first.
    """
    from scipy.fft import irfftn

    own = _self_inverse(bins.shape)
    best: dict[str, _Lag] = {}
    for number, row in enumerate(power):
        rho = irfftn(row.reshape(bins.grid), s=bins.shape).ravel()
        if not rho[0] > 0:
            continue
        rho /= rho[0]
        size = np.abs(rho)
        kinds = [("own", own[_first_largest(size[own])])] if own.size else []
        if bins.complex_count:
            size[own] = size[0] = -1.0
            kinds.append(("other", _first_largest(size)))
        for kind, at in kinds:
            lag = _Lag(float(rho[at]), int(at), number)
            if kind not in best or abs(lag.rho) > abs(best[kind].rho):
                best[kind] = lag
    return list(best.values())


def _first_largest(size: NDArray[np.float64]) -> np.intp:
    """Place of the first that is as large as any, but for rounding."""
    return (size >= (1 - _TIE) * size.max()).argmax()


def _vector(place: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Lag by its steps along the axes, each the shorter way round, the first of them positive."""
    index = (int(i) for i in np.unravel_index(place, shape))
    lag = tuple(step if 2 * step <= n else step - n for step, n in zip(index, shape, strict=True))
    if next(step for step in lag if step) > 0:
        return lag
    return tuple(-step if 2 * step != n else step for step, n in zip(lag, shape, strict=True))


def _judge(summary: FieldSpectra, situation: Situation, scope: str) -> Judgement | Unasked:
    bins = summary.bins
    if bins.size < _FEWEST:
        return Unasked(f"needs {_FEWEST} values along the ordered axes, a field has shape {summary.shape}")
    if scope == "pooled":
        rows, fields = summary.pooled[None], summary.count
    elif scope == "channel" and rows_of_channels(summary) is not None:
        rows, fields = summary.power, summary.count // summary.channels
    else:
        return Unasked()
    found = _largest(rows, bins)
    if not found:
        return Unasked("no power")
    candidates = []
    for lag in found:
        vector = _vector(lag.place, bins.shape)
        null = _law(bins, vector, fields, situation)
        candidates.append((two_sided(null, lag.rho)[0], lag, vector, null))
    _, lag, vector, null = min(candidates, key=lambda c: c[0])
    where: dict[str, Any] = {"lag": vector}
    if scope == "channel":
        where |= {"channel": lag.row, "channels": summary.channels}
    return judged(
        lag.rho,
        null,
        n=bins.size * fields,
        # 0 apart, lags come in pairs but for those that are their own opposites.
        choices=(bins.complex_count + bins.real_count - 1) * len(rows),
        effect=with_interval("autocorrelation", lag.rho, null.std),
        where=where,
    )


STATISTIC = Statistic(
    name="autocorrelation",
    family="spectrum",
    title="Largest autocorrelation",
    formula=(
        "rho_l = sum x_i x_(i+l) / sum x_i^2, over the ordered axes with wrap-around, sums over all fields; "
        "the largest |rho_l| over all lag vectors l, those with 2 l = 0 (half the length along some axes) "
        "against their own, wider, law"
    ),
    null_text=(
        "P(rho_l > t) = P(sum (cos theta_k - t) z_k^2 > 0), whose moment generating function is known in "
        "closed form for every lag, inverted through its saddle point, exact; corrected for the number of "
        "lags. The scale of the values does not matter. Two-sided."
    ),
    sees="AR(1), blur, repeats and tiles at any offset, mirrored or copied halves, rows that alternate",
    blind="power in few bins; colour spread thinly over many lags; the law of the values",
    reference="Anderson 1942, Ann. Math. Statist. 13, 1; Lugannani and Rice 1980, Adv. Appl. Prob. 12, 475",
    n_min=4,
    parameters=_DEFAULTS,
    check=lambda **given: only(_DEFAULTS, given, "autocorrelation"),
    needs=lambda **_: FieldsNeed(),
    make_null=_null,
    judge=_judge,
)
