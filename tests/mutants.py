"""Deliberately wrong nulls and decisions: what the laws must catch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_ndtr

from gausscheck.catalogue.base import sample_finding
from gausscheck.finding import Finding
from gausscheck.nulls.affine import AffineNull
from gausscheck.nulls.base import Grade, Null

__all__ = ["NormalNull", "OneSidedNull", "bonferroni_without_count", "shifted", "uncorrected_worst_sample"]


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


def bonferroni_without_count(log_p: Sequence[float]) -> list[float]:
    """ "Adjusted" p-values that forget how many there are."""
    return list(log_p)
