"""The Gaussianity regularizer of arXiv:2509.07027 and its two halves: moments and power spectrum."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

from gausscheck.catalogue import statistics
from gausscheck.engines.torch.orders import Orders
from gausscheck.engines.torch.reduction import Recipe, Reduction, finite, plain_statistics, scored
from gausscheck.errors import ArgumentError
from gausscheck.losses.base import Aim, Loss, weight
from gausscheck.losses.base import Reduction as Reduce
from gausscheck.losses.reading import Permute, Reading, positive
from gausscheck.losses.terms import MomentTerm, SpectrumTerm, Term

__all__ = [
    "GaussianityLoss",
    "MomentLoss",
    "PowerSpectrumLoss",
    "gaussianity_loss",
    "moment_loss",
    "power_spectrum_loss",
]


def _orders(orders: Iterable[int]) -> tuple[int, ...]:
    try:
        given: tuple[Any, ...] = tuple(orders)
    except TypeError:
        msg = f"orders={orders!r} cannot be used; expected integers from 1 to 8, such as (1, 2)"
        raise ArgumentError(msg) from None
    for n in given:
        if isinstance(n, bool) or not isinstance(n, Integral) or int(n) not in range(1, 9):
            msg = f"order {n!r} cannot be used; orders of moments are integers from 1 to 8"
            raise ArgumentError(msg)
    if len(set(given)) < len(given):
        msg = f"orders={given} holds an order twice; weigh moments with moment_weight instead"
        raise ArgumentError(msg)
    return tuple(int(n) for n in given)


class GaussianityLoss(Loss):
    r"""Moments in the spatial domain and power spectrum in the spectral domain.

    .. math:: L = w_m \sum_{n \in orders} \bigl| |m_n|^{1/n} - \mu_n^{1/n} \bigr| + w_P P , \quad
              m_n = \operatorname{mean} x^n, \quad \mu_n = \begin{cases} (n-1)!! & n \text{ even} \\
              0 & n \text{ odd} \end{cases}

    with P the batched power-spectrum discrepancy: ``mean_g |mean_{k in g} |xhat_k|/sqrt(D) - mu|`` over
    groups of `block` consecutive frequencies of the permuted sample, DC and Nyquist left out, a last short
    group kept. The defaults are those of arXiv:2509.07027 but for `mu`, which is exact.

    Parameters
    ----------
    orders : iterable of int
        Orders of the moments, 1 to 8.
    moment_weight : float
        Of every moment. After a rescaling of the gradient the two moments of the paper have 4 % of it.
    power_weight : float, optional
        Of P. 25 with ``aim="zero"``, as published; 1 with ``aim="typical"``, where every term is in units
        of its own null. With ``permute="mix"`` each view has half of it.
    block : int
        Frequencies averaged together.
    mu : str or float
        ``exact``: sqrt(pi)/2, the mean of an amplitude. ``paper``: 0.875.
    permute : str or None
        ``fresh``: permutations drawn anew at each call, one draw for all samples of a batch. ``fixed``: the
        same ones always. None: stored order, which sees structure. ``mix``: half stored, half fresh.
    permutations : int
        How many are averaged.
    seed : int, optional
        Of ``fixed``; 0 by default.
    generator : torch.Generator, optional
        Of ``fresh`` and ``mix``, on the tensor's device; torch's own by default.
    aim, central, reduction
        As in :class:`gausscheck.losses.base.Loss`.

    Raises
    ------
    ArgumentError
        For an option that cannot be used.

    Notes
    -----
    With random permutations the loss is blind to the order of the values: it sees scale, mean and spikes.
    Its gradient has the constant norm ``w_P/sqrt(D)``, nearly all of it fresh noise, so that it removes
    structure only by overwriting the sample. See ``docs/losses.md``.

    Examples
    --------
    >>> import torch
    >>> from gausscheck.losses import GaussianityLoss
    >>> z = torch.randn(2, 4, 64, 64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    >>> loss = GaussianityLoss(generator=torch.Generator().manual_seed(1))(z)
    >>> loss.backward()
    >>> 2.0 < loss.item() < 2.7  # noise has 2.32 +- 0.08, not 0
    True
    """

    def __init__(
        self,
        *,
        orders: Iterable[int] = (1, 2),
        moment_weight: float = 1.0,
        power_weight: float | None = None,
        block: int = 16,
        mu: str | float = "exact",
        permute: Permute = "fresh",
        permutations: int = 1,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        aim: Aim = "zero",
        central: float = 0.95,
        reduction: Reduce = "mean",
    ) -> None:
        from gausscheck.nulls.power_spectrum import resolve_mean

        super().__init__(aim=aim, central=central, reduction=reduction)
        self.orders = _orders(orders)
        self.moment_weight = weight("moment_weight", moment_weight)
        if power_weight is None:
            power_weight = 25.0 if aim == "zero" else 1.0
        self.power_weight = weight("power_weight", power_weight)
        self.block = positive("block", block)
        if isinstance(mu, bool) or not isinstance(mu, (str, Real)):
            msg = f"mu={mu!r} cannot be used; expected 'exact', 'paper' or a positive number"
            raise ArgumentError(msg)
        self.mu = resolve_mean(mu)
        if not 0.01 <= self.mu <= 100:
            msg = f"mu={mu!r} cannot be used; expected 'exact', 'paper' or a number between 0.01 and 100"
            raise ArgumentError(msg)
        if not self.orders and not self.power_weight:
            msg = "a loss without moments and without a spectrum has no terms; give orders or power_weight"
            raise ArgumentError(msg)
        self.reading = Reading(permute, permutations, seed, generator)
        self.recipe = Recipe(
            orders=self.orders if self.moment_weight else (),
            views=self.reading.views if self.power_weight else (),
            block=self.block,
            mu=self.mu,
        )
        self.least = max(8, 2 * self.block + 1) if self.recipe.views else 8
        if aim == "typical" and "permuted" in self.recipe.views:
            # The law that the aim needs.
            law = statistics["power_spectrum"]
            self.least = max(self.least, law.smallest(block=self.block, permutations=permutations))
        moments: list[Term] = [MomentTerm(n, self.moment_weight) for n in self.recipe.orders]
        share = self.power_weight / max(1, len(self.recipe.views))
        spectra: list[Term] = [
            SpectrumTerm(None if view == "stored" else permutations, self.block, self.mu, share)
            for view in self.recipe.views
        ]
        self._terms = (*moments, *spectra)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The moments, then the spectra."""
        return self._terms

    def _read(self, rows: Tensor) -> Orders | None:
        return self.reading.orders(rows.shape[1], self.block, rows.device) if self.recipe.views else None

    def statistics(self, rows: Tensor) -> Tensor:
        """Moments and discrepancies of each row: (B, D) to (B, T)."""
        orders = self._read(rows)
        if rows.requires_grad:
            return plain_statistics(finite(rows), self.recipe, orders)
        return Reduction(rows, self.recipe, orders, wanted=False).statistics

    def per_sample(self, rows: Tensor) -> Tensor:
        """Loss of each row, with its gradient in closed form."""
        return scored(rows, self.recipe, self._read(rows), self.score)

    def extra_repr(self) -> str:
        """Options that differ between instances."""
        return (
            f"orders={self.orders}, moment_weight={self.moment_weight}, power_weight={self.power_weight}, "
            f"block={self.block}, mu={self.mu}, permute={self.reading.permute!r}, "
            f"permutations={self.reading.permutations}, seed={self.reading.seed}, {super().extra_repr()}"
        )


class MomentLoss(GaussianityLoss):
    r"""``sum_n | |m_n|^{1/n} - mu_n^{1/n} |`` over raw moments, the spatial half of :class:`GaussianityLoss`.

    Parameters
    ----------
    orders : iterable of int
        1 to 8.
    aim, central, reduction
        As in :class:`gausscheck.losses.base.Loss`.

    Notes
    -----
    The root of an odd moment has an infinite slope at its target 0; below a thousandth of the moment's
    standard deviation it is continued by its chord. A discrepancy of order 3 is still large on perfect
    noise (0.21 at 65,536 values): its root magnifies small numbers.
    """

    def __init__(
        self,
        *,
        orders: Iterable[int] = (1, 2),
        aim: Aim = "zero",
        central: float = 0.95,
        reduction: Reduce = "mean",
    ) -> None:
        super().__init__(
            orders=orders, power_weight=0.0, permute=None, aim=aim, central=central, reduction=reduction
        )


class PowerSpectrumLoss(GaussianityLoss):
    """Batched power-spectrum discrepancy, the spectral half of :class:`GaussianityLoss`, of weight 1.

    Parameters
    ----------
    block, mu, permute, permutations, seed, generator
        As in :class:`GaussianityLoss`.
    aim, central, reduction
        As in :class:`gausscheck.losses.base.Loss`.
    """

    def __init__(
        self,
        *,
        block: int = 16,
        mu: str | float = "exact",
        permute: Permute = "fresh",
        permutations: int = 1,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        aim: Aim = "zero",
        central: float = 0.95,
        reduction: Reduce = "mean",
    ) -> None:
        super().__init__(
            orders=(),
            power_weight=1.0,
            block=block,
            mu=mu,
            permute=permute,
            permutations=permutations,
            seed=seed,
            generator=generator,
            aim=aim,
            central=central,
            reduction=reduction,
        )


def gaussianity_loss(
    z: Tensor,
    *,
    orders: Iterable[int] = (1, 2),
    moment_weight: float = 1.0,
    power_weight: float | None = None,
    block: int = 16,
    mu: str | float = "exact",
    permute: Permute = "fresh",
    permutations: int = 1,
    seed: int | None = None,
    generator: torch.Generator | None = None,
    aim: Aim = "zero",
    central: float = 0.95,
    reduction: Reduce = "mean",
) -> Tensor:
    """:class:`GaussianityLoss` as a function of a batch."""
    return GaussianityLoss(
        orders=orders,
        moment_weight=moment_weight,
        power_weight=power_weight,
        block=block,
        mu=mu,
        permute=permute,
        permutations=permutations,
        seed=seed,
        generator=generator,
        aim=aim,
        central=central,
        reduction=reduction,
    )(z)


def moment_loss(
    z: Tensor,
    *,
    orders: Iterable[int] = (1, 2),
    aim: Aim = "zero",
    central: float = 0.95,
    reduction: Reduce = "mean",
) -> Tensor:
    """:class:`MomentLoss` as a function of a batch."""
    return MomentLoss(orders=orders, aim=aim, central=central, reduction=reduction)(z)


def power_spectrum_loss(
    z: Tensor,
    *,
    block: int = 16,
    mu: str | float = "exact",
    permute: Permute = "fresh",
    permutations: int = 1,
    seed: int | None = None,
    generator: torch.Generator | None = None,
    aim: Aim = "zero",
    central: float = 0.95,
    reduction: Reduce = "mean",
) -> Tensor:
    """:class:`PowerSpectrumLoss` as a function of a batch."""
    return PowerSpectrumLoss(
        block=block,
        mu=mu,
        permute=permute,
        permutations=permutations,
        seed=seed,
        generator=generator,
        aim=aim,
        central=central,
        reduction=reduction,
    )(z)
