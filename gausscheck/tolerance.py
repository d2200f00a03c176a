"""Practical verdicts: what a tolerated deviation, and all that follows from it, does not fail.

A tolerance is given for an effect. A mean or a scale within theirs has consequences elsewhere: the
distribution function has a gap, the tails another weight, every band another power. What a mean of m and a
scale of 1 ± s explain, to first order in both, is tolerated with them:

* gap of the distribution functions: ``m max phi + s max |x| phi``;
* Anderson-Darling distance: ``(m c_1 + s c_2)^2``, ``c_k^2 = int (x^(k-1) phi)^2 / (Phi (1 - Phi)) dPhi``;
* ratio of the tails beyond t: ``Q((t - m)/(1 + s)) / Q(t)``;
* share of the values next to x: ``phi((x - m)/(1 + s)) / ((1 + s) phi(x))`` times what is expected there;
* power in a band: ``(1 + s)^2``; of one frequency, and correlations: ``m^2`` of the power is in the mean;
* discrepancy of the power spectrum: that of amplitudes ``1 + s`` times as large.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gausscheck.finding import Effect, Finding

__all__ = ["EFFECTS", "tolerated"]

EFFECTS: dict[str, float] = {
    "mean": 0.0,
    "scale": 1.0,
    "skewness": 0.0,
    "excess kurtosis": 0.0,
    "distribution gap": 0.0,
    "Anderson-Darling distance": 0.0,
    "tail ratio": 1.0,
    "excess share of one value": 0.0,
    "spectrum discrepancy ratio": 1.0,
    "spectral flatness": 1.0,
    "excess low-frequency power": 0.0,
    "power of one frequency": 0.0,
    "excess band power": 0.0,
    "autocorrelation": 0.0,
    "channel correlation": 0.0,
    "sample correlation": 0.0,
    "share of repeats": 0.0,
}
"""Effects that a tolerance may be given for, and what each is without any deviation."""

_GAP_OF_MEAN, _GAP_OF_SCALE = 0.3989423, 0.2419708
# Roots of the integrals, by quadrature: 0.48053796 and 0.27007036.
_DISTANCE_OF_MEAN, _DISTANCE_OF_SCALE = 0.693208, 0.519683
_Z95 = 1.959963984540054
_FAR = 6.0  # standard deviations of a largest ordinate that chance may add
_AMPLITUDE, _SPREAD = math.sqrt(math.pi) / 2, math.sqrt(1 - math.pi / 4)


def tolerated(finding: Finding, tolerance: Mapping[str, float], all_of: Sequence[Finding]) -> Finding:
    """The finding with its practical verdict.

    Parameters
    ----------
    finding : Finding
        Judged by its p-value.
    tolerance : Mapping
        Effect name to tolerated size.
    all_of : sequence of Finding
        All of the tensor.

    Returns
    -------
    Finding
        ``pass`` instead of ``fail`` where the interval of its effect reaches into what is tolerated; in a
        family with a tolerance of its own, ``suspect`` where it has no effect that one is given for.
    """
    if not tolerance or finding.verdict != "fail":
        return finding
    effect = finding.effect
    size = _tolerated_size(finding, tolerance)
    if effect is not None and size is not None and _within(finding, effect, size):
        return replace(finding, verdict="pass")
    if effect is not None and effect.name in tolerance:
        return finding
    # In random order the spectrum is a function of the scale and of spikes, as the moments are.
    family = "moments" if finding.view == "permuted" else finding.family
    names = {f.effect.name for f in all_of if f.effect and f.family == family and f.view == "stored"}
    return replace(finding, verdict="suspect") if names & set(tolerance) else finding


def _within(finding: Finding, effect: Effect, size: float) -> bool:
    """Whether the interval, widened for the choice of the worst of many, reaches what is tolerated."""
    wider = _widening(finding)
    low = effect.value - wider * (effect.value - effect.low)
    high = effect.value + wider * (effect.high - effect.value)
    centre = EFFECTS[effect.name]
    return low <= centre + size and high >= centre - size


def _widening(finding: Finding) -> float:
    choices = int(finding.extra.get("choices", 1))
    if finding.scope != "pooled":
        choices = max(choices, int(finding.where.get(f"{finding.scope}s", 1)))
    # sqrt(2 log(2m/a)) bounds the normal quantile of a/(2m) from above.
    return math.sqrt(2 * math.log(choices / 0.025)) / _Z95 if choices > 1 else 1.0


def _tolerated_size(finding: Finding, tolerance: Mapping[str, float]) -> float | None:
    """The larger of what is tolerated for an effect itself and what follows from mean and scale."""
    effect = finding.effect
    if effect is None or effect.name not in EFFECTS:
        return None
    sizes = [tolerance[effect.name]] if effect.name in tolerance else []
    m, s = tolerance.get("mean", 0.0), tolerance.get("scale", 0.0)
    if m or s:
        follows = _following(finding, effect.name, m, s)
        sizes += [] if follows is None else [follows]
    return max(sizes, default=None)


def _following(finding: Finding, name: str, m: float, s: float) -> float | None:
    match name:
        case "distribution gap":
            return _GAP_OF_MEAN * m + _GAP_OF_SCALE * s
        case "Anderson-Darling distance":
            return (_DISTANCE_OF_MEAN * m + _DISTANCE_OF_SCALE * s) ** 2
        case "tail ratio":
            return _tail(float(finding.where.get("threshold", finding.value)), m, s)
        case "excess share of one value":
            return _beside(float(finding.where["value"]), m, s) * float(finding.extra["expected_share"])
        case "excess band power":
            return (1 + s) ** 2 - 1
        case "power of one frequency" if s and finding.std > 0:
            # Every ordinate is (1 ± s)^2 times as large.
            chance = 1 + _FAR * finding.std / finding.expected
            ratio = finding.value / finding.expected
            return math.inf if (1 - s) ** 2 / chance <= ratio <= (1 + s) ** 2 * chance else m * m
        case "power of one frequency" | "autocorrelation" | "channel correlation" | "sample correlation":
            return m * m if m else None
        case "spectrum discrepancy ratio":
            block = int(finding.parameters.get("block", 16))
            return _folded((1 + s) * _AMPLITUDE - _AMPLITUDE, _SPREAD / math.sqrt(block)) - 1
    return None


def _tail(threshold: float, m: float, s: float) -> float:
    """How far the weight of a tail beyond `threshold` deviations moves, relative to itself."""
    moved = math.erfc((threshold - m) / (1 + s) / math.sqrt(2))
    still = math.erfc(threshold / math.sqrt(2))
    return moved / still - 1 if still > 0 else math.inf


def _beside(x: float, m: float, s: float) -> float:
    """How far the density at x moves either way, relative to itself."""
    moved = (((abs(x) - shift) / scale, scale) for shift in (-m, m) for scale in (1 - s, 1 + s) if scale > 0)
    # So far out that no share is expected any tolerance would do.
    return max(
        (abs(math.exp(min((x - z) * (x + z) / 2, 700.0)) / scale - 1) for z, scale in moved), default=0.0
    )


def _folded(shift: float, spread: float) -> float:
    """``E|N(shift, spread^2)|`` over ``E|N(0, spread^2)|``."""
    z = shift / spread
    return math.exp(-z * z / 2) + z * math.sqrt(math.pi / 2) * math.erf(z / math.sqrt(2))
