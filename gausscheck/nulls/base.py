"""What a null distribution offers, whatever it is computed from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["LOG_TWO", "Grade", "Null"]

LOG_TWO = float(np.log(2.0))


class Grade(StrEnum):
    """How good a p-value is.

    ``exact``: closed form or quadrature to a stated relative error; ``saddlepoint``: Lugannani-Rice;
    ``asymptotic``: correct as n grows, with a measured error; ``simulated``: from draws.
    """

    EXACT = "exact"
    SADDLEPOINT = "saddlepoint"
    ASYMPTOTIC = "asymptotic"
    SIMULATED = "simulated"


class Null(ABC):
    """Distribution of a statistic under H0.

    A concrete null gives `logsf` and `logcdf`, each computed for its own tail (never as ``log(1 - other)``
    where that would cancel), and its `mean`, `std` and `grade`.
    """

    grade: Grade

    @property
    @abstractmethod
    def mean(self) -> float:
        """Expected value under H0."""

    @property
    @abstractmethod
    def std(self) -> float:
        """Standard deviation under H0."""

    @abstractmethod
    def logsf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Natural logarithm of P(T > t), elementwise."""

    @abstractmethod
    def logcdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """Natural logarithm of P(T < t), elementwise."""

    def sf(self, t: ArrayLike) -> NDArray[np.float64]:
        """P(T > t), elementwise; underflows to 0 below 1e-308 where `logsf` does not."""
        return np.exp(self.logsf(t))

    def cdf(self, t: ArrayLike) -> NDArray[np.float64]:
        """P(T < t), elementwise; underflows to 0 below 1e-308 where `logcdf` does not."""
        return np.exp(self.logcdf(t))

    def log_two_sided(self, t: ArrayLike) -> NDArray[np.float64]:
        """Log of the equal-tailed p-value ``min(1, 2 min(P(T > t), P(T < t)))``, elementwise."""
        tail: Any = np.minimum(self.logsf(t), self.logcdf(t))
        return np.minimum(0.0, tail + LOG_TWO)
