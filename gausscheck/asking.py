"""Each probe of a battery put to what was gathered of one tensor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from gausscheck.battery import Battery, Probe
from gausscheck.catalogue.base import judged_finding, pooled_finding, sample_finding
from gausscheck.collect.fields import LONGEST_FIELD
from gausscheck.finding import Finding
from gausscheck.gather import LONGEST, key_of
from gausscheck.gathered import Gathered
from gausscheck.judging import Situation, Unasked
from gausscheck.layout import Layout
from gausscheck.needs import FieldsNeed, SpectrumNeed

__all__ = ["N_MIN", "Asking"]

N_MIN = 8
"""Fewest values of an audit."""

_FAMILIES = {
    "marginal": "the marginal law beyond its moments",
    "spectrum": "the order of the values",
    "dependence": "correlation between channels and samples, duplicates",
}


@dataclass(frozen=True)
class Asking:
    """One tensor, one lattice: what is asked of it.

    Attributes
    ----------
    kept : Gathered
    shape : tuple of int
        Of the whole tensor.
    dtype : str
        Storage format.
    layout : Layout
    lattice : str or None
        That the values are taken to lie on.
    scale : float
        Standard deviation under H0.
    """

    kept: Gathered
    shape: tuple[int, ...]
    dtype: str
    layout: Layout
    lattice: str | None
    scale: float

    def all(self, battery: Battery) -> tuple[list[Finding], list[str]]:
        """Findings on all probes that can be asked, and what could not be, with reasons."""
        findings: list[Finding] = []
        untested = self._left_out(battery)
        for probe in battery.probes:
            answer = self.ask(probe)
            if isinstance(answer, Finding):
                findings.append(replace(answer, weight=probe.weight))
            elif answer.reason:
                untested.append(answer.reason)
        if self.finite < N_MIN:
            untested.append(f"everything else: only {self.finite} values are finite")
        return findings, list(dict.fromkeys(untested))

    @property
    def finite(self) -> int:
        """Finite values."""
        assert self.kept.pooled is not None
        return int(self.kept.pooled.moments.n)

    def ask(self, probe: Probe) -> Finding | Unasked:
        """Finding on one probe."""
        if probe.definition.judge is not None:
            return self._judged(probe)
        if isinstance(probe.need, SpectrumNeed):
            return self._of_spectrum(probe, probe.need)
        return self._of_values(probe)

    def _judged(self, probe: Probe) -> Finding | Unasked:
        statistic, layout, shape = probe.definition, self.layout, self.shape
        if self.finite < probe.smallest:
            needed = f"needs {probe.smallest} values, here {self.finite}"
            return Unasked(f"{statistic.title.lower()}: {needed}")
        summary = self.kept.summaries.get(probe.need)
        if summary is None or statistic.judge is None:
            return Unasked()
        situation = Situation(
            n=self.finite,
            samples=self.kept.samples - self.kept.left_out,
            channels=1 if layout.channel_axis is None else shape[layout.channel_axis],
            shape=tuple(shape[axis] for axis in layout.ordered_axes) or (1,),
            lattice=self.lattice,
            scale=self.scale,
            dtype=self.dtype,
        )
        judgement = statistic.judge(summary, situation, probe.scope, **probe.checked)
        if isinstance(judgement, Unasked):
            return Unasked(judgement.reason and f"{statistic.title.lower()}: {judgement.reason}")
        finding = judged_finding(statistic, probe.checked, judgement, probe.scope)
        axis = finding.where.get("axis")
        if not isinstance(axis, int):
            return finding
        # An ordered axis is named by its letter, as the layout does.
        return replace(finding, where={**finding.where, "axis": layout.letters[layout.ordered_axes[axis]]})

    def _of_spectrum(self, probe: Probe, need: SpectrumNeed) -> Finding | Unasked:
        samples, size = self.kept.spectra.get(need), self.kept.segment_size
        if samples is None:
            if size >= probe.smallest:
                return Unasked()
            needed = f"needs {probe.smallest} values a sample, here {self.kept.size}"
            return Unasked(f"{probe.view} power spectrum: {needed}")
        if probe.scope != "pooled" and samples.count < 2:
            return Unasked()
        make = pooled_finding if probe.scope == "pooled" else sample_finding
        finding = make(
            probe.definition, probe.checked, samples=samples, n=size, lattice=self.lattice, scale=self.scale
        )
        return finding if probe.scope == "pooled" else _located(finding, self.kept.segments)

    def _of_values(self, probe: Probe) -> Finding | Unasked:
        statistic, checked = probe.definition, probe.checked
        if probe.scope != "pooled":
            samples = self.kept.worst.get(key_of(probe))
            if samples is None or samples.count < 2:
                return Unasked()
            return sample_finding(
                statistic,
                checked,
                samples=samples,
                n=self.kept.size,
                lattice=self.lattice,
                scale=self.scale,
            )
        if self.finite < probe.smallest and statistic.family != "validity":
            return Unasked()
        finding = pooled_finding(
            statistic, checked, summary=self.kept.pooled, lattice=self.lattice, scale=self.scale
        )
        if statistic.name == "nonfinite" and finding.value > 0:
            return replace(finding, where=self._first_bad())
        return finding

    def _first_bad(self) -> dict[str, Any]:
        assert self.kept.pooled is not None
        tally = self.kept.pooled.nonfinite
        where: dict[str, Any] = {
            "nan": int(tally.nan),
            "posinf": int(tally.posinf),
            "neginf": int(tally.neginf),
        }
        if self.kept.first_bad is not None:
            where["index"] = list(self.layout.position(*self.kept.first_bad, self.shape))
        return where

    def _left_out(self, battery: Battery) -> list[str]:
        kept, lines = self.kept, []
        if kept.left_out:
            lines.append(
                f"order, dependence and worst sample: {kept.left_out} of {kept.samples} samples hold "
                "non-finite values and are left out"
            )
        if kept.segments > 1:
            lines.append(
                f"power spectrum over more than {kept.segment_size} values: samples longer than {LONGEST} "
                f"are cut into {kept.segments} segments"
            )
        spectra = kept.summaries.get(FieldsNeed())
        if spectra is not None and spectra.pieces > 1:
            shape = "×".join(map(str, spectra.shape))
            lines.append(
                f"lags and frequencies beyond {shape} values: fields of more than {LONGEST_FIELD} values are "
                f"cut into {spectra.pieces} pieces"
            )
        families = {p.definition.family for p in battery.probes}
        lines += [text for family, text in _FAMILIES.items() if family not in families]
        return lines


def _located(finding: Finding, segments: int) -> Finding:
    """Tell samples from their segments."""
    if segments == 1:
        return finding
    sample, segment = divmod(finding.where["sample"], segments)
    where = {**finding.where, "sample": sample, "segment": segment, "segments": segments}
    return replace(finding, where=where)
