"""Calibration of every judged statistic, in every scope and variant, as an audit asks it.

Under H0 a p-value is uniform, or, where the value is discrete or the choice is among dependent ones and paid
for as if they were not, not too small too often.

False alarms: each check rejects with probability below ALARM = 1e-9 (`laws.cases.surprise` and `strictness`
are p-values themselves); `test_declared_false_alarm_rate` counts them. Seeds are fixed.
"""

from __future__ import annotations

import numpy as np
import pytest
from laws.cases import rates, strictness, surprise
from laws.judged import JUDGED, PROBES, asked
from noise import noise

ALARM = 1e-9
SETS = [
    ((3, 2, 6, 10), "float32"),
    ((2, 512), "bfloat16"),
    ((1000,), "float16"),
    ((3, 5, 9, 7), "float8_e4m3fn"),
    ((1, 3, 4, 6, 5), "float64"),
]
# Counts jump. Bands overlap, and lags and pairs of rows are correlated or share rows.
CAUTIOUS = ("tail_count", "heaps", "duplicates")
CAUTIOUS_OF_SEVERAL = ("band_power", "autocorrelation", "channel_correlation", "sample_correlation")
MOST_PROBES = 3 * 18
TENSORS = 15


class Seen:
    """P-values of one probe, of many tensors."""

    def __init__(self):
        self.findings = []

    @property
    def p(self):
        return np.exp([f.log_p for f in self.findings])

    @property
    def position(self):
        """P(T < t), where nothing was chosen."""
        upper = np.array([f.tail == "upper" for f in self.findings])
        return np.where(upper, 1 - 0.5 * self.p, 0.5 * self.p)

    def alarm(self):
        """How surprising they are, and the rates."""
        first = self.findings[0]
        choices = {f.extra.get("choices", 1) for f in self.findings}
        assert len(choices) == 1
        several = choices != {1}
        if first.statistic in CAUTIOUS or (several and first.statistic in CAUTIOUS_OF_SEVERAL):
            return strictness(self.p), rates(self.p)
        u = self.p if several else self.position
        return surprise(u), rates(u)


def collected(shape, dtype, tensors, *, probes=PROBES, layout=None, first=0):
    """What some probes say of many tensors, by name of the probe."""
    seen = {}
    for i in range(first, first + tensors):
        for name, finding in asked(probes, noise(shape, dtype, [61, *shape, i]), layout).items():
            seen.setdefault(name, Seen()).findings.append(finding)
    return seen


@pytest.fixture(scope="module")
def of_sets():
    return {(shape, dtype): collected(shape, dtype, TENSORS) for shape, dtype in SETS}


def check(seen):
    assert len(seen) <= MOST_PROBES
    for name, one in seen.items():
        alarm, text = one.alarm()
        assert alarm > ALARM, f"{name}: {text}"


@pytest.mark.parametrize(("shape", "dtype"), SETS, ids=str)
def test_p_values_are_valid(shape, dtype, of_sets):
    check(of_sets[shape, dtype])


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "dtype"), SETS, ids=str)
def test_p_values_of_many_tensors_are_valid(shape, dtype):
    check(collected(shape, dtype, 1000, first=1000))


def test_every_statistic_and_scope_was_asked(of_sets):
    names = {name for seen in of_sets.values() for name in seen}
    assert {name.split(",")[0].split(" ")[0] for name in names} == set(JUDGED)
    for scope in ("pooled", "channel", "sample"):
        for bins in ("complex", "real"):
            assert f"spectral_peak bins={bins}, {scope}" in names
        assert f"band_power, {scope}" in names
    for name in ("autocorrelation, channel", "cumulative_periodogram, channel", "spectral_flatness, sample"):
        assert name in names
    for unit in ("value", "run", "block", "channel", "frame", "sample"):
        assert f"duplicates unit={unit}, pooled" in names
    # each was asked of every tensor, or of none
    assert {len(one.findings) for seen in of_sets.values() for one in seen.values()} == {TENSORS}


def test_declared_false_alarm_rate():
    assert 2 * len(SETS) * MOST_PROBES * ALARM < 1e-6
