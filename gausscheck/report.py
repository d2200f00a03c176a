"""What an audit says: frozen results, plain data, JSON. Rendering lives elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gausscheck.finding import Finding, Surprise, Verdict

if TYPE_CHECKING:
    from gausscheck.across import SharedBetween

__all__ = ["SCHEMA", "Report", "ReportError", "TensorReport", "tensor_name", "worst"]

SCHEMA = "gausscheck/1"
_RANK: dict[str, int] = {"pass": 0, "suspect": 1, "fail": 2}


@dataclass(frozen=True)
class ReportError:
    """Something that could not be audited."""

    path: str
    message: str
    key: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"path": self.path, "key": self.key, "message": self.message}


@dataclass(frozen=True)
class TensorReport(Surprise):
    """Result for one tensor.

    Attributes
    ----------
    path, key : str
        Where it came from; empty for an array in memory.
    dtype : str
        Storage format.
    lattice : str or None
        Lattice that the values lie on and were tested against (``bf16`` …), or None.
    layout : str
        Axis letters, such as ``b c h w``.
    shape : tuple of int
    n : int
        Number of values, finite or not.
    n_effective : int
        Values that are no copies of stretches of others; the marginal law is tested on these.
    verdict : str
        ``pass``, ``suspect`` or ``fail``.
    log_p : float
        Natural logarithm of the one combined p-value.
    findings : tuple of Finding
        Most surprising first.
    hints : tuple of str
        Likely causes in plain words.
    detectable : tuple of dict
        What this many values could have shown: ``family``, ``name``, ``value`` (smallest effect found with
        power 0.9 at `alpha`).
    untested : tuple of str
        What was left out, and why.
    """

    path: str
    key: str
    dtype: str
    lattice: str | None
    layout: str
    shape: tuple[int, ...]
    n: int
    n_effective: int
    verdict: Verdict
    log_p: float
    findings: tuple[Finding, ...]
    hints: tuple[str, ...] = ()
    detectable: tuple[dict[str, Any], ...] = ()
    untested: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Path and key in one."""
        return tensor_name(self.path, self.key)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "path": self.path,
            "key": self.key,
            "dtype": self.dtype,
            "lattice": self.lattice,
            "layout": self.layout,
            "shape": list(self.shape),
            "n": self.n,
            "n_effective": self.n_effective,
            "verdict": self.verdict,
            "p_value": self.p_value,
            "log10_p": self.log10_p,
            "findings": [f.to_dict() for f in self.findings],
            "hints": list(self.hints),
            "detectable": [dict(d) for d in self.detectable],
            "untested": list(self.untested),
        }


@dataclass(frozen=True)
class Report(Surprise):
    """Result of an audit of one or more tensors.

    Attributes
    ----------
    version : str
        Of gausscheck.
    alpha : float
        Level at which a tensor fails (family-wise over its battery).
    battery : str
        Name of the battery.
    seed : int
        Of every random draw.
    elapsed_s : float
        Seconds that the audit took.
    tensors : tuple of TensorReport
    errors : tuple of ReportError
        What could not be audited.
    log_p : float
        Natural logarithm of one p-value over all tensors.
    notes : tuple of str
        Tensors that were skipped, and why.
    shared : tuple of SharedBetween
        What different tensors both hold and chance does not explain: copies across files.
    """

    version: str
    alpha: float
    battery: str
    seed: int
    elapsed_s: float
    tensors: tuple[TensorReport, ...]
    log_p: float
    errors: tuple[ReportError, ...] = ()
    notes: tuple[str, ...] = field(default=())
    shared: tuple[SharedBetween, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Worst verdict of the tensors and of what they share; ``suspect`` where something is left unread."""
        verdict = worst([*(t.verdict for t in self.tensors), *(s.verdict for s in self.shared)])
        return worst([verdict, "suspect"]) if self.errors or not self.tensors else verdict

    @property
    def passed(self) -> bool:
        """True if something was audited, nothing failed, and nothing was left unread."""
        return bool(self.tensors) and not self.errors and self.verdict != "fail"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Findings of all tensors, most surprising first."""
        return tuple(sorted((f for t in self.tensors for f in t.findings), key=lambda f: f.log_p))

    def __bool__(self) -> bool:
        return self.passed

    def to_dict(self) -> dict[str, Any]:
        """Plain data that the JSON Schema of the package describes."""
        return {
            "schema": SCHEMA,
            "version": self.version,
            "verdict": self.verdict,
            "p_value": self.p_value,
            "log10_p": self.log10_p,
            "alpha": self.alpha,
            "battery": self.battery,
            "seed": self.seed,
            "elapsed_s": self.elapsed_s,
            "tensors": [t.to_dict() for t in self.tensors],
            "errors": [e.to_dict() for e in self.errors],
            "notes": list(self.notes),
            "shared": [s.to_dict() for s in self.shared],
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Strict JSON (no NaN, no Infinity)."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False, ensure_ascii=False)

    def __str__(self) -> str:
        from gausscheck.text import report_text

        return report_text(self)


def tensor_name(path: str, key: str) -> str:
    """Path and key of a tensor in one."""
    return f"{path}[{key}]" if key else path or "array"


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the most severe of some verdicts; ``pass`` for none."""
    return max(verdicts, key=_RANK.__getitem__, default="pass")
