"""Losses with one term, whose statistic is the value of the loss itself or a step before it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import inf

import torch
from torch import Tensor

from gausscheck.engines.torch.reduction import finite
from gausscheck.losses.base import Aim, Loss, Reduction
from gausscheck.losses.terms import Term
from gausscheck.nulls.base import Null

__all__ = ["SingleLoss", "ValueTerm", "above_minimum"]


class ValueTerm(ABC):
    """Term of weight 1 whose discrepancy is its statistic: the value of the loss.

    Subclasses are frozen dataclasses, equal when their parameters are.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """Such as ``kl``."""

    @property
    def weight(self) -> float:
        """One."""
        return 1.0

    @abstractmethod
    def null(self, n: int) -> Null:
        """Law of the statistic of one sample of `n` values."""

    def discrepancy(self, statistic: Tensor, n: int) -> Tensor:
        """The statistic."""
        del n
        return statistic

    def slope(self, statistic: Tensor, n: int) -> Tensor:
        """One."""
        del n
        return torch.ones_like(statistic)

    def interval(self, level: float, n: int) -> tuple[float, float]:
        """Everything up to `level`."""
        del n
        return -inf, level


class SingleLoss(Loss):
    """Base of the losses with one term.

    Parameters
    ----------
    aim, central, reduction
        As in :class:`gausscheck.losses.base.Loss`.
    """

    def __init__(self, *, aim: Aim = "zero", central: float = 0.95, reduction: Reduction = "mean") -> None:
        super().__init__(aim=aim, central=central, reduction=reduction)

    @property
    @abstractmethod
    def term(self) -> Term:
        """The term."""

    @property
    def terms(self) -> tuple[Term, ...]:
        """The one term."""
        return (self.term,)

    @abstractmethod
    def value(self, x: Tensor) -> Tensor:
        """Statistic of each row of finite values, differentiable: (B, D) to (B,)."""

    def statistics(self, rows: Tensor) -> Tensor:
        """Statistic of each row: (B, D) to (B, 1)."""
        return self.value(finite(rows))[:, None]


def above_minimum(v: Tensor, floor: float = 1e-7) -> Tensor:
    """``v - 1 - log v`` for v >= 0, to rounding near its minimum 0 at v = 1.

    Below `floor` the logarithm is held at ``log(floor)`` and its slope is 0, so that value and gradient are
    finite for v = 0.
    """
    u = v - 1
    near = u.abs() < 0.5
    log = torch.where(near, torch.log1p(u.clamp(-0.5, 0.5)), v.clamp_min(floor).log())
    # Beyond the largest number the difference would be no number.
    return torch.where(v.isinf(), v, u - log)
