"""Periodograms of fields: engines agree, and neither chunks nor the order of axes change the summary."""

from __future__ import annotations

import numpy as np
import pytest

from gausscheck.arrays import TensorValues, as_values
from gausscheck.collect import Setting, collector
from gausscheck.collect import fields as collect_fields
from gausscheck.engines.numba import NumbaEngine
from gausscheck.engines.numpy import NumpyEngine
from gausscheck.errors import ArgumentError
from gausscheck.layout import Layout
from gausscheck.needs import FieldsNeed
from gausscheck.summaries.frequency import frequency_bins

SHAPES = [(1,), (2,), (7,), (8,), (1, 8), (2, 2, 2), (3, 1, 4), (4, 6), (5, 9, 13), (32, 33)]


def engines():
    yield NumpyEngine(1)
    yield NumbaEngine(2)


def draw(shape, seed=1, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def plain(x, channel, channels):
    """The definition, bin by bin."""
    bins = frequency_bins(x.shape[1:])
    power = np.abs(np.fft.rfftn(x.astype(np.float64), axes=range(1, x.ndim))) ** 2 / bins.size
    power = power.reshape(x.shape[0], -1)
    pairs, own = power[:, bins.weight == 2], power[:, bins.weight == 1]
    by_channel = np.stack([power[channel == c].sum(axis=0) for c in range(channels)])
    flatness = np.log(pairs / pairs.mean(axis=1, keepdims=True)).sum(axis=1) if pairs.size else 0.0
    return by_channel, flatness, pairs.max(axis=1, initial=-np.inf), own.max(axis=1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("engine", list(engines()), ids=lambda e: e.name)
def test_ordinates_are_what_they_are_defined_as(engine, shape):
    channel = np.array([0, 1, 2, 0, 1, 2])
    x = draw((6, *shape))
    bins = frequency_bins(shape)
    got = engine.ordinates(x, bins, channel, 3)
    power, flatness, complex_peak, real_peak = plain(x, channel, 3)
    # float32 transforms: errors of some 1e-7 of the root mean square of an amplitude
    near = {"rtol": 1e-4, "atol": 1e-6}
    np.testing.assert_allclose(got.power, power, **near)
    np.testing.assert_allclose(got.flatness, np.broadcast_to(flatness, 6), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(got.complex_peak, complex_peak, **near)
    np.testing.assert_allclose(got.real_peak, real_peak, **near)
    total = np.sum(x.astype(np.float64) ** 2, axis=tuple(range(1, x.ndim)))
    for axis in range(-1, len(shape) if len(shape) > 1 else 0):
        held = [i for i, b in enumerate(bins.bands) if b.axis == axis]
        if held:
            mean = x.reshape(6, -1).astype(np.float64).sum(axis=1) ** 2 / bins.size
            np.testing.assert_allclose(got.bands[:, held].sum(axis=1), total - mean, **near)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_engines_agree(shape):
    channel = np.arange(5) % 2
    x = draw((5, *shape), dtype=np.float64)
    one, two = (e.ordinates(x, frequency_bins(shape), channel, 2, scale=2.0) for e in engines())
    for name in vars(one):
        np.testing.assert_allclose(
            getattr(one, name), getattr(two, name), rtol=1e-9, atol=1e-12, err_msg=name
        )


def test_torch_agrees():
    torch = pytest.importorskip("torch")
    from gausscheck.engines.torch.engine import TorchEngine

    for shape in SHAPES:
        x, channel = draw((4, *shape), dtype=np.float64), np.array([0, 1, 0, 1])
        one = NumpyEngine(1).ordinates(x, frequency_bins(shape), channel, 2)
        two = TorchEngine().ordinates(torch.tensor(x), frequency_bins(shape), channel, 2)
        for name in vars(one):
            np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-9, atol=1e-12)


def test_wrong_shapes_are_refused():
    for engine in engines():
        with pytest.raises(ArgumentError, match=r"shape \(2, 4, 6\), got float32 of shape \(2, 4, 5\)"):
            engine.ordinates(draw((2, 4, 5)), frequency_bins((4, 6)), np.zeros(2, np.int64), 1)
        with pytest.raises(ArgumentError, match="scale 0"):
            engine.ordinates(draw((2, 4, 6)), frequency_bins((4, 6)), np.zeros(2, np.int64), 1, scale=0)


def summary(x, layout, *, engine=None, chunks=1, values=None):
    values = as_values(x) if values is None else values
    resolved = Layout.resolve(layout, values.shape)
    setting = Setting(resolved, values.shape, values.dtype, engine or NumpyEngine(1))
    collecting = collector(FieldsNeed(), setting)
    rows = resolved.rows(values.data)
    for part in np.array_split(np.arange(len(rows)), chunks):
        collecting.take(part, values.like(rows[part[0] : part[-1] + 1]))
    return collecting.finish()


def same(a, b):
    np.testing.assert_allclose(a.power, b.power, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(a.bands.low, b.bands.low, rtol=1e-5)
    np.testing.assert_allclose(a.bands.high, b.bands.high, rtol=1e-5)
    assert (a.count, a.channels, a.shape) == (b.count, b.channels, b.shape)
    assert (a.complex_peak.field, a.complex_peak.place) == (b.complex_peak.field, b.complex_peak.place)
    assert (a.real_peak.field, a.real_peak.place) == (b.real_peak.field, b.real_peak.place)
    assert a.flatness.low_at == b.flatness.low_at
    assert a.flatness.total == pytest.approx(b.flatness.total, rel=1e-4)


def test_chunks_axes_and_stretches_are_invisible(monkeypatch):
    x = draw((5, 4, 12, 10))
    reference = summary(x, "b c h w")
    same(reference, summary(x, "b c h w", chunks=3))
    same(reference, summary(x, "b c h w", chunks=2, engine=NumbaEngine(2)))
    same(reference, summary(np.ascontiguousarray(np.moveaxis(x, 1, -1)), "b h w c"))
    same(reference, summary(np.moveaxis(x, 0, 2), "c h b w"))
    monkeypatch.setattr(collect_fields, "_STRETCH", 250)  # less than one sample: channels in groups
    same(reference, summary(x, "b c h w"))
    where = reference.place(7)
    assert where == {"sample": 1, "samples": 5, "channel": 3, "channels": 4}


def test_tensors_on_a_device_are_read_alike():
    torch = pytest.importorskip("torch")
    from gausscheck.engines.torch.engine import TorchEngine

    x = draw((3, 2, 6, 5))
    values = TensorValues(torch.tensor(x).permute(0, 2, 3, 1), "float32")
    same(summary(x, None), summary(None, "b h w c", engine=TorchEngine(), values=values))


def test_long_fields_are_cut(monkeypatch):
    x = draw((2, 1, 12, 10))
    monkeypatch.setattr(collect_fields, "LONGEST_FIELD", 50)
    cut = summary(x, "b c h w")
    pieces = np.ascontiguousarray(x.reshape(2, 1, 3, 4, 10).reshape(6, 1, 4, 10))
    whole = summary(pieces, "b c h w")
    np.testing.assert_allclose(cut.power, whole.power, rtol=1e-6)
    assert (cut.count, cut.shape, cut.pieces) == (6, (4, 10), 3)
    assert cut.place(4) == {"sample": 1, "samples": 2, "piece": 1, "pieces": 3}


def test_magnitudes_beyond_float32():
    for scale in (1e-200, 1e-20, 1e20, 1e200):
        x = draw((2, 1, 8, 8), dtype=np.float64)
        kept = summary(x * scale, "b c h w")
        assert np.all(np.isfinite(kept.power))
        if scale == 1e-20:
            np.testing.assert_allclose(kept.power, summary(x, "b c h w").power * scale**2, rtol=1e-5)


def test_a_planted_bug_is_seen():
    """Both bins of every pair counted: Parseval breaks."""
    bins = frequency_bins((4, 6))
    x = draw((3, 4, 6))
    got = NumpyEngine(1).ordinates(x, bins, np.zeros(3, np.int64), 1)
    total = np.sum(x.astype(np.float64) ** 2)
    assert got.power[0] @ bins.weight == pytest.approx(total, rel=1e-6)
    wrong = np.where(bins.weight == 0, 2, bins.weight)
    assert abs(got.power[0] @ wrong - total) > 0.01 * total
