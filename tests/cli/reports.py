"""Hand-built reports, so that what is rendered does not depend on what is computed."""

from __future__ import annotations

import math
from typing import Any

from gausscheck.finding import Effect, Finding
from gausscheck.report import Report, ReportError, TensorReport

__all__ = ["finding", "nonfinite", "report", "tensor"]


def finding(**changes: Any) -> Finding:
    given: dict[str, Any] = {
        "statistic": "moment",
        "family": "moments",
        "n": 16384,
        "value": 1.002,
        "expected": 1.0,
        "std": 0.01105,
        "log_p": math.log(0.85),
        "tail": "upper",
        "grade": "exact",
        "parameters": {"order": 2},
        "effect": Effect("scale", 1.001, 0.990, 1.012),
        **changes,
    }
    return Finding(**given)


def scale_fault(**changes: Any) -> Finding:
    return finding(
        **{
            "value": 30.1412,
            "log_p": -5320.7 * math.log(10),
            "log_adjusted_p": -5319.7 * math.log(10),
            "effect": Effect("scale", 5.4901, 5.4306, 5.5496),
            "verdict": "fail",
            **changes,
        }
    )


def nonfinite(count: int = 3) -> Finding:
    return finding(
        statistic="nonfinite",
        family="validity",
        parameters={},
        value=float(count),
        expected=0.0,
        std=0.0,
        log_p=-math.inf,
        log_adjusted_p=-math.inf,
        effect=None,
        where={"nan": count, "posinf": 0, "neginf": 0, "index": [0, 3, 17, 2]},
        verdict="fail",
    )


def worst_sample(**changes: Any) -> Finding:
    return finding(
        **{
            "statistic": "power_spectrum",
            "family": "spectrum",
            "parameters": {"block": 16, "mu": "exact", "permutations": 4},
            "view": "permuted",
            "scope": "sample",
            "value": 0.1021,
            "expected": 0.0931,
            "std": 0.0023,
            "log_p": math.log(4e-5),
            "log_adjusted_p": math.log(8e-4),
            "effect": Effect("spectrum discrepancy ratio", 1.097, 1.048, 1.145),
            "where": {"sample": 3, "samples": 8},
            "verdict": "suspect",
            **changes,
        }
    )


def lag(**changes: Any) -> Finding:
    return finding(
        **{
            "statistic": "autocorrelation",
            "family": "dependence",
            "parameters": {},
            "value": 0.0312,
            "expected": 0.0271,
            "std": 0.0018,
            "log_p": math.log(0.031),
            "effect": Effect("correlation", 0.0312, 0.0159, 0.0465),
            "where": {"lag": (0, 1), "channel": 2, "sample": 0},
            **changes,
        }
    )


def passing(**changes: Any) -> TensorReport:
    order4 = finding(
        parameters={"order": 4},
        value=3.05,
        expected=3.0,
        std=0.0765,
        log_p=math.log(0.52),
        effect=Effect("excess kurtosis", 0.013, -0.062, 0.088),
    )
    mean = finding(
        parameters={"order": 1},
        value=-0.0003,
        expected=0.0,
        std=0.0078,
        log_p=math.log(0.97),
        effect=Effect("mean", -0.0003, -0.0156, 0.015),
    )
    return tensor(**{"findings": (lag(), order4, finding(), mean), **changes})


def failing(**changes: Any) -> TensorReport:
    return tensor(
        **{
            "verdict": "fail",
            "log_p": -5319.6 * math.log(10),
            "findings": (scale_fault(), worst_sample(), lag(), finding(parameters={"order": 1}, effect=None)),
            "hints": ("std 5.49 ≈ 1/0.18215: SD1.x latents before scaling?",),
            **changes,
        }
    )


def tensor(**changes: Any) -> TensorReport:
    given: dict[str, Any] = {
        "path": "noise.safetensors",
        "key": "latents",
        "dtype": "float32",
        "lattice": None,
        "layout": "b c h w",
        "shape": (8, 4, 16, 32),
        "n": 16384,
        "verdict": "pass",
        "log_p": math.log(0.42),
        "findings": (),
        "detectable": (
            {"family": "moments", "name": "mean", "value": 0.0527},
            {"family": "moments", "name": "scale", "value": 0.0372},
        ),
        "untested": ("channel_correlation: one channel only",),
        **changes,
    }
    return TensorReport(**{"n_effective": given["n"], **given})


def report(*tensors: TensorReport, **changes: Any) -> Report:
    given: dict[str, Any] = {
        "version": "0.1.0",
        "alpha": 1e-6,
        "battery": "standard",
        "seed": 0,
        "elapsed_s": 1.234,
        "tensors": tensors,
        "log_p": min((t.log_p for t in tensors), default=0.0),
        **changes,
    }
    return Report(**given)


def error(**changes: Any) -> ReportError:
    return ReportError(
        **{"path": "broken.npy", "message": "broken.npy: the file is empty (0 bytes)", **changes}
    )
