"""The collector of counts: any chunks, stretches, memory given back, all samples taken."""

from __future__ import annotations

import numpy as np
import pytest
from noise import FORMATS, noise

from gausscheck.arrays import as_values
from gausscheck.collect import collect, collector
from gausscheck.collect.base import Setting
from gausscheck.engines.numba import NumbaEngine
from gausscheck.engines.numpy import NumpyEngine
from gausscheck.layout import Layout
from gausscheck.needs import CountsNeed

ORACLE = NumpyEngine()


def setting(values, engine=ORACLE, release=lambda: None):
    return Setting(Layout.resolve("b w", values.shape), values.shape, values.dtype, engine, release=release)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("engine", [ORACLE, NumbaEngine(2)], ids=["numpy", "numba"])
@pytest.mark.parametrize("stretch", [1, 700, 10**6])
def test_any_chunks_and_stretches(dtype, engine, stretch, monkeypatch):
    monkeypatch.setattr("gausscheck.collect.counts._STRETCH", stretch)
    values = noise((9, 41 if stretch == 1 else 1001), dtype, 1)
    whole = ORACLE.counts(values)
    for step in (1, 4, 9):
        made = collector(CountsNeed(), setting(values, engine))
        assert made.whole
        for start in range(0, 9, step):
            block = values.like(values.data[start : start + step])
            made.take(np.arange(start, start + block.shape[0]), block)
        found = made.finish()
        assert found.dtype == dtype
        np.testing.assert_array_equal(found.table, whole.table)


def test_memory_is_given_back_after_each_stretch(monkeypatch):
    monkeypatch.setattr("gausscheck.collect.counts._STRETCH", 1000)
    seen, released = [], []

    class Watched(NumpyEngine):
        def counts(self, values):
            seen.append(values.size)
            return super().counts(values)

    for shape, stretches in (((1, 2500), 3), ((5, 400), 3), ((2500, 1), 3), ((3, 0), 0)):
        seen.clear()
        released.clear()
        values = noise(shape, "float32", 2)
        made = collector(CountsNeed(), setting(values, Watched(), lambda: released.append(len(seen))))
        made.take(np.arange(shape[0]), values)
        assert released == [*range(1, stretches + 1)]
        assert max(seen, default=0) <= 1000
        assert sum(seen) == values.size


def test_nothing_taken():
    made = collector(CountsNeed(), setting(noise((3, 7), "float16")))
    assert made.finish().table.sum() == 0


def test_of_an_array_with_holes_in_it():
    x = noise((4, 6, 50), "float32", 3).data
    x[2, 1, 7] = np.nan
    values = as_values(np.moveaxis(x, 1, 2))
    summary, situation = collect(CountsNeed(), values, Layout.resolve("b w c", values.shape), lattice=None)
    np.testing.assert_array_equal(summary.table, ORACLE.counts(as_values(x.reshape(1, -1))).table)
    assert (situation.samples, situation.channels, situation.shape) == (4, 6, (50,))
