"""What evidence over runs takes in: sums of values, no seed twice."""

import hashlib
import json

import numpy as np
import pytest

import gausscheck as gc
from gausscheck.arrays import as_values
from gausscheck.engines.numpy import NumpyEngine
from gausscheck.errors import ArgumentError, DataError, FileFormatError


def test_seeds_are_kept_in_order_and_count_once(tmp_path):
    drift = gc.Drift("noise")
    rng = np.random.default_rng(5)
    for first, beyond in ((10, 12), (2, 3), (12, 15), (3, 4)):
        x = rng.standard_normal((1, 50))
        moments = NumpyEngine().one_pass(as_values(x)).moments
        drift = drift.update(moments, seeds=((first, beyond),))
    assert drift.seeds == ((2, 4), (10, 15))
    drift.save(tmp_path / "d.json")
    assert gc.Drift.load(tmp_path / "d.json") == drift
    for again in ((14, 20), (0, 3), (5, 11), (2, 4)):
        with pytest.raises(DataError, match="do not count twice"):
            drift.update(moments, seeds=(again,))
    other = gc.Drift("noise").update(moments, seeds=((14, 15),))
    with pytest.raises(DataError, match="seed 14"):
        drift.merge(other)
    text = (tmp_path / "d.json").read_text()
    for forged in ("[[4, 2]]", "[[2, 4], [4, 5]]", "[[2.0, 4]]", "[[2]]", "[3]"):
        content = {**json.loads(text), "seeds": json.loads(forged)}
        del content["sha256"]
        content["sha256"] = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        (tmp_path / "f.json").write_text(json.dumps(content))
        with pytest.raises(FileFormatError, match="seeds"):
            gc.Drift.load(tmp_path / "f.json")


def test_values_are_not_taken_for_their_sums():
    with pytest.raises(ArgumentError, match=r"got a ndarray; observe\(\) takes values"):
        gc.Drift("noise").update(np.zeros(100))
