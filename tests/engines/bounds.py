"""How far the value of a finding may depend on the engine: from what is known of its summary's roundings."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from tolerance import tolerance

from gausscheck.finding import Finding
from gausscheck.gaussian import hermite_coefficients
from gausscheck.layout import Layout
from gausscheck.report import Report, TensorReport
from gausscheck.summaries.frequency import frequency_bins

__all__ = ["Bounds", "by_name", "check_finding"]

EPS64 = float(np.finfo(np.float64).eps)
EPS32 = float(np.finfo(np.float32).eps)
EXACT = (
    "max_abs",
    "tail_count",
    "heaps",
    "kolmogorov",
    "anderson_darling",
    "duplicates",
    "constant",
    "nonfinite",
)
"""Functions of extremes, of counts or of hashes, which all engines have to the bit."""
SIGMA = 8.0
"""Roundings are many and of either sign: their sum stays within 8 times its root mean square."""
LEAST = 1e-9  # what ordinates below count as, in logarithms; more for 8-bit formats
CLIP = 1e100  # of values whose squares would leave the range of doubles
_LOG = 1.4  # |log(1 - x)| <= 1.4 x for x up to a half


class Bounds:
    """Bounds for findings on an array of float64.

    Parameters
    ----------
    x : numpy.ndarray
        The values, of the array's own shape.
    layout : Layout
    scale : float
        Standard deviation under H0.
    """

    def __init__(self, x: NDArray[np.float64], layout: Layout, scale: float = 1.0) -> None:
        rows = layout.rows(x)
        self.finite = np.where(np.isfinite(rows), rows, 0.0)
        clean = rows[np.all(np.isfinite(rows), axis=1)]
        fields = layout.fields(clean, x.shape) if clean.size else np.zeros((1, 1, 1))
        self.fields = (fields / scale).clip(-CLIP, CLIP).reshape(-1, *fields.shape[2:])
        self.channels = fields.shape[1]

    def of(self, finding: Finding) -> float:
        """How far two engines may be apart."""
        name = finding.statistic
        if name in EXACT:
            return 0.0
        if name in ("moment", "hermite"):
            return self._power_sums(finding)
        if name == "power_spectrum":
            # The ordinates have at most the mean square of the values: DC is not among them.
            return tolerance("other_transform", dtype="float32", n=finding.n) * _rms(self.finite)
        if name in ("channel_correlation", "sample_correlation"):
            return self._product(finding.n)
        return float(getattr(self, f"_{name}")(finding))

    def _power_sums(self, finding: Finding) -> float:
        order = finding.parameters["order"]
        with np.errstate(over="ignore"):
            means = [np.max(np.mean(np.abs(self.finite) ** k, axis=1)) for k in range(1, 9)]
            means = np.minimum(means, np.finfo(float).max)  # sums saturate there
            terms = [tolerance("power_sum", n=finding.n, order=k) * mean for k, mean in enumerate(means, 1)]
            if finding.statistic == "moment":
                return float(terms[order - 1])
            return float(np.abs(hermite_coefficients(order)[1:]) @ terms[:order])

    @staticmethod
    def _product(n: int) -> float:
        """Of a correlation: n products in float32, added 65,536 at a time, over two norms of that kind."""
        chain = min(n, 65_536)
        return 2.0 * 2.0 * SIGMA * np.sqrt(chain) * EPS32

    @cached_property
    def _relative(self) -> float:
        """Error of one amplitude of a transform over the root mean square of the amplitudes of its field."""
        return float(SIGMA * 2.0 * EPS32 * (1 + np.log2(self.fields[0].size)))

    @cached_property
    def _ordinates(self) -> NDArray[np.float64]:
        axes = tuple(range(1, self.fields.ndim))
        transform = np.fft.rfftn(self.fields, axes=axes).reshape(self.fields.shape[0], -1)
        return np.abs(transform) ** 2 / self.fields[0].size

    @cached_property
    def _error(self) -> NDArray[np.float64]:
        """Of the amplitudes of each field, shape ``(fields, 1)``."""
        square = np.mean(self.fields**2, axis=tuple(range(1, self.fields.ndim)))
        return self._relative * np.sqrt(square)[:, np.newaxis]

    def _mean_ordinate(self, finding: Finding) -> float:
        """Of a mean of ordinates, weighted or not, by Cauchy and Schwarz: 2 sqrt(value) e + e^2."""
        error = float(np.max(self._error))
        return 2.0 * np.sqrt(finding.value) * error + error**2

    _spectral_peak = _mean_ordinate
    _band_power = _mean_ordinate

    def _autocorrelation(self, _: Finding) -> float:
        """Numerator and denominator are sums of ordinates of one mean square."""
        return 2.0 * (2.0 * self._relative + self._relative**2)

    def _cumulative_periodogram(self, finding: Finding) -> float:
        """As the autocorrelation, of the complex bins alone, of all fields or of each channel."""
        power = np.mean(self._ordinates[:, self._complex], axis=1)
        error = np.broadcast_to(self._error[:, 0] ** 2, power.shape)
        if finding.scope == "channel":
            power, error = (a.reshape(-1, self.channels).sum(axis=0) for a in (power, error))
        else:
            power, error = power.sum(keepdims=True), error.sum(keepdims=True)
        relative = float(np.max(np.sqrt(error / np.where(power > 0, power, np.inf))))
        return 2.0 * (2.0 * relative + relative**2)

    def _spectral_flatness(self, finding: Finding) -> float:
        """Sum of those of the logarithms; an ordinate that is all error may be anything up to that error."""
        ordinates = self._ordinates[:, self._complex]
        error = np.broadcast_to(self._error, ordinates.shape)
        within = error < 0.5 * np.sqrt(ordinates)
        clear = 2.0 * _LOG * error / np.sqrt(np.where(within, ordinates, 1.0))
        lost = np.log(np.maximum(9.0 * error**2, LEAST) / LEAST)
        single = np.where(within, clear, lost).sum(axis=1)
        mean = np.sqrt(np.maximum(ordinates.mean(axis=1), LEAST))
        single = single + 2.0 * _LOG * ordinates.shape[1] * np.minimum(error[:, 0] / mean, 1.0)
        terms = np.abs(np.log(np.maximum(ordinates, LEAST)))
        added = 2.0 * EPS64 * terms.size * float(terms.sum())
        return added + float(single.max() if finding.scope == "sample" else single.sum())

    @cached_property
    def _complex(self) -> NDArray[np.bool_]:
        return frequency_bins(self.fields.shape[1:]).weight == 2


def _rms(x: NDArray[np.float64]) -> float:
    peak = float(np.max(np.abs(x))) or 1.0
    return float(peak * np.sqrt(np.max(np.mean((x / peak) ** 2, axis=1))))


def by_name(report: TensorReport | Report) -> list[Finding]:
    """Findings, in an order that no rounding of p changes."""
    return sorted(report.findings, key=lambda f: (f.label, f.scope))


def check_finding(a: Finding, b: Finding, bound: float, *, tied: bool = False) -> None:
    """Law: two roads differ by no more than `bound`, and where the worst is; not where several places tie."""
    for name in ("statistic", "parameters", "view", "scope", "n", "grade", "verdict"):
        assert getattr(a, name) == getattr(b, name), (a, b)
    if not tied:
        assert (a.where, a.tail) == (b.where, b.tail), (a, b)
        assert (a.expected, a.std) == (b.expected, b.std), (a, b)
    assert abs(a.value - b.value) <= bound, (a, b, bound)
    if bound == 0:
        assert (a.log_p, a.extra) == (b.log_p, b.extra), (a, b)
    elif b.log_p > -30:
        # Laws with tails no lighter than normal: the slope of log p is at most that of a normal law.
        steep = 2.0 * (1.0 + math.sqrt(-2.0 * b.log_p))
        assert abs(a.log_p - b.log_p) <= steep * bound / b.std, (a, b, bound)
