"""Several losses as one weighted sum, with the gradient of each sample and records of every term."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gausscheck.errors import ArgumentError
from gausscheck.losses.base import Loss, in_full_precision, weight

__all__ = ["Evaluation", "Losses", "WeightedLosses", "on_host"]

Losses = (
    Loss | tuple[Loss, float] | Sequence[Loss | tuple[Loss, float]] | Mapping[str, Loss | tuple[Loss, float]]
)


def _is_pair(losses: object) -> bool:
    """Whether a tuple is one loss and its weight, rather than two losses."""
    return (
        isinstance(losses, tuple)
        and len(losses) == 2
        and isinstance(losses[0], Loss)
        and not isinstance(losses[1], (Loss, tuple))
    )


@dataclass(frozen=True)
class Evaluation:
    """Losses of the rows and how their terms stand against their nulls; arrays of one value a sample.

    Attributes
    ----------
    losses, statistics, scores : dict of str to ndarray
    typical : ndarray of bool
        Whether every term lies within its central range.
    """

    losses: dict[str, NDArray[np.float64]]
    statistics: dict[str, NDArray[np.float64]]
    scores: dict[str, NDArray[np.float64]]
    typical: NDArray[np.bool_]


@dataclass(frozen=True)
class WeightedLosses:
    """Losses by name, with their weights.

    Attributes
    ----------
    losses : tuple of (str, Loss, float)
    """

    losses: tuple[tuple[str, Loss, float], ...]

    @classmethod
    def of(cls, losses: Losses) -> WeightedLosses:
        """One loss or pair ``(loss, weight)``, or several of them in a sequence or a mapping.

        Raises
        ------
        ArgumentError
            None given, something else than a loss, or a weight that cannot be used.
        """
        given: list[tuple[str | None, object]] = []
        if isinstance(losses, Loss) or _is_pair(losses):
            given = [(None, losses)]
        elif isinstance(losses, Mapping):
            given = list(losses.items())
        elif isinstance(losses, Sequence) and not isinstance(losses, str):
            given = [(None, entry) for entry in losses]
        if not given:
            msg = (
                f"losses={losses!r} cannot be used; expected a Loss, or a sequence or mapping of losses or "
                "of pairs (loss, weight)"
            )
            raise ArgumentError(msg)
        found: list[tuple[str, Loss, float]] = []
        for key, entry in given:
            loss, share = entry if isinstance(entry, tuple) and len(entry) == 2 else (entry, 1.0)
            if not isinstance(loss, Loss):
                msg = f"{loss!r} among the losses cannot be used; expected a Loss or a pair (loss, weight)"
                raise ArgumentError(msg)
            kind = type(loss).__name__
            alike = sum(type(other) is type(loss) for _, other, _ in found)
            name = str(key) if key is not None else f"{kind} {alike + 1}" if alike else kind
            found.append((name, loss, weight(f"weight of {name}", share)))
        return cls(tuple(found))

    def of_shape(self, shape: Sequence[int]) -> WeightedLosses:
        """The losses for samples of a shape, without the batch."""
        return WeightedLosses(tuple((name, loss.of_shape(shape), w) for name, loss, w in self.losses))

    @property
    def least(self) -> int:
        """Smallest sample that every loss takes."""
        return max(loss.least for _, loss, _ in self.losses)

    def gradient(self, rows: Tensor) -> Tensor:
        """Gradient of the weighted sum at each row: (B, D) to (B, D)."""
        leaf = rows.detach().requires_grad_()
        with in_full_precision(rows.device.type):
            total = sum(share * loss.per_sample(leaf) for _, loss, share in self.losses)
        return _gradient(total, leaf)

    def evaluated(self, rows: Tensor) -> tuple[Tensor, Evaluation]:
        """The gradient as well, and the terms that it is of: one draw of permutations makes both."""
        leaf = rows.detach().requires_grad_()
        size = rows.shape[1]
        total: Tensor | int = 0
        by_loss, by_term, scores = {}, {}, {}
        typical = np.ones(rows.shape[0], bool)
        with in_full_precision(rows.device.type):
            for name, loss, share in self.losses:
                statistics = loss.statistics(leaf)
                value = loss.score.loss(statistics, size)
                total = total + share * value
                by_loss[name] = on_host(value)
                for term, column in zip(loss.terms, on_host(statistics).T, strict=True):
                    key = term.name if len(self.losses) == 1 else f"{name}: {term.name}"
                    null, window = term.null(size), loss.score.window(term, size)
                    by_term[key] = column
                    scores[key] = (column - null.mean) / null.std
                    typical &= window.holds(column)
        return _gradient(total, leaf), Evaluation(by_loss, by_term, scores, typical)


def on_host(x: Tensor) -> NDArray[np.float64]:
    """Values as float64 on the host."""
    found: NDArray[np.float64] = x.detach().double().cpu().numpy()
    return found


def _gradient(total: Tensor | float, leaf: Tensor) -> Tensor:
    if not isinstance(total, Tensor) or not total.requires_grad:
        # Weights or terms that leave nothing to descend.
        return torch.zeros_like(leaf)
    (gradient,) = torch.autograd.grad(total.sum(), leaf)
    return gradient
