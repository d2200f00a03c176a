"""From what was kept of a tensor to its report: lattice, findings, verdict, hints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gausscheck.asking import Asking
from gausscheck.battery import Probe
from gausscheck.decide import decide, detectable
from gausscheck.effective import repeats_surely
from gausscheck.errors import ArgumentError
from gausscheck.finding import Finding, Verdict
from gausscheck.gathered import Gathered
from gausscheck.hints import Evidence, hints
from gausscheck.lattice import Lattice
from gausscheck.layout import Layout
from gausscheck.options import Options
from gausscheck.report import TensorReport, worst
from gausscheck.tolerance import tolerated

__all__ = ["conclude"]

_OF_VALUES = ("moments", "marginal")


def conclude(
    kept: Gathered,
    chosen: Options,
    *,
    layout: Layout,
    shape: tuple[int, ...],
    dtype: str,
    path: str = "",
    key: str = "",
    distinct: Callable[[], Gathered] | None = None,
) -> TensorReport:
    """Judge what was kept of a tensor.

    Parameters
    ----------
    kept : Gathered
    chosen : Options
    layout : Layout
    shape : tuple of int
        Of the whole tensor.
    dtype : str
        Storage format.
    path, key : str
        Where the values come from, for the report.
    distinct : callable, optional
        Keeps the marginal law once more, of values that are no copies; asked where there are copies. Without
        it the law of all values stands, and the report says so.

    Raises
    ------
    ArgumentError
        A lattice that does not fit.
    """
    size = kept.samples * kept.size
    lattice, findings, untested = _best_lattice(kept, chosen, layout, shape, dtype)
    effective = size
    if repeats_surely(findings):
        what = "the marginal law of repeated values: moments, law and tails are those of"
        if distinct is None:
            untested.append(f"{what} all values, copies too, for what came by is not read again")
        else:
            again = distinct()
            assert again.pooled is not None
            effective = int(again.pooled.moments.n)
            probes = tuple(filter(_of_values, chosen.battery.probes))
            asking = Asking(again, shape, dtype, layout, lattice, chosen.scale)
            more, _ = asking.all(replace(chosen.battery, probes=probes))
            findings = [*(f for f in findings if not _of_values(f)), *more]
            untested.append(f"{what} the {effective} of {size} values that are no copies")
    judged, log_p = decide(findings, chosen.alpha)
    judged = tuple(tolerated(f, chosen.tolerance, judged) for f in judged)
    verdict: Verdict = worst(f.verdict for f in judged)
    assert kept.pooled is not None
    evidence = Evidence(
        judged,
        shape,
        layout,
        lattice,
        chosen.scale,
        kept.pooled,
        kept.summaries,
        kept.worst.get(("moment", (("order", 2),))),
    )
    return TensorReport(
        path=path,
        key=key,
        dtype=dtype,
        lattice=lattice,
        layout=str(layout),
        shape=shape,
        n=size,
        n_effective=effective,
        verdict=verdict,
        log_p=log_p,
        findings=judged,
        hints=hints(evidence),
        detectable=detectable(judged, chosen.alpha),
        untested=tuple(untested),
    )


def _of_values(asked: Probe | Finding) -> bool:
    """Whether copies change what it is worth: all values together, whatever their place."""
    family = asked.definition.family if isinstance(asked, Probe) else asked.family
    return asked.scope == "pooled" and family in _OF_VALUES


def _best_lattice(
    kept: Gathered, chosen: Options, layout: Layout, shape: tuple[int, ...], dtype: str
) -> tuple[str | None, list[Finding], list[str]]:
    """Findings on the lattice that explains the values best, the narrowest of those that do equally well.

    Few or small values lie on several lattices; rounding is never held against them where one of these fits.
    """
    best: tuple[float, str | None, list[Finding], list[str]] | None = None
    for lattice in _lattices(kept, chosen):
        findings, untested = Asking(kept, shape, dtype, layout, lattice, chosen.scale).all(chosen.battery)
        worst_p = min((f.log_p for f in findings if f.family != "validity"), default=0.0)
        if best is None or worst_p > best[0] + 1.0:
            best = (worst_p, lattice, findings, untested)
    assert best is not None
    return best[1:]


def _lattices(kept: Gathered, chosen: Options) -> tuple[str | None, ...]:
    if chosen.detect:
        return tuple(name for name in kept.lattices if Lattice(name).holds(chosen.scale)) or (None,)
    if chosen.lattice is not None and not Lattice(chosen.lattice).holds(chosen.scale):
        msg = f"noise of scale {chosen.scale:g} leaves the range of {chosen.lattice}; use lattice='none'"
        raise ArgumentError(msg)
    if chosen.lattice is not None and chosen.lattice not in kept.lattices:
        found = ", ".join(kept.lattices) or "none"
        msg = f"the values do not lie on the lattice {chosen.lattice} (found: {found}); use lattice='auto'"
        raise ArgumentError(msg)
    return (chosen.lattice,)
