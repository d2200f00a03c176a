"""One tensor: its values in, findings and a verdict out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gausscheck.arrays import Values
from gausscheck.asking import N_MIN, Asking
from gausscheck.battery import Probe
from gausscheck.decide import decide, detectable
from gausscheck.effective import distinct_only, repeats_surely
from gausscheck.errors import ArgumentError, DataError
from gausscheck.finding import Finding, Verdict
from gausscheck.gather import Gathered, gather
from gausscheck.hints import Evidence, hints
from gausscheck.lattice import Lattice
from gausscheck.layout import Layout
from gausscheck.needs import RepeatsNeed
from gausscheck.options import Options
from gausscheck.report import TensorReport, tensor_name, worst
from gausscheck.summaries.repeats import Repeats
from gausscheck.tolerance import tolerated

__all__ = ["examine"]

_OF_VALUES = ("moments", "marginal")


def examine(
    values: Values,
    chosen: Options,
    *,
    path: str = "",
    key: str = "",
    release: Callable[[], None] | None = None,
    keep: Callable[[Repeats, str | None], None] | None = None,
) -> TensorReport:
    """Test the values of one tensor.

    Parameters
    ----------
    values : Values
    chosen : Options
    path, key : str
        Where they come from, for the report.
    release : callable, optional
        Gives the memory of what was read back.
    keep : callable, optional
        Takes what tells the repeats of this tensor, and its lattice, to compare it with others.

    Raises
    ------
    DataError
        Empty, or fewer than 8 values.
    ArgumentError
        A layout or lattice that does not fit.
    """
    layout = Layout.resolve(chosen.layout, values.shape)
    if values.size < N_MIN:
        what = "is empty" if values.size == 0 else f"has {values.size} values"
        msg = f"the tensor {what} (shape {values.shape}); an audit needs at least {N_MIN} values"
        raise DataError(msg)
    name = tensor_name(path, key)
    report = chosen.progress
    kept = gather(
        values,
        layout,
        chosen.battery,
        scale=chosen.scale,
        seed=chosen.seed,
        progress=None if report is None else lambda done, total: report(name, done, total),
        release=release,
    )
    lattice, findings, untested = _best_lattice(kept, chosen, layout, values)
    effective = values.size
    if repeats_surely(findings):
        distinct = distinct_only(values, layout, kept, scale=chosen.scale)
        assert distinct.pooled is not None
        effective = int(distinct.pooled.moments.n)
        asking = Asking(distinct, values, layout, lattice, chosen.scale)
        again, _ = asking.all(
            replace(chosen.battery, probes=tuple(filter(_of_values, chosen.battery.probes)))
        )
        findings = [*(f for f in findings if not _of_values(f)), *again]
        untested.append(
            f"the marginal law of repeated values: moments, law and tails are those of the {effective} of "
            f"{values.size} values that are no copies"
        )
    if keep is not None and kept.summaries.get(RepeatsNeed()) is not None:
        keep(kept.summaries[RepeatsNeed()], lattice)
    judged, log_p = decide(findings, chosen.alpha)
    judged = tuple(tolerated(f, chosen.tolerance, judged) for f in judged)
    verdict: Verdict = worst(f.verdict for f in judged)
    assert kept.pooled is not None
    return TensorReport(
        path=path,
        key=key,
        dtype=values.dtype,
        lattice=lattice,
        layout=str(layout),
        shape=tuple(values.shape),
        n=values.size,
        n_effective=effective,
        verdict=verdict,
        log_p=log_p,
        findings=judged,
        hints=hints(
            Evidence(
                judged,
                tuple(values.shape),
                layout,
                lattice,
                chosen.scale,
                kept.pooled,
                kept.summaries,
                kept.worst.get(("moment", (("order", 2),))),
            )
        ),
        detectable=detectable(judged, chosen.alpha),
        untested=tuple(untested),
    )


def _of_values(asked: Probe | Finding) -> bool:
    """Whether copies change what it is worth: all values together, whatever their place."""
    family = asked.definition.family if isinstance(asked, Probe) else asked.family
    return asked.scope == "pooled" and family in _OF_VALUES


def _best_lattice(
    kept: Gathered, chosen: Options, layout: Layout, values: Values
) -> tuple[str | None, list[Finding], list[str]]:
    """Findings on the lattice that explains the values best, the narrowest of those that do equally well.

    Few or small values lie on several lattices; rounding is never held against them where one of these fits.
    """
    best: tuple[float, str | None, list[Finding], list[str]] | None = None
    for lattice in _lattices(kept, chosen):
        findings, untested = Asking(kept, values, layout, lattice, chosen.scale).all(chosen.battery)
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
