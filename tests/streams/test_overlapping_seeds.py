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
    other = shard(tmp_path / "c.gcs", "1-8", source="numpy:MT19937")
    assert merge_shards([*paths, other]).samples == 30
