"""Counts of the tails: value, law, which tail is named, calibration, and the faults that it must tell.

False-alarm rate of each test on noise: 1e-8 or less.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from noise import noise, stored
from scipy.stats import binom, binomtest, norm

from gausscheck import ArgumentError, DataError, statistics
from gausscheck.arrays import as_values
from gausscheck.catalogue.base import judged_finding
from gausscheck.collect import collect
from gausscheck.engines.numpy import NumpyEngine
from gausscheck.judging import Situation, Unasked
from gausscheck.lattice import LATTICES, Lattice, lattice_of_format
from gausscheck.layout import Layout
from gausscheck.needs import CountsNeed
from gausscheck.summaries import Counts

TAIL_COUNT = statistics["tail_count"]
ENGINE = NumpyEngine()
LEVELS = np.arange(2, 6.5, 0.5)


def judge(values, *, scale=1.0, lattice=None, scope="pooled", **given):
    """As an audit would."""
    n = int(np.isfinite(values.decode(np.float64)).sum())
    situation = Situation(n, lattice=lattice, scale=scale, dtype=values.dtype)
    counts = ENGINE.counts(values.like(values.data.reshape(1, -1)))
    return TAIL_COUNT.judge(counts, situation, scope, **TAIL_COUNT.check(**given))


def beyond(x, t, side):
    return {"both": np.abs(x) >= t, "upper": x >= t, "lower": x <= -t}[side]


def plainly(x, thresholds, mass):
    """p-values of all tails by counting and scipy: log of the smallest, its threshold, side and count."""
    found = []
    for t in thresholds:
        for side in ("both", "upper", "lower"):
            count = int(beyond(x, t, side).sum())
            p = mass(t) * (2 if side == "both" else 1)
            tail = min(binom.sf(count - 1, x.size, p), binom.cdf(count, x.size, p))
            found.append((min(1.0, 2 * tail), t, side, count))
    return min(found), len(found)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(4))
def test_all_of_it_by_plain_counting(dtype, seed):
    x = (1 + 0.1 * seed) * noise((4, 5000), dtype, seed).data + 0.05 * seed
    (p, threshold, side, count), choices = plainly(x.ravel(), LEVELS, norm.sf)
    finding = TAIL_COUNT.test(x)
    assert choices == 27
    assert (finding.value, finding.where["threshold"], finding.where["side"]) == (count, threshold, side)
    assert finding.p_value == pytest.approx(-math.expm1(27 * math.log1p(-p)), rel=1e-9)
    mass = norm.sf(threshold) * (2 if side == "both" else 1)
    assert (finding.n, finding.expected) == (20_000, pytest.approx(20_000 * mass, rel=1e-12))
    assert finding.std == pytest.approx(math.sqrt(20_000 * mass * (1 - mass)), rel=1e-12)
    interval = binomtest(count, 20_000).proportion_ci(method="exact")
    effect = np.array([finding.effect.value, finding.effect.low, finding.effect.high])
    np.testing.assert_allclose(
        effect * mass, [count / 20_000, interval.low, interval.high], rtol=1e-6, atol=1e-12
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
@pytest.mark.parametrize("container", [None, "float32", "float64"])
@pytest.mark.parametrize("scale", [1.0, 0.13])
def test_rounded_values_by_plain_counting(dtype, container, scale):
    values = noise((1, 20_000), dtype, 9, scale=1.2 * scale)
    x = values.decode(np.float64)
    lattice = lattice_of_format(dtype)
    of = Lattice(lattice)
    points, log_p = of.points, of.log_probabilities(scale)
    edges = of.edges
    if container:
        values = as_values(x.astype(container))
        # an edge of fp16 counts where the upper 16 bits of the points on both sides differ
        upper = points.astype(np.float32).view(np.uint32) >> 16
        edges = edges[(upper[1:] != upper[:-1]) & ~((upper[1:] & 0x7FFF == 0) & (upper[:-1] & 0x7FFF == 0))]
    thresholds = {float(edges[np.argmin(np.abs(edges - level))]) for level in LEVELS * scale}
    (p, threshold, side, count), choices = plainly(
        x.ravel(), sorted(thresholds), lambda t: np.exp(log_p[points > t]).sum()
    )
    found = judge(values, scale=scale, lattice=lattice)
    assert (found.value, found.where["threshold"], found.where["side"]) == (count, threshold, side)
    assert math.exp(found.log_p) == pytest.approx(-math.expm1(choices * math.log1p(-p)), rel=1e-7)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float8_e5m2"])
@pytest.mark.parametrize("n", [8, 16_384])
def test_p_values_are_calibrated(dtype, n):
    """P(p <= u) <= u under H0, and not far below at the levels that decide."""
    rows = 300
    values = noise((rows, n), dtype, [10, n])
    logs = np.array(
        [judge(values.like(row[None]), lattice=lattice_of_format(dtype)).log_p for row in values.data]
    )
    for u in (0.01, 0.1, 0.5):
        # Hoeffding's bound at 1e-9
        assert np.mean(logs <= math.log(u)) <= u + math.sqrt(math.log(1e9) / (2 * rows))


def test_law_alone():
    null = TAIL_COUNT.null(n=10_000)
    assert null.mean == pytest.approx(10_000 * 2 * norm.sf(3), rel=1e-12)
    upper = TAIL_COUNT.null(n=10_000, threshold=2.5, side="upper")
    assert float(upper.sf(90)) == pytest.approx(binom.sf(89, 10_000, norm.sf(2.5)), rel=1e-10)
    # the cells of fp8_e5m2 next to 3 end at 2.75 and 3.25
    assert TAIL_COUNT.null(n=100, lattice="fp8_e5m2").mean == pytest.approx(200 * norm.sf(2.75), rel=1e-12)
    assert str(null.grade) == "exact"


def test_sees_tails_that_are_cut():
    clean = noise(2**15, "float64", 11).data
    assert TAIL_COUNT.test(clean).p_value > 1e-8
    for x, side in (
        (np.clip(clean, -2.9, 2.9), "both"),
        (np.clip(clean, -9, 2.9), "upper"),
        (np.clip(clean, -2.9, 9), "lower"),
    ):
        finding = TAIL_COUNT.test(stored(x, "bfloat16"))
        assert finding.p_value < 1e-9
        assert (finding.value, finding.tail, finding.where["side"]) == (0, "lower", side)
        assert 2.9 < finding.where["threshold"] < 3.1
        assert finding.effect.high < 1


def test_sees_positive_tails_only():
    clean = noise(2**15, "float64", 12).data
    folded = np.where(np.abs(clean) > 2, np.abs(clean), clean)
    finding = TAIL_COUNT.test(folded)
    assert finding.p_value < 1e-100
    assert (finding.where["side"], finding.where["threshold"], finding.value) == ("lower", 2.0, 0)
    # both sides together see nothing
    assert TAIL_COUNT.test(folded, side="both").p_value > 1e-8


def test_sees_heavy_tails_and_few_outliers():
    rng = np.random.default_rng(13)
    finding = TAIL_COUNT.test(rng.standard_t(5, 2**15) * math.sqrt(3 / 5))
    assert finding.p_value < 1e-9
    assert (finding.tail, finding.where["side"]) == ("upper", "both")
    assert finding.effect.low > 1
    outliers = rng.standard_normal(2**15)
    outliers[:4] = [7, -8, 9, -30]
    finding = TAIL_COUNT.test(outliers)
    assert (finding.value, finding.where) == (4, {"threshold": 6.0, "side": "both"})
    assert finding.p_value == pytest.approx(27 * 2 * binom.sf(3, 2**15, 2 * norm.sf(6)), rel=1e-6)


def test_one_threshold_and_one_side():
    x = noise(5000, "float32", 14).data
    for side, choices in ((None, 3), ("upper", 1)):
        finding = TAIL_COUNT.test(x, threshold=2.75, side=side)
        (p, _, at, count), _ = plainly(x, [2.75], norm.sf)
        if side:
            count, at = int((x >= 2.75).sum()), side
            p = 2 * min(binom.sf(count - 1, 5000, norm.sf(2.75)), binom.cdf(count, 5000, norm.sf(2.75)))
        assert (finding.value, finding.where) == (count, {"threshold": 2.75, "side": at})
        assert finding.p_value == pytest.approx(-math.expm1(choices * math.log1p(-min(p, 1.0))), rel=1e-9)
        assert finding.parameters == {"threshold": 2.75, "side": side}


def test_values_that_are_not_finite_are_left_out():
    x = noise(4000, "float32", 15).data
    with_bad = np.concatenate([x, [np.nan, np.inf, -np.inf, -np.nan]]).astype(np.float32)
    one, other = TAIL_COUNT.test(x), TAIL_COUNT.test(with_bad)
    assert (one.n, one.value, one.log_p) == (other.n, other.value, other.log_p)
    with pytest.raises(DataError, match="finite"):
        TAIL_COUNT.test(np.full(20, np.nan))


def test_what_cannot_be_asked():
    values = noise((1, 100), "float32", 16)
    for scope in ("sample", "channel"):
        assert isinstance(judge(values, scope=scope), Unasked)
    # far below the finest step of the lattice there is nothing but 0
    assert isinstance(judge(values, lattice="fp8_e5m2", scale=1e-9), Unasked)
    with pytest.raises(ArgumentError, match="no values"):
        TAIL_COUNT.make_null(Situation(9, scale=1e-9, lattice="fp8_e5m2"), threshold=None, side=None)
    for bad in (
        {"threshold": 0.5},
        {"threshold": 9},
        {"threshold": "3"},
        {"threshold": True},
        {"side": "left"},
    ):
        with pytest.raises(ArgumentError, match=next(iter(bad))):
            TAIL_COUNT.test(values, **bad)
    with pytest.raises(ArgumentError, match="order"):
        TAIL_COUNT.test(values, order=1)


def test_a_count_on_the_wrong_side_of_an_edge_is_seen():
    """The mutant: counts whose cells next to -3 lie one off; plain counting disagrees."""
    x = noise((1, 200_000), "float32", 17)
    counts = ENGINE.counts(x)
    shifted = counts.table.copy()
    shifted[0x8000:0xFF7F] = counts.table[0x8001:0xFF80]
    situation = Situation(200_000, dtype="float32")
    asked = TAIL_COUNT.check(threshold=3.0, side="lower")
    right, wrong = (
        TAIL_COUNT.judge(c, situation, "pooled", **asked) for c in (counts, Counts(shifted, "float32"))
    )
    assert right.value == (x.data <= -3).sum()
    assert wrong.value != right.value


@pytest.mark.parametrize("lattice", list(LATTICES))
def test_every_lattice_in_every_container(lattice):
    """Perfect noise of 2^17 values passes, detected or declared; smallest p of 6 tests."""
    x = Lattice(lattice).round(np.random.default_rng(18).standard_normal((1, 2**17)))
    own = LATTICES[lattice]
    for values in (stored(x, own), as_values(x.astype(np.float32)), as_values(x)):
        assert judge(values, lattice=lattice).log_p > math.log(1e-8)


def test_collected_judged_and_put_into_a_finding():
    x = noise((2, 3, 8, 8), "bfloat16", 19)
    summary, situation = collect(CountsNeed(), x, Layout.resolve(None, x.shape), lattice="bf16")
    assert summary.table.sum() == x.size
    judgement = TAIL_COUNT.judge(summary, situation, "pooled", **TAIL_COUNT.check())
    finding = judged_finding(TAIL_COUNT, {}, judgement, "pooled")
    assert (finding.family, finding.view, finding.scope, finding.n) == ("marginal", "stored", "pooled", 384)
