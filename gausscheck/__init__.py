"""gausscheck tells whether a tensor is Gaussian noise, how it is not, and whether that matters.

>>> import numpy as np, gausscheck as gc
>>> report = gc.audit(np.random.default_rng(0).standard_normal((4, 64, 64)))
>>> report.verdict
'pass'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gausscheck.version import __version__

if TYPE_CHECKING:
    from gausscheck.auditing import audit, audit_files
    from gausscheck.catalogue import statistics
    from gausscheck.drift import Drift
    from gausscheck.errors import (
        ArgumentError,
        DataError,
        FileFormatError,
        GausscheckError,
        GaussianityError,
        GeneratorError,
    )
    from gausscheck.finding import Effect, Finding
    from gausscheck.report import Report, TensorReport
    from gausscheck.streaming import Stream
    from gausscheck.testing import assert_gaussian
    from gausscheck.validating import validate
    from gausscheck.validation import Validation

# Bound when first used, so that the import costs nothing.
_HOME = {
    "ArgumentError": "errors",
    "DataError": "errors",
    "Drift": "drift",
    "Effect": "finding",
    "FileFormatError": "errors",
    "Finding": "finding",
    "GausscheckError": "errors",
    "GaussianityError": "errors",
    "GeneratorError": "errors",
    "Report": "report",
    "Stream": "streaming",
    "TensorReport": "report",
    "Validation": "validation",
    "assert_gaussian": "testing",
    "audit": "auditing",
    "audit_files": "auditing",
    "statistics": "catalogue",
    "validate": "validating",
}

__all__ = [
    "ArgumentError",
    "DataError",
    "Drift",
    "Effect",
    "FileFormatError",
    "Finding",
    "GausscheckError",
    "GaussianityError",
    "GeneratorError",
    "Report",
    "Stream",
    "TensorReport",
    "Validation",
    "__version__",
    "assert_gaussian",
    "audit",
    "audit_files",
    "statistics",
    "validate",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        msg = f"module 'gausscheck' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f"gausscheck.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOME))
