r"""Moments and power spectra of rows in one reduction, and a gradient in one pass back.

What a loss needs of each row x is a few statistics ``s_t``: raw moments ``m_n = mean x^n`` and power-spectrum
discrepancies P. For a score ``f(s)`` with slopes ``f_t``,

.. math:: \frac{\partial f}{\partial x_j} = \sum_n f_n \frac{n}{D} x_j^{n-1}
          + \sum_P f_P \frac{\partial P}{\partial x_j} ,

one polynomial and one transform back for each spectrum. Only the gradient is kept between the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from gausscheck.engines.base import RAYLEIGH_MEAN
from gausscheck.engines.torch.orders import Orders, numba_at_hand, traced
from gausscheck.engines.torch.spectrum import Spectrum, plain_power_spectrum, spectrum

__all__ = ["Recipe", "Reduction", "Score", "View", "finite", "plain_statistics", "scored"]

View = Literal["stored", "permuted"]

_CACHED = 2**17  # values: with their spectra and gradients about 3 MiB of float32


@dataclass(frozen=True)
class Recipe:
    """Which statistics, in this order.

    Attributes
    ----------
    orders : tuple of int
        Raw moments.
    views : tuple of str
        Power spectra: ``stored`` order, or ``permuted``, the mean over the permutations given.
    block : int
        Ordinates averaged together.
    mu : float
        What such an average is compared with.
    """

    orders: tuple[int, ...] = ()
    views: tuple[View, ...] = ()
    block: int = 16
    mu: float = RAYLEIGH_MEAN


class Score(Protocol):
    """A function of the statistics of each row."""

    def loss(self, statistics: Tensor, size: int) -> Tensor:
        """Value for each row: (B, T) to (B,), differentiable; `size` is D."""

    def slopes(self, statistics: Tensor, size: int) -> Tensor:
        """Its derivatives in closed form: (B, T) to (B, T)."""


def finite(x: Tensor) -> Tensor:
    """`x` with 0 in place of NaN and infinity; no gradient flows to those."""
    return torch.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0)


def scored(x: Tensor, recipe: Recipe, orders: Orders | None, score: Score) -> Tensor:
    """Score of each row, differentiable.

    Parameters
    ----------
    x : Tensor
        float32 or float64, shape (B, D). Values that are not finite count as 0.
    recipe : Recipe
    orders : Orders
        For the view ``permuted``.
    score : Score

    Returns
    -------
    Tensor
        Shape (B,).

    Notes
    -----
    The gradient is computed together with the value, in closed form, where one is asked for. A second
    derivative goes through :func:`plain_statistics`; so does everything under ``torch.compile`` and
    ``torch.func``.
    """
    if traced():
        return score.loss(plain_statistics(finite(x), recipe, orders), x.shape[1])
    wanted = x.requires_grad and torch.is_grad_enabled()
    return _Scored.apply(x, recipe, orders, score, wanted)


def plain_statistics(x: Tensor, recipe: Recipe, orders: Orders | None) -> Tensor:
    """Statistics of each row in plain torch operations with their own derivatives: shape (B, T)."""
    columns = [x.pow(n).mean(dim=1) for n in recipe.orders]
    for view in recipe.views:
        read: list[Tensor | None] = [None]
        if view == "permuted":
            assert orders is not None
            read = list(orders.natural())
        values = [plain_power_spectrum(x, block=recipe.block, mu=recipe.mu, order=order) for order in read]
        columns.append(torch.stack(values).mean(dim=0))
    return torch.stack(columns, dim=1)


class Reduction:
    """Statistics of each row and, on demand, the gradient of a function of them.

    Parameters
    ----------
    x : Tensor
        Detached, shape (B, D).
    recipe : Recipe
    orders : Orders, optional
    wanted : bool
        Whether the gradient will be asked for, once.
    """

    def __init__(self, x: Tensor, recipe: Recipe, orders: Orders | None, *, wanted: bool) -> None:
        self.recipe = recipe
        self.x, self._bad, columns = _moments(x.contiguous(), recipe.orders)
        self._spectra: list[list[Spectrum]] = []
        for view in recipe.views:
            read: list[tuple[Orders | None, int]] = [(None, 0)]
            if view == "permuted":
                assert orders is not None
                read = [(orders, number) for number in range(orders.positions.shape[0])]
            parts = [
                spectrum(self.x, which, number, block=recipe.block, mu=recipe.mu, wanted=wanted)
                for which, number in read
            ]
            self._spectra.append(parts)
            values = [part.value for part in parts]
            columns.append(values[0] if len(values) == 1 else torch.stack(values).mean(dim=0))
        self.statistics = torch.stack(columns, dim=1)

    def gradient(self, slopes: Tensor) -> Tensor:
        """Gradient of a function with these `slopes` (B, T) in the statistics: shape (B, D)."""
        out = self._polynomial(slopes)
        for parts, slope in zip(self._spectra, slopes[:, len(self.recipe.orders) :].T, strict=True):
            scale = (slope if len(parts) == 1 else slope / len(parts)).contiguous()
            for part in parts:
                part.add_gradient(scale, out)
        return out if self._bad is None else out.masked_fill_(self._bad, 0.0)

    def _polynomial(self, slopes: Tensor) -> Tensor:
        """``sum_n slope_n (n / D) x^(n-1)``, by Horner."""
        top = max(self.recipe.orders, default=0)
        if top == 0:
            return torch.zeros_like(self.x)
        if numba_at_hand(self.x.device):
            from gausscheck.engines.torch.fused import moment_gradient

            return moment_gradient(self.x, slopes, self.recipe.orders)
        columns = dict(zip(self.recipe.orders, slopes.T, strict=False))
        nothing = torch.zeros_like(slopes[:, 0])
        size = self.x.shape[1]
        coefficients = [columns.get(n, nothing).mul(n / size)[:, None] for n in range(1, top + 1)]
        if top == 1:
            return coefficients[0].expand_as(self.x).contiguous()
        out = torch.addcmul(coefficients[-2], self.x, coefficients[-1])
        for coefficient in coefficients[-3::-1]:
            out.mul_(self.x).add_(coefficient)
        return out


class _Scored(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917
        ctx: Any, x: Tensor, recipe: Recipe, orders: Orders | None, score: Score, wanted: bool
    ) -> Tensor:
        size = x.shape[1]
        losses, gradients = [], []
        # On a CPU what is worked on should fit the cache; elsewhere it should be as much as there is.
        rows = max(1, _CACHED // size) if x.device.type == "cpu" else x.shape[0]
        for part in x.detach().split(rows):
            reduction = Reduction(part, recipe, orders, wanted=wanted)
            losses.append(score.loss(reduction.statistics, size))
            if wanted:
                gradients.append(reduction.gradient(score.slopes(reduction.statistics, size)))
        if wanted:
            ctx.save_for_backward(x, gradients[0] if len(gradients) == 1 else torch.cat(gradients))
            ctx.recipe, ctx.orders, ctx.score = recipe, orders, score
        return losses[0] if len(losses) == 1 else torch.cat(losses)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, gradient = ctx.saved_tensors
        if torch.is_grad_enabled():
            loss = ctx.score.loss(plain_statistics(finite(x), ctx.recipe, ctx.orders), x.shape[1])
            (again,) = torch.autograd.grad(loss, x, grads[0], create_graph=True)
            return again, None, None, None, None
        return gradient * grads[0][:, None], None, None, None, None


def _moments(x: Tensor, orders: tuple[int, ...]) -> tuple[Tensor, Tensor | None, list[Tensor]]:
    """Finite values, where they were not (None where it is known that all were), and their raw moments."""
    if x.device.type == "cpu":
        means = _means(x, max(max(orders, default=0), 2))
        if _on_host_finite(means[1]):
            return x, None, [means[n - 1] for n in orders]
    bad = ~torch.isfinite(x)
    x = finite(x)
    means = _means(x, max(orders, default=0))
    return x, bad, [means[n - 1] for n in orders]


def _on_host_finite(squares: Tensor) -> bool:
    # Memory of the host may be looked at without waiting for a device. Squares that overflow count as not
    # finite here, and lose nothing but time.
    return bool(np.isfinite(squares.numpy()).all())


def _means(x: Tensor, top: int) -> list[Tensor]:
    """Raw moments of order 1 to `top` of each row."""
    if top and numba_at_hand(x.device):
        from gausscheck.engines.torch.fused import power_means

        return list(power_means(x, max(top, 2)).unbind(1))[:top]
    means = []
    power = x
    for n in range(1, top + 1):
        power = power if n == 1 else power * x
        means.append(power.mean(dim=1))
    return means
