"""The calibration of judged statistics catches its mutants; the real code passes the same check."""

from __future__ import annotations

from functools import cache
from importlib import import_module

import numpy as np
import pytest
from laws.judged import PROBES
from laws.test_judged_calibration import ALARM, collected
from mutants import ContinuousKolmogorovNull, all_bins_counted, unpaid

from gausscheck.summaries import frequency

# Eight samples and channels: the least of eight p-values is far from uniform. A last axis of two: half of all
# bins are stored twice.
SHAPE, FLAT = (8, 8, 4, 4), (3, 2, 12, 2)


def alarms(statistic, shape, dtype="float32", *, tensors=80):
    """How surprising the p-values of all probes of a statistic are, and how many choices each had."""
    probes = tuple(p for p in PROBES if p.statistic == statistic)
    seen = collected(shape, dtype, tensors, probes=probes, first=500)
    choices = {name: one.findings[0].extra.get("choices", 1) for name, one in seen.items()}
    return {name: one.alarm()[0] for name, one in seen.items()}, choices


@cache
def right_alarms(statistic):
    return alarms(statistic, SHAPE)


def module(statistic):
    return import_module(f"gausscheck.catalogue.{statistic}")


@pytest.mark.parametrize(
    ("statistic", "place"),
    [
        pytest.param("autocorrelation", "autocorrelation", marks=pytest.mark.slow),
        ("band_power", "band_power"),
        pytest.param("spectral_flatness", "spectral_flatness", marks=pytest.mark.slow),
        ("spectral_peak", "spectral_peak"),
        ("cumulative_periodogram", "cumulative_periodogram"),
        ("tail_count", "tail_count"),
        ("heaps", "heaps"),
        ("channel_correlation", "channel_correlation"),
        ("sample_correlation", "channel_correlation"),
    ],
)
def test_catches_a_choice_that_is_not_paid_for(statistic, place, monkeypatch):
    right, choices = right_alarms(statistic)
    monkeypatch.setattr(module(place), "judged", unpaid)
    wrong, _ = alarms(statistic, SHAPE)
    several = {name for name, count in choices.items() if count > 1}
    assert several
    for name, alarm in right.items():
        assert alarm > ALARM
        assert (wrong[name] < ALARM) == (name in several), name


@pytest.mark.parametrize("statistic", ["spectral_flatness", "spectral_peak"])
def test_catches_the_law_of_one_field_for_all(statistic, monkeypatch):
    right, _ = right_alarms(statistic)
    true = module(statistic)._law
    monkeypatch.setattr(module(statistic), "_law", lambda bins, _fields, *rest: true(bins, 1, *rest))
    wrong, _ = alarms(statistic, SHAPE)
    for name, alarm in right.items():
        assert alarm > ALARM
        # the worst field is judged by the law of one
        assert (wrong[name] < ALARM) == (", sample" not in name), name


def test_catches_spare_bins_that_are_counted(monkeypatch):
    """Ordinates of both of a pair are the same number twice: sums of them scatter twice as much."""
    statistic = "spectral_flatness"
    right, _ = alarms(statistic, FLAT)
    frequency.frequency_bins.cache_clear()
    bins = frequency.FrequencyBins
    monkeypatch.setattr(bins, "weight", property(all_bins_counted))
    monkeypatch.setattr(bins, "complex_count", property(lambda self: int(np.count_nonzero(self.weight == 2))))
    try:
        wrong, _ = alarms(statistic, FLAT)
    finally:
        frequency.frequency_bins.cache_clear()
    assert min(right.values()) > ALARM
    assert wrong["spectral_flatness, sample"] < ALARM


def test_catches_a_continuous_law_at_the_edges_of_8_bit_cells(monkeypatch):
    """The distance at few edges is smaller than that over the whole line."""
    given = {"statistic": "kolmogorov", "shape": (3000,), "dtype": "float8_e5m2", "tensors": 300}
    right, _ = alarms(**given)
    monkeypatch.setattr("gausscheck.nulls.grid_kolmogorov.GridKolmogorovNull", ContinuousKolmogorovNull)
    wrong, _ = alarms(**given)
    assert right["kolmogorov, pooled"] > ALARM
    assert wrong["kolmogorov, pooled"] < ALARM
