r"""Batched power-spectrum discrepancy in torch, with its gradient in closed form.

With ``r_k = |X_k| / sqrt(D)`` and groups g of G_g consecutive frequencies, m groups in all,

.. math:: P = \frac{1}{m} \sum_g \Bigl| \frac{1}{G_g} \sum_{k \in g} r_k - \mu \Bigr| , \qquad
          \frac{\partial P}{\partial r_k} = \frac{\operatorname{sign}(\bar r_g - \mu)}{m \, G_g} , \qquad
          \frac{\partial r_k}{\partial x_j}
          = \frac{1}{\sqrt D} \operatorname{Re}\Bigl( \frac{X_k}{|X_k|} e^{2 \pi i jk / D} \Bigr) :

the gradient is the transform back of the phases, weighted by a sign a group; its norm is ``1/sqrt(D)``
whatever x is. At a frequency without power the phase is taken as 0, a valid subgradient.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from gausscheck.engines.torch.orders import Orders, cpu_split, numba_at_hand
from gausscheck.engines.torch.split import SplitTransform, split_transform

__all__ = ["Spectrum", "plain_power_spectrum", "spectrum"]


class Spectrum(Protocol):
    """Discrepancy of each row, and its gradient, which may be asked for once."""

    value: Tensor

    def add_gradient(self, scale: Tensor, out: Tensor) -> None:
        """``out += scale[:, None] dP/dx``; `scale` of shape (B,), `out` (B, D)."""


def plain_power_spectrum(x: Tensor, *, block: int, mu: float, order: Tensor | None = None) -> Tensor:
    """Discrepancy of each row in plain torch operations with their own derivatives.

    Parameters
    ----------
    x : Tensor
        float32 or float64, shape (B, D), D at least 3.
    block : int
        Consecutive ordinates averaged together.
    mu : float
        What a mean is compared with.
    order : Tensor of int64, optional
        Positions in the order in which they are read, shape (D,), the same for all rows.

    Returns
    -------
    Tensor
        Shape (B,), as :meth:`gausscheck.engines.base.Engine.power_spectrum` defines it.
    """
    size = x.shape[1]
    y = x if order is None else x.index_select(1, order)
    r = torch.fft.rfft(y, dim=1, norm="ortho")[:, 1 : (size - 1) // 2 + 1].abs()
    return (_group_means(r, block) - mu).abs().mean(dim=1)


def spectrum(
    x: Tensor, orders: Orders | None, number: int = 0, *, block: int, mu: float, wanted: bool
) -> Spectrum:
    """As :func:`plain_power_spectrum` of one of the orders, by the fastest road there is.

    Parameters
    ----------
    x : Tensor
        Detached and contiguous.
    orders : Orders, optional
        As stored by default.
    number : int
        Which of the orders.
    block, mu
        As above.
    wanted : bool
        Whether the gradient will be asked for.

    Notes
    -----
    Squares are formed: amplitudes below 1e-19 in float32 (1e-154 in float64) count as zero, and values above
    1e19 (1e154) overflow. No value is read back to the host.
    """
    positions = None if orders is None else orders.positions[number]
    split = cpu_split(x.shape[1], block, x.device) if orders is None else orders.split
    if split is None:
        return _LongSpectrum(x, positions, block=block, mu=mu, wanted=wanted)
    transform = split_transform(x.shape[1], split[0], x.dtype, x.device)
    if (positions is None or positions.dtype == torch.int32) and numba_at_hand(x.device):
        from gausscheck.engines.torch.fused import FusedSpectrum

        return FusedSpectrum(x, positions, transform, block=block, mu=mu, wanted=wanted)
    if positions is not None:
        positions = positions.to(torch.int64)
    return _ShortSpectrum(x, positions, transform, block=block, mu=mu, wanted=wanted)


def _group_means(r: Tensor, block: int) -> Tensor:
    full = r.shape[1] // block * block
    means = [r[:, :full].unflatten(1, (-1, block)).mean(dim=2)] if full else []
    if full < r.shape[1]:
        means.append(r[:, full:].mean(dim=1, keepdim=True))
    return torch.cat(means, dim=1) if len(means) > 1 else means[0]


def _squared(spectrum: Tensor) -> Tensor:
    # Squares of the parts: complex abs is a slow, careful hypot.
    parts = torch.view_as_real(spectrum)
    squares = parts * parts
    return squares[..., 0] + squares[..., 1]


def _inverse(squared: Tensor) -> Tensor:
    """``1/sqrt``, finite at 0."""
    return squared.add(torch.finfo(squared.dtype).tiny).rsqrt_()


def _gathered(x: Tensor, positions: Tensor | None) -> Tensor:
    return x if positions is None else x.gather(1, positions.expand(x.shape[0], -1))


def _add_scattered(gradient: Tensor, positions: Tensor | None, scale: Tensor, out: Tensor) -> None:
    if positions is None:
        out.add_(gradient.mul_(scale[:, None]))
    else:
        out.scatter_add_(1, positions.expand_as(gradient), gradient.mul_(scale[:, None]))


class _LongSpectrum:
    """By the library's transform of whole rows: any size, any device."""

    def __init__(self, x: Tensor, positions: Tensor | None, *, block: int, mu: float, wanted: bool) -> None:
        self.positions, self.size = positions, x.shape[1]
        count = (self.size - 1) // 2
        full = count // block * block
        self.transform = torch.fft.rfft(_gathered(x, positions), dim=1, norm="ortho")
        squared = _squared(self.transform[:, 1 : count + 1])
        inverse = _inverse(squared)
        off = _group_means(squared.mul_(inverse), block).sub_(mu)
        self.value = off.abs().mean(dim=1)
        if not wanted:
            return
        sign = off.sign().div_(off.shape[1])
        if full:
            head = inverse[:, :full].unflatten(1, (-1, block))
            head.mul_(sign[:, : full // block, None] / block)
        if full < count:
            inverse[:, full:].mul_(sign[:, -1:] / (count - full))
        self.transform[:, 1 : count + 1].mul_(inverse)
        self.transform[:, 0] = 0
        self.transform[:, count + 1 :] = 0

    def add_gradient(self, scale: Tensor, out: Tensor) -> None:
        # The inverse transform counts inner frequencies twice.
        gradient = torch.fft.irfft(self.transform, n=self.size, dim=1, norm="ortho").mul_(0.5)
        _add_scattered(gradient, self.positions, scale, out)


class _ShortSpectrum:
    """By sets of short transforms, see :mod:`gausscheck.engines.torch.split`."""

    def __init__(
        self,
        x: Tensor,
        positions: Tensor | None,
        transform: SplitTransform,
        *,
        block: int,
        mu: float,
        wanted: bool,
    ) -> None:
        self.positions, self.transform = positions, transform
        rows, n1, n2 = x.shape[0], transform.n1, transform.n2
        half, middle = n1 // 2, n2 // 2
        if positions is None:
            laid = x.view(rows, n1, n2).transpose(1, 2).contiguous()
        else:
            laid = _gathered(x, positions).view(rows, n2, n1)
        self.weighted = transform.forward(laid)
        squared = _squared(self.weighted)
        # The Nyquist frequency stands first in the lower half; left out, its group is one shorter.
        squared[:, 0, middle] = 0
        inverse = _inverse(squared)
        r = squared.mul_(inverse)
        halves = (slice(1, None), slice(None, middle)), (slice(None, half), slice(middle, None))
        sums = [r[:, p, q].unflatten(1, (-1, block)).sum(dim=2) for p, q in halves]
        off = torch.stack(sums, dim=1).div_(block)
        short = block / (block - 1) if block > 1 else 0.0
        off[:, 1, 0, 0] *= short
        off.sub_(mu)
        self.value = off.abs().mean(dim=(1, 2, 3))
        if not wanted:
            return
        sign = off.sign_().div_(half * n2)
        sign[:, 1, 0, 0] *= short
        for row, (p, q) in enumerate(halves):
            inverse[:, p, q].unflatten(1, (-1, block)).mul_(sign[:, row, :, None, :])
        # These frequencies stand in the matrix twice, or are left out.
        inverse[:, 0, : middle + 1] = 0
        inverse[:, half, middle:] = 0
        self.weighted.mul_(inverse)

    def add_gradient(self, scale: Tensor, out: Tensor) -> None:
        laid = self.transform.backward(self.weighted)
        rows, n1, n2 = out.shape[0], self.transform.n1, self.transform.n2
        if self.positions is None:
            out.view(rows, n1, n2).add_(laid.transpose(1, 2).mul(scale[:, None, None]))
        else:
            _add_scattered(laid.reshape(rows, n1 * n2), self.positions, scale, out)
