"""Negative log density of a sample's norm under N(0, 1): the regularizer of ReNO."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log

from torch import Tensor

from gausscheck.losses.base import Aim, Reduction, choice
from gausscheck.losses.single import SingleLoss, ValueTerm, above_minimum
from gausscheck.losses.terms import Term
from gausscheck.nulls.base import Null

__all__ = ["NormLoss", "NormTerm", "norm_loss", "norm_minimum"]


def norm_minimum(n: int) -> float:
    """Least value of ``r^2/2 - (n-1) log r``, at ``r = sqrt(n-1)``."""
    return 0.5 * (n - 1) * (1 - log(n - 1))


@dataclass(frozen=True)
class NormTerm(ValueTerm):
    """Statistic: value above the minimum; discrepancy: the same, or with the minimum added as published.

    Attributes
    ----------
    from_minimum : bool
    """

    from_minimum: bool = False

    @property
    def name(self) -> str:
        """``norm``."""
        return "norm"

    def null(self, n: int) -> Null:
        """See :class:`gausscheck.nulls.divergence.NormNull`."""
        from gausscheck.nulls.divergence import NormNull

        return NormNull(n)

    def discrepancy(self, statistic: Tensor, n: int) -> Tensor:
        """See above."""
        return statistic if self.from_minimum else statistic + norm_minimum(n)

    def interval(self, level: float, n: int) -> tuple[float, float]:
        """Everything up to `level`."""
        return -inf, level if self.from_minimum else level - norm_minimum(n)


class NormLoss(SingleLoss):
    r"""``r^2/2 - (D-1) log r`` of the norm r of each sample of D values.

    Up to a constant the negative log density of r under H0, from ReNO (``ExplainableML/ReNO``,
    ``training/trainer.py``), there with weight 0.01. Least at ``r = sqrt(D - 1)``.

    Parameters
    ----------
    from_minimum : bool
        Take off the least value, so that the optimum is 0. The published value is about -330,000 at
        D = 65,536 and moves by 0.7 between samples: in float32 its own rounding is 0.03 there and 0.5 at a
        million. The gradient, the statistic of :meth:`statistics_of` and ``aim="typical"`` do not pass
        through that sum and are exact either way.
    aim, central, reduction
        As in :class:`gausscheck.losses.base.Loss`.

    Notes
    -----
    Differences from the code: that takes r over the whole batch but D of one sample, and the norm in the
    type of the latent: float16 numbers near r = 256 are 0.25 apart, and under H0 r varies by 0.7. Here each
    sample has its own norm, in float32 or better. Held at ``r^2 = 1e-7 (D - 1)``, a sample of zeros has a
    finite value and a gradient of 0.

    The gradient is radial: shape, order and mean are out of its sight. Above its minimum the value is
    ``D L_2^2`` as D grows, with ``L_2 = |sqrt(m_2) - 1|``; its optimum ``m_2 = 1 - 1/D`` is that of L_2 in
    the limit. Under H0 the value above the minimum is nearly half a chi-square with 1 degree of freedom.
    """

    def __init__(
        self,
        *,
        from_minimum: bool = False,
        aim: Aim = "zero",
        central: float = 0.95,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(aim=aim, central=central, reduction=reduction)
        choice("from_minimum", from_minimum, (True, False))
        self.from_minimum = from_minimum

    @property
    def term(self) -> Term:
        """The value above the minimum."""
        return NormTerm(self.from_minimum)

    @property
    def moments_held(self) -> frozenset[int]:
        """Mean square."""
        return frozenset((2,))

    def value(self, x: Tensor) -> Tensor:
        """Value above the minimum for each row."""
        freedom = x.shape[1] - 1
        return 0.5 * freedom * above_minimum(x.square().sum(dim=1) / freedom)

    def extra_repr(self) -> str:
        """Options."""
        return f"from_minimum={self.from_minimum}, {super().extra_repr()}"


def norm_loss(
    z: Tensor,
    *,
    from_minimum: bool = False,
    aim: Aim = "zero",
    central: float = 0.95,
    reduction: Reduction = "mean",
) -> Tensor:
    """:class:`NormLoss` as a function of a batch."""
    return NormLoss(from_minimum=from_minimum, aim=aim, central=central, reduction=reduction)(z)
