"""Streams: the report of any number of pieces is that of one array; parts merge to the whole."""

import functools
import itertools
import math

import numpy as np
import pytest
from noise import stored

import gausscheck as gc

# Spectra are of float32, transformed in other batches: 1e-7 each; p-values of the worst of many follow.
ROUNDING = 1e-6


def noise(shape, seed):
    return np.random.default_rng(seed).standard_normal(shape)


def facts(report):
    """Report as plain data, without what depends on the clock."""
    data = report.to_dict()
    del data["elapsed_s"]
    return data


def differences(a, b, at=""):
    """Places where two trees differ by more than rounding."""
    if isinstance(a, dict):
        return [d for key in {**a, **b} for d in differences(a.get(key), b.get(key), f"{at}/{key}")]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return [d for k, (x, y) in enumerate(zip(a, b, strict=True)) for d in differences(x, y, f"{at}/{k}")]
    if isinstance(a, float) and isinstance(b, (int, float)):
        return [] if math.isclose(a, b, rel_tol=ROUNDING, abs_tol=ROUNDING) else [(at, a, b)]
    return [] if a == b else [(at, a, b)]


def in_pieces(stream, values, rng, most):
    start = 0
    while start < len(values):
        step = int(rng.integers(0, most))
        stream.update(values[start : start + step])
        start += step
    return stream


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_single_values_are_the_array_of_samples(dtype):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((40, 512)).astype(dtype)
    stream = in_pieces(gc.Stream(sample=512), x.ravel(), rng, 3000)
    assert (stream.n, stream.samples, stream.held, stream.ranges) == (x.size, 40, 0, ((0, 40),))
    assert differences(facts(stream.report()), facts(gc.audit(x))) == []
    # Going on after a report changes nothing of it.
    more = rng.standard_normal((3, 512)).astype(dtype)
    stream.update(more.ravel())
    assert differences(facts(stream.report()), facts(gc.audit(np.concatenate((x, more))))) == []


@pytest.mark.parametrize("layout", [None, "c b h w", "b h w c"])
def test_samples_of_any_layout(layout):
    x = noise((7, 7, 6, 5), seed=2).astype(np.float32)
    axis = 0 if layout is None else layout.split().index("b")
    stream = gc.Stream(layout=layout)
    for part in np.split(x, [2, 3], axis=axis):
        stream.update(part)
    assert differences(facts(stream.report()), facts(gc.audit(x, layout=layout))) == []


def test_an_array_without_samples_is_one():
    x = noise((4, 3, 16, 16), seed=3)
    stream = gc.Stream()
    stream.update(x[:3])
    stream.update(x[3])
    assert differences(facts(stream.report()), facts(gc.audit(x))) == []


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn"])
def test_tensors_of_torch(dtype):
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(noise((6000,), seed=4)).to(getattr(torch, dtype))
    stream = gc.Stream(sample=500)
    for start in range(0, 6000, 700):
        stream.update(x[start : start + 700])
    assert differences(facts(stream.report()), facts(gc.audit(x.reshape(12, 500)))) == []


def test_defects_are_placed_as_in_the_array():
    x = noise((30, 4, 8, 8), seed=5).astype(np.float32)
    x[21] = x[4]
    x[9, 2] *= 3
    x[17, 1, 2, 3] = np.nan
    stream = gc.Stream(battery="thorough")
    for part in np.split(x, [1, 8, 20]):
        stream.update(part)
    ours, theirs = facts(stream.report()), facts(gc.audit(x, battery="thorough"))
    assert ours["verdict"] == "fail"

    def order_and_place(data):
        return {
            (f["statistic"], str(f["parameters"]), f["scope"]): f
            for f in data["tensors"][0]["findings"]
            if f["family"] not in ("moments", "marginal") or f["scope"] == "sample"
        }

    # The marginal law of an array with copies is that of its distinct values: a stream cannot look again.
    compared = order_and_place(theirs)
    assert len(compared) > 30
    for key, finding in order_and_place(ours).items():
        same = {k: v for k, v in compared[key].items() if k not in ("adjusted_p", "verdict")}
        assert differences({k: finding[k] for k in same}, same) == []
    assert any("copies too" in line for line in ours["tensors"][0]["untested"])


def parts_of(x, cuts, **options):
    parts = []
    for start, stop in itertools.pairwise((0, *cuts, len(x))):
        part = gc.Stream(sample=x.shape[1], first=start, **options)
        part.update(x[start:stop].ravel())
        parts.append(part)
    return parts


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_seven_uneven_parts_in_any_order_are_the_whole(dtype, tmp_path):
    rng = np.random.default_rng(6)
    x = stored(rng.standard_normal((90, 400)), dtype)
    whole = gc.Stream(sample=400)
    whole.update(x.like(x.data.ravel()))
    expected = facts(whole.report())
    cuts = np.sort(rng.choice(np.arange(1, 90), 6, replace=False)).tolist()
    parts = []
    for start, stop in itertools.pairwise((0, *cuts, 90)):
        part = gc.Stream(sample=400, first=start)
        part.update(x.like(x.data[start:stop].ravel()))
        part.save(tmp_path / f"{start}.gcs")
        parts.append(gc.Stream.load(tmp_path / f"{start}.gcs"))
    for _ in range(3):
        order = rng.permutation(7)
        merged = functools.reduce(lambda a, b: a.merge(b), [parts[k] for k in order])
        assert merged.ranges == ((0, 90),)
        assert differences(facts(merged.report()), expected) == []
        # Counts are equal exactly, not to rounding.
        ours, theirs = merged.kept(), whole.kept()
        for need, summary in theirs.summaries.items():
            if hasattr(summary, "table"):
                np.testing.assert_array_equal(ours.summaries[need].table, summary.table)
        assert int(ours.pooled.moments.n) == 36000


def test_associative():
    x = noise((40, 256), seed=7).astype(np.float32)
    a, b, c = parts_of(x, (5, 33))
    assert differences(facts(a.merge(b).merge(c).report()), facts(a.merge(b.merge(c)).report())) == []


def test_parts_with_the_same_numbers_are_different_samples():
    x = noise((12, 512), seed=8).astype(np.float32)
    one, two = gc.Stream(sample=512), gc.Stream(sample=512)
    one.update(x[:7].ravel())
    two.update(x[7:].ravel())
    both = one.merge(two)
    assert both.ranges == ((0, 12),)
    report = both.report().tensors[0]
    assert (report.n, report.shape) == (12 * 512, (12, 512))
    assert report.verdict == "pass"


def test_parts_without_numbers_are_compared_with_each_other():
    """A component that machines share is in the samples of all parts: as in one stream."""
    rng = np.random.default_rng(21)
    x = rng.standard_normal((12, 4096))
    x[9] = 0.5 * x[2] + math.sqrt(0.75) * x[9]
    whole = gc.Stream(sample=4096)
    whole.update(x.ravel())
    one, two = gc.Stream(sample=4096), gc.Stream(sample=4096)
    one.update(x[:7].ravel())
    two.update(x[7:].ravel())
    found = [
        next(f for f in stream.report().findings if f.statistic == "sample_correlation")
        for stream in (whole, one.merge(two))
    ]
    assert [f.where for f in found] == [{"samples": [2, 9]}] * 2
    assert found[0].log_p == pytest.approx(found[1].log_p, rel=1e-6)
    assert found[1].verdict == "fail"


def test_the_same_noise_from_two_machines_is_found():
    x = noise((20, 512), seed=9).astype(np.float32)
    one, two = gc.Stream(sample=512), gc.Stream(sample=512)
    one.update(x.ravel())
    two.update(x.ravel())
    worst = one.merge(two).report().findings[0]
    assert (worst.statistic, worst.verdict) == ("duplicates", "fail")


@pytest.mark.parametrize("other", [3, None, np.zeros(9)])
def test_only_streams_merge(other):
    with pytest.raises(gc.ArgumentError, match=r"got a \w+; give values to update"):
        gc.Stream().merge(other)


def test_a_part_merges_once(tmp_path):
    part = gc.Stream(sample=64)
    part.update(noise((640,), seed=10))
    part.save(tmp_path / "early.gcs")
    part.update(noise((640,), seed=11))
    early = gc.Stream.load(tmp_path / "early.gcs")
    for one, two in ((early, part), (part, early), (part, part)):
        with pytest.raises(gc.ArgumentError, match="every part once"):
            one.merge(two)


def test_a_loaded_stream_goes_on(tmp_path):
    x = noise((30, 300), seed=12).astype(np.float32)
    stream = gc.Stream(sample=300)
    stream.update(x[:11].ravel())
    stream.save(tmp_path / "s.gcs", about={"source": "here"})
    again = gc.Stream.load(tmp_path / "s.gcs")
    assert (again.about, again.samples, again.ranges) == ({"source": "here"}, 11, ((0, 11),))
    again.update(x[11:].ravel())
    assert differences(facts(again.report()), facts(gc.audit(x))) == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"battery": "quick"}, "battery: standard and quick"),
        ({"reference": "scale=2"}, "reference: standard and scale=2"),
        ({"seed": 3}, "seed: 0 and 3"),
        ({"sample": 32}, "shape of a sample: 64 and 32"),
    ],
)
def test_streams_of_different_kinds_do_not_merge(options, named):
    one, two = gc.Stream(sample=64), gc.Stream(**{"sample": 64, **options})
    for stream in (one, two):
        stream.update(noise((640,), seed=13))
    with pytest.raises(gc.ArgumentError, match=named):
        one.merge(two)


def test_other_formats_do_not_merge():
    one, two = gc.Stream(sample=64), gc.Stream(sample=64)
    one.update(noise((640,), seed=13))
    two.update(noise((640,), seed=13).astype(np.float32))
    with pytest.raises(gc.ArgumentError, match="storage format: float64 and float32"):
        one.merge(two)


def test_what_does_not_belong_is_refused_and_loses_nothing():
    x = noise((20, 64), seed=14).astype(np.float32)
    stream = gc.Stream(sample=64)
    stream.update(x.ravel())
    before = facts(stream.report())
    for wrong, message in (
        (x.ravel().astype(np.float64), "storage format float32, these have float64"),
        (np.arange(10), "integers"),
        (x.reshape(4, 5, 64), "layout b w, these have b c h w"),
        (np.zeros((0, 3, 64), np.float32), "holds no values|layout"),
    ):
        with pytest.raises(gc.DataError, match=message):
            stream.update(wrong)
    stream.update(x[:0].ravel())
    assert facts(stream.report()) == before


def test_few_values():
    stream = gc.Stream()
    with pytest.raises(gc.DataError, match="no values"):
        stream.report()
    x = noise((100,), seed=15)
    stream.update(x[:5])
    with pytest.raises(gc.DataError, match="at least 8"):
        stream.report()
    stream.update(x[5:])
    assert differences(facts(stream.report()), facts(gc.audit(x))) == []
    with pytest.raises(gc.DataError, match="no full sample"):
        stream.save("nowhere.gcs")


def test_values_that_wait_are_told_and_kept():
    x = noise((1000,), seed=16)
    stream = gc.Stream(sample=300)
    given = x.copy()
    stream.update(given)
    given[:] = np.nan  # whoever gave the values may change them
    assert (stream.n, stream.samples, stream.held) == (1000, 3, 100)
    report = stream.report().tensors[0]
    assert report.n == 900
    assert "100 values of a sample that is not full" in report.untested
    stream.update(noise((200,), seed=17))
    assert stream.report().tensors[0].verdict == "pass"


@pytest.mark.parametrize("name", ["sample", "first"])
@pytest.mark.parametrize("value", [-1, 2.5, True, "9"])
def test_options_are_checked(name, value):
    with pytest.raises(gc.ArgumentError, match=f"{name} must be an integer"):
        gc.Stream(**{name: value})


@pytest.mark.parametrize("alpha", [0, 1, -3, math.nan])
def test_levels_are_checked(alpha):
    stream = gc.Stream()
    stream.update(noise((100,), seed=18))
    with pytest.raises(gc.ArgumentError, match="between 0 and 1"):
        stream.report(alpha=alpha)


def test_a_planted_bug_is_seen(monkeypatch):
    """Samples numbered from 0 in every update: places and permutations are wrong."""
    x = noise((20, 4, 8, 8), seed=19).astype(np.float32)
    x[17, 2] *= 4

    def fault(self, block):
        if self._gathering is None:
            self._begin(block.device)
        self._gathering.take(0, block)

    monkeypatch.setattr(gc.Stream, "_take", fault)
    stream = gc.Stream()
    for part in np.split(x, 4):
        stream.update(part)
    assert differences(facts(stream.report()), facts(gc.audit(x)))


@pytest.mark.slow
def test_memory_is_bounded():
    """Ten times the values: what is kept is no larger (all parts have reached their bounds)."""
    import pickle

    rng = np.random.default_rng(20)
    stream, sizes = gc.Stream(battery="generator"), []
    for k in range(1, 1001):
        stream.update(rng.standard_normal(2**20, dtype=np.float32))
        if k in (300, 600, 1000):
            sizes.append(len(pickle.dumps(stream.kept())))
    assert max(sizes) < 1.6 * min(sizes)
    assert max(sizes) < 250 * 2**20
    assert stream.report().verdict != "fail"
