"""Raw moments m_k = mean xᵏ, orders 1 to 8."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.catalogue.base import Statistic, frozen, order_of
from gausscheck.effects import of_order
from gausscheck.finding import Effect
from gausscheck.gaussian import raw_moment
from gausscheck.lattice import Lattice
from gausscheck.needs import OnePassNeed
from gausscheck.nulls.affine import AffineNull
from gausscheck.nulls.base import Grade, Null
from gausscheck.nulls.chi_square import ChiSquareMeanNull
from gausscheck.nulls.normal import NormalMeanNull
from gausscheck.summaries.onepass import OnePass

__all__ = ["STATISTIC", "exact_null", "rounded"]

_DEFAULTS = frozen({"order": 2})


def _value(summary: OnePass, *, order: int) -> NDArray[np.float64]:
    return summary.moments.mean(order)


def exact_null(n: int, order: int, *, hermite: bool) -> Null:
    """Null of mean xᵏ or mean Heₖ(x)/√k! over n unrounded values."""
    if order == 1:
        return NormalMeanNull(n)
    if order == 2:
        square = ChiSquareMeanNull(n)
        # h_2 = (m_2 - 1)/√2
        return AffineNull(square, mean=0.0, std=1 / math.sqrt(n), grade=Grade.EXACT) if hermite else square
    from gausscheck.nulls.inversion import inversion_null

    return inversion_null(order, n, hermite)


def rounded(null: Null, lattice: str, mean: float, variance: float, n: int) -> Null:
    """`null` moved to the exact mean and variance that the feature has on a lattice.

    Rounding to 16 bits changes nothing else that could be seen below 1e11 values; rounding to 8 bits changes
    the shape slightly, so that the grade falls to ``asymptotic``.
    """
    grade = Grade.EXACT if lattice in ("bf16", "fp16") else Grade.ASYMPTOTIC
    return AffineNull(null, mean=mean, std=math.sqrt(variance / n), grade=grade)


def _null(*, n: int, samples: int, lattice: str | None, scale: float, order: int) -> Null:
    del samples  # all values are pooled before the moment is taken
    null = exact_null(n, order, hermite=False)
    if lattice is None:
        return null
    on = Lattice(lattice).moments((order, 2 * order), scale)
    mean, square = float(on[0]) / scale**order, float(on[1]) / scale ** (2 * order)
    return rounded(null, lattice, mean, square - mean**2, n)


def _effect(*, n: int, sums: tuple[float, ...], value: float, null: Null, order: int) -> Effect:
    del null
    return of_order(order, n, sums, value, hermite=False)


def _extra(value: float, *, order: int) -> dict[str, Any]:
    """Discrepancy L_n of arXiv:2509.07027."""
    return {"discrepancy": abs(abs(value) ** (1 / order) - raw_moment(order) ** (1 / order))}


STATISTIC = Statistic(
    name="moment",
    family="moments",
    title="Raw moment",
    formula="m_k = mean x^k, k = order; discrepancy L_k = | |m_k|^(1/k) - mu_k^(1/k) |, mu_k = (k-1)!! or 0",
    null_text=(
        "k = 1 normal, k = 2 chi-square, both exact; k = 3..8 by contour inversion of the moment generating "
        "function, exact at any n from 8 up. Equal-tailed: p = 2 min(P(m < obs), P(m > obs))."
    ),
    sees="1 shift of the mean; 2 wrong scale; 3 asymmetry; 4 heavy or light tails; 5..8 the largest values",
    blind="the order of the values: any permutation has the same moments",
    reference="arXiv:2509.07027 (L_n); Gil-Pelaez 1951, Biometrika 38, 481 (inversion)",
    n_min=8,
    parameters=_DEFAULTS,
    check=lambda **given: order_of(_DEFAULTS, given, "moment"),
    needs=lambda **_: OnePassNeed(),
    value=_value,
    make_null=_null,
    effect=_effect,
    extra=_extra,
)
