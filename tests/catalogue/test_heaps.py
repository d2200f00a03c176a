"""Heaps of equal values: value, law, calibration, what is granted to coarse generators, and what is seen.

False-alarm rate of each test on noise: 1e-8 or less.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from mutants import unpaid
from noise import noise, stored
from scipy.special import ndtri
from scipy.stats import binom, binomtest, norm

import gausscheck as gc
from gausscheck import DataError, statistics
from gausscheck.arrays import as_values
from gausscheck.catalogue import heaps
from gausscheck.engines.numpy import NumpyEngine
from gausscheck.judging import Situation, Unasked
from gausscheck.lattice import Lattice, lattice_of_format
from gausscheck.summaries import Counts

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

HEAPS = statistics["heaps"]
ENGINE = NumpyEngine()
GRANTED = 2.0**-22
ALARM = 1e-8


def judge(values, *, scale=1.0, lattice=None, scope="pooled"):
    """As an audit would."""
    n = int(np.isfinite(values.decode(np.float64)).sum())
    situation = Situation(n, lattice=lattice, scale=scale, dtype=values.dtype)
    counts = ENGINE.counts(values.like(values.data.reshape(1, -1)))
    return HEAPS.judge(counts, situation, scope)


def unrounded_cells(x):
    """Count and probability of each cell of float32, by its values, and the value next to 0."""
    code = np.flatnonzero(np.arange(2**16) % 2**15 < 0x7F80).astype(np.uint32)
    value = (code << np.uint32(16)).view(np.float32).astype(np.float64)
    inner = np.abs(value)
    # The next pattern of the same sign; the last cells have no end.
    outer = np.tile(np.append(inner[1 : code.size // 2], np.inf), 2)
    count = np.bincount(np.asarray(x, np.float32).view(np.uint32).ravel() >> 16, minlength=2**16)
    return count[code], norm.sf(inner) - norm.sf(outer), value


def rounded_cells(x, name):
    """The same of the points of a lattice."""
    of = Lattice(name)
    count = np.array([np.sum(x == point) for point in of.points])
    edge = np.concatenate(([-np.inf], of.edges, [np.inf]))
    low, high = edge[:-1], edge[1:]
    p = np.where(low > 0, norm.sf(low) - norm.sf(high), norm.cdf(high) - norm.cdf(low))
    return count, p, of.points


def plainly(count, p, value):
    """Smallest p over all cells by scipy, each cell looked at; where it is."""
    n = count.sum()
    most, least = np.minimum(p + GRANTED, 1), np.maximum(p - GRANTED, 0)
    upper = np.where(count > n * most, 2 * binom.sf(count - 1, n, most), 1.0)
    lower = np.where(count < n * least, 2 * binom.cdf(count, n, least), 1.0)
    all_p = np.minimum(np.minimum(upper, lower), 1.0)
    at = int(np.argmin(all_p))
    return all_p[at], value[at], int(count[at])


CASES = {
    "clean": lambda x, rng: x,
    "some zeros": lambda x, rng: np.where(rng.random(x.shape) < 4e-4, 0.0, x),
    "a gap": lambda x, rng: np.where(np.abs(x - 0.9999) < 0.01, x + 0.03, x),
    "clipped": lambda x, rng: np.clip(x, -3, 3),
    "wider": lambda x, rng: 1.1 * x,
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float8_e4m3fn", "float8_e5m2"])
def test_all_of_it_by_plain_counting(name, dtype):
    rng = np.random.default_rng(301)
    for n in (500, 30_000):
        values = stored(CASES[name](rng.standard_normal((1, n)), rng), dtype)
        lattice = lattice_of_format(dtype)
        x = values.decode(np.float64)
        cells = rounded_cells(x, lattice) if lattice else unrounded_cells(x)
        p, value, count = plainly(*cells)
        found = judge(values, lattice=lattice)
        choices = cells[0].size
        assert found.extra["choices"] == choices
        assert math.exp(found.log_p) == pytest.approx(
            -math.expm1(choices * math.log1p(-min(p, 1.0))), rel=1e-6
        )
        if p < 0.1 / choices:
            assert (found.where["value"], found.value) == (value, count)
            interval = binomtest(count, n).proportion_ci(method="exact")
            expected = cells[1][cells[2] == value][0]
            assert found.extra["expected_share"] == pytest.approx(expected, rel=1e-6)
            effect = np.array([found.effect.value, found.effect.low, found.effect.high]) + expected
            np.testing.assert_allclose(
                effect, [count / n, interval.low, interval.high], rtol=1e-6, atol=1e-12
            )


@pytest.mark.parametrize(("share", "count"), [(1e-12, 6), (1e-7, 20), (1e-4, 60), (2e-3, 400), (2e-3, 0)])
def test_tails_down_to_tiny_probabilities(share, count):
    """One cell holds `count` of 100,000 values, all others what is expected: by scipy and closed form."""
    _, p, value = unrounded_cells(np.zeros(0))
    half = p.size // 2
    cell = int(np.argmin(np.abs(p[:half] - share)))
    table = np.zeros(2**16, np.int64)
    table[:half], table[2**15 : 2**15 + half] = (
        np.rint(100_000 * p[side]) for side in (slice(half), slice(half, None))
    )
    table[cell] = count
    n = int(table.sum())
    found = HEAPS.judge(Counts(table, "float32"), Situation(n, dtype="float32"), "pooled")
    tail = float(binom.logsf(count - 1, n, p[cell] + GRANTED)) if count else n * math.log1p(GRANTED - p[cell])
    assert (found.where["value"], found.value) == (value[cell], count)
    assert found.log_p == pytest.approx(math.log(2 * p.size) + tail, rel=1e-7)
    assert -700 < found.log_p < math.log(1e-6)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float8_e4m3fn"])
@pytest.mark.parametrize(("n", "rows"), [(8, 300), (1000, 300), (100_000, 60)])
def test_p_values_are_not_too_small_too_often(dtype, n, rows):
    values = noise((rows, n), dtype, [302, n])
    lattice = lattice_of_format(dtype)
    logs = np.array([judge(values.like(row[None]), lattice=lattice).log_p for row in values.data])
    for u in (0.001, 0.01, 0.1, 0.5):
        hits = int(np.sum(logs <= math.log(u)))
        assert binom.sf(hits - 1, rows, u) > ALARM


def levels():
    """Table of the counts of all normal values made of 23 random bits, each once."""
    u = (np.arange(2**23) + 0.5) / 2**23
    x = ndtri(u).astype(np.float32)
    return np.bincount(x.view(np.uint32) >> 16, minlength=2**16)


def test_a_generator_of_23_bits_is_granted(monkeypatch):
    """2^30 independent values of 2^23 equally likely ones pass; not so without the allowance."""
    p = levels() / 2**23
    table = np.random.default_rng(303).multinomial(2**30, p)
    situation = Situation(2**30, dtype="float32")
    right = HEAPS.judge(Counts(table, "float32"), situation, "pooled")
    assert right.log_p > math.log(ALARM)
    monkeypatch.setattr(heaps, "COARSEST", 0.0)
    heaps._shares.cache_clear()
    try:
        wrong = HEAPS.judge(Counts(table, "float32"), situation, "pooled")
    finally:
        heaps._shares.cache_clear()
    assert wrong.log_p < math.log(ALARM)


def test_values_without_any_scatter_are_no_heap():
    """As many values everywhere as expected: no cell is surprising, on either side."""
    for times in (1, 2**20):
        found = HEAPS.judge(
            Counts(times * levels(), "float32"), Situation(times * 2**23, dtype="float32"), "pooled"
        )
        assert found.log_p > math.log(0.01)


@pytest.mark.parametrize("zeros", [1, 2])
def test_single_zeros_are_granted(zeros):
    """Generators return an exact 0 once in 2^23 draws or so; of a few more they do not."""
    x = noise(2**20, "float32", 304).data
    x[:zeros] = 0
    assert HEAPS.test(x).p_value > 0.01
    x[:20] = 0
    finding = HEAPS.test(x)
    assert finding.p_value < 1e-9
    assert (finding.value, finding.where["value"], finding.tail) == (20, 0.0, "upper")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("n", [4096, 2**18])
def test_sees_zeros(dtype, n):
    rng = np.random.default_rng([305, n])
    x = np.where(rng.random(n) < 0.01, 0.0, rng.standard_normal(n))
    finding = HEAPS.test(stored(x, dtype))
    assert finding.p_value < 1e-30
    assert finding.where["value"] == 0
    assert finding.effect.low < 0.01 < finding.effect.high


def test_zeros_of_either_sign():
    x = np.random.default_rng(306).standard_normal(2**16)
    masked = x * (np.random.default_rng(307).random(x.size) >= 0.01)
    finding = HEAPS.test(masked.astype(np.float32))
    assert finding.p_value < 1e-30
    assert str(finding.where["value"]) == "0.0"


def test_sees_clipping_and_gaps():
    x = np.random.default_rng(308).standard_normal(2**16)
    finding = HEAPS.test(np.clip(x, -3, 3))
    assert finding.p_value < 1e-9
    assert abs(finding.where["value"]) == 3
    gap = HEAPS.test(np.where(np.abs(x - 0.9999) < 0.02, x + 0.05, x))
    assert (gap.p_value < 1e-9, gap.tail) == (True, "lower")
    assert 0.97 < gap.where["value"] < 1.02


def test_an_audit_sees_one_zero_in_a_hundred():
    """The thinned sketch of values has lost 0, and Kolmogorov's distance is small: the count tells."""
    rng = np.random.default_rng(309)
    x = rng.standard_normal((1, 4, 256, 256)).astype(np.float32)
    x[rng.random(x.shape) < 0.001] = 0
    tensor = gc.audit(x, permutations=0).tensors[0]
    finding = next(f for f in tensor.findings if f.statistic == "heaps")
    assert finding.verdict == "fail"
    assert any("are exactly 0" in line for line in tensor.hints)


def test_a_tolerated_scale_explains_the_heaps_that_follow_from_it():
    x = noise((1, 4, 512, 512), "float8_e4m3fn", 310, scale=1.02)
    for tolerance, verdict in ({"scale": 0.05}, "pass"), ({"mean": 0.001}, "suspect"):
        report = gc.audit(x, battery="quick", tolerance=tolerance)
        finding = next(f for f in report.findings if f.statistic == "heaps")
        assert finding.p_value < 1e-9
        assert finding.effect.name == "excess share of one value"
        assert (finding.verdict == "pass") == (verdict == "pass")
    one = gc.audit(x, battery="quick", tolerance={"excess share of one value": 0.01})
    assert next(f for f in one.findings if f.statistic == "heaps").verdict == "pass"


def test_law_alone():
    _, p, _ = unrounded_cells(np.zeros(0))
    null = HEAPS.null(n=10_000)
    assert null.mean == pytest.approx(10_000 * p.max(), rel=1e-9)
    assert float(null.sf(80)) == pytest.approx(binom.sf(79, 10_000, p.max()), rel=1e-8)
    assert str(null.grade) == "exact"
    with pytest.raises(gc.ArgumentError, match="single cell"):
        HEAPS.make_null(Situation(9, scale=1e-9, lattice="fp8_e5m2"))


def test_what_cannot_be_asked():
    values = noise((1, 100), "float32", 311)
    for scope in ("sample", "channel"):
        assert isinstance(judge(values, scope=scope), Unasked)
    with pytest.raises(DataError, match="finite"):
        HEAPS.test(np.full(20, np.nan))
    with pytest.raises(gc.ArgumentError, match="order"):
        HEAPS.test(values, order=1)


def test_constant_values_are_a_heap():
    for x in (np.full(50, 2.5), np.zeros(50), np.full(8, 1e30)):
        assert HEAPS.test(x).p_value < 1e-30


def test_values_that_are_not_finite_are_left_out():
    x = noise(4000, "float32", 312).data
    one, other = HEAPS.test(x), HEAPS.test(np.concatenate([x, [np.nan, np.inf, -np.inf]]).astype(np.float32))
    assert (one.n, one.value, one.log_p) == (other.n, other.value, other.log_p)


def test_choices_that_are_not_paid_for_are_seen(monkeypatch):
    """The mutant: the most surprising of all cells at its own p."""
    monkeypatch.setattr(heaps, "judged", unpaid)
    values = noise((60, 1000), "float32", 313)
    logs = np.array([judge(values.like(row[None])).log_p for row in values.data])
    assert binom.sf(int(np.sum(logs <= math.log(0.1))) - 1, 60, 0.1) < ALARM


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_cost_of_values_that_stand_in_wider_storage(dtype):
    """fp8 noise in a wider type is judged as fp8 noise is."""
    own = noise((1, 5000), "float8_e5m2", 314)
    x = own.decode(np.float64)
    wide = stored(x, dtype) if dtype == "bfloat16" else as_values(x.astype(dtype))
    one, other = judge(own, lattice="fp8_e5m2"), judge(wide, lattice="fp8_e5m2")
    assert (one.value, one.where) == (other.value, other.where)
    # As many values can be had, but for the ends of the range in which storage differs.
    assert one.extra["choices"] == other.extra["choices"]
    assert one.log_p == pytest.approx(other.log_p, rel=1e-9)
