"""Compiled passes of the power spectrum and its gradient on a CPU; importing this module imports Numba.

What :mod:`gausscheck.engines.torch.spectrum` does in a dozen passes over a row takes four here: permute,
weigh, turn, put back. The transforms between them are torch's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gausscheck.engines.kernels import jit, shuffled_counts
from gausscheck.engines.torch.split import SplitTransform

__all__ = ["FusedSpectrum", "moment_gradient", "power_means", "shuffled_order"]

_TILE = 32
_STRETCH = 2048  # values added in their own precision before float64 takes over


def shuffled_order(size: int, keys: Tensor) -> Tensor:
    """Uniform permutations of 0..size-1, one for each 64-bit key: int32, shape (len(keys), size)."""
    orders = np.empty((keys.shape[0], size), np.int32)
    shuffled_counts(keys.numpy().view(np.uint64), orders)
    return torch.from_numpy(orders)


def _parts(x: Tensor) -> NDArray[Any]:
    """Real and imaginary parts side by side along the last axis, in the same memory."""
    held: NDArray[Any] = x.numpy()
    return held.view(np.float32 if held.dtype == np.complex64 else np.float64)


class FusedSpectrum:
    """Power-spectrum discrepancy of each row of `x` and, on demand, its gradient.

    Parameters
    ----------
    x : Tensor
        On the CPU, float32 or float64, shape (B, D), C-contiguous, detached.
    positions : Tensor of int32, optional
        Shape (D,), as in :class:`gausscheck.engines.torch.orders.Orders` with a split; as stored by default.
    transform : SplitTransform
    block : int
    mu : float
    wanted : bool
        Whether the gradient will be asked for.
    """

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
        if positions is None:
            laid = x.view(rows, n1, n2).transpose(1, 2).contiguous()
        else:
            laid = torch.empty_like(x)
            _gather(x.numpy(), positions.numpy(), laid.numpy())
        self.spectrum = transform.forward(laid.view(rows, n2, n1))
        self.value = x.new_empty(rows)
        parts = _parts(self.spectrum)
        number = parts.dtype.type
        centre = (number(mu), number(torch.finfo(x.dtype).tiny))
        _weigh(parts, block, centre, wanted, self.value.numpy())

    def add_gradient(self, scale: Tensor, out: Tensor) -> None:
        """``out += scale[:, None] dP/dx``."""
        transform = self.transform
        rows, n1, n2 = out.shape[0], transform.n1, transform.n2
        columns = torch.fft.ifft(self.spectrum, dim=2, norm="forward")
        inner = columns.new_empty(rows, n2, n1 // 2 + 1)
        _turn(_parts(columns), _parts(transform.backward_factors), _parts(inner))
        laid = transform.fold(inner)
        if self.positions is None:
            out.view(rows, n1, n2).add_(laid.transpose(1, 2).mul(scale[:, None, None]))
        else:
            flat = laid.reshape(rows, n1 * n2)
            _scatter(flat.numpy(), self.positions.numpy(), scale.numpy(), out.numpy())


@jit()
def _gather(x, positions, out):  # type: ignore[no-untyped-def]
    for r in range(x.shape[0]):
        for i in range(positions.size):
            out[r, i] = x[r, positions[i]]


@jit()
def _scatter(laid, positions, scale, out):  # type: ignore[no-untyped-def]
    for r in range(laid.shape[0]):
        for i in range(positions.size):
            out[r, positions[i]] += scale[r] * laid[r, i]


@jit()
def _turn(columns, factors, out):  # type: ignore[no-untyped-def]
    """``out[r, b, p] = columns[r, p, b] factors[p, b]``, real and imaginary parts side by side."""
    rows, height, width = columns.shape
    for r in range(rows):
        for top in range(0, height, _TILE):
            for left in range(0, width // 2, _TILE):
                for p in range(top, min(top + _TILE, height)):
                    for b in range(left, min(left + _TILE, width // 2)):
                        real, imaginary = columns[r, p, 2 * b], columns[r, p, 2 * b + 1]
                        cosine, sine = factors[p, 2 * b], factors[p, 2 * b + 1]
                        out[r, b, 2 * p] = real * cosine - imaginary * sine
                        out[r, b, 2 * p + 1] = real * sine + imaginary * cosine


@jit(fastmath={"contract"})
def _weigh(parts, block, centre, wanted, value):  # type: ignore[no-untyped-def]
    """Values of all rows; their spectra X[p, q], parts side by side, become those of the gradients.

    Groups are `block` consecutive p at one q, see :mod:`gausscheck.engines.torch.split`. `centre` holds mu
    and the smallest normal number.
    """
    mu, tiny = centre
    rows, height, width = parts.shape
    half, middle = height - 1, width // 4
    number = parts.dtype.type
    groups = half // block * 2 * middle
    inverse = np.empty((block, middle), parts.dtype)
    total = np.empty(middle, parts.dtype)
    for r in range(rows):
        whole = 0.0
        for lower in range(2):
            left, right = 2 * middle * lower, 2 * middle * (lower + 1)
            for first in range(1 - lower, half + 1 - lower, block):
                nyquist = lower == 1 and first == 0
                if nyquist:
                    parts[r, 0, left : left + 2] = 0
                total[:] = 0
                for i in range(block):
                    row = parts[r, first + i, left:right]
                    for q in range(middle):
                        square = row[2 * q] * row[2 * q] + row[2 * q + 1] * row[2 * q + 1]
                        inverse[i, q] = number(1) / np.sqrt(square + tiny)
                        total[q] += square * inverse[i, q]
                for q in range(middle):
                    size = number(block - 1) if nyquist and q == 0 else number(block)
                    off = total[q] / size - mu
                    whole += abs(np.float64(off))
                    total[q] = np.sign(off) / (size * number(groups))
                if wanted:
                    for i in range(block):
                        row = parts[r, first + i, left:right]
                        for q in range(middle):
                            weight = inverse[i, q] * total[q]
                            row[2 * q] *= weight
                            row[2 * q + 1] *= weight
        if wanted:
            # These frequencies stand in the matrix twice, or are left out.
            parts[r, 0, : 2 * middle] = 0
            parts[r, half, 2 * middle :] = 0
        value[r] = whole / groups


def power_means(x: Tensor, top: int) -> Tensor:
    """``mean x^n`` of each row for n = 1..top, summed in float64: (B, D) on the CPU to (B, top)."""
    means = x.new_empty((x.shape[0], top))
    _power_means(x.numpy(), means.numpy())
    return means


@jit(fastmath={"reassoc", "contract"})
def _power_means(x, means):  # type: ignore[no-untyped-def]
    rows, size = x.shape
    top = means.shape[1]
    power = np.empty(_STRETCH, x.dtype)
    sums = np.empty(top)
    for r in range(rows):
        sums[:] = 0.0
        for start in range(0, size, _STRETCH):
            row = x[r, start : min(start + _STRETCH, size)]
            first, second = x.dtype.type(0), x.dtype.type(0)
            for i in range(row.size):
                first += row[i]
                second += row[i] * row[i]
            sums[0] += first
            sums[1] += second
            if top > 2:
                for i in range(row.size):
                    power[i] = row[i] * row[i]
            for n in range(2, top):
                total = x.dtype.type(0)
                for i in range(row.size):
                    power[i] *= row[i]
                    total += power[i]
                sums[n] += total
        for n in range(top):
            means[r, n] = sums[n] / size


def moment_gradient(x: Tensor, slopes: Tensor, orders: tuple[int, ...]) -> Tensor:
    """``sum_n slopes_n (n / D) x^(n-1)`` of each row; slopes in the first columns."""
    out = torch.empty_like(x)
    coefficients = np.zeros((x.shape[0], max(orders)), out.numpy().dtype)
    given = slopes.numpy()
    for column, n in enumerate(orders):
        coefficients[:, n - 1] = given[:, column] * (n / x.shape[1])
    _polynomial(x.numpy(), coefficients, out.numpy())
    return out


@jit(fastmath={"contract"})
def _polynomial(x, coefficients, out):  # type: ignore[no-untyped-def]
    rows, size = x.shape
    top = coefficients.shape[1]
    for r in range(rows):
        if top == 2:
            first, second = coefficients[r, 0], coefficients[r, 1]
            for i in range(size):
                out[r, i] = first + second * x[r, i]
        else:
            out[r] = coefficients[r, top - 1]
            for n in range(top - 2, -1, -1):
                for i in range(size):
                    out[r, i] = out[r, i] * x[r, i] + coefficients[r, n]
