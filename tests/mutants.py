"""Deliberately wrong nulls and decisions: what the laws must catch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_ndtr

from gausscheck.catalogue.base import sample_finding
from gausscheck.finding import Finding
from gausscheck.judging import Judgement, judged
from gausscheck.nulls.affine import AffineNull
from gausscheck.nulls.base import Grade, Null
from gausscheck.nulls.kolmogorov import KolmogorovNull
from gausscheck.summaries.frequency import FrequencyBins

__all__ = [
    "ContinuousKolmogorovNull",
    "NormalNull",
    "OneSidedNull",
    "all_bins_counted",
    "bonferroni_without_count",
    "shifted",
    "uncorrected_worst_sample",
    "unpaid",
]


class NormalNull(Null):
    """The central limit theorem, taken at its word."""

    grade = Grade.ASYMPTOTIC

    def __init__(self, exact: Null) -> None:
        self._mean, self._std = exact.mean, exact.std

    @property
    def mean(self) -> float:
        return self._mean

    @property
    def std(self) -> float:
        return self._std

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        return np.asarray(log_ndtr((self._mean - np.asarray(t)) / self._std))

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        return np.asarray(log_ndtr((np.asarray(t) - self._mean) / self._std))


class OneSidedNull(NormalNull):
    """A right law of which only the upper tail is asked: uniform p-values, but blind below."""

    def __init__(self, exact: Null) -> None:
        super().__init__(exact)
        self._exact = exact

    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        return self._exact.logsf(t) - math.log(2)

    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        return np.zeros(np.shape(t))


def shifted(exact: Null, *, mean: float = 0.0, std: float = 1.0) -> Null:
    """A law misplaced by `mean` of its standard deviations and stretched by `std`."""
    return AffineNull(exact, mean=exact.mean + mean * exact.std, std=std * exact.std, grade=Grade.ASYMPTOTIC)


def uncorrected_worst_sample(*args: object, **options: object) -> Finding:
    """The worst sample's finding, its p-value not corrected for the number of samples."""
    finding = sample_finding(*args, **options)  # type: ignore[arg-type]
    return replace(finding, log_p=finding.log_p - math.log(finding.where["samples"]))


def bonferroni_without_count(log_p: Sequence[float], _weights: Sequence[float] | None = None) -> list[float]:
    """ "Adjusted" p-values that forget how many there are."""
    return list(log_p)


def unpaid(*args: Any, choices: int = 1, **options: Any) -> Judgement:
    """The most surprising of many values, at its plain p-value."""
    del choices
    return judged(*args, **options)


class ContinuousKolmogorovNull(KolmogorovNull):
    """Kolmogorov's law of continuous values, in the place of that at the edges of cells."""

    def __init__(self, n: int, _grid: object) -> None:
        super().__init__(n)


_weight_of = FrequencyBins.__dict__["weight"].func


def all_bins_counted(bins: FrequencyBins) -> NDArray[np.int8]:
    """Weights of bins that take both of each conjugate pair where both are stored."""
    weight = _weight_of(bins)
    return np.where(weight == 0, 2, weight).astype(np.int8)
