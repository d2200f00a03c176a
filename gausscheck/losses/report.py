"""What a loss reports: its own terms against their nulls, and held-out statistics beside them.

An optimised p-value is no p-value: whatever is minimised looks typical in the end. The statistics that the
loss does not hold are what is left to tell noise from something that only satisfies the loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gausscheck.arrays import as_values
from gausscheck.decide import decide
from gausscheck.errors import ArgumentError
from gausscheck.examine import examine
from gausscheck.finding import Finding, Verdict
from gausscheck.judging import log_any_of, two_sided
from gausscheck.losses.base import Loss, as_rows
from gausscheck.losses.terms import MomentTerm, SpectrumTerm, Term
from gausscheck.losses.weighted import on_host
from gausscheck.options import options
from gausscheck.report import worst

if TYPE_CHECKING:
    from gausscheck.nulls.base import Null

__all__ = ["LossReport", "report"]

_ALPHA = 1e-6


@dataclass(frozen=True)
class LossReport:
    """A loss and its sample against H0.

    Attributes
    ----------
    loss : float
        Value, reduced as the loss does; per-sample losses are averaged for ``reduction="none"``.
    optimised : tuple of Finding
        One for each term of the loss: value of its statistic, mean and standard deviation under H0, two-sided
        p-value. Of several samples the most surprising one, its p-value corrected for their number.
    held_out : tuple of Finding
        Statistics of the standard audit that the loss neither holds nor determines, most surprising first.
    typical : bool
        True if every term of every sample lies within its central range.
    verdict : str
        ``pass``, ``suspect`` or ``fail``: of the held-out statistics.
    """

    loss: float
    optimised: tuple[Finding, ...]
    held_out: tuple[Finding, ...]
    typical: bool
    verdict: Verdict

    @property
    def passed(self) -> bool:
        """True unless the held-out statistics fail."""
        return self.verdict != "fail"

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "loss": self.loss,
            "typical": self.typical,
            "verdict": self.verdict,
            "optimised": [f.to_dict() for f in self.optimised],
            "held_out": [f.to_dict() for f in self.held_out],
        }

    def __str__(self) -> str:
        from gausscheck.text import finding_lines, plain

        inside = "every term within its typical range" if self.typical else "not every term is typical"
        lines = [f"loss {self.loss:.6g}: {inside}", "", "optimised (no evidence, whatever their p)"]
        lines += plain(finding_lines(self.optimised)).splitlines()
        lines += ["", f"held out: {self.verdict.upper()}"]
        lines += plain(finding_lines(self.held_out)).splitlines()
        return "\n".join(lines)


def report(loss: Loss, z: Tensor, *, seed: int = 0) -> LossReport:
    """See :meth:`gausscheck.losses.base.Loss.report`."""
    with torch.no_grad():
        rows = as_rows(z.detach() if isinstance(z, Tensor) else z, loss.least)
        if rows.is_meta:
            msg = "a tensor on the meta device holds no values to report on; materialise it first"
            raise ArgumentError(msg)
        # One draw of permutations serves the statistics and the loss: what is reported is what was computed.
        statistics = loss.statistics_of(z)
        values = loss.score.loss(statistics, rows.shape[1])
    size = int(rows.shape[1])
    columns = on_host(statistics).T
    optimised = tuple(_finding(term, column, size) for term, column in zip(loss.terms, columns, strict=True))
    typical = all(
        bool(loss.score.window(term, size).holds(column).all())
        for term, column in zip(loss.terms, columns, strict=True)
    )
    held_out = _audit(loss, z, seed)
    reduced = values.sum() if loss.reduction == "sum" else values.mean()
    return LossReport(
        loss=float(reduced),
        optimised=optimised,
        held_out=held_out,
        typical=typical,
        verdict=worst(f.verdict for f in held_out),
    )


def _finding(term: Term, values: NDArray[np.float64], size: int) -> Finding:
    null: Null = term.null(size)
    tails = [two_sided(null, float(value)) for value in values]
    at = min(range(len(tails)), key=lambda i: tails[i][0])
    log_p, tail = tails[at]
    several = len(tails) > 1
    parameters: dict[str, Any] = {}
    extra: dict[str, Any] = {"weight": term.weight}
    statistic = term.name
    if isinstance(term, MomentTerm):
        statistic, parameters = "moment", {"order": term.order}
        held = torch.tensor(values[at], device="cpu")
        extra["discrepancy"] = float(term.discrepancy(held, size))
    elif isinstance(term, SpectrumTerm):
        statistic = "power_spectrum"
        parameters = {"block": term.block, "mu": term.mu, "permutations": term.permutations}
    return Finding(
        statistic=statistic,
        parameters=parameters,
        family="moments" if isinstance(term, MomentTerm) else "spectrum" if parameters else "loss",
        view="permuted" if parameters.get("permutations") else "stored",
        scope="sample" if several else "pooled",
        n=size,
        value=float(values[at]),
        expected=null.mean,
        std=null.std,
        log_p=log_any_of(log_p, len(tails)),
        tail=tail,
        grade=str(null.grade),
        where={"sample": at, "samples": len(tails)} if several else {},
        extra=extra,
    )


def _audit(loss: Loss, z: Tensor, seed: int) -> tuple[Finding, ...]:
    chosen = options(
        layout=None if z.ndim in (2, 4, 5) else "b w",
        battery_name="standard",
        reference="standard",
        lattice="auto",
        permutations=4,
        seed=seed,
        alpha=_ALPHA,
        tolerance=None,
        progress=None,
    )
    values = z.detach()
    if z.ndim not in (2, 4, 5):
        values = values.reshape(1 if z.ndim == 1 else z.shape[0], -1)
    tensor = examine(as_values(values), chosen)
    kept = [f for f in tensor.findings if not _determined(f, loss)]
    judged, _ = decide(kept, _ALPHA)
    return judged


def _determined(finding: Finding, loss: Loss) -> bool:
    """Whether a statistic is in the loss, or a function of what is."""
    order = finding.parameters.get("order", 0)
    if finding.statistic == "moment":
        return order in loss.moments_held
    if finding.statistic == "hermite":
        # He_k is a combination of the powers k, k-2, k-4, …
        return set(range(order, 0, -2)) <= loss.moments_held
    if finding.statistic == "power_spectrum":
        return finding.view in loss.views_held
    return False
