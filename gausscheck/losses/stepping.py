r"""Steps of an optimiser on many samples at once, each with state of its own, and what noise would do.

Both steppers take one gradient a sample and return what to add to the samples, as ``torch.optim.SGD`` with
Nesterov momentum and ``torch.optim.Adam`` would.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

__all__ = ["Adam", "Nesterov", "Resampling", "Stepper"]

_BETA2, _EPS = 0.999, 1e-8


class Stepper(Protocol):
    """What a descent asks of its optimiser."""

    def step(self, gradient: Tensor) -> Tensor:
        """Displacement of each sample for its gradient: (B, D) to (B, D)."""

    def impulse(self, gradient: Tensor) -> Tensor:
        """Squared length of what this gradient, of the last step, moves each sample in the long run: (B,)."""

    def parts(self, steps: int) -> list[float]:
        """What part of its impulse the gradient of each of `steps` steps has moved a sample by."""


class Nesterov:
    """Gradient descent with Nesterov momentum.

    Parameters
    ----------
    lr : float
    momentum : float
        At least 0, less than 1.
    """

    def __init__(self, lr: float, momentum: float) -> None:
        self.lr, self.momentum = lr, momentum
        self._velocity: Tensor | None = None

    def step(self, gradient: Tensor) -> Tensor:
        """See :class:`Stepper`."""
        if self._velocity is None:
            self._velocity = gradient.clone()
        else:
            self._velocity.mul_(self.momentum).add_(gradient)
        return gradient.add(self._velocity, alpha=self.momentum).mul_(-self.lr)

    def impulse(self, gradient: Tensor) -> Tensor:
        """See :class:`Stepper`: a gradient moves by ``lr g / (1 - momentum)`` over all steps to come."""
        return gradient.square().sum(dim=1).mul((self.lr / (1 - self.momentum)) ** 2)

    def parts(self, steps: int) -> list[float]:
        """See :class:`Stepper`: ``1 - momentum^(n+1)`` after n steps, the gradient's own counted."""
        return [1 - self.momentum ** (steps - s + 1) for s in range(steps)]


class Adam:
    """Adam with decay rates `momentum` and 0.999, and 1e-8 beside the root.

    Parameters
    ----------
    lr, momentum : float
    """

    def __init__(self, lr: float, momentum: float) -> None:
        self.lr, self.momentum = lr, momentum
        self._first: Tensor | None = None
        self._second: Tensor | None = None
        self._steps = 0

    def _root(self) -> Tensor:
        assert self._second is not None
        return self._second.div(1 - _BETA2**self._steps).sqrt_().add_(_EPS)

    def step(self, gradient: Tensor) -> Tensor:
        """See :class:`Stepper`."""
        if self._first is None or self._second is None:
            self._first, self._second = torch.zeros_like(gradient), torch.zeros_like(gradient)
        self._steps += 1
        self._first.lerp_(gradient, 1 - self.momentum)
        self._second.mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
        return self._first.div(self._root()).mul_(-self.lr / (1 - self.momentum**self._steps))

    def impulse(self, gradient: Tensor) -> Tensor:
        """See :class:`Stepper`: a gradient moves by ``lr g / root``."""
        return gradient.div(self._root()).square_().sum(dim=1).mul_(self.lr**2)

    def parts(self, steps: int) -> list[float]:
        """See :class:`Stepper`: more than 1 for the first steps, whose bias correction repeats them."""
        parts, later = [0.0] * steps, 0.0
        for s in range(steps, 0, -1):
            later = (1 - self.momentum) / (1 - self.momentum**s) + self.momentum * later
            parts[s - 1] = later
        return parts


class Resampling:
    r"""Cosine to the start that would be left if every gradient had been fresh noise of the same length.

    The gradient of step s moves the sample by u_s in the long run, and by the part ``a_s`` of it so far
    (:class:`Stepper`). Independent directions, at a norm |z| that is kept, give

    .. math:: \cos = \exp\Bigl(-\tfrac{1}{2} \sum_s a_s^2 \, |u_s|^2 / |z_s|^2\Bigr) .

    Parameters
    ----------
    stepper : Stepper
    before : Tensor
        Cosine before the first step, shape (B,).
    """

    def __init__(self, stepper: Stepper, before: Tensor) -> None:
        self._stepper, self._before = stepper, before
        self._parts: list[Tensor] = []

    def add(self, impulse: Tensor, norm2: Tensor) -> None:
        """One step: squared lengths of the impulses and of the samples, each of shape (B,)."""
        self._parts.append(impulse / norm2.clamp_min(torch.finfo(norm2.dtype).tiny))

    def cosine(self) -> Tensor:
        """Of each sample, shape (B,)."""
        if not self._parts:
            return self._before
        done = torch.stack(self._parts)
        parts = torch.tensor(self._stepper.parts(len(self._parts)), dtype=done.dtype, device=done.device)
        return torch.exp(-0.5 * (parts.square() @ done)) * self._before
