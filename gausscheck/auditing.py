"""The audit: a source and a battery in, a report out. The only orchestrator."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from os import PathLike, fspath
from typing import Any

from gausscheck.arrays import Values, as_values
from gausscheck.battery import Battery
from gausscheck.catalogue.base import SpectrumNeed, pooled_finding, sample_finding
from gausscheck.decide import cauchy, decide, detectable
from gausscheck.errors import ArgumentError, DataError, GausscheckError
from gausscheck.finding import Finding, Verdict
from gausscheck.gather import LONGEST, Gathered, gather, key_of
from gausscheck.hints import hints
from gausscheck.lattice import Lattice
from gausscheck.layout import Layout
from gausscheck.options import Options, Progress, options
from gausscheck.report import Report, ReportError, TensorReport, worst
from gausscheck.sources import Source, TensorEntry, expand, open_source
from gausscheck.sources.choose import choose
from gausscheck.version import __version__

__all__ = ["audit", "audit_files"]

_N_MIN = 8
_FAMILIES = {
    "marginal": "the marginal law beyond its moments",
    "spectrum": "the order of the values",
    "dependence": "correlation between channels and samples, duplicates",
}


def audit(
    x: Any,
    *,
    layout: str | None = None,
    battery: str = "standard",
    reference: str = "standard",
    lattice: str = "auto",
    permutations: int = 4,
    seed: int = 0,
    alpha: float = 1e-6,
    tolerance: Mapping[str, float] | None = None,
    integers: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Test whether an array is iid N(0, 1) noise.

    Parameters
    ----------
    x : array_like
        NumPy array, torch tensor, or anything with ``__array__``; any float dtype, any shape.
    layout : str, optional
        Axis letters ``b`` sample, ``c`` channel, ``t h w`` time and space, such as ``"b w c"``. By default
        from the number of axes: ``w``, ``b w``, ``c h w``, ``b c h w``, ``b c t h w``.
    battery : str
        ``quick``, ``standard`` or ``thorough``.
    reference : str
        ``standard``: N(0, 1). ``scale=S``: N(0, S²) with S known.
    lattice : str
        ``auto``: values that were rounded through bf16, fp16 or fp8 (by dtype, or found in a wider one) are
        tested against N(0, 1) rounded alike. Otherwise the lattice's name, or ``none``.
    permutations : int
        Random permutations of the permuted power spectrum; 0 leaves it out.
    seed : int
        Of the permutations; recorded in the report.
    alpha : float
        Level of the verdict ``fail``, for each tensor, over all its tests.
    tolerance : mapping, optional
        Effect name to the size that still passes, such as ``{"scale": 0.01}``.
    integers : bool
        Accept integer arrays.
    progress : callable, optional
        ``(name, values done, values in all)``.

    Returns
    -------
    Report

    Raises
    ------
    DataError
        Empty, fewer than 8 values, or not floats.
    ArgumentError
        An option that cannot be used.

    Examples
    --------
    >>> import numpy as np, gausscheck as gc
    >>> gc.audit(np.random.default_rng(0).standard_normal((4, 64, 64))).verdict
    'pass'
    """
    start = time.perf_counter()
    chosen = options(
        layout=layout,
        battery_name=battery,
        reference=reference,
        lattice=lattice,
        permutations=permutations,
        seed=seed,
        alpha=alpha,
        tolerance=tolerance,
        integers=integers,
        progress=progress,
    )
    tensor = _audit_values(as_values(x, integers=integers), chosen)
    return _report([tensor], chosen, start)


def audit_files(
    paths: Iterable[str | PathLike[str]] | str | PathLike[str],
    *,
    keys: Sequence[str] | str = (),
    layout: str | None = None,
    battery: str = "standard",
    reference: str = "standard",
    lattice: str = "auto",
    permutations: int = 4,
    seed: int = 0,
    alpha: float = 1e-6,
    tolerance: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Audit the noise-like tensors of files, each with a verdict of its own.

    Parameters
    ----------
    paths : path or iterable of paths
        Files, folders or patterns: safetensors, npy, npz.
    keys : str or sequence of str
        Names or patterns of the tensors to take; by default those named like latents or noise.
    layout, battery, reference, lattice, permutations, seed, alpha, tolerance, progress
        As in :func:`audit`.

    Returns
    -------
    Report
        What could not be audited is listed under ``errors`` and does not stop the rest; tensors that are not
        noise (masks, embeddings, integers) are skipped and listed under ``notes``.

    Raises
    ------
    ArgumentError
        An option that cannot be used.
    """
    start = time.perf_counter()
    chosen = options(
        layout=layout,
        battery_name=battery,
        reference=reference,
        lattice=lattice,
        permutations=permutations,
        seed=seed,
        alpha=alpha,
        tolerance=tolerance,
        integers=False,
        progress=progress,
    )
    given = [paths] if isinstance(paths, (str, PathLike)) else list(paths)
    keys = [keys] if isinstance(keys, str) else list(keys)
    tensors: list[TensorReport] = []
    errors: list[ReportError] = []
    notes: list[str] = []
    for path in _expanded(given, errors):
        try:
            source = open_source(path)
            entries, skipped = choose(source, keys)
        except (GausscheckError, OSError) as error:
            errors.append(ReportError(fspath(path), _message(error)))
            continue
        notes += [f"{_name(source, e)}: skipped, {e.note}" for e in skipped]
        for entry in entries:
            try:
                tensors.append(_audit_entry(source, entry, chosen))
            except (GausscheckError, OSError) as error:
                errors.append(ReportError(fspath(path), _message(error), entry.key))
    return _report(tensors, chosen, start, errors=errors, notes=notes)


def _expanded(given: Iterable[str | PathLike[str]], errors: list[ReportError]) -> list[Any]:
    good = []
    for path in given:
        try:
            expand([path])
        except (GausscheckError, OSError) as error:
            errors.append(ReportError(fspath(path), _message(error)))
        else:
            good.append(path)
    # Together, so that a shard named beside its index is taken once.
    return expand(good) if good else []


def _message(error: Exception) -> str:
    return str(error) or type(error).__name__


def _name(source: Source, entry: TensorEntry) -> str:
    return f"{source.path}[{entry.key}]" if entry.key else str(source.path)


def _audit_entry(source: Source, entry: TensorEntry, chosen: Options) -> TensorReport:
    with source.open(entry) as tensor:
        return _audit_values(
            tensor.values, chosen, path=str(source.path), key=entry.key, release=tensor.release
        )


def _report(
    tensors: Sequence[TensorReport],
    chosen: Options,
    start: float,
    *,
    errors: Iterable[ReportError] = (),
    notes: Iterable[str] = (),
) -> Report:
    return Report(
        version=__version__,
        alpha=chosen.alpha,
        battery=chosen.battery.name,
        seed=chosen.seed,
        elapsed_s=round(time.perf_counter() - start, 6),
        tensors=tuple(tensors),
        log_p=cauchy(t.log_p for t in tensors),
        errors=tuple(errors),
        notes=tuple(notes),
    )


def _audit_values(
    values: Values,
    chosen: Options,
    *,
    path: str = "",
    key: str = "",
    release: Callable[[], None] | None = None,
) -> TensorReport:
    layout = Layout.resolve(chosen.layout, values.shape)
    if values.size < _N_MIN:
        what = "is empty" if values.size == 0 else f"has {values.size} values"
        msg = f"the tensor {what} (shape {values.shape}); an audit needs at least {_N_MIN} values"
        raise DataError(msg)
    name = f"{path}[{key}]" if key else path or "array"
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
    lattice, findings, untested = _best_lattice(kept, chosen, layout, values.shape)
    judged, log_p = decide(findings, chosen.alpha)
    judged = tuple(_tolerated(f, chosen.tolerance, judged) for f in judged)
    verdict: Verdict = worst(f.verdict for f in judged)
    tests = sum(f.family != "validity" for f in judged)
    return TensorReport(
        path=path,
        key=key,
        dtype=values.dtype,
        lattice=lattice,
        layout=str(layout),
        shape=tuple(values.shape),
        n=values.size,
        verdict=verdict,
        log_p=log_p,
        findings=judged,
        hints=hints(judged),
        detectable=detectable(judged, chosen.alpha, tests),
        untested=tuple(untested),
    )


def _best_lattice(
    kept: Gathered, chosen: Options, layout: Layout, shape: tuple[int, ...]
) -> tuple[str | None, list[Finding], list[str]]:
    """Findings on the lattice that explains the values best, the narrowest of those that do equally well.

    Few or small values lie on several lattices; rounding is never held against them where one of these fits.
    """
    best: tuple[float, str | None, list[Finding], list[str]] | None = None
    for lattice in _lattices(kept, chosen):
        findings, untested = _findings(kept, chosen, lattice, layout, shape)
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
    kept: Gathered, chosen: Options, lattice: str | None, layout: Layout, shape: tuple[int, ...]
) -> tuple[list[Finding], list[str]]:
    assert kept.pooled is not None
    scale = chosen.scale
    findings: list[Finding] = []
    untested = _left_out(kept, chosen.battery)
    finite = int(kept.pooled.moments.n)
    for probe in chosen.battery.probes:
        statistic = probe.definition
        parameters = statistic.check(**probe.parameters)
        smallest = statistic.smallest(**probe.parameters)
        need = statistic.needs(**parameters)
        if isinstance(need, SpectrumNeed):
            samples = kept.spectra.get(need)
            if samples is None:
                if kept.segment_size < smallest:
                    untested.append(
                        f"{probe.view} power spectrum: needs {smallest} values a sample, here {kept.size}"
                    )
                continue
            size = kept.segment_size
            if probe.scope == "pooled":
                findings.append(
                    pooled_finding(
                        statistic, parameters, samples=samples, n=size, lattice=lattice, scale=scale
                    )
                )
            elif samples.count > 1:
                finding = sample_finding(
                    statistic, parameters, samples=samples, n=size, lattice=lattice, scale=scale
                )
                findings.append(_located(finding, kept.segments))
        elif probe.scope == "pooled":
            if finite >= smallest or statistic.family == "validity":
                finding = pooled_finding(
                    statistic, parameters, summary=kept.pooled, lattice=lattice, scale=scale
                )
                if statistic.name == "nonfinite" and finding.value > 0:
                    finding = replace(finding, where=_first_bad(kept, layout, shape))
                findings.append(finding)
        else:
            samples = kept.worst.get(key_of(probe))
            if samples is not None and samples.count > 1:
                findings.append(
                    sample_finding(
                        statistic, parameters, samples=samples, n=kept.size, lattice=lattice, scale=scale
                    )
                )
    if finite < _N_MIN:
        untested.append(f"everything else: only {finite} values are finite")
    return findings, list(dict.fromkeys(untested))


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
    families = {p.definition.family for p in battery.probes}
    lines += [text for family, text in _FAMILIES.items() if family not in families]
    return lines


def _tolerated(finding: Finding, tolerance: Mapping[str, float], all_of: Sequence[Finding]) -> Finding:
    """Practical verdict: in a family with a tolerance, only an effect that surely exceeds it fails."""
    if not tolerance:
        return finding
    # In random order the spectrum is a function of the scale and of spikes, as the moments are.
    family = "moments" if finding.view == "permuted" else finding.family
    names = {f.effect.name for f in all_of if f.effect and f.family == family and f.view == "stored"}
    if not names & set(tolerance):
        return finding
    effect = finding.effect
    if effect is None or effect.name not in tolerance:
        return replace(finding, verdict="suspect") if finding.verdict == "fail" else finding
    centre = 1.0 if effect.name in ("scale", "spectrum discrepancy ratio") else 0.0
    size = tolerance[effect.name]
    within = effect.low <= centre + size and effect.high >= centre - size
    if finding.verdict == "fail" and within:
        return replace(finding, verdict="pass")
    return finding
