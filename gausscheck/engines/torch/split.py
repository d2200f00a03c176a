r"""The Fourier transform of a real row as two sets of short ones, laid out so that groups stay together.

A row of ``n = n1 n2`` values read as a matrix ``y[a, b]``, index ``a n2 + b``, has at frequency
``k = p + n1 q``

.. math:: X_{p + n_1 q} = \sum_b e^{-2 \pi i b q / n_2} \; e^{-2 \pi i p b / n} \sum_a e^{-2 \pi i a p / n_1}
          y_{a,b} :

short transforms of rows, factors, short transforms of columns (Bailey, "FFTs in external or hierarchical
memory", 1990). Torch's long real transform on a CPU takes several times as long. Real values need
``p = 0..n1/2`` only; of the matrix ``X[p, q]``

* the upper half, ``q < n2/2``, holds the frequencies ``n1 q + p``, p = 1..n1/2,
* the lower half, ``q >= n2/2``, holds mirrored ones, ``n - n1 q - p``, p = 0..n1/2 - 1,

so that every frequency 1..n/2 stands there once, and consecutive ones stand side by side: their groups are
groups of columns, whatever their order, if the group size divides n1/2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import isqrt, pi, sqrt

import torch
from torch import Tensor

__all__ = ["SplitTransform", "split_of"]

_MOST_UNEVEN = 32


@dataclass(frozen=True)
class SplitTransform:
    """Transform of rows of ``n1 n2`` values, divided by ``sqrt(n1 n2)``, and its adjoint.

    Attributes
    ----------
    n1, n2 : int
        Both even.
    forward_factors, backward_factors : Tensor
        Complex, shapes (n2, n1/2 + 1) and (n1/2 + 1, n2).
    """

    n1: int
    n2: int
    forward_factors: Tensor
    backward_factors: Tensor

    @property
    def size(self) -> int:
        """Values in a row."""
        return self.n1 * self.n2

    def forward(self, laid: Tensor) -> Tensor:
        """Spectra X[p, q] of rows laid out as y[b, a], (B, n2, n1): complex (B, n1/2 + 1, n2), contiguous."""
        inner = torch.fft.rfft(laid, dim=2)
        # Torch lays out its result so that the transformed axis is the last in memory.
        return torch.fft.fft(inner.mul_(self.forward_factors), dim=1).transpose(1, 2).contiguous()

    def backward(self, weighted: Tensor) -> Tensor:
        """Gradient with respect to y[b, a], (B, n2, n1), of ``sum_pq Re(conj(weighted_pq) X_pq)``."""
        inner = torch.fft.ifft(weighted, dim=2, norm="forward").mul_(self.backward_factors)
        return self.fold(inner.transpose(1, 2))

    def fold(self, inner: Tensor) -> Tensor:
        """Last step of :meth:`backward`, from the inner columns (B, n2, n1/2 + 1)."""
        return torch.fft.irfft(inner, n=self.n1, dim=2, norm="forward")


@lru_cache(maxsize=128)
def split_of(n: int, block: int) -> tuple[int, int] | None:
    """``(n1, n2)`` as near to each other as can be, n2 even and ``n1/2`` a multiple of `block`; or None."""
    if block < 2 or n % (4 * block):
        return None
    quarter = n // (4 * block)
    candidates = []
    for d in range(1, isqrt(quarter) + 1):
        if quarter % d == 0:
            for first in (d, quarter // d):
                n1 = 2 * block * first
                candidates.append((max(n1, n // n1) / min(n1, n // n1), n1))
    uneven, n1 = min(candidates)
    return (n1, n // n1) if uneven <= _MOST_UNEVEN else None


@lru_cache(maxsize=16)
def split_transform(n: int, n1: int, dtype: torch.dtype, device: torch.device) -> SplitTransform:
    """The transform of rows of `n` real values of `dtype`; its factors are kept for later calls."""
    n2 = n // n1
    with torch.inference_mode(False), torch.no_grad():
        b = torch.arange(n2, dtype=torch.float64, device=device)[:, None]
        p = torch.arange(n1 // 2 + 1, dtype=torch.float64, device=device)[None, :]
        angle = (b * p) * (2 * pi / n)
        # The adjoint of a real transform counts inner columns twice.
        fold = torch.full_like(p, 0.5 / sqrt(n))
        fold[0, 0] = fold[0, -1] = 1 / sqrt(n)
        scale = torch.full_like(angle, 1 / sqrt(n))
        complex_dtype = torch.complex64 if dtype == torch.float32 else torch.complex128
        forward = torch.polar(scale, -angle).to(complex_dtype)
        backward = torch.polar(fold.expand_as(angle).contiguous(), angle).to(complex_dtype).t().contiguous()
    return SplitTransform(n1, n2, forward, backward)
