"""One tensor: its values in, findings and a verdict out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from gausscheck.arrays import Values
from gausscheck.battery import Battery, Probe
from gausscheck.catalogue.base import judged_finding, pooled_finding, sample_finding
from gausscheck.collect.fields import LONGEST_FIELD
from gausscheck.decide import decide, detectable
from gausscheck.effective import distinct_only, repeats_surely
from gausscheck.errors import ArgumentError, DataError
from gausscheck.finding import Finding, Verdict
from gausscheck.gather import LONGEST, Gathered, gather, key_of
from gausscheck.hints import Evidence, hints
from gausscheck.judging import Judgement, Situation, Unasked
from gausscheck.lattice import Lattice
from gausscheck.layout import Layout
from gausscheck.needs import FieldsNeed, RepeatsNeed, SpectrumNeed
from gausscheck.options import Options
from gausscheck.report import TensorReport, tensor_name, worst
from gausscheck.summaries.repeats import Repeats
from gausscheck.tolerance import tolerated

__all__ = ["examine"]

_N_MIN = 8
_OF_VALUES = ("moments", "marginal")
_FAMILIES = {
    "marginal": "the marginal law beyond its moments",
    "spectrum": "the order of the values",
    "dependence": "correlation between channels and samples, duplicates",
}


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
    if values.size < _N_MIN:
        what = "is empty" if values.size == 0 else f"has {values.size} values"
        msg = f"the tensor {what} (shape {values.shape}); an audit needs at least {_N_MIN} values"
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
        again, _ = _findings(distinct, chosen, lattice, layout, values)
        findings = _on_distinct(findings, again)
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
    tests = sum(f.family != "validity" for f in judged)
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
        detectable=detectable(judged, chosen.alpha, tests),
        untested=tuple(untested),
    )


def _on_distinct(findings: list[Finding], again: list[Finding]) -> list[Finding]:
    """The findings, those on the marginal law of all values replaced by those of distinct values."""
    marginal = {(f.label, f.scope): f for f in again if f.scope == "pooled" and f.family in _OF_VALUES}
    kept = [
        marginal.get((f.label, f.scope)) if f.scope == "pooled" and f.family in _OF_VALUES else f
        for f in findings
    ]
    return [f for f in kept if f is not None]


def _best_lattice(
    kept: Gathered, chosen: Options, layout: Layout, values: Values
) -> tuple[str | None, list[Finding], list[str]]:
    """Findings on the lattice that explains the values best, the narrowest of those that do equally well.

    Few or small values lie on several lattices; rounding is never held against them where one of these fits.
    """
    best: tuple[float, str | None, list[Finding], list[str]] | None = None
    for lattice in _lattices(kept, chosen):
        findings, untested = _findings(kept, chosen, lattice, layout, values)
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


def _findings(
    kept: Gathered, chosen: Options, lattice: str | None, layout: Layout, values: Values
) -> tuple[list[Finding], list[str]]:
    shape, dtype = values.shape, values.dtype
    assert kept.pooled is not None
    pooled = partial(pooled_finding, lattice=lattice, scale=chosen.scale)
    worst_of = partial(sample_finding, lattice=lattice, scale=chosen.scale)
    findings: list[Finding] = []
    untested = _left_out(kept, chosen.battery)
    finite = int(kept.pooled.moments.n)
    situation = Situation(
        n=finite,
        samples=kept.samples - kept.left_out,
        channels=_length(layout.channel_axis, shape),
        shape=tuple(shape[axis] for axis in layout.ordered_axes) or (1,),
        lattice=lattice,
        scale=chosen.scale,
        dtype=dtype,
    )
    for probe in chosen.battery.probes:
        statistic, parameters, need = probe.definition, probe.checked, probe.need
        if statistic.judge is not None:
            judgement = _judgement(probe, kept, situation)
            if isinstance(judgement, Judgement):
                finding = judged_finding(statistic, parameters, judgement, probe.scope)
                findings.append(_lettered(finding, layout))
            elif judgement.reason:
                untested.append(f"{statistic.title.lower()}: {judgement.reason}")
        elif isinstance(need, SpectrumNeed):
            samples = kept.spectra.get(need)
            size = kept.segment_size
            if samples is None:
                if size < probe.smallest:
                    needed = f"needs {probe.smallest} values a sample, here {kept.size}"
                    untested.append(f"{probe.view} power spectrum: {needed}")
            elif probe.scope == "pooled":
                findings.append(pooled(statistic, parameters, samples=samples, n=size))
            elif samples.count > 1:
                findings.append(
                    _located(worst_of(statistic, parameters, samples=samples, n=size), kept.segments)
                )
        elif probe.scope == "pooled":
            if finite >= probe.smallest or statistic.family == "validity":
                finding = pooled(statistic, parameters, summary=kept.pooled)
                if statistic.name == "nonfinite" and finding.value > 0:
                    finding = replace(finding, where=_first_bad(kept, layout, shape))
                findings.append(finding)
        else:
            samples = kept.worst.get(key_of(probe))
            if samples is not None and samples.count > 1:
                findings.append(worst_of(statistic, parameters, samples=samples, n=kept.size))
    if finite < _N_MIN:
        untested.append(f"everything else: only {finite} values are finite")
    return findings, list(dict.fromkeys(untested))


def _judgement(probe: Probe, kept: Gathered, situation: Situation) -> Judgement | Unasked:
    if situation.n < probe.smallest:
        return Unasked(f"needs {probe.smallest} values, here {situation.n}")
    summary = kept.summaries.get(probe.need)
    if summary is None:
        return Unasked()
    judge = probe.definition.judge
    assert judge is not None
    judgement: Judgement | Unasked = judge(summary, situation, probe.scope, **probe.checked)
    return judgement


def _lettered(finding: Finding, layout: Layout) -> Finding:
    """Name an ordered axis by its letter, as the layout does."""
    axis = finding.where.get("axis")
    if not isinstance(axis, int):
        return finding
    return replace(finding, where={**finding.where, "axis": layout.letters[layout.ordered_axes[axis]]})


def _length(axis: int | None, shape: tuple[int, ...]) -> int:
    return 1 if axis is None else shape[axis]


def _located(finding: Finding, segments: int) -> Finding:
    """Tell samples from their segments."""
    if segments == 1:
        return finding
    sample, segment = divmod(finding.where["sample"], segments)
    where = {**finding.where, "sample": sample, "segment": segment, "segments": segments}
    return replace(finding, where=where)


def _first_bad(kept: Gathered, layout: Layout, shape: tuple[int, ...]) -> dict[str, Any]:
    assert kept.pooled is not None
    tally = kept.pooled.nonfinite
    where: dict[str, Any] = {
        "nan": int(tally.nan),
        "posinf": int(tally.posinf),
        "neginf": int(tally.neginf),
    }
    if kept.first_bad is not None:
        where["index"] = list(layout.position(*kept.first_bad, shape))
    return where


def _left_out(kept: Gathered, battery: Battery) -> list[str]:
    lines = []
    if kept.left_out:
        lines.append(
            f"power spectrum and worst sample: {kept.left_out} of {kept.samples} samples hold non-finite "
            "values and are left out"
        )
    if kept.segments > 1:
        lines.append(
            f"correlation over more than {kept.segment_size} values: samples longer than {LONGEST} are cut "
            f"into {kept.segments} segments"
        )
    spectra = kept.summaries.get(FieldsNeed())
    if spectra is not None and spectra.pieces > 1:
        shape = "×".join(map(str, spectra.shape))
        lines.append(
            f"lags and frequencies beyond {shape} values: fields of more than {LONGEST_FIELD} values are cut "
            f"into {spectra.pieces} pieces"
        )
    families = {p.definition.family for p in battery.probes}
    lines += [text for family, text in _FAMILIES.items() if family not in families]
    return lines
