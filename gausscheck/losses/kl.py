"""Divergence of the normal law with a sample's mean and variance from N(0, 1): pix2pix-zero's KL loss."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gausscheck.losses.base import Aim, Reduction
from gausscheck.losses.single import SingleLoss, ValueTerm, above_minimum
from gausscheck.losses.terms import Term
from gausscheck.nulls.base import Null

__all__ = ["KLLoss", "KLTerm", "kl_loss"]


@dataclass(frozen=True)
class KLTerm(ValueTerm):
    """Value of :class:`KLLoss`; its null is exact."""

    @property
    def name(self) -> str:
        """``kl``."""
        return "kl"

    def null(self, n: int) -> Null:
        """See :class:`gausscheck.nulls.divergence.KLNull`."""
        from gausscheck.nulls.divergence import KLNull

        return KLNull(n)


class KLLoss(SingleLoss):
    r"""``v + m^2 - 1 - log v``, m the mean and v the population variance of each sample.

    Twice the Kullback-Leibler divergence of N(m, v) from N(0, 1), as in pix2pix-zero
    (``pix2pixzero/pix2pix-zero``, ``src/utils/ddim_inv.py``).

    Parameters
    ----------
    aim, central, reduction
        As in :class:`gausscheck.losses.base.Loss`.

    Notes
    -----
    Differences from the code: that divides the variance by D - 1 and takes ``log(v + 1e-7)`` of all samples
    of a batch together. Added under the logarithm, 1e-7 moves the minimum to a negative value, by 5 % of what
    a perfect sample of a million values scores (2/D). Here v is the population variance of each sample, the
    logarithm is exact, and below v = 1e-7 it is held at ``log(1e-7)``: a constant sample has a finite value
    and gradient.

    Relation to the moments: with ``L_1 = |m_1|`` and ``L_2 = |sqrt(m_2) - 1|``, near the minimum
    ``KL = L_1^2 + 2 L_2^2`` up to terms of third order. It fixes the same two numbers as ``L_1 + L_2``, with
    the same optimum, but its value is quadratic where theirs is linear: its gradient fades at the optimum.

    Under H0 ``D KL`` is nearly chi-square with 2 degrees of freedom, mean 2.
    """

    @property
    def term(self) -> Term:
        """The value."""
        return KLTerm()

    @property
    def moments_held(self) -> frozenset[int]:
        """Mean and mean square."""
        return frozenset((1, 2))

    def value(self, x: Tensor) -> Tensor:
        """Value for each row."""
        mean = x.mean(dim=1)
        variance = (x - mean[:, None]).square().mean(dim=1)
        return above_minimum(variance) + mean * mean


def kl_loss(z: Tensor, *, aim: Aim = "zero", central: float = 0.95, reduction: Reduction = "mean") -> Tensor:
    """:class:`KLLoss` as a function of a batch."""
    return KLLoss(aim=aim, central=central, reduction=reduction)(z)
