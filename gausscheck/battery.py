"""Named tables of probes: which statistics are asked, in which view and scope, at what cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gausscheck.catalogue import Statistic, statistics
from gausscheck.catalogue.base import view_of
from gausscheck.errors import ArgumentError
from gausscheck.finding import Scope
from gausscheck.needs import Need

__all__ = ["BATTERIES", "Battery", "Probe", "battery"]


@dataclass(frozen=True)
class Probe:
    """One question: a statistic with its parameters, of all values or of the worst sample.

    Attributes
    ----------
    statistic : str
    scope : str
        ``pooled`` or ``sample``.
    cost : float
        Nanoseconds a value on one core, beyond what probes before it in a battery already paid
        (``tests/benchmarks/bench_audit.py``).
    purpose : str
        What it is for.
    parameters : dict
    weight : float
        Share of alpha, relative to the other probes.
    """

    statistic: str
    scope: Scope
    cost: float
    purpose: str
    parameters: dict[str, Any] = field(default_factory=dict)
    weight: float = 1.0

    @property
    def definition(self) -> Statistic:
        """The statistic itself."""
        return statistics[self.statistic]

    @property
    def checked(self) -> dict[str, Any]:
        """All parameters, defaults included."""
        return self.definition.check(**self.parameters)

    @property
    def need(self) -> Need:
        """What must be kept of the data."""
        return self.definition.needs(**self.checked)

    @property
    def smallest(self) -> int:
        """Smallest number of values that it can be asked of."""
        return self.definition.smallest(**self.parameters)

    @property
    def view(self) -> str:
        """``stored`` or ``permuted``."""
        return view_of(self.need)


@dataclass(frozen=True)
class Battery:
    """A named table of probes."""

    name: str
    purpose: str
    probes: tuple[Probe, ...]


MOST = 10_000
"""Most permutations: what is left of their randomness is then a hundredth of one draw's."""

HEADLINES = {("moment", 1), ("moment", 2), ("hermite", 3), ("hermite", 4)}
"""Mean, scale, skewness and kurtosis of all values: what goes wrong most often."""

HEADLINE_WEIGHT = 12.0
"""Of each of them: about half of alpha together, so that the many other tests cost them little power."""

SCOPES: tuple[Scope, ...] = ("pooled", "sample")

_PURPOSE = {
    ("moment", 1): "mean",
    ("moment", 2): "scale",
    ("moment", 3): "asymmetry",
    ("moment", 4): "tails and scale",
    ("moment", 5): "asymmetry of the tails",
    ("moment", 6): "far tails",
    ("moment", 7): "asymmetry of the far tails",
    ("moment", 8): "largest values, cut tails",
    ("hermite", 3): "skewness, apart from the mean",
    ("hermite", 4): "kurtosis, apart from the scale",
    ("hermite", 5): "finer shape",
    ("hermite", 6): "finer shape",
    ("hermite", 7): "finer shape",
    ("hermite", 8): "finer shape",
}


def _of_values(moments: tuple[int, ...], hermites: tuple[int, ...]) -> list[Probe]:
    probes: list[Probe] = []
    for name, orders in (("moment", moments), ("hermite", hermites)):
        for order in orders:
            for scope in SCOPES:
                # One pass over the data serves all of them; the first probe carries its cost.
                cost = 0.0 if probes else 0.5
                weight = HEADLINE_WEIGHT if (name, order) in HEADLINES and scope == "pooled" else 1.0
                probes.append(Probe(name, scope, cost, _PURPOSE[name, order], {"order": order}, weight))
    return probes


def _of_spectrum(permutations: int | None) -> list[Probe]:
    order = "order of the values, spectra too flat"
    comparison = "comparison with the published loss; blind to order"
    purpose, cost = (order, 3.5) if permutations is None else (comparison, 4.3 * permutations)
    parameters = {"permutations": permutations}
    return [
        Probe("power_spectrum", "pooled", cost, purpose, parameters),
        Probe("power_spectrum", "sample", 0.0, purpose, parameters),
    ]


def _of_law() -> list[Probe]:
    """The marginal law beyond its moments: one count of cells serves all."""
    return [
        Probe("kolmogorov", "pooled", 0.6, "any shape of the law; too perfect a fit"),
        Probe("anderson_darling", "pooled", 0.0, "any shape of the law, its tails above all"),
        Probe("tail_count", "pooled", 0.0, "cut, empty or heavy tails"),
        Probe("heaps", "pooled", 0.0, "heaps of equal values: zeros, clipping, coarse grids"),
        *(Probe("max_abs", scope, 0.0, "cut tails, outliers") for scope in SCOPES),
    ]


def _of_fields() -> list[Probe]:
    """Periodograms over the ordered axes: one transform serves all."""
    flat, whole = "any colour of the spectrum, spectra too flat", "power that drifts with frequency"
    peaks = {"complex": "periodic patterns, hidden marks", "real": "checkerboards, stripes, channel means"}
    band, lag = "power in rings and along axes", "likeness at any distance"
    scopes: tuple[Scope, ...] = ("pooled", "channel", "sample")
    return [
        Probe("spectral_flatness", "pooled", 4.6, flat),
        Probe("spectral_flatness", "sample", 0.0, flat),
        *(Probe("cumulative_periodogram", scope, 0.0, whole) for scope in scopes[:2]),
        *(
            Probe("spectral_peak", scope, 0.0, purpose, {"bins": bins})
            for bins, purpose in peaks.items()
            for scope in scopes
        ),
        *(Probe("band_power", scope, 0.0, band) for scope in scopes),
        *(Probe("autocorrelation", scope, 0.0, lag) for scope in scopes[:2]),
    ]


def _of_dependence() -> list[Probe]:
    units = {
        "sample": "copies of samples: shared seeds, doubled batches",
        "frame": "copies of frames",
        "channel": "copies of channels",
        "row": "repeated rows",
        "block": "copied stretches of 64 values",
        "run": "copies at any shift, any period",
        "value": "values that come twice, short periods",
    }
    return [
        Probe("channel_correlation", "pooled", 0.9, "mixed channels"),
        Probe("sample_correlation", "pooled", 0.6, "near copies, shared components"),
        *(
            Probe("duplicates", "pooled", 0.0 if i else 3.8, purpose, {"unit": unit})
            for i, (unit, purpose) in enumerate(units.items())
        ),
    ]


def _validity() -> list[Probe]:
    return [
        Probe("nonfinite", "pooled", 0.0, "NaN and infinities"),
        Probe("constant", "pooled", 0.0, "one repeated value"),
    ]


def battery(name: str = "standard", permutations: int = 4) -> Battery:
    """Return a battery by name.

    Parameters
    ----------
    name : str
        ``quick``: no order, no Fourier transform. ``standard``: the default. ``generator``: without the
        batched power spectra, for many values. ``thorough``: all orders of moments, too.
    permutations : int
        Of the permuted power spectrum; 0 leaves it out.
    """
    if isinstance(permutations, bool) or not isinstance(permutations, int) or not 0 <= permutations <= MOST:
        msg = f"permutations must be an integer from 0 to {MOST}, got {permutations!r}"
        raise ArgumentError(msg)
    permuted = _of_spectrum(permutations) if permutations else []
    ordered = _of_spectrum(None) + _of_fields() + _of_dependence() + permuted
    tables = {
        "quick": (
            "moments, law and tails of the values; no Fourier transform, blind to order",
            _of_values((1, 2), (3, 4)) + _of_law(),
        ),
        "standard": (
            "moments, law, spectrum over the ordered axes, correlation and copies",
            _of_values((1, 2, 3, 4, 6, 8), (3, 4)) + _of_law() + ordered,
        ),
        "generator": (
            "the standard battery without the batched power spectra: testing costs less than drawing",
            _of_values((1, 2, 3, 4, 6, 8), (3, 4)) + _of_law() + _of_fields() + _of_dependence(),
        ),
        "thorough": (
            "the standard battery with every order of every moment",
            _of_values((1, 2, 3, 4, 5, 6, 7, 8), (3, 4, 5, 6, 7, 8)) + _of_law() + ordered,
        ),
    }
    if name not in tables:
        msg = f"unknown battery {name!r}; known: {', '.join(tables)}"
        raise ArgumentError(msg)
    purpose, probes = tables[name]
    return Battery(name, purpose, (*_validity(), *probes))


BATTERIES: dict[str, Battery] = {
    name: battery(name) for name in ("quick", "standard", "generator", "thorough")
}
