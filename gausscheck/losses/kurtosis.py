"""Distance of a sample's fourth raw moment from 3."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

from torch import Tensor

from gausscheck.catalogue import statistics
from gausscheck.losses.base import Aim, Reduction, choice
from gausscheck.losses.single import SingleLoss, ValueTerm
from gausscheck.losses.terms import Term
from gausscheck.nulls.base import Null

__all__ = ["KurtosisLoss", "KurtosisTerm", "kurtosis_loss"]

_TARGET = 3.0


@dataclass(frozen=True)
class KurtosisTerm(ValueTerm):
    """Statistic: the moment ``m_4``; discrepancy: ``|m_4 - 3|`` or its square.

    Attributes
    ----------
    squared : bool
    """

    squared: bool = False

    @property
    def name(self) -> str:
        """``kurtosis``."""
        return "kurtosis"

    def null(self, n: int) -> Null:
        """Law of m_4, exact."""
        return statistics["moment"].null(n=n, order=4)

    def discrepancy(self, statistic: Tensor, n: int) -> Tensor:
        """See above."""
        del n
        away = statistic - _TARGET
        return away * away if self.squared else away.abs()

    def slope(self, statistic: Tensor, n: int) -> Tensor:
        """Its derivative."""
        del n
        away = statistic - _TARGET
        return 2 * away if self.squared else away.sign()

    def interval(self, level: float, n: int) -> tuple[float, float]:
        """Moments on either side of 3."""
        del n
        if level < 0:
            return inf, -inf
        reach = sqrt(level) if self.squared else level
        return (_TARGET - reach if reach < _TARGET else -inf), _TARGET + reach


class KurtosisLoss(SingleLoss):
    r"""``|m_4 - 3|`` of the raw fourth moment ``m_4 = mean x^4`` of each sample.

    The kurtosis baseline of arXiv:2509.07027 has no published formula; this is the form of its other
    moments without the root.

    Parameters
    ----------
    squared : bool
        ``(m_4 - 3)^2`` instead, without a kink at the optimum.
    aim, central, reduction
        As in :class:`gausscheck.losses.base.Loss`.

    Notes
    -----
    m_4 is not standardised: it does not fix the variance. A sample of two values +-3^(1/4) has the optimum
    with variance 1.73; on a real problem the standard deviation drifted to 1.3.

    Near its optimum ``|m_4 - 3| = 4 * 3^(3/4) L_4 = 9.12 L_4`` with ``L_4 = |m_4^{1/4} - 3^{1/4}|`` of
    :class:`gausscheck.losses.MomentLoss`: one statistic, one optimum, one direction of the gradient.
    """

    def __init__(
        self,
        *,
        squared: bool = False,
        aim: Aim = "zero",
        central: float = 0.95,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(aim=aim, central=central, reduction=reduction)
        choice("squared", squared, (True, False))
        self.squared = squared

    @property
    def term(self) -> Term:
        """The moment."""
        return KurtosisTerm(self.squared)

    @property
    def moments_held(self) -> frozenset[int]:
        """The fourth."""
        return frozenset((4,))

    def value(self, x: Tensor) -> Tensor:
        """m_4 of each row."""
        return x.square().square().mean(dim=1)

    def extra_repr(self) -> str:
        """Options."""
        return f"squared={self.squared}, {super().extra_repr()}"


def kurtosis_loss(
    z: Tensor,
    *,
    squared: bool = False,
    aim: Aim = "zero",
    central: float = 0.95,
    reduction: Reduction = "mean",
) -> Tensor:
    """:class:`KurtosisLoss` as a function of a batch."""
    return KurtosisLoss(squared=squared, aim=aim, central=central, reduction=reduction)(z)
