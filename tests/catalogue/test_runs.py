"""Runs: copies at any shift, periods of any length, and where; noise passes, dull stretches do not count."""

import math
from functools import cache

import numpy as np
import pytest
from noise import noise, stored

from gausscheck import DataError, audit, statistics
from gausscheck.arrays import as_values
from gausscheck.collect import collect, runs
from gausscheck.judging import Situation, Unasked
from gausscheck.lattice import Lattice
from gausscheck.layout import Layout
from gausscheck.needs import RepeatsNeed
from gausscheck.nulls.coincidence import CoincidenceNull
from gausscheck.sharing import shared
from gausscheck.summaries.repeats import LEAST_HALVINGS, MOST_RUNS, Units

DUPLICATES = statistics["duplicates"]
FORMATS = ["float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]


def repeats(x, unit="run", layout=None):
    return DUPLICATES.test(x, unit=unit, layout=layout)


def summary_of(x, layout=None):
    values = as_values(x)
    return collect(RepeatsNeed(), values, Layout.resolve(layout, values.shape), lattice=None)[0]


def normal(shape, seed):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


@pytest.mark.parametrize(("period", "n"), [(1_000_003, 2**21), (10_007, 2**17), (333, 4096)])
def test_a_period_that_no_block_sees(period, n):
    x = np.resize(normal(period, 1), n)
    finding = repeats(x)
    assert (finding.extra["distance"], finding.extra["common"]) == (period, 1.0)
    assert finding.log10_p < -40
    # All windows past the first period: binomial, six standard deviations.
    expected = (n - period) / n
    assert abs(finding.effect.value - expected) < 6 * math.sqrt(expected / finding.extra["units"]) + 1e-3
    first, second = finding.where["places"]
    assert second - first == period
    assert finding.n == n
    if n < 64 * period:
        assert repeats(x, "block").p_value == 1.0


@pytest.mark.slow
def test_a_period_of_two_to_the_24_and_3():
    x = np.resize(normal(2**24 + 3, 2), 2**25)
    finding = repeats(x)
    assert finding.extra["distance"] == 2**24 + 3
    assert finding.log10_p < -40
    assert abs(finding.effect.value - 0.5) < 6 * math.sqrt(0.25 / finding.extra["units"])
    for unit in ("block", "value"):
        assert repeats(x, unit).p_value > 1e-3


@pytest.mark.parametrize("dtype", FORMATS)
def test_two_samples_that_overlap_at_a_shift(dtype):
    values = noise((6, 4, 40, 40), dtype, 3)
    rows = values.data.reshape(6, -1)
    rows[5, :2000] = rows[2, 1037:3037]
    finding = repeats(values)
    (one, two), (first, second) = finding.where["samples"], finding.where["places"]
    assert (one, two, first - second) == (2, 5, 1037)
    assert (rows[one, first : first + 16] == rows[two, second : second + 16]).all()
    assert (finding.extra["distance"], finding.extra["common"]) == (3 * 6400 - 1037, 1.0)
    assert finding.log10_p < -15
    # Of 1985 windows one in 16: Poisson, six standard deviations.
    assert abs(finding.value - 124) < 6 * math.sqrt(124)
    assert repeats(values, "block").p_value == 1.0


def test_a_stretch_of_a_hundred_values_is_enough():
    # Each of 85 windows is kept with one in 16: none of them with 4e-3; the seeds are fixed.
    for seed in range(20):
        x = normal(50_000, [4, seed])
        x[30_000:30_100] = x[777:877]
        assert repeats(x).log10_p < -13


@pytest.mark.parametrize("dtype", FORMATS)
def test_noise_of_every_format_passes(dtype):
    # 40 draws; equal contents of the coarsest lattice have a mean of 1e-15, equal hashes of 1e-10.
    for seed in range(8):
        finding = repeats(noise((8, 4, 16, 32), dtype, [5, seed]))
        assert (finding.value, finding.p_value) == (0.0, 1.0)
        assert finding.where == {}
        assert "distance" not in finding.extra


@cache
def coarse_noise(draws):
    """Judgements of noise of which five values are nearly all: equal runs are common there."""
    lattice, scale, n = Lattice("fp8_e4m3"), 0.0017, 20_000
    situation = Situation(n, shape=(n,), lattice="fp8_e4m3", scale=scale, dtype="float32")
    found = []
    for seed in range(draws):
        x = lattice.round(scale * normal(n, [6, seed])).astype(np.float32)
        found.append(DUPLICATES.judge(summary_of(x), situation, "pooled", unit="run"))
    return found


def check_conservative(null_of):
    """The law that p-values are at most uniform: 300 draws, 6 standard deviations; 1e-11 never comes by."""
    found = coarse_noise(300)
    assert max(f.value for f in found) >= 1
    p = np.array([math.exp(null_of(f.null).log_two_sided(f.value)) for f in found])
    for level in (0.3, 0.1, 0.03, 0.01):
        assert np.mean(p <= level) <= level + 6 * math.sqrt(level / 300)
    assert p.min() > 1e-11
    return p


def test_equal_contents_of_a_coarse_lattice_are_no_surprise():
    p = check_conservative(lambda null: null)
    assert 0.05 < p.min() < 0.5


def test_a_law_of_hashes_alone_is_caught():
    with pytest.raises(AssertionError):
        check_conservative(lambda null: CoincidenceNull(null.hashes.log_mean))


def test_dull_stretches_do_not_count():
    x = normal((4, 3000), 7)
    x[0, :1000] = 0
    x[1, :1000] = np.resize([1.0, -1.0], 1000)
    x[2, :1000] = np.resize([1.0, -1.0, 0.0, -0.0], 1000)
    x[3, ::2] = 0.5
    finding = repeats(x)
    assert (finding.value, finding.p_value) == (0.0, 1.0)
    for fill in (0.0, 1.0):
        finding = repeats(np.full((3, 500), fill, np.float32))
        assert (finding.value, finding.p_value, finding.effect) == (0.0, 1.0, None)


def test_short_samples_have_no_runs():
    with pytest.raises(DataError):
        repeats(normal((50, 31), 8))
    assert DUPLICATES.judge(summary_of(normal((50, 31), 8)), Situation(10), "pooled", unit="run") == Unasked()
    assert repeats(normal((50, 32), 8)).p_value == 1.0


@pytest.mark.parametrize(("lattice", "dtype"), [(None, "float32"), ("fp8_e5m2", "bfloat16")])
def test_the_law_is_that_of_the_summary(lattice, dtype):
    for shape, samples in (((100_000,), 60), ((4, 30, 30), 3)):
        size = math.prod(shape)
        null = DUPLICATES.null(n=size, samples=samples, shape=shape, lattice=lattice, unit="run")
        windows = (size - 15) * samples
        halvings = max(LEAST_HALVINGS, math.ceil(math.log2(windows / MOST_RUNS)))
        expected = math.log(windows * (windows - 1) / 2) - (64 + halvings) * math.log(2)
        assert null.hashes.log_mean == pytest.approx(expected, rel=1e-12)
        assert null.log_contents < expected


def test_parts_are_the_whole_however_little_is_kept(monkeypatch):
    monkeypatch.setattr(runs, "MOST_RUNS", 200)
    x = normal((12, 3000), 9)
    x[9, :1500] = x[3, 77:1577]
    whole = summary_of(x, "b w").units["run"]
    assert (whole.halvings, whole.count) == (8, 12 * 2985)
    parts = [summary_of(x[a:b], "b w").shifted(a).units["run"] for a, b in ((0, 1), (1, 5), (5, 12))]
    assert len({part.halvings for part in parts}) == 3
    for order in ((0, 1, 2), (2, 0, 1)):
        a, b, c = (parts[k] for k in order)
        for merged in (a.merge(b).merge(c), a.merge(b.merge(c))):
            assert (merged.halvings, merged.count, merged.repeats) == (8, whole.count, whole.repeats)
            np.testing.assert_array_equal(np.sort(merged.hashes), np.sort(whole.hashes))
            assert merged.distance(15) == whole.distance(15)
            assert merged.first_pair == whole.first_pair
    one, two = np.divmod(whole.first_pair, 2985)
    assert (one.tolist(), two.tolist()[0] - two.tolist()[1]) == ([3, 9], 77) or whole.repeats == 0


def test_distances_of_repeats():
    hashes = np.array([5, 5, 5, 9, 9, 7], np.uint64)
    units = Units(16, 100, 200, 0, hashes, np.array([190, 10, 30, 50, 70, 80]))
    # 20 and 160 places; 20: the second sample starts 15 places after the last window of the first
    assert units.distance() == (20, 2 / 3)
    assert units.distance(15) == (20, 2 / 3)
    assert Units(16, 100, 200, 0, hashes[[0, 1]], np.array([190, 10])).distance(15) == (195, 1.0)
    assert Units(16, 100, 200, 0, hashes[3:5], np.array([3, 4])).thinned(63).distance() == (0, 0.0)


def test_tensors_that_share_a_shifted_stretch():
    x, y = normal((3, 4, 10, 100), 10), normal((2, 4, 2500), 11)
    y[1].ravel()[5000:8000] = x[2].ravel()[123:3123]
    facts = {fact.kind: fact for fact in shared(summary_of(x), summary_of(y, "b c w"))}
    assert "block" not in facts
    fact = facts["run"]
    (sample, place), (other, at) = fact.places
    assert (sample, other, at - place) == (2, 1, 5000 - 123)
    assert abs(fact.count - 2985 / 16) < 6 * math.sqrt(2985 / 16)
    assert fact.log10_p < -40
    fresh = summary_of(normal((2, 4, 2500), 12), "b c w")
    assert "run" not in {fact.kind for fact in shared(summary_of(x), fresh)}


def test_an_audit_tells_it():
    x = normal((8, 4, 64, 64), 13)
    assert audit(x).verdict == "pass"
    x[5].ravel()[:9000] = x[2].ravel()[37:9037]
    report = audit(x)
    (found,) = (f for f in report.tensors[0].findings if f.parameters.get("unit") == "run")
    assert found.verdict == "fail"
    assert found.where["samples"] == [2, 5]
    assert report.tensors[0].n_effective == x.size


def test_stored_formats_are_those_of_values():
    x = normal((2, 3000), 14)
    x[1, :1000] = x[0, 99:1099]
    for dtype in ("float16", "bfloat16"):
        assert repeats(stored(x, dtype)).value > 0
