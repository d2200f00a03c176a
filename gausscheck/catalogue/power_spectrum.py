"""Discrepancy of the batched power spectrum from that of white Gaussian noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gausscheck.catalogue.base import Statistic, frozen, only
from gausscheck.effects import with_interval
from gausscheck.errors import ArgumentError
from gausscheck.finding import Effect
from gausscheck.lattice import Lattice
from gausscheck.needs import SpectrumNeed
from gausscheck.nulls.base import Null

__all__ = ["STATISTIC"]

_DEFAULTS = frozen({"block": 16, "mu": "exact", "permutations": None})


def _check(**given: Any) -> dict[str, Any]:
    checked = only(_DEFAULTS, given, "power_spectrum")
    for name in ("block", "permutations"):
        value = checked[name]
        if value is None and name == "permutations":
            continue
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            msg = f"power_spectrum: {name} must be a positive integer, got {value!r}"
            raise ArgumentError(msg)
        checked[name] = int(value)
    return checked


def _needs(*, block: int, mu: float | str, permutations: int | None) -> SpectrumNeed:
    from gausscheck.nulls.power_spectrum import resolve_mean

    return SpectrumNeed(block, resolve_mean(mu), permutations)


def _null(
    *,
    n: int,
    samples: int,
    lattice: str | None,
    scale: float,
    block: int,
    mu: float | str,
    permutations: int | None,
) -> Null:
    from gausscheck.nulls.power_spectrum import power_spectrum_null

    # Rounding errors are white: they change the variance of every amplitude, and nothing else.
    variance = 1.0 if lattice is None else float(Lattice(lattice).moments((2,), scale)[0]) / scale**2
    return power_spectrum_null(
        n, block=block, mu=mu, permutations=permutations, samples=samples, variance=variance
    )


def _n_needed(*, block: int, mu: float | str, permutations: int | None) -> int:
    """Permuted, the null needs some groups to average over."""
    from gausscheck.nulls.power_spectrum import LEAST_COPIES, N_MIN_PERMUTED

    del mu
    if permutations is None or permutations == 1:
        return 0
    return max(N_MIN_PERMUTED, 2 * block * math.ceil(LEAST_COPIES / permutations) + 2)


def _effect(*, n: int, sums: tuple[float, ...], value: float, null: Null, **_parameters: Any) -> Effect:
    """Discrepancy relative to what white noise has; the interval is that of the null."""
    del n, sums
    return with_interval("spectrum discrepancy ratio", value / null.mean, null.std / null.mean)


STATISTIC = Statistic(
    name="power_spectrum",
    family="spectrum",
    title="Batched power spectrum",
    formula=(
        "P = mean over groups g of | mean over k in g of r_k - mu |, r_k = |rfft(x)_k|/sqrt(D) of the "
        "flattened sample of D values, k = 1..ceil(D/2)-1 (DC and Nyquist left out), groups of `block` "
        "consecutive k, the last short one kept; mu = sqrt(pi)/2 (exact) or 0.875 (paper). With "
        "permutations = R: mean of P over R random permutations of the sample. Pooled: mean over samples."
    ),
    null_text=(
        "stored order, and R = 1: mean of independent |group mean - mu| of Rayleigh amplitudes, inverted "
        "through its saddle point, exact. R > 1: mixture over the sample variance, asymptotic. Two-sided: a "
        "spectrum that is too flat is a fault too (noise that was optimised against such a loss)."
    ),
    sees=(
        "stored: order (correlation between values, repeats, periodic patterns, images), as power that "
        "varies over groups of frequencies, and spectra that are too regular. permuted: scale and spikes only"
    ),
    blind=(
        "stored: power in a few single bins (a faint checkerboard), the shape of the marginal law. permuted: "
        "blind to order by construction: a random permutation destroys it, for any R; kept for comparison "
        "with arXiv:2509.07027"
    ),
    reference="arXiv:2509.07027; Lugannani and Rice 1980, Adv. Appl. Prob. 12, 475",
    n_min=3,
    parameters=_DEFAULTS,
    check=_check,
    needs=_needs,
    make_null=_null,
    effect=_effect,
    n_needed=_n_needed,
)
