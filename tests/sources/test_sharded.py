"""Tensors spread over shards, and indexes that lie."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sources.builders import info, safetensors_bytes

from gausscheck.errors import FileFormatError
from gausscheck.sources import open_source
from gausscheck.sources.sharded import shard_paths

INDEX = "model.safetensors.index.json"
A, B = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


def _write(folder: Path, index: Any = None) -> Path:
    (folder / A).write_bytes(safetensors_bytes({"x": info()}, np.array([1, 2], "<f4").tobytes()))
    (folder / B).write_bytes(safetensors_bytes({"y": info(), "z": info("I64", [], [8, 16])}, bytes(16)))
    whole = {"metadata": {"total_size": 24, "note": "a"}, "weight_map": {"y": B, "x": A, "z": B}}
    path = folder / INDEX
    path.write_text(json.dumps(whole if index is None else index))
    return path


def test_tensors_are_found_in_their_shards(tmp_path: Path) -> None:
    source = open_source(_write(tmp_path))
    assert source.format == "safetensors-index"
    assert source.metadata == {"total_size": "24", "note": "a"}
    assert [(e.key, e.path.name, e.testable) for e in source.entries] == [
        ("y", B, True),
        ("x", A, True),
        ("z", B, False),
    ]
    with source.open(source.entry("x")) as tensor:
        assert tensor.values.data.tolist() == [1.0, 2.0]


def test_shards_below_the_index_and_behind_links_are_read(tmp_path: Path) -> None:
    """Model caches consist of links that leave the folder; they were made by its owner, not by the file."""
    blobs, folder = tmp_path / "blobs", tmp_path / "snapshot"
    blobs.mkdir()
    (folder / "below").mkdir(parents=True)
    _write(blobs)
    (folder / "below" / A).symlink_to(blobs / A)
    path = folder / INDEX
    path.write_text(json.dumps({"weight_map": {"x": f"below/{A}"}}))
    assert [e.key for e in open_source(path).entries] == ["x"]


@pytest.mark.parametrize(
    "name",
    [
        "../secret.safetensors",
        "a/../../b",
        "/etc/passwd",
        "C:\\x",
        "C:x",
        "\\\\host\\share\\x",
        "..\\x",
        "\\x",
        "",
        ".",
        "a\0",
    ],
)
def test_names_that_leave_the_folder_are_refused(name: str, tmp_path: Path) -> None:
    path = _write(tmp_path, {"weight_map": {"x": name}})
    with pytest.raises(FileFormatError, match="points outside the index's folder; refused"):
        open_source(path)
    with pytest.raises(FileFormatError, match="points outside"):
        shard_paths(path)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (
            {"weight_map": {"x": "gone.safetensors"}},
            r"its shard cannot be read: .*gone.safetensors: does not exist",
        ),
        (
            {"weight_map": {"x": A, "w": A}},
            "the index places 'w' in 'model-00001-of-00002.safetensors', which does not",
        ),
        ({"weight_map": {"y": B}}, "holds 'z', which the index places elsewhere"),
        ({"weight_map": {"x": 3}}, "expected a weight_map"),
        ({"weight_map": [A]}, "expected a weight_map"),
        ({"metadata": {}}, "expected a weight_map .* got None"),
        ({"metadata": [], "weight_map": {"x": A}}, "metadata of the index must be an object"),
        ([A, B], "must be a JSON object, got list"),
    ],
)
def test_indexes_that_lie_are_refused(index: Any, message: str, tmp_path: Path) -> None:
    path = _write(tmp_path, index)
    with pytest.raises(FileFormatError, match=message) as caught:
        open_source(path)
    assert str(path) in str(caught.value)


def test_a_damaged_shard_is_named_with_its_index(tmp_path: Path) -> None:
    path = _write(tmp_path)
    (tmp_path / B).write_bytes((tmp_path / B).read_bytes()[:-1])
    with pytest.raises(FileFormatError, match=rf"{INDEX}: its shard cannot be read: .*{B}: .*cut short"):
        open_source(path)


def test_an_index_of_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / INDEX
    path.write_text("{'weight_map': {}}")
    with pytest.raises(FileFormatError, match="the index is not valid JSON"):
        open_source(path)


def test_an_index_too_large_to_be_one_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / INDEX
    with path.open("wb") as out:
        out.write(b"{")
        out.truncate(1 << 40)
    with pytest.raises(FileFormatError, match="over the limit of 100000000"):
        open_source(path)
