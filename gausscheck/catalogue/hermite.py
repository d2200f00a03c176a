"""Hermite means h_k = mean Heₖ(x)/√k!, orders 1 to 8: uncorrelated under H0."""

from __future__ import annotations

import numpy as np
from numpy.polynomial import polynomial
from numpy.typing import NDArray

from gausscheck.catalogue.base import Statistic, frozen, order_of
from gausscheck.catalogue.moment import exact_null, rounded
from gausscheck.effects import of_order
from gausscheck.finding import Effect
from gausscheck.gaussian import hermite_coefficients
from gausscheck.lattice import Lattice
from gausscheck.needs import OnePassNeed
from gausscheck.nulls.base import Null
from gausscheck.summaries.onepass import OnePass

__all__ = ["STATISTIC"]

_DEFAULTS = frozen({"order": 4})


def _value(summary: OnePass, *, order: int) -> NDArray[np.float64]:
    return summary.moments.hermite(order)


def _null(*, n: int, samples: int, lattice: str | None, scale: float, order: int) -> Null:
    del samples  # all values are pooled before the mean is taken
    null = exact_null(n, order, hermite=True)
    if lattice is None:
        return null
    orders = range(1, 2 * order + 1)
    power = np.array(
        [1.0, *(np.asarray(Lattice(lattice).moments(tuple(orders), scale)) / scale ** np.array(orders))]
    )
    c = hermite_coefficients(order)
    mean = float(c @ power[: order + 1])
    square = float(polynomial.polymul(c, c) @ power)
    return rounded(null, lattice, mean, square - mean**2, n)


def _effect(*, n: int, sums: tuple[float, ...], value: float, null: Null, order: int) -> Effect:
    del null
    return of_order(order, n, sums, value, hermite=True)


STATISTIC = Statistic(
    name="hermite",
    family="moments",
    title="Hermite mean",
    formula="h_k = mean He_k(x)/sqrt(k!), k = order (probabilists' Hermite polynomials)",
    null_text=(
        "mean 0, variance 1/n, uncorrelated between orders; k = 1 normal, k = 2 chi-square, k = 3..8 by "
        "contour inversion, exact at any n from 8 up. Equal-tailed."
    ),
    sees="1 mean, 2 scale, 3 skewness apart from the mean, 4 tails apart from the scale, 5..8 finer shape",
    blind="the order of the values: any permutation has the same Hermite means",
    reference="Neyman 1937, smooth tests; Gil-Pelaez 1951, Biometrika 38, 481 (inversion)",
    n_min=8,
    parameters=_DEFAULTS,
    check=lambda **given: order_of(_DEFAULTS, given, "hermite"),
    needs=lambda **_: OnePassNeed(),
    value=_value,
    make_null=_null,
    effect=_effect,
)
