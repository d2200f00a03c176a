"""Mean and covariance of the rows of a sample against tail bounds: the regularizer of DNO (PRNO)."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt
from typing import Any

import torch
from torch import Tensor

from gausscheck.engines.torch.orders import traced
from gausscheck.engines.torch.spectral_norm import spectral_norm
from gausscheck.errors import ArgumentError
from gausscheck.losses.base import Aim, Reduction
from gausscheck.losses.reading import Reading
from gausscheck.losses.single import SingleLoss, ValueTerm
from gausscheck.losses.terms import Term
from gausscheck.nulls.base import Null

__all__ = ["CovarianceLoss", "CovarianceTerm", "covariance_loss"]

# Values gathered at once, of all samples and some shuffles: what a CPU's cache holds, or what keeps a device
# busy.
_AT_ONCE_CPU, _AT_ONCE = 1 << 19, 1 << 24
_LOG_TWO = log(2)


@dataclass(frozen=True)
class CovarianceTerm(ValueTerm):
    """Value of :class:`CovarianceLoss`.

    Attributes
    ----------
    k, shuffles : int
    """

    k: int = 4
    shuffles: int = 100

    @property
    def name(self) -> str:
        """``covariance``."""
        return "covariance"

    def null(self, n: int) -> Null:
        """See :class:`gausscheck.nulls.covariance.CovarianceNull`; the limit of many rows."""
        from gausscheck.nulls.covariance import CovarianceNull

        if n < self.k:
            msg = f"the covariance loss needs a row of k = {self.k} values, got n = {n}"
            raise ArgumentError(msg)
        return CovarianceNull(self.k, self.shuffles)


class CovarianceLoss(SingleLoss):
    r"""Mean and covariance of rows of k values, in stored order and over random shuffles.

    A sample is read as m = D // k rows :math:`X_i` of k consecutive values. With
    :math:`M_1 = \|\operatorname{mean}_i X_i\|_2` and the spectral norm
    :math:`M_2 = \|X^T X / m - I\|`,

    .. math:: b_1 = \max\Bigl(\frac{m M_1^2}{2k}, \log 2\Bigr), \quad
              b_2 = \max\Bigl(\frac m2 \bigl(\sqrt{1 + M_2} - 1 - \sqrt{k/m}\bigr)_+^2, \log 2\Bigr),

    the loss is ``b_1 + b_2`` in stored order plus their mean over S shuffles: minus log probabilities by
    bounds on a Gaussian's mean and covariance, less ``log 2`` each. From "Direct Noise Optimization"
    (arXiv:2405.18881, ``TZW1998/Direct-Noise-Optimization``), there called probability regularization.

    Parameters
    ----------
    k : int
        Values in a row, 2 to 256. As published: 4.
    shuffles : int
        S, drawn anew at each call, one draw for all samples of a batch; 0 for the stored order alone. As
        published: 100.
    generator : torch.Generator, optional
        Of the shuffles, on the tensor's device; torch's own by default.
    aim, central, reduction
        As in :class:`gausscheck.losses.base.Loss`.

    Notes
    -----
    Differences from the code: that loops over shuffles drawn on the host and waits for the device four times
    in each, runs in the precision of autocast, takes one sample, and raises unless k divides D. Here the
    last D mod k values of each order are left out. Shuffles are handled in groups of bounded memory; value
    and gradient are computed together in closed form, ``O(S D k)``, and a second derivative raises. The
    spectral norm comes from repeated squaring: the eigenvalue routines wait for the device.

    Least value: ``4 log 2 = 2.7726``. Clamped, both bounds are flat around their optimum: on perfect noise
    the gradient of b_1 is 0 for 76 % of orders (k = 4; 86 % at 16, 98 % at 64), that of b_2 for all but 8 in
    ten thousand.
    Correlation of neighbours is seen by the stored order alone, whatever S. The mean of the sample enters
    every shuffle.

    Relation to the spectrum: the circular autocovariances of a sample are the inverse transform of
    :math:`|\hat x|^2 / D` (Wiener-Khinchin), so that ``X^T X / m = I`` on average over rows at every offset
    and k = D asks for what a flat spectrum is: one optimum in the population, at ``O(D k)`` a shuffle against
    ``O(D log D)``. In one sample they differ: lags below k are held here, blocks of frequencies there.

    The law under H0 has an atom at the least value (1e-7 of its mass for k = 4, S = 100; most of it for few
    shuffles or large k).
    """

    def __init__(
        self,
        *,
        k: int = 4,
        shuffles: int = 100,
        generator: torch.Generator | None = None,
        aim: Aim = "zero",
        central: float = 0.95,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(aim=aim, central=central, reduction=reduction)
        for name, value, least, most in (("k", k, 2, 256), ("shuffles", shuffles, 0, 100_000)):
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                msg = f"{name}={value!r} cannot be used; expected an integer from {least} to {most}"
                raise ArgumentError(msg)
        if generator is not None and not shuffles:
            msg = "a generator has no use with shuffles=0"
            raise ArgumentError(msg)
        self.k, self.shuffles = k, shuffles
        self.least = max(8, 2 * k)
        # Names a generator that cannot be used.
        self._generator = Reading("fresh", 1, None, generator).generator
        self._term = CovarianceTerm(k, shuffles)

    @property
    def term(self) -> Term:
        """The value."""
        return self._term

    @property
    def moments_held(self) -> frozenset[int]:
        """Mean and mean square: the first bound, and the diagonal of the second."""
        return frozenset((1, 2))

    @property
    def views_held(self) -> frozenset[str]:
        """The covariances of neighbours are those of the spectrum."""
        return frozenset(("stored",))

    def value(self, x: Tensor) -> Tensor:
        """Value for each row."""
        wanted = x.requires_grad and torch.is_grad_enabled()
        if traced():
            value, slope = self.value_and_slope(x.detach(), wanted=wanted)
            return value if slope is None else value + ((x - x.detach()) * slope).sum(dim=1)
        return _Bounds.apply(x, self) if wanted else self.value_and_slope(x, wanted=False)[0]

    def value_and_slope(self, x: Tensor, *, wanted: bool) -> tuple[Tensor, Tensor | None]:
        """Value for each row, (B,), and its gradient, (B, D), if `wanted`."""
        rows = x.shape[1] // self.k
        used = rows * self.k
        stored = x[:, :used].unflatten(1, (rows, self.k)).transpose(1, 2)
        value, slope = _bounds(stored, wanted=wanted)
        out = None
        if slope is not None:
            out = torch.zeros_like(x)
            out[:, :used] = slope.transpose(1, 2).flatten(1)
        left, at_once = self.shuffles, _AT_ONCE_CPU if x.device.type == "cpu" else _AT_ONCE
        while left:
            count = max(1, min(left, at_once // x.numel()))
            left -= count
            reading = Reading("fresh", count, None, self._generator)
            orders = reading.orders(x.shape[1], 16, x.device)
            assert orders is not None
            # Whatever the layout of the positions, they are uniform: read column by column.
            positions = orders.positions[:, :used].to(torch.int64).flatten()
            read = x.index_select(1, positions).reshape(-1, self.k, rows)
            shuffled, slope = _bounds(read, wanted=wanted)
            value = value + shuffled.unflatten(0, (-1, count)).sum(dim=1) / self.shuffles
            if out is not None and slope is not None:
                spread = positions.expand(x.shape[0], -1)
                out.scatter_add_(1, spread, slope.reshape(x.shape[0], -1) / self.shuffles)
        return value, out

    def extra_repr(self) -> str:
        """Options."""
        return f"k={self.k}, shuffles={self.shuffles}, {super().extra_repr()}"


def _bounds(x: Tensor, *, wanted: bool) -> tuple[Tensor, Tensor | None]:
    """``b_1 + b_2`` of matrices of m columns, (N, k, m) to (N,), and its gradient if `wanted`."""
    k, m = x.shape[1:]
    mean = x.mean(dim=2)
    first = mean.square().sum(dim=1) * (m / (2 * k))
    gap = x @ x.transpose(1, 2) / m - torch.eye(k, dtype=x.dtype, device=x.device)
    size, direction = spectral_norm(gap)
    root = (1 + size).sqrt()
    over = (root - 1 - sqrt(k / m)).clamp_min(0)
    second = 0.5 * m * over.square()
    value = first.clamp_min(_LOG_TWO) + second.clamp_min(_LOG_TWO)
    if not wanted:
        return value, None
    # db_1 = mean/k for every column; dM_2 = (2/m) direction x.
    along_mean = torch.where((first > _LOG_TWO)[:, None], mean / k, 0.0)
    steep = torch.where(second > _LOG_TWO, over / root, 0.0)
    slope = torch.baddbmm(along_mean[:, :, None], steep[:, None, None] * direction, x)
    return value, slope


class _Bounds(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, loss: CovarianceLoss) -> Tensor:
        value, slope = loss.value_and_slope(x.detach(), wanted=True)
        ctx.save_for_backward(slope)
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        if torch.is_grad_enabled():
            msg = (
                "the covariance loss has no second derivative: its shuffles are not kept; leave out "
                "create_graph=True, or take this loss apart from what is differentiated twice"
            )
            raise ArgumentError(msg)
        (slope,) = ctx.saved_tensors
        return slope * grads[0][:, None], None


def covariance_loss(
    z: Tensor,
    *,
    k: int = 4,
    shuffles: int = 100,
    generator: torch.Generator | None = None,
    aim: Aim = "zero",
    central: float = 0.95,
    reduction: Reduction = "mean",
) -> Tensor:
    """:class:`CovarianceLoss` as a function of a batch."""
    return CovarianceLoss(
        k=k, shuffles=shuffles, generator=generator, aim=aim, central=central, reduction=reduction
    )(z)
