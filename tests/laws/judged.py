"""Every judged statistic in every scope and variant, asked of tensors as an audit asks it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from gausscheck import statistics
from gausscheck.arrays import Values
from gausscheck.battery import Battery, Probe
from gausscheck.catalogue.base import Statistic
from gausscheck.examine import examine
from gausscheck.finding import Finding, Scope
from gausscheck.options import options

SCOPES: tuple[Scope, ...] = ("pooled", "channel", "sample")
JUDGED = [name for name, s in statistics.items() if s.judge is not None]

_PLAIN = options(
    layout=None,
    battery_name="standard",
    reference="standard",
    lattice="auto",
    permutations=0,
    seed=0,
    alpha=1e-6,
    tolerance=None,
    progress=None,
)


def _variants(statistic: Statistic) -> Iterator[dict[str, Any]]:
    if "unit" in statistic.parameters:
        yield from ({"unit": unit} for unit in ("value", "run", "block", "row", "channel", "frame", "sample"))
    elif "bins" in statistic.parameters:
        yield from ({"bins": bins} for bins in ("complex", "real"))
    elif "threshold" in statistic.parameters:
        yield from ({}, {"threshold": 2.0, "side": "both"}, {"threshold": 2.5, "side": "lower"})
    else:
        yield {}


PROBES = tuple(
    Probe(name, scope, 0.0, "law", given)
    for name in JUDGED
    for given in _variants(statistics[name])
    for scope in SCOPES
)


def asked(
    probes: tuple[Probe, ...], values: Values, layout: str | None = None, *, scale: float = 1.0
) -> dict[str, Finding]:
    """Findings of some probes by name: ``spectral_peak bins=real, channel``."""
    chosen = replace(_PLAIN, layout=layout, scale=scale, battery=Battery("law", "law", probes))
    found = examine(values, chosen).findings
    return {name_of(finding): finding for finding in found}


def name_of(finding: Finding) -> str:
    """Statistic, what its parameters are beside the defaults, and scope."""
    defaults = statistics[finding.statistic].parameters
    given = [f"{k}={v}" for k, v in finding.parameters.items() if v != defaults[k] or k in ("unit", "bins")]
    return ", ".join([" ".join([finding.statistic, *given]), finding.scope])
