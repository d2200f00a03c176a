"""Shards whose seeds overlap in part hold some values twice."""

import numpy as np
import pytest

import gausscheck as gc
from gausscheck.merging import merge_shards


def shard(path, seeds, source="numpy:PCG64"):
    stream = gc.Stream(sample=128)
    stream.update(np.random.default_rng(len(str(path))).standard_normal(1280))
    stream.save(path, about={"source": source, "seeds": seeds})
    return path


@pytest.mark.parametrize(("one", "two"), [("1-8", "8-15"), ("8-15", "1-8"), ("1-8", "4-4"), ("4-4", "1-8")])
def test_seeds_that_overlap_in_part_are_refused(tmp_path, one, two):
    paths = [shard(tmp_path / "a.gcs", one), shard(tmp_path / "b.gcs", two)]
    with pytest.raises(gc.ArgumentError, match="from the same seed"):
        merge_shards(paths)


def test_seeds_that_touch_are_merged(tmp_path):
    paths = [shard(tmp_path / "a.gcs", "1-8"), shard(tmp_path / "b.gcs", "9-16")]
    assert merge_shards(paths).samples == 20


@pytest.mark.parametrize("seeds", ["1-8", "17-24"])
def test_another_source_is_refused_whatever_its_seeds(tmp_path, seeds):
    paths = [shard(tmp_path / "a.gcs", "1-8"), shard(tmp_path / "c.gcs", seeds, source="numpy:MT19937")]
    with pytest.raises(
        gc.ArgumentError, match=r"c\.gcs: was drawn by numpy:MT19937, and .*a\.gcs by numpy:P"
    ):
        merge_shards(paths)


@pytest.mark.parametrize("source", ["numpy:PCG64:float32", "numpy:PCG64:f32"])
def test_one_source_under_two_names_is_one(tmp_path, source):
    one = shard(tmp_path / "a.gcs", "1-8")
    assert merge_shards([one, shard(tmp_path / "b.gcs", "9-16", source=source)]).samples == 20
    with pytest.raises(gc.ArgumentError, match="from the same seed"):
        merge_shards([one, shard(tmp_path / "c.gcs", "8-8", source=source)])
