"""What every Gaussianity loss shares: how a batch is read, aimed, reduced, and what its null is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from gausscheck.errors import ArgumentError, DataError
from gausscheck.losses.terms import MomentTerm, SpectrumTerm, Term, Window, typical_window

if TYPE_CHECKING:
    from gausscheck.losses.report import LossReport
    from gausscheck.nulls.base import Null

__all__ = [
    "Aim",
    "AimedScore",
    "Loss",
    "Reduction",
    "as_rows",
    "choice",
    "in_full_precision",
    "sample_shape",
    "weight",
]

Aim = Literal["zero", "typical"]
Reduction = Literal["mean", "sum", "none"]

_INSIDE = {
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
    torch.float32: torch.float32,
    torch.float64: torch.float64,
}


def choice(name: str, value: object, allowed: Sequence[object]) -> None:
    """Raise :class:`~gausscheck.errors.ArgumentError` unless `value` is one of `allowed`."""
    if not any(value is a or (type(value) is type(a) and value == a) for a in allowed):
        msg = f"{name}={value!r} is unknown; expected one of {', '.join(map(repr, allowed))}"
        raise ArgumentError(msg)


def weight(name: str, value: Any) -> float:
    """`value` as a weight: a finite number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) < float("inf"):
        msg = f"{name}={value!r} cannot be used; expected a finite number that is not negative"
        raise ArgumentError(msg)
    return float(value)


def as_rows(z: Tensor, least: int) -> Tensor:
    """One row a sample, in the precision of the computation: float32, or float64 of float64.

    Parameters
    ----------
    z : Tensor
        Shape (batch, ...); one axis alone is one sample.
    least : int
        Smallest number of values in a sample.

    Raises
    ------
    DataError
        Not a tensor of floats, empty, or samples too small.
    """
    if not isinstance(z, Tensor):
        msg = f"a loss takes a torch tensor, got a {type(z).__name__}; use torch.as_tensor(...)"
        raise DataError(msg)
    inside = _INSIDE.get(z.dtype)
    if inside is None:
        msg = f"a loss takes float16, bfloat16, float32 or float64, got {z.dtype}; convert it with .float()"
        raise DataError(msg)
    if z.layout is not torch.strided:
        msg = f"a loss takes a dense tensor, got one of layout {z.layout}; call .to_dense() first"
        raise DataError(msg)
    if z.ndim == 0 or z.numel() == 0:
        msg = f"the tensor is empty (shape {tuple(z.shape)}); expected (batch, ...) with values in it"
        raise DataError(msg)
    rows = 1 if z.ndim == 1 else z.shape[0]
    size = z.numel() // rows
    if size < least:
        msg = (
            f"a sample has {size} values (shape {tuple(z.shape)}, first axis the batch), too few: at "
            f"least {least} are needed; one sample without a batch axis is passed as z.unsqueeze(0)"
        )
        raise DataError(msg)
    return z.resolve_neg().reshape(rows, size).to(inside)


def sample_shape(z: Tensor) -> tuple[int, ...]:
    """Shape of each sample of a batch; one axis alone is one sample."""
    return tuple(z.shape if z.ndim == 1 else z.shape[1:])


def in_full_precision(device: str) -> AbstractContextManager[Any]:
    """Without autocast, which would take matrix products to 16 bits."""
    available = torch.amp.is_autocast_available(device)
    return torch.autocast(device, enabled=False) if available else nullcontext()


@dataclass(frozen=True)
class AimedScore:
    """Weighted sum of terms, each aimed at zero discrepancy or at its typical range.

    Attributes
    ----------
    terms : tuple of Term
    aim : str
    central : float
    """

    terms: tuple[Term, ...]
    aim: Aim
    central: float

    def loss(self, statistics: Tensor, size: int) -> Tensor:
        """Value for each sample: (B, T) to (B,)."""
        total: Tensor | None = None
        for term, statistic in zip(self.terms, statistics.unbind(1), strict=True):
            part = self.part(term, statistic, size)
            if term.weight != 1.0:
                part = part * term.weight
            total = part if total is None else total + part
        assert total is not None
        return total

    def part(self, term: Term, statistic: Tensor, size: int) -> Tensor:
        """Value of one term before its weight."""
        if self.aim == "zero":
            return term.discrepancy(statistic, size)
        window = self.window(term, size)
        over, under = _excess(statistic, window)
        return 0.5 * (over * over + under * under)

    def slopes(self, statistics: Tensor, size: int) -> Tensor:
        """Derivatives in closed form: (B, T) to (B, T)."""
        columns = []
        for term, statistic in zip(self.terms, statistics.unbind(1), strict=True):
            if self.aim == "zero":
                slope = term.slope(statistic, size)
            else:
                window = self.window(term, size)
                over, under = _excess(statistic, window)
                slope = (over - under) / window.std
            columns.append(slope * term.weight if term.weight != 1.0 else slope)
        return torch.stack(columns, dim=1)

    def window(self, term: Term, size: int) -> Window:
        """Typical range of a term."""
        return typical_window(term, size, self.central)


def _excess(statistic: Tensor, window: Window) -> tuple[Tensor, Tensor]:
    """How many standard deviations above and below the typical range."""
    over = ((statistic - window.high) / window.std).clamp_min(0)
    under = ((window.low - statistic) / window.std).clamp_min(0)
    return over, under


class Loss(torch.nn.Module):
    """Base of the losses: a weighted sum of terms for each sample, reduced over the batch.

    Parameters
    ----------
    aim : str
        ``zero``: each term's discrepancy from the mean of N(0, 1) is driven to zero, as published.
        ``typical``: each statistic is standardised by its own null; inside its central range the term is
        flat (value 0, gradient 0), outside on either side it is ``excess^2 / 2``, the excess in standard
        deviations.
    central : float
        Probability of the central range of each term.
    reduction : str
        Over the batch: ``mean``, ``sum``, or ``none`` for one value a sample.

    Notes
    -----
    Input: (batch, ...) in float16, bfloat16, float32 or float64, on any device; one axis alone is one
    sample. The value is computed and returned in float32 (float64 of float64), the gradient comes in the
    input's type. Values that are not finite count as 0 and receive no gradient: to tell them would need a
    wait for the device; :meth:`report` names them. Nothing here waits for the device.
    """

    least: int = 8

    def __init__(self, *, aim: Aim = "zero", central: float = 0.95, reduction: Reduction = "mean") -> None:
        super().__init__()
        choice("aim", aim, ("zero", "typical"))
        choice("reduction", reduction, ("mean", "sum", "none"))
        if isinstance(central, bool) or not isinstance(central, (int, float)) or not 0 < central < 1:
            msg = f"central={central!r} cannot be used; expected a probability strictly between 0 and 1"
            raise ArgumentError(msg)
        self.aim: Aim = aim
        self.central = float(central)
        self.reduction: Reduction = reduction

    @property
    @abstractmethod
    def terms(self) -> tuple[Term, ...]:
        """The terms of the weighted sum."""

    @abstractmethod
    def statistics(self, rows: Tensor) -> Tensor:
        """Statistic of each term for each row, differentiable: (B, D) to (B, T)."""

    def of_shape(self, shape: Sequence[int]) -> Loss:
        """The loss for samples of a shape, without the batch: itself unless the loss depends on it."""
        del shape
        return self

    @property
    def moments_held(self) -> frozenset[int]:
        """Orders of the raw moments that the terms fix between them; :meth:`report` holds out the others."""
        return frozenset(term.order for term in self.terms if isinstance(term, MomentTerm))

    @property
    def views_held(self) -> frozenset[str]:
        """Views whose power spectrum the terms fix between them; :meth:`report` holds out the others."""
        spectra = [term for term in self.terms if isinstance(term, SpectrumTerm)]
        return frozenset("permuted" if term.permutations else "stored" for term in spectra)

    def statistics_of(self, z: Tensor) -> Tensor:
        """Statistic of each term for each sample of a batch: shape (B, T), see :attr:`terms`.

        Parameters
        ----------
        z : Tensor
            As for the loss itself.
        """
        rows = as_rows(z, self.least)
        with in_full_precision(rows.device.type):
            return self.of_shape(sample_shape(z)).statistics(rows)

    @property
    def score(self) -> AimedScore:
        """The weighted sum as a function of the statistics."""
        return AimedScore(self.terms, self.aim, self.central)

    def per_sample(self, rows: Tensor) -> Tensor:
        """Loss of each row: (B, D) to (B,)."""
        return self.score.loss(self.statistics(rows), rows.shape[1])

    def forward(self, z: Tensor) -> Tensor:
        """Loss of a batch.

        Parameters
        ----------
        z : Tensor
            Shape (batch, ...).

        Returns
        -------
        Tensor
            Scalar, or shape (batch,) with ``reduction="none"``.

        Raises
        ------
        DataError
            Not floats, empty, or samples too small.
        """
        rows = as_rows(z, self.least)
        with in_full_precision(rows.device.type):
            values = self.of_shape(sample_shape(z)).per_sample(rows)
        if self.reduction == "none":
            return values
        return values.mean() if self.reduction == "mean" else values.sum()

    def null(self, n: int) -> Null:
        """Law of the loss of one sample of `n` values iid N(0, 1), before the reduction over the batch.

        Terms alone have the accuracy of their own nulls. The law of several is asymptotic: tails of 1e-2 are
        within some percent of p from 1,024 values on, within 10 % at 256, and a rough guide below; beyond
        1e-4 they are of the right order only.

        Raises
        ------
        ArgumentError
            Too few values for the law of a term.
        """
        from gausscheck.losses.null import loss_null

        return loss_null(self.score, n)

    def report(self, z: Tensor, *, seed: int = 0) -> LossReport:
        """Each term against its null, and statistics beside them that the loss does not hold.

        Parameters
        ----------
        z : Tensor
            As for the loss itself.
        seed : int
            Of the permutations of the audit beside.
        """
        from gausscheck.losses.report import report

        as_rows(z, self.least)
        return report(self.of_shape(sample_shape(z)), z, seed=seed)

    def extra_repr(self) -> str:
        """Options that differ between instances."""
        return f"aim={self.aim!r}, central={self.central}, reduction={self.reduction!r}"
