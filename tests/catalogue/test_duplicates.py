"""Duplicates: defects of generators, noise that passes, laws of units; what is distinct, what is shared."""

import math

import numpy as np
import pytest
from noise import noise

from gausscheck import ArgumentError, DataError, statistics
from gausscheck.arrays import as_values
from gausscheck.catalogue.duplicates import COARSEST, log_equal
from gausscheck.collect import collect
from gausscheck.collect.base import Setting
from gausscheck.collect.distinct import DistinctBlocks
from gausscheck.engines.numpy import NumpyEngine
from gausscheck.judging import Situation, Unasked
from gausscheck.lattice import Lattice, lattice_of_format
from gausscheck.layout import Layout
from gausscheck.needs import RepeatsNeed
from gausscheck.nulls.coincidence import log_collision
from gausscheck.sharing import shared
from gausscheck.summaries import repeats as counted

DUPLICATES = statistics["duplicates"]
UNITS = ("value", "block", "row", "channel", "frame", "sample")


def clean(shape=(6, 4, 20, 24), seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def repeats(x, unit, layout=None):
    return DUPLICATES.test(x, unit=unit, layout=layout)


def summary_of(x, layout=None):
    values = as_values(x)
    return collect(RepeatsNeed(), values, Layout.resolve(layout, values.shape), lattice=None)[0]


def test_a_repeated_sample():
    x = clean()
    x[4] = x[1]
    for unit, count, where in (
        ("sample", 1, {"samples": [1, 4]}),
        ("channel", 4, {"samples": [1, 4], "channels": [0, 0]}),
        ("row", 80, {"samples": [1, 4], "rows": [0, 0]}),
        ("block", 30, {"samples": [1, 4], "blocks": [0, 0]}),
        ("value", 1920, {}),
    ):
        finding = repeats(x, unit)
        assert finding.where == where
        assert finding.value == count or (unit == "value" and 0 <= finding.value - count <= 10)
        assert finding.log10_p < -12
        assert finding.effect.low < count / finding.extra["units"] < finding.effect.high
    assert repeats(x, "sample").extra == {"distinct": 5, "units": 6}


def test_half_a_sample():
    x = clean()
    x[3].ravel()[960:] = x[3].ravel()[:960]
    assert repeats(x, "channel").where == {"sample": 3, "channels": [0, 2]}
    assert repeats(x, "block").where == {"sample": 3, "blocks": [0, 15]}
    assert repeats(x, "sample").p_value == 1.0


def test_a_channel_copied_into_another_sample():
    for layout, shape, axis in (("b c h w", (6, 4, 20, 24), 1), ("b h w c", (6, 20, 24, 4), 3)):
        x = clean(shape)
        copied = np.moveaxis(x, axis, 1)
        copied[5, 2] = copied[0, 3]
        finding = repeats(x, "channel", layout)
        assert finding.where == {"samples": [0, 5], "channels": [3, 2]}
        assert finding.log10_p < -12


def test_frames_of_a_clip():
    x = clean((2, 3, 5, 8, 8))
    x[1, :, 4] = x[1, :, 0]
    assert repeats(x, "frame").where == {"sample": 1, "frames": [0, 4]}


def test_workers_with_one_seed():
    x = clean((4, 3, 16, 24))
    both = np.concatenate([x, x])
    assert repeats(both, "sample").value == 4
    assert repeats(both, "sample").where == {"samples": [0, 4]}


def test_rows_of_one_tensor():
    w = np.repeat(clean((1, 1, 512)), 18, axis=1)
    finding = repeats(w, "block")
    assert finding.where == {"blocks": [0, 8]}
    assert (finding.value, finding.extra) == (136.0, {"distinct": 8, "units": 144})
    assert repeats(w, "row").where == {"rows": [0, 1]}
    assert repeats(w, "channel", "b c w").where == {"channels": [0, 1]}


@pytest.mark.parametrize("n", [3000, 2**17, 10**6])
def test_every_value_twice(n):
    rng = np.random.default_rng(1)
    x = np.repeat(rng.standard_normal(n // 2).astype(np.float32), 2)
    rng.shuffle(x)
    finding = repeats(x, "value")
    assert finding.log10_p < -100
    assert finding.effect.low > 0.45
    assert repeats(x, "block").p_value == 1.0


def generators(n):
    rng = np.random.default_rng(2)
    yield "numpy float32", rng.standard_normal(n, dtype=np.float32)
    yield "numpy float64", rng.standard_normal(n)
    yield "float64 in float32", rng.standard_normal(n).astype(np.float32)
    yield "float32 in float64", rng.standard_normal(n, dtype=np.float32).astype(np.float64)
    from scipy.special import ndtri

    uniform = (rng.integers(0, 2**23, n) + 0.5) / 2**23
    yield "23 random bits", ndtri(uniform).astype(np.float32)
    u, v = rng.random((2, n // 2), dtype=np.float32)  # 24 bits each
    radius, angle = np.sqrt(-2 * np.log1p(-u)), np.float32(2 * np.pi) * v
    yield "Box-Muller of 24 bits", np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])


@pytest.mark.parametrize("n", [10_000, 2**18, 10**6])
def test_good_generators_pass(n):
    for name, x in generators(n):
        for unit in ("value", "block"):
            assert repeats(x, unit).p_value > 1e-3, (name, unit)


def test_torch_passes():
    torch = pytest.importorskip("torch")
    x = torch.randn(10**6, generator=torch.Generator().manual_seed(3))
    assert repeats(x, "value").p_value > 1e-3


def test_a_generator_of_16_bits_does_not_pass():
    from scipy.special import ndtri

    x = ndtri((np.random.default_rng(4).integers(0, 2**16, 20_000) + 0.5) / 2**16)
    assert repeats(x.astype(np.float32), "value").log10_p < -100


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_noise_of_every_format_passes(dtype):
    # 60 draws of 3 units; units of 16 and more values of the coarsest lattice are equal with 1e-19
    for seed in range(20):
        values = noise((8, 4, 8, 16), dtype, seed)
        for unit in ("block", "row", "channel", "sample"):
            finding = repeats(values, unit)
            assert (finding.value, finding.p_value) == (0.0, 1.0)
            assert finding.effect.high < 4 / finding.extra["units"]


def test_float32_on_a_lattice_is_not_asked_for_its_values():
    x = Lattice("bf16").round(clean((2, 4000))).astype(np.float32)
    situation = Situation(8000, samples=2, shape=(4000,), lattice="bf16", dtype="float32")
    assert DUPLICATES.judge(summary_of(x), situation, "pooled", unit="value") == Unasked()
    with pytest.raises(ArgumentError, match="tie anyway"):
        DUPLICATES.null(n=100, lattice="bf16", unit="value")
    with pytest.raises(DataError):
        repeats(x.astype(np.float16), "value")


def test_everything_may_be_equal():
    zeros = np.zeros((3, 4, 16, 20), np.float32)
    for unit in ("value", "block", "row", "channel", "sample"):
        finding = repeats(zeros, unit)
        assert finding.log10_p < -19
        assert math.isfinite(finding.log10_p)
        assert finding.extra["distinct"] == 1


def test_units_that_do_not_exist_are_not_asked():
    x = clean((300,))
    for unit in ("row", "channel", "frame", "sample"):
        with pytest.raises(DataError):
            repeats(x, unit)
    assert DUPLICATES.judge(None, Situation(10), "pooled", unit="block") == Unasked()
    assert "together" in DUPLICATES.judge(None, Situation(10), "sample", unit="block").reason
    with pytest.raises(ArgumentError, match="unit must be one of value, run, block"):
        repeats(x, "pixel")


@pytest.mark.parametrize("lattice", [None, "bf16", "fp8_e5m2"])
def test_the_law_of_units(lattice):
    options = {"n": 3 * 4 * 16 * 20, "samples": 5, "channels": 3, "shape": (4, 16, 20), "lattice": lattice}
    dtype = "float64"
    for unit, length, count in (
        ("block", 64, 300),
        ("row", 20, 960),
        ("channel", 1280, 15),
        ("frame", 960, 20),
        ("sample", 3840, 5),
    ):
        null = DUPLICATES.null(**options, unit=unit)
        equal = math.exp(max(length * log_collision(dtype, lattice), -700)) + 2.0**-64
        expected = math.log(count * (count - 1) / 2 * equal)
        assert null.log_mean == pytest.approx(expected, rel=1e-12)
        assert float(null.logsf(1)) == pytest.approx(expected, abs=1e-6)
    # of few values on a coarse lattice their own ties are what counts, not those of hashes
    assert log_equal(8, dtype, "fp8_e5m2", 1.0) == pytest.approx(
        8 * log_collision(dtype, "fp8_e5m2"), abs=1e-6
    )


def test_the_law_of_values():
    null = DUPLICATES.null(n=1000, samples=4, unit="value")
    assert null.mean == pytest.approx(4000 * 3999 / 2 * COARSEST)
    # of more than are kept, the fraction kept
    null = DUPLICATES.null(n=2**20, samples=1, unit="value")
    assert null.mean == pytest.approx(2**20 * (2**20 - 1) / 2 * COARSEST * counted.MOST_VALUES / 2**20)


def test_ties_of_equally_likely_values_follow_the_law():
    # values that tie as often as is granted: p-values at most uniform, 300 draws, 6 standard deviations
    rng = np.random.default_rng(5)
    p = np.array(
        [
            repeats((rng.integers(0, 2**22, 6000) / 2**22 + 0.5)[None], "value", "b w").p_value
            for _ in range(300)
        ]
    )
    for level in (0.3, 0.1, 0.01):
        assert np.mean(p <= level) <= level + 6 * math.sqrt(level / 300)
    assert np.mean(p < 1) > 0.2


def test_distinct_blocks():
    x = clean((6, 4, 16, 16))
    x[4] = x[1]
    x[2, 3] = x[2, 0]
    setting = Setting(Layout.resolve("b c h w", x.shape), x.shape, "float32", NumpyEngine())
    for chunks in ([6], [1] * 6, [2, 4]):
        distinct = DistinctBlocks(setting)
        parts, start = [], 0
        for k in chunks:
            rows = as_values(x[start : start + k].reshape(k, -1))
            parts += distinct.take(rows)
            start += k
        kept = np.concatenate([part.data.ravel() for part in parts])
        expected = np.delete(x.reshape(24, 256), [16, 17, 18, 19, 11], axis=0)
        np.testing.assert_array_equal(kept, expected.ravel())
        assert (distinct.length, distinct.total, distinct.new) == (64, x.size, expected.size)


def test_distinct_rows_where_channels_are_no_whole_blocks():
    x = clean((3, 4, 17, 19))
    x[2, 1] = x[0, 3]
    setting = Setting(Layout.resolve("b c h w", x.shape), x.shape, "float32", NumpyEngine())
    distinct = DistinctBlocks(setting)
    mask = distinct.mask(as_values(x.reshape(3, -1)))
    assert distinct.length == 19
    expected = np.ones((3, 4, 17), bool)
    expected[2, 1] = False
    np.testing.assert_array_equal(mask, expected.reshape(3, -1))


def test_short_last_blocks():
    x = clean((4, 1, 70))
    x[3] = x[0]
    setting = Setting(Layout.resolve("b c w", x.shape), x.shape, "float32", NumpyEngine())
    distinct = DistinctBlocks(setting)
    distinct.length = 64
    whole, short = distinct.take(as_values(x.reshape(4, 70)))
    np.testing.assert_array_equal(whole.data, x[:3, 0, :64])
    # six values may repeat by chance on a coarse lattice: they count as new
    np.testing.assert_array_equal(short.data, x[:, 0, 64:])
    assert distinct.new == 3 * 64 + 4 * 6


def test_many_chunks_of_distinct_blocks():
    rng = np.random.default_rng(6)
    numbers = rng.integers(0, 500, 2000)
    x = numbers[:, None] + np.arange(64) / 64
    setting = Setting(Layout.resolve("b w", x.shape), x.shape, "float64", NumpyEngine())
    distinct = DistinctBlocks(setting)
    mask = np.concatenate([distinct.mask(as_values(x[k : k + 7])) for k in range(0, 2000, 7)])
    first = np.zeros(2000, bool)
    first[np.unique(numbers, return_index=True)[1]] = True
    np.testing.assert_array_equal(mask[:, 0], first)


def test_what_two_tensors_share():
    x, y = clean(seed=7), clean(seed=8)
    assert all(fact.log_p > math.log(1e-3) for fact in shared(summary_of(x), summary_of(y)))
    y[3, 2] = x[1, 0]
    facts = {fact.kind: fact for fact in shared(summary_of(x), summary_of(y))}
    assert "sample" not in facts
    channel = facts["channel"]
    assert (channel.count, channel.first, channel.second) == (1, 24, 24)
    assert channel.places == ((1, 0), (3, 2))
    assert channel.log10_p < -12
    assert facts["row"].count == 20
    assert facts["value"].count >= 480
    same = {fact.kind: fact.count for fact in shared(summary_of(x[:1]), summary_of(x[:1]))}
    assert same["sample"] == 1


def test_scattered_values_are_shared_across_shapes_and_widths():
    rng = np.random.default_rng(9)
    x = rng.standard_normal(40_000).astype(np.float32)
    y = rng.standard_normal((500, 600))
    y.ravel()[rng.choice(y.size, 3000, replace=False)] = x[:3000]
    (fact,) = shared(summary_of(x), summary_of(y))
    # float64 of 300,000 values: one in four is kept
    assert fact.kind == "value"
    assert abs(fact.count - 750) < 6 * math.sqrt(750)
    # as many could be by chance at 23 random bits a value, but then each tensor would have ties of its own
    assert fact.log10_p == pytest.approx(math.log10(2e-9), abs=0.01)
    assert shared(summary_of(x), summary_of(y), lattices=(None, "bf16")) == []
    fresh = rng.standard_normal((500, 600)).astype(np.float32)
    assert all(fact.log_p > math.log(1e-3) for fact in shared(summary_of(x), summary_of(fresh)))


def test_constants_in_common_are_one_value():
    x, y = clean((3, 1000), 10), clean((3, 1000), 11)
    x[:, ::2] = 0
    y[:, ::2] = 0
    facts = shared(summary_of(x), summary_of(y))
    assert [(fact.kind, fact.count) for fact in facts if fact.log_p < math.log(1e-3)] == []


def test_lattices_widen_the_law():
    x = noise((4, 16), "float8_e4m3fn", 12)
    same = collect(RepeatsNeed(), x, Layout.resolve("b w", (4, 16)), lattice="fp8_e4m3")[0]
    widest = shared(same, same, lattices=("bf16", "fp8_e5m2"))[0]
    narrow = shared(same, same, lattices=("fp8_e4m3", "bf16"))[0]
    assert lattice_of_format(x.dtype) == "fp8_e4m3"
    assert (narrow.kind, narrow.count, narrow.length) == ("sample", 4, 16)
    for fact, lattice in ((widest, "fp8_e5m2"), (narrow, "fp8_e4m3")):
        mean = math.log(16) + log_equal(16, x.dtype, lattice, 1.0)
        assert fact.log_p == pytest.approx(4 * mean - math.log(24), abs=1e-6)
