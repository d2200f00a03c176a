"""Terms of a loss: a statistic of each sample, how far it is from its target, and its null."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from math import inf, sqrt
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gausscheck.catalogue import statistics
from gausscheck.gaussian import raw_moment
from gausscheck.nulls.base import Null
from gausscheck.nulls.quantile import quantile

__all__ = ["MomentTerm", "SpectrumTerm", "Term", "Window", "typical_window"]

_ROOT_SAFETY = 1e-3


@dataclass(frozen=True)
class Window:
    """Central range of a statistic under H0, and its standard deviation."""

    low: float
    high: float
    std: float

    def holds(self, statistic: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether values of the statistic lie in the range, elementwise."""
        inside: NDArray[np.bool_] = (self.low <= statistic) & (statistic <= self.high)
        return inside


class Term(Protocol):
    """One statistic of a sample and its discrepancy from what N(0, 1) has on average.

    Attributes
    ----------
    name : str
        Such as ``moment 2`` or ``power_spectrum stored``.
    weight : float
        What the discrepancy is multiplied by in the loss.
    """

    @property
    def name(self) -> str:
        """See above."""

    @property
    def weight(self) -> float:
        """See above."""

    def __hash__(self) -> int:
        """Terms of equal parameters are equal: their windows are kept."""

    def null(self, n: int) -> Null:
        """Law of the statistic of one sample of `n` values under H0."""

    def discrepancy(self, statistic: Tensor, n: int) -> Tensor:
        """Discrepancy from the statistic, elementwise, differentiable."""

    def slope(self, statistic: Tensor, n: int) -> Tensor:
        """Its derivative, in closed form."""

    def interval(self, level: float, n: int) -> tuple[float, float]:
        """Range of the statistic where the discrepancy is at most `level`; empty as ``(inf, -inf)``."""


@dataclass(frozen=True)
class MomentTerm:
    r"""``L_n = | |m_n|^{1/n} - mu_n^{1/n} |`` of the raw moment ``m_n``, arXiv:2509.07027.

    The root of an odd moment has an infinite slope at 0, where its target is. Below a thousandth of the
    moment's standard deviation it is continued by its chord, so that the slope is finite and 0 at 0.

    Attributes
    ----------
    order : int
        1 to 8.
    weight : float
    target : float
        Root of the moment of N(0, 1); 0 for odd orders.
    """

    order: int
    weight: float = 1.0
    target: float = field(init=False, repr=False)
    _chord: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        rooted = self.order % 2 == 1 and self.order > 1
        object.__setattr__(self, "target", raw_moment(self.order) ** (1 / self.order))
        object.__setattr__(self, "_chord", _ROOT_SAFETY * sqrt(raw_moment(2 * self.order)) if rooted else 0.0)

    @property
    def name(self) -> str:
        """``moment n``."""
        return f"moment {self.order}"

    def _safe(self, n: int) -> float:
        return self._chord / sqrt(n)

    def null(self, n: int) -> Null:
        """Law of ``m_n``."""
        return statistics["moment"].null(n=n, order=self.order)

    def discrepancy(self, statistic: Tensor, n: int) -> Tensor:
        """See :class:`Term`."""
        return (self._root(statistic, n) - self.target).abs() if self.target else self._root(statistic, n)

    def _root(self, statistic: Tensor, n: int) -> Tensor:
        if self.order == 1:
            return statistic.abs()
        if self.order == 2:
            # A sample of zeros only: the root has no slope there.
            return statistic.clamp_min(torch.finfo(statistic.dtype).tiny).sqrt()
        size = statistic.abs()
        safe = self._safe(n)
        if not safe:
            return size.clamp_min(torch.finfo(statistic.dtype).tiny).pow(1 / self.order)
        root = size.clamp_min(safe).pow(1 / self.order)
        return torch.where(size < safe, size * safe ** (1 / self.order - 1), root)

    def slope(self, statistic: Tensor, n: int) -> Tensor:
        """See :class:`Term`."""
        if self.order == 1:
            return statistic.sign()
        tiny = torch.finfo(statistic.dtype).tiny
        if self.order == 2:
            root = statistic.clamp_min(tiny).sqrt()
            return (root - 1.0).sign() / (root + root)
        size = statistic.abs()
        held = size.clamp_min(max(self._safe(n), tiny))
        steep = held.pow(1 / self.order) / held
        if not self.target:
            return torch.where(size < held, steep, steep / self.order) * statistic.sign()
        slope = (steep * held - self.target).sign() * steep / self.order
        return torch.where(size > tiny, slope, 0.0)

    def interval(self, level: float, n: int) -> tuple[float, float]:
        """See :class:`Term`."""
        if level < 0:
            return inf, -inf
        if self.order % 2:
            safe = self._safe(n)
            bound = (
                level * safe ** (1 - 1 / self.order)
                if level < safe ** (1 / self.order)
                else level**self.order
            )
            return -bound, bound
        low, high = max(self.target - level, 0.0), self.target + level
        return (low**self.order if self.target > level else -inf), high**self.order


@dataclass(frozen=True)
class SpectrumTerm:
    """Batched power-spectrum discrepancy P in stored order, or averaged over random permutations.

    Attributes
    ----------
    permutations : int or None
        None: stored order.
    block : int
    mu : float
    weight : float
    """

    permutations: int | None
    block: int
    mu: float
    weight: float = 1.0

    @property
    def name(self) -> str:
        """``power_spectrum stored`` or ``permuted``."""
        return f"power_spectrum {'stored' if self.permutations is None else 'permuted'}"

    def null(self, n: int) -> Null:
        """Law of P."""
        return statistics["power_spectrum"].null(
            n=n, block=self.block, mu=self.mu, permutations=self.permutations
        )

    def discrepancy(self, statistic: Tensor, n: int) -> Tensor:
        """P itself."""
        del n
        return statistic

    def slope(self, statistic: Tensor, n: int) -> Tensor:
        """One."""
        del n
        return torch.ones_like(statistic)

    def interval(self, level: float, n: int) -> tuple[float, float]:
        """See :class:`Term`."""
        del n
        return (-inf, level) if level >= 0 else (inf, -inf)


@torch.compiler.assume_constant_result
def typical_window(term: Term, n: int, central: float) -> Window:
    """Range that holds the statistic of one sample of `n` values with probability `central` under H0."""
    return _window(term, n, central)


@lru_cache(maxsize=512)
def _window(term: Term, n: int, central: float) -> Window:
    null = term.null(n)
    tail = 0.5 * (1 - central)
    return Window(quantile(null, tail), quantile(null, 1 - tail), null.std)
