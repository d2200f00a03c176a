"""Law: summaries are a commutative monoid, and how data is cut into chunks cannot be seen."""

from __future__ import annotations

import numpy as np
import pytest
from engines.bounds import Bounds, by_name, check_finding
from hypothesis import given, settings
from hypothesis import strategies as st

import gausscheck as gc
from gausscheck import gather
from gausscheck.layout import Layout
from gausscheck.summaries.fields import FieldSpectra
from gausscheck.summaries.samples import SampleValues

_floats = st.floats(-1e6, 1e6, allow_nan=False)


def _of(values, first=0):
    x = np.array(values, dtype=np.float64)
    return SampleValues.of(x, np.arange(first, first + x.size), np.stack([x] * 8, axis=1).reshape(-1, 8))


def _same(a, b):
    assert (a.count, a.low, a.high, a.low_at, a.high_at) == (b.count, b.low, b.high, b.low_at, b.high_at)
    assert (a.low_sums, a.high_sums) == (b.low_sums, b.high_sums)
    assert a.total == pytest.approx(b.total, rel=1e-12, abs=1e-6)


@settings(deadline=None)  # a busy machine is no fault of the summaries
@given(st.lists(_floats, max_size=20), st.lists(_floats, max_size=20), st.lists(_floats, max_size=20))
def test_sample_values_are_a_commutative_monoid(a, b, c):
    x, y, z = _of(a), _of(b, len(a)), _of(c, len(a) + len(b))
    _same(x.merge(y).merge(z), x.merge(y.merge(z)))
    _same(x.merge(y), y.merge(x))
    _same(x.merge(SampleValues()), x)
    _same(x.merge(y).merge(z), _of([*a, *b, *c]))


def test_a_value_that_is_no_number_is_the_most_surprising_one():
    """Not zero, which is what a Hermite mean has under H0."""
    kept = SampleValues.of(np.array([0.1, np.nan, -0.2]), np.arange(3))
    assert (kept.high, kept.high_at) == (np.finfo(float).max, 1)
    assert SampleValues.of(np.array([0.0, -np.inf]), np.arange(2)).low == -np.finfo(float).max


COLLECTORS = ("counts", "fields", "gram", "repeats")


@pytest.mark.parametrize("chunk", [64, 1000, 20_000, 10**7])
@pytest.mark.parametrize("shape", [(23, 4, 16, 20), (1, 30_000), (30_000,)])
def test_the_size_of_chunks_is_invisible(monkeypatch, chunk, shape):
    """Neither how much is read at once can be seen, nor how much each collector looks at."""
    x = np.random.default_rng(1).standard_normal(shape)
    x.flat[-1] = np.nan if len(shape) == 4 else x.flat[-1]
    whole = gc.audit(x, seed=5)
    monkeypatch.setattr(gather, "CHUNK", chunk)
    for name in COLLECTORS:
        # whole blocks of 64 values, as the real size is
        monkeypatch.setattr(f"gausscheck.collect.{name}._STRETCH", max(chunk // 64, 1) * 64)
    pieces = gc.audit(x, seed=5)
    bounds = Bounds(x, Layout.resolve(None, shape))
    assert len(pieces.findings) == len(whole.findings)
    for a, b in zip(by_name(pieces), by_name(whole), strict=True):
        # The transform of a row does not depend on the rows beside it; that of float64 agrees to rounding.
        same = b.statistic == "power_spectrum"
        check_finding(a, b, 1e-9 * b.std if same else bounds.of(b))
    assert pieces.tensors[0].hints == whole.tensors[0].hints


def test_catches_a_collector_that_drops_what_is_beyond_a_stretch(monkeypatch):
    x = np.random.default_rng(4).standard_normal((40, 3, 8, 8))
    whole = gc.audit(x, permutations=0)
    monkeypatch.setattr(gather, "CHUNK", 64)
    monkeypatch.setattr(FieldSpectra, "merge", lambda self, other: self)
    wrong = gc.audit(x, permutations=0)
    bounds = Bounds(x, Layout.resolve(None, x.shape))
    found = {f.label: f for f in wrong.findings if f.scope == "pooled"}
    spectral = [f for f in whole.findings if f.family == "spectrum" and f.scope == "pooled"]
    for finding in spectral:
        if finding.statistic != "power_spectrum":
            with pytest.raises(AssertionError):
                check_finding(found[finding.label], finding, bounds.of(finding))


def test_the_first_bad_value_is_found_in_any_chunk(monkeypatch):
    x = np.random.default_rng(2).standard_normal((9, 500))
    x[7, 321] = np.inf
    x[8, 0] = np.nan
    for chunk in (100, 1000, 10**6):
        monkeypatch.setattr(gather, "CHUNK", chunk)
        finding = next(f for f in gc.audit(x).findings if f.statistic == "nonfinite")
        assert finding.where == {"nan": 1, "posinf": 1, "neginf": 0, "index": [7, 321]}


def test_long_samples_are_cut_into_segments_and_say_so(monkeypatch):
    monkeypatch.setattr(gather, "LONGEST", 5000)
    monkeypatch.setattr("gausscheck.asking.LONGEST", 5000)
    x = np.random.default_rng(3).standard_normal((2, 14_000))
    report = gc.audit(x)
    assert any("cut into 3 segments" in line for line in report.tensors[0].untested)
    worst = next(f for f in report.findings if f.label == "power_spectrum" and f.scope == "sample")
    assert worst.n == 14_000 // 3
    assert worst.where["samples"] == 6
    assert worst.where["segments"] == 3
    assert 0 <= worst.where["sample"] < 2
    assert 0 <= worst.where["segment"] < 3
    assert report.verdict == "pass"


def test_catches_a_merge_that_forgets_where():
    """A merge that keeps only its own places is seen by the law above."""
    x, y = _of([1.0, 2.0]), _of([0.0, 3.0], 2)
    wrong = SampleValues(4, 6.0, 0.0, 3.0, x.low_at, x.high_at, x.low_sums, x.high_sums)
    with pytest.raises(AssertionError):
        _same(wrong, x.merge(y))
