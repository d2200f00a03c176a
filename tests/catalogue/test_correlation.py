"""Correlations of channels and of samples: the definition, any layout and chunk, defects, calibration."""

import dataclasses
import functools
import itertools
import math

import numpy as np
import pytest
from noise import noise, stored
from scipy.stats import kstest

from gausscheck import ArgumentError, DataError, statistics
from gausscheck.arrays import TensorValues, as_values
from gausscheck.catalogue import sample_correlation
from gausscheck.catalogue.channel_correlation import judged_correlation
from gausscheck.collect import collector
from gausscheck.collect import gram as collecting
from gausscheck.collect.base import Setting
from gausscheck.engines.numba import NumbaEngine
from gausscheck.engines.numpy import NumpyEngine
from gausscheck.judging import Judgement, Situation, Unasked
from gausscheck.layout import Layout
from gausscheck.needs import ChannelGramNeed, SampleGramNeed
from gausscheck.nulls.base import Grade
from gausscheck.summaries import gram
from gausscheck.summaries.gram import Correlated, Gram, SampleGram

CHANNEL, SAMPLE = statistics["channel_correlation"], statistics["sample_correlation"]
BOTH = pytest.mark.parametrize("statistic", [CHANNEL, SAMPLE], ids=["channel", "sample"])


def rows_by_definition(x, layout, statistic):
    """One row a channel, or a sample."""
    letters = layout.split()
    axis = letters.index("c" if statistic is CHANNEL else "b")
    return np.moveaxis(x.astype(np.float64), axis, 0).reshape(x.shape[axis], -1)


def largest_by_definition(rows):
    rows = rows / np.abs(rows).max(axis=1, keepdims=True)
    r = rows @ rows.T / np.sqrt(np.outer(np.sum(rows**2, axis=1), np.sum(rows**2, axis=1)))
    first, second = max(
        ((i, j) for i in range(len(rows)) for j in range(i + 1, len(rows))), key=lambda at: abs(r[at])
    )
    return r[first, second], [first, second]


LAYOUTS = [
    ((3, 5, 8, 9), "b c h w"),
    ((3, 8, 9, 5), "b h w c"),
    ((3, 2, 4, 6, 7), "b t c h w"),
    ((4, 3, 50), "c b w"),
    ((30, 4, 6), "w c b"),
]


@BOTH
@pytest.mark.parametrize(("shape", "layout"), LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_value(statistic, shape, layout, dtype, monkeypatch):
    values = noise(shape, dtype, 5)
    rows = rows_by_definition(values.decode(), layout, statistic)
    expected, pair = largest_by_definition(rows)
    for stretch in (2**21, 100, 17):
        monkeypatch.setattr(collecting, "_STRETCH", stretch)
        finding = statistic.test(values, layout=layout)
        # n products of float32 are added up in float32: a random walk of roundings, at most n of them
        assert finding.value == pytest.approx(expected, abs=1e-7 * math.sqrt(rows.shape[1]))
        key = "channels" if statistic is CHANNEL else "samples"
        assert finding.where == {key: pair}
        assert finding.n == rows.shape[1]
        pairs = len(rows) * (len(rows) - 1) // 2
        single = 2 * statistic_sf(abs(expected), rows.shape[1])
        assert finding.p_value == pytest.approx(1 - (1 - min(single, 1)) ** pairs, rel=1e-3)
        assert finding.effect.low < finding.value < finding.effect.high


def statistic_sf(r, n):
    from scipy.stats import t

    return t.sf(r * math.sqrt(n - 1) / math.sqrt(1 - r * r), n - 1)


@BOTH
@pytest.mark.parametrize("factor", [1e-38, 1e-20, 1e20, 1e30, -1e300])
def test_scale_does_not_matter(statistic, factor):
    x = np.random.default_rng(2).standard_normal((4, 3, 200))
    x *= np.array([1e-3, 1.0, 1e5])[:, np.newaxis]
    x[2] *= 100.0
    finding = statistic.test(x, layout="b c w")
    scaled = (x * factor).astype(np.float32 if abs(factor) < 1e31 and factor > 1e-30 else np.float64)
    other = statistic.test(scaled, layout="b c w")
    assert other.value == pytest.approx(finding.value, abs=3e-7)
    assert other.where == finding.where


@BOTH
def test_magnitudes_that_change_from_chunk_to_chunk(statistic, monkeypatch):
    monkeypatch.setattr(collecting, "_STRETCH", 600)
    x = np.random.default_rng(3).standard_normal((4, 3, 200))
    x[0] *= 1e200
    x[1] *= 1e-200
    expected, pair = largest_by_definition(rows_by_definition(x, "b c w", statistic))
    finding = statistic.test(x, layout="b c w")
    assert finding.value == pytest.approx(expected, abs=2e-6)
    assert list(finding.where.values()) == [pair]


def collected(need, x, layout, chunks, engine):
    values = as_values(x)
    setting = Setting(Layout.resolve(layout, x.shape), x.shape, values.dtype, engine)
    taking, start = collector(need, setting), 0
    rows = setting.layout.rows(x)
    for k in chunks:
        part = as_values(rows[start : start + k])
        if engine.name == "torch":
            import torch

            part = TensorValues(torch.from_numpy(np.array(part.data)), part.dtype)
        taking.take(np.arange(start, start + k), part)
        start += k
    return taking.finish()


def engines():
    yield NumpyEngine()
    yield NumbaEngine(2)
    try:
        from gausscheck.engines.torch.engine import TorchEngine
    except ImportError:
        return
    yield TorchEngine()


def test_chunks_and_engines_are_invisible():
    x = np.random.default_rng(4).standard_normal((7, 3, 8, 8)).astype(np.float32)
    for factor in (1.0, 1e30):
        y = x * np.float32(factor)
        channels = collected(ChannelGramNeed(), y, "b c h w", [7], NumpyEngine())
        samples = collected(SampleGramNeed(), y, "b c h w", [7], NumpyEngine())
        size = np.abs(channels.products).max()
        for engine in engines():
            for chunks in ([7], [1] * 7, [3, 4]):
                other = collected(ChannelGramNeed(), y, "b c h w", chunks, engine)
                np.testing.assert_array_equal(other.exponents, channels.exponents)
                # sums of 448 products of float32 in another order
                np.testing.assert_allclose(other.products, channels.products, atol=448 * 6e-8 * size)
                assert other.n == channels.n == 448
                found = collected(SampleGramNeed(), y, "b c h w", chunks, engine)
                assert (found.samples, found.size, found.complete) == (7, 192, True)
                ours, theirs = found.largest[192], samples.largest[192]
                assert ours.r == pytest.approx(theirs.r, abs=1e-6)
                assert dataclasses.replace(ours, r=0) == dataclasses.replace(theirs, r=0)


def test_merge_of_products_is_associative_and_commutative():
    rng = np.random.default_rng(5)
    parts = []
    for exponent in (0, 300, -900):
        x = rng.standard_normal((3, 40))
        parts.append(Gram(x @ x.T, np.full(3, exponent), 40))
    a, b, c = parts
    for merged in (a.merge(b).merge(c), a.merge(b.merge(c)), c.merge(a).merge(b)):
        np.testing.assert_allclose(merged.products, b.products, rtol=1e-13)
        np.testing.assert_array_equal(merged.exponents, [300] * 3)
        assert merged.n == 120
    with pytest.raises(ArgumentError, match="different rows"):
        a.merge(Gram(np.ones((2, 2)), np.zeros(2, np.int64), 4))


def test_the_largest_pair_among_many_rows():
    rng = np.random.default_rng(6)
    x = rng.standard_normal((700, 40))
    x[613] = -x[88]
    x[5] = 0.0
    found = Gram(x @ x.T, np.zeros(700, np.int64), 40).largest()
    assert (found.first, found.second) == (88, 613)
    assert found.r == pytest.approx(-1.0)
    assert found.pairs == 699 * 698 // 2
    assert Gram(np.eye(4), np.zeros(4, np.int64), 4).largest() == Correlated(0.0, 0, 1, 6)


def test_defects():
    x = np.random.default_rng(7).standard_normal((8, 4, 32, 32)).astype(np.float32)
    y = x.copy()
    y[6] = x[2]
    finding = SAMPLE.test(y)
    assert finding.where == {"samples": [2, 6]}
    assert finding.log10_p < -1000
    assert finding.value > 0.999999
    near = x.copy()
    near[5] = 0.3 * x[1] + math.sqrt(1 - 0.09) * x[5]
    finding = SAMPLE.test(near)
    assert finding.where == {"samples": [1, 5]}
    # r is 0.3 give or take 1/64 of 4096 values
    assert finding.log10_p < -50
    assert finding.effect.low < 0.3 < finding.effect.high
    negated = x.copy()
    negated[:, 3] = -x[:, 0]
    finding = CHANNEL.test(negated)
    assert (finding.where, finding.tail) == ({"channels": [0, 3]}, "lower")
    workers = np.concatenate([x[:4], x[:4]])
    assert SAMPLE.test(workers).where == {"samples": [0, 4]}
    for statistic in (CHANNEL, SAMPLE):
        assert statistic.test(x).p_value > 1e-4


def test_rows_of_zeros_have_no_correlation():
    x = np.random.default_rng(8).standard_normal((3, 4, 100))
    x[:, 1] = 0.0
    finding = CHANNEL.test(x, layout="b c w")
    assert 1 not in finding.where["channels"]
    x[:, 2:] = 0.0
    with pytest.raises(DataError, match="zero throughout"):
        CHANNEL.test(x, layout="b c w")
    constant = CHANNEL.test(np.ones((3, 4, 100)), layout="b c w")
    assert constant.value == pytest.approx(1.0)
    assert math.isfinite(constant.log10_p)


@BOTH
def test_where_there_is_nothing_to_compare(statistic):
    judge = statistic.judge
    assert judge(None, Situation(100), "pooled") == Unasked()
    assert "together" in judge(None, Situation(100), "sample").reason
    with pytest.raises(DataError):
        statistic.test(np.ones((1, 1, 50)), layout="b c w")
    short = judged_correlation(Correlated(0.5, 0, 1, 1), 4, "channels", Situation(8))
    assert "needs 8" in short.reason
    assert "2000 channels" in CHANNEL.judge(None, Situation(4000, channels=2000), "pooled").reason
    with pytest.raises(ArgumentError, match="no parameter"):
        statistic.test(np.ones((2, 2, 50)), layout="b c w", order=3)


def test_many_and_long_samples(monkeypatch):
    monkeypatch.setattr(gram, "_KEPT", 5000)
    x = np.random.default_rng(9).standard_normal((10, 4096)).astype(np.float32)
    x[7] = x[3]
    finding = SAMPLE.test(x)
    assert finding.where == {"samples": [3, 7]}
    assert finding.n == finding.extra["places"] == 500


@pytest.fixture
def groups_of_four(monkeypatch):
    for module in (gram, collecting, sample_correlation):
        monkeypatch.setattr(module, "GROUP", 4)
    monkeypatch.setattr(gram, "_KEPT", 2000)


@pytest.mark.usefixtures("groups_of_four")
def test_groups():
    x = np.random.default_rng(9).standard_normal((11, 4096)).astype(np.float32)
    x[7] = x[3]
    finding = SAMPLE.test(x)
    assert finding.extra["group"] == 4
    assert set(finding.where["samples"]) != {3, 7}
    x[6] = x[5]
    finding = SAMPLE.test(x)
    assert finding.where == {"samples": [5, 6]}
    assert finding.n == 64  # of later groups 4096 / 64 places are kept
    whole = collected(SampleGramNeed(), x, "b w", [11], NumpyEngine())
    # groups 0 and 1 are complete, and only the rows of the last are kept
    assert {n: pair.pairs for n, pair in whole.largest.items()} == {500: 6, 64: 6 + 3}
    assert list(whole.open) == [2]
    # the definition, at the places of each group
    r = {}
    for number, n in ((0, 500), (1, 64), (2, 64)):
        rows = x[4 * number : 4 * number + 4, collecting.places_of(4096, n)].astype(np.float64)
        value, (first, second) = largest_by_definition(rows)
        r[n] = max(
            r.get(n, (0.0,)), (value, first + 4 * number, second + 4 * number), key=lambda c: abs(c[0])
        )
    for n, (value, first, second) in r.items():
        assert whole.largest[n].r == pytest.approx(value, abs=1e-6)
        assert (whole.largest[n].first, whole.largest[n].second) == (first, second)


@pytest.mark.usefixtures("groups_of_four")
@pytest.mark.parametrize("cuts", [(3, 6), (1, 2), (4, 8), (5, 5), (2, 9)])
def test_parts_of_groups_merge_to_the_whole(cuts):
    x = np.random.default_rng(19).standard_normal((11, 4096)).astype(np.float32)
    whole = collected(SampleGramNeed(), x, "b w", [11], NumpyEngine())
    parts = []
    for start, stop in itertools.pairwise((0, *cuts, 11)):
        taking = collector(SampleGramNeed(), Setting(Layout(("b", "w")), x.shape, "float32", NumpyEngine()))
        taking.take(np.arange(start, stop), as_values(x[start:stop]))
        if start < stop:
            parts.append(taking.finish())
    for order in itertools.permutations(parts):
        merged = functools.reduce(lambda a, b: a.merge(b), order)
        assert (merged.samples, merged.complete) == (11, False)
        assert merged.largest.keys() == whole.largest.keys()
        for n, pair in whole.largest.items():
            assert dataclasses.replace(merged.largest[n], r=0) == dataclasses.replace(pair, r=0)
            assert merged.largest[n].r == pytest.approx(pair.r, abs=1e-6)
    for shift in (1, 9):
        moved = whole.shifted(shift)
        assert all(np.all(group.index // 4 == number) for number, group in moved.open.items())
        assert sum(group.index.size for group in moved.open.values()) == 3
    moved = whole.shifted(8)
    assert list(moved.open) == [4]
    assert moved.largest[64].first == whole.largest[64].first + 8


def test_groups_of_different_places_are_a_choice_that_is_paid_for():
    pair = Correlated(0.2, 0, 1, 10)
    alone = SAMPLE.judge(SampleGram(8192, 4096, {500: pair}), Situation(100), "pooled")
    beside = SampleGram(8192, 4096, {500: pair, 64: Correlated(0.01, 4100, 4101, 7)})
    both = SAMPLE.judge(beside, Situation(100), "pooled")
    assert (both.where, both.n) == (alone.where, 500)
    assert math.exp(both.log_p) == pytest.approx(1 - (1 - math.exp(alone.log_p)) ** 2, rel=1e-9)


def test_short_rows_of_coarse_values_are_not_asked():
    """Rows of 8 values of e5m2 are multiples of each other more often than the law of real numbers says."""
    for lattice, least in ((None, 8), ("bf16", 8), ("fp8_e4m3", 16), ("fp8_e5m2", 16)):
        situation = Situation(1000, lattice=lattice)
        found = Correlated(0.5, 0, 1, 1)
        assert isinstance(judged_correlation(found, least, "samples", situation), Judgement)
        short = judged_correlation(found, least - 1, "samples", situation)
        assert f"needs {least} values" in short.reason


def test_places_cover_every_column():
    for size, width in ((64 * 64, 64), (65536, 256), (1000, 10)):
        places = collecting.places_of(size, size)
        assert np.unique(places).size == size
        some = np.bincount(places[: 4 * width] % width, minlength=width)
        assert some.min() >= 1
        assert some.max() <= 8


def test_the_law_of_a_tensor():
    assert CHANNEL.null(n=3072, samples=5, channels=3, shape=(32, 32)).std == 1 / math.sqrt(5 * 1024)
    assert SAMPLE.null(n=3072, samples=5, channels=3, shape=(32, 32)).std == 1 / math.sqrt(3072)
    assert CHANNEL.null(n=96, channels=3, lattice="bf16").grade is Grade.EXACT
    assert CHANNEL.null(n=96, channels=3, lattice="fp8_e4m3").grade is Grade.ASYMPTOTIC


@BOTH
@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float8_e5m2"])
def test_p_values_of_noise_are_uniform(statistic, dtype):
    rng = np.random.default_rng(10)
    draws = stored(rng.standard_normal((600, 3, 4, 40)), dtype)
    p = [statistic.test(draws.like(x), layout="b c w").p_value for x in draws.data]
    # False alarm of this test: 1e-8. The union is exact for pairs that are independent, as these nearly are.
    assert kstest(p, "uniform").pvalue > 1e-8
    assert min(p) > 1e-8 / 600
