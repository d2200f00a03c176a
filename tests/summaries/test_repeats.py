"""Units and their hashes: each kind by its definition, any order of axes, any cutting into chunks; merges."""

import dataclasses
from collections import Counter
from math import prod

import numpy as np
import pytest

from gausscheck.arrays import TensorValues, as_values
from gausscheck.collect import repeats, runs
from gausscheck.collect.base import Setting
from gausscheck.collect.units import kinds_of
from gausscheck.engines.base import mix
from gausscheck.engines.numba import NumbaEngine
from gausscheck.engines.numpy import NumpyEngine
from gausscheck.errors import ArgumentError
from gausscheck.layout import Layout
from gausscheck.needs import RepeatsNeed
from gausscheck.summaries.repeats import Units

ENGINE = NumpyEngine()


def setting_of(x, layout, engine=ENGINE):
    return Setting(Layout.resolve(layout, x.shape), x.shape, as_values(x).dtype, engine)


def collected(x, layout, chunks=None, engine=ENGINE):
    """Summary of `x`, taken in chunks of so many samples."""
    setting = setting_of(x, layout, engine)
    collecting = repeats.collector(RepeatsNeed(), setting)
    rows = setting.layout.rows(x)
    start = 0
    for k in chunks or [len(rows)]:
        part = as_values(rows[start : start + k])
        collecting.take(np.arange(start, start + k), part)
        start += k
    assert start == len(rows)
    return collecting.finish()


def units_by_definition(x, layout):
    """Values of every unit, by kind, with its place."""
    layout = Layout.resolve(layout, x.shape)
    letters = [letter for letter in layout.letters if letter != "b"]
    rows = layout.rows(x)
    samples = rows.reshape(len(rows), *(n for n, a in zip(x.shape, layout.letters, strict=True) if a != "b"))
    found = {
        "block": [row[k : k + 64] for row in rows for k in range(0, row.size - 63, 64)],
        "sample": list(rows),
    }
    for name, letter in (("channel", "c"), ("frame", "t")):
        if letter in letters:
            axis = letters.index(letter)
            found[name] = [np.take(s, k, axis).ravel() for s in samples for k in range(s.shape[axis])]
    found["run"] = [row[k : k + 16] for row in rows for k in range(row.size - 15) if row.size >= 32]
    found["row"] = list(samples.reshape(-1, samples.shape[-1]))
    return found


LAYOUTS = [
    ((2, 3, 8, 32), "b c h w"),
    ((2, 3, 17, 17), "b c h w"),
    ((2, 17, 17, 3), "b h w c"),
    ((2, 6, 48, 16), "b h w c"),
    ((2, 3, 5, 48), "b c h w"),
    ((3, 2, 4, 7, 20), "b c t h w"),
    ((3, 4, 2, 7, 20), "b t c h w"),
    ((2, 5, 30, 4), "b c w t"),
    ((4, 3, 2, 40), "t c b w"),
    ((2, 5, 4, 3, 6), "b t h w c"),
    ((3, 200), "b w"),
    ((300,), "w"),
    ((5, 96), "c w"),
    ((4, 64, 32), "b c w"),
    ((2, 2, 3, 4), "b c h w"),
    ((1, 18, 512), "b c w"),
    ((6, 1000), "b w"),
]


@pytest.mark.parametrize(("shape", "layout"), LAYOUTS)
@pytest.mark.parametrize("stretch", [2**21, 640, 64])
def test_units_by_definition(shape, layout, stretch, monkeypatch):
    monkeypatch.setattr(repeats, "_STRETCH", stretch)
    monkeypatch.setattr(repeats, "_LONG_RUN", stretch // 4)
    monkeypatch.setattr(runs, "_STRETCH", stretch)
    x = np.random.default_rng(0).standard_normal(shape)
    summary = collected(x, layout)
    expected = units_by_definition(x, layout)
    kinds = {kind.name: kind for kind in kinds_of(Layout.resolve(layout, shape), shape)}
    for name, units in summary.units.items():
        values = expected[name]
        assert units.count == len(values)
        assert {v.size for v in values} == {units.length}
        hashes = mix(ENGINE.hashes(as_values(np.stack(values)), units.length)[:, 0])
        order = np.argsort(units.places)
        kept = np.flatnonzero(hashes < 2**60) if name == "run" else np.arange(len(values))
        np.testing.assert_array_equal(units.places[order], kept, err_msg=name)
        np.testing.assert_array_equal(units.hashes[order], hashes[kept], err_msg=name)
    assert set(kinds) | {"block", "run"} >= set(summary.units)
    # What is left out is too short, alone, or one of the others by another name.
    for name, values in expected.items():
        if name not in summary.units:
            same = any(units.length == values[0].size for units in summary.units.values()) if values else True
            alone = len(values) < 2 or (name == "block" and prod(shape) // len(values) <= 64)
            assert same or alone or values[0].size < 16 or name in ("block", "run")


def check_chunks(collect):
    x = np.random.default_rng(1).standard_normal((7, 3, 5, 40)).astype(np.float32)
    x[4] = x[1]
    x[6, 2] = x[0, 1]
    whole = collect(x, "b c h w", [7])
    for chunks in ([1] * 7, [3, 4], [6, 1]):
        parts = collect(x, "b c h w", chunks)
        for name, units in whole.units.items():
            np.testing.assert_array_equal(np.sort(units.hashes), np.sort(parts.units[name].hashes))
            assert units.first_pair == parts.units[name].first_pair
            assert units.repeats == parts.units[name].repeats
        for field in dataclasses.fields(whole.values):
            np.testing.assert_array_equal(
                getattr(whole.values, field.name), getattr(parts.values, field.name)
            )


@pytest.mark.parametrize("engine", [ENGINE, NumbaEngine(1), NumbaEngine(2)])
def test_chunks_and_engines_are_invisible(engine):
    check_chunks(lambda x, layout, chunks: collected(x, layout, chunks, engine))
    x = np.random.default_rng(2).standard_normal((2, 3, 70, 70)).astype(np.float32)
    left, right = collected(x, "b c h w"), collected(x, "b c h w", engine=engine)
    for name, units in left.units.items():
        np.testing.assert_array_equal(units.hashes, right.units[name].hashes)
    np.testing.assert_array_equal(left.values.values, right.values.values)


def test_a_chunk_that_is_lost_is_seen():
    def forgetful(x, layout, chunks):
        return collected(x if len(chunks) == 1 else x[: sum(chunks) - 1], layout)

    with pytest.raises(AssertionError):
        check_chunks(forgetful)


def test_a_tensor_is_collected_where_it_is(monkeypatch):
    torch = pytest.importorskip("torch")
    from gausscheck.engines.torch.engine import TorchEngine

    x = np.random.default_rng(3).standard_normal((3, 6, 7, 4)).astype(np.float32)
    expected = collected(x, "b h w c")
    setting = setting_of(x, "b h w c", TorchEngine())
    collecting = repeats.collector(RepeatsNeed(), setting)
    rows = TensorValues(torch.from_numpy(x).reshape(3, -1), "float32")
    collecting.take(np.arange(3), rows)
    summary = collecting.finish()
    for name, units in expected.units.items():
        np.testing.assert_array_equal(units.hashes, summary.units[name].hashes)
    np.testing.assert_array_equal(expected.values.values, summary.values.values)
    np.testing.assert_array_equal(expected.values.counts, summary.values.counts)


def test_merge_is_associative_and_commutative():
    x = np.random.default_rng(4).standard_normal((6, 300)).astype(np.float32)
    x[5] = x[0]
    setting = setting_of(x, "b w")
    parts = []
    for k in range(0, 6, 2):
        collecting = repeats.collector(RepeatsNeed(), setting)
        collecting.take(np.arange(k, k + 2), as_values(x[k : k + 2]))
        parts.append(collecting.finish())
    a, b, c = parts
    whole = collected(x, "b w")
    for merged in (a.merge(b).merge(c), a.merge(b.merge(c)), c.merge(a).merge(b)):
        assert (merged.samples, merged.values.total, merged.values.repeats) == (6, 1800, whole.values.repeats)
        np.testing.assert_array_equal(merged.values.counts, whole.values.counts)
        for name, units in whole.units.items():
            np.testing.assert_array_equal(np.sort(merged.units[name].hashes), np.sort(units.hashes))
            assert merged.units[name].first_pair == units.first_pair
            assert merged.units[name].count == units.count
    assert whole.units["sample"].first_pair == (0, 5)
    with pytest.raises(ArgumentError, match="float64"):
        a.merge(collected(x.astype(np.float64), "b w"))


def test_bounded_fractions_keep_equal_things_together(monkeypatch):
    monkeypatch.setattr(repeats, "MOST_HASHES", 100)
    monkeypatch.setattr(repeats, "MOST_VALUES", 1000)
    x = np.random.default_rng(5).standard_normal((8, 64 * 100))
    x[7] = x[2]
    summary = collected(x.astype(np.float32), "b w")
    blocks = summary.units["block"]
    assert (blocks.halvings, blocks.count) == (3, 800)
    # 700 distinct blocks, 100 of them twice, one in 8 kept: within 6 standard deviations of 12.5 and 100
    assert abs(blocks.repeats - 12.5) < 6 * np.sqrt(12.5)
    assert abs(blocks.kept - 100) < 6 * np.sqrt(100 + 25)
    first, second = blocks.first_pair
    assert second - first == 5 * 100
    sketch = summary.values
    assert sketch.halvings == 6
    expected = 8 * 6400 / 64
    assert abs(sketch.kept - expected) < 6 * np.sqrt(1.25 * expected)
    twice = Counter(sketch.counts.tolist())[2]
    assert abs(twice - 100) < 6 * 10
    thin = sketch.thinned(8)
    assert np.isin(thin.values, sketch.values).all()
    np.testing.assert_array_equal(sketch.merge(thin).values, thin.values)
    np.testing.assert_array_equal(sketch.merge(thin).counts, 2 * thin.counts)
    assert blocks.thinned(0) is blocks


def test_the_sketch_counts_as_a_table_does():
    x = np.random.default_rng(6).integers(-3, 4, (5, 100)).astype(np.float64)
    sketch = collected(x, "b w").values
    table = Counter((x + 0.0).ravel().tolist())
    assert dict(zip(sketch.values.tolist(), sketch.counts.tolist(), strict=True)) == dict(
        sorted(table.items())
    )
    assert sketch.tied_pairs == sum(c * (c - 1) / 2 for c in table.values())
    assert sketch.repeats == 500 - len(table)
    assert sketch.single
    assert not collected(x + 1e-12, "b w").values.single
    assert collected(x.astype(np.float16), "b w").values is None


def test_whole_numbers_are_known_as_such():
    x = np.random.default_rng(8).standard_normal((2, 500)).astype(np.float32)
    assert collected(np.rint(1000 * x), "b w").values.whole
    assert not collected(1000 * x, "b w").values.whole
    assert not collected(np.ones_like(x), "b w").values.whole
    # float32 has no others of that size
    assert np.all(np.rint(1e12 * x) == 1e12 * x)
    assert not collected(1e12 * x, "b w").values.whole


def test_nothing_taken_is_no_summary():
    x = np.zeros((3, 40), np.float32)
    assert repeats.collector(RepeatsNeed(), setting_of(x, "b w")).finish() is None


def test_one_long_sample_needs_little_memory(monkeypatch):
    asked = []

    class Watching(NumpyEngine):
        def hashes(self, values, length):
            asked.append(values.size)
            return super().hashes(values, length)

        def runs(self, values, length, halvings):
            asked.append(values.size - length + 1)
            return super().runs(values, length, halvings)

    released = []
    x = np.random.default_rng(7).standard_normal(100_000).astype(np.float32)
    for shape, layout in (
        ((4, 25_000), "c w"),
        ((25_000, 4), "w c"),
        ((100_000,), "w"),
        ((10, 4, 2500), "t c w"),
    ):
        monkeypatch.setattr(repeats, "_STRETCH", 6400)
        monkeypatch.setattr(runs, "_STRETCH", 6400)
        setting = dataclasses.replace(
            setting_of(x.reshape(shape), layout, Watching()), release=lambda: released.append(1)
        )
        collecting = repeats.collector(RepeatsNeed(), setting)
        collecting.take(np.arange(1), as_values(x.reshape(1, -1)))
        cut = collecting.finish()
        assert max(asked) <= 6400
        assert len(released) >= 15
        asked.clear()
        released.clear()
        monkeypatch.undo()
        whole = collected(x.reshape(shape), layout)
        for name, units in whole.units.items():
            np.testing.assert_array_equal(np.sort(cut.units[name].hashes), np.sort(units.hashes))


@pytest.mark.parametrize("units", [0, 1, 2, 3, 5000])
def test_repeated_hashes_are_those_that_sorting_finds(units):
    rng = np.random.default_rng(9)
    hashes = mix(rng.integers(0, 4 * units + 1, units).astype(np.uint64))
    kept = Units(64, max(units, 1), units, 0, hashes, rng.permutation(units))
    table = Counter(hashes.tolist())
    expected = sorted(p for p, h in zip(kept.places.tolist(), hashes.tolist(), strict=True) if table[h] > 1)
    assert kept.repeated[1].tolist() == expected
    assert kept.repeats == units - len(table)
    assert (kept.first_pair is None) == (len(table) == units)
    # and of a fraction, whose upper bits are all zero
    thin = kept.thinned(3)
    assert thin.repeats == thin.kept - len(set(thin.hashes.tolist()))
