"""Hints about stretches that repeat at a shift: periods, streams, crops that overlap; but not few levels."""

import numpy as np
import pytest

import gausscheck as gc


def normal(shape, seed):
    return np.random.default_rng([41, seed]).standard_normal(shape, dtype=np.float32)


def told(x, **options):
    tensor = gc.audit(x, permutations=0, **options).tensors[0]
    return tensor.verdict, tensor.hints


@pytest.mark.parametrize(
    ("period", "shape", "layout"),
    [(20_001, (2**16,), None), (9973, (8, 8192), "b w"), (10_001, (2, 4, 64, 64), None)],
)
def test_a_period_is_named(period, shape, layout):
    verdict, (hint, *others) = told(np.resize(normal(period, 1), shape), layout=layout)
    assert verdict == "fail"
    assert f"repeat with period {period:,d}:" in hint
    assert others == []


def test_workers_whose_streams_start_a_little_later():
    stream = normal(40_000, 2)
    x = np.stack([stream[37 * k : 37 * k + 16_384] for k in range(4)]).reshape(4, 4, 64, 64)
    _, (hint, *others) = told(x)
    # Each worker repeats most of the first.
    assert hint.startswith("75 % of the stretches of 16 values")
    assert "workers whose streams start at an offset" in hint
    assert others == []


def test_crops_that_overlap():
    big = normal((4, 160, 160), 3)
    corners = np.random.default_rng(3).integers(0, 96, (12, 2))
    x = np.stack([big[:, i : i + 64, j : j + 64] for i, j in corners])
    _, (hint, *others) = told(x)
    assert "crops that overlap" in hint
    assert others == []


def test_a_part_written_twice():
    x = normal(60_000, 4)
    x[40_123:50_123] = x[7:10_007]
    _, (hint, *_) = told(x)
    assert hint.startswith("17 % of the stretches of 16 values")
    assert "written twice" in hint


def test_few_levels_are_no_copies():
    # Runs of 16 values of so few levels are equal by chance: that is told of the levels.
    x = np.random.default_rng(5).integers(0, 4, 2**20).astype(np.float32) - 1.5
    tensor = gc.audit(0.7 * x, permutations=0).tensors[0]
    hints = tensor.hints
    # Of 4**16 runs of four values 2**20 take some twice.
    assert any(f.verdict == "fail" and f.parameters.get("unit") == "run" for f in tensor.findings)
    assert not any("copies" in hint or "period" in hint for hint in hints)


def test_copies_of_whole_units_are_told_as_such():
    x = normal((8, 4, 32, 32), 6)
    x[4:] = x[:4]
    _, (hint, *others) = told(x)
    assert "stacked twice" in hint
    assert others == []
    x = np.repeat(normal((2, 4, 32, 32), 7), 2, axis=2)
    _, (hint, *others) = told(x)
    assert "rows are bit-identical copies" in hint


def test_shifted_copies_in_two_tensors_are_told(tmp_path):
    x, y = normal((6, 4, 32, 32), 8), normal((3, 4, 48, 48), 9)
    y[1].ravel()[1000:5000] = x[2:4].ravel()[111:4111]
    for name, array in (("x", x), ("y", y)):
        np.save(tmp_path / f"{name}.npy", array)
    (line,) = gc.audit_files([tmp_path / "x.npy", tmp_path / "y.npy"]).shared
    (sample, place), (other, at) = line.places
    assert (line.kind, sample, other, at - place) == ("run", 2, 1, 1000 - 111)
    text = str(gc.audit_files([tmp_path / "x.npy", tmp_path / "y.npy"]))
    words = " ".join(text.split())
    assert "runs of 16 values compared, bit for bit" in words
    assert f"place {place} of sample 2 is place {at} of sample 1" in words
