"""Reader of ``*.safetensors.index.json``: one set of tensors spread over several safetensors files."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from gausscheck.errors import FileFormatError
from gausscheck.sources.base import Source, Tensor, TensorEntry
from gausscheck.sources.regions import Stamp, opened
from gausscheck.sources.safetensors import MAX_HEADER, SafetensorsSource, load_json_object

__all__ = ["INDEX_ENDING", "ShardedSource", "shard_paths"]

INDEX_ENDING = ".safetensors.index.json"


class ShardedSource(Source):
    """The tensors that an index names, each read from its shard.

    Parameters
    ----------
    path : pathlib.Path
        The index; its ``weight_map`` maps each tensor to a file in the same folder or below.

    Raises
    ------
    FileFormatError
        If the index is malformed, points outside its folder, or disagrees with the shards.
    """

    format = "safetensors-index"

    def __init__(self, path: Path) -> None:
        index = _read_index(path)
        self._shard_of = {key: _shard_path(path, name) for key, name in index["weight_map"].items()}
        self._sources = {shard: _open_shard(path, shard) for shard in dict.fromkeys(self._shard_of.values())}
        held = {(s.path, entry.key): entry for s in self._sources.values() for entry in s.entries}
        entries = []
        for key, shard in self._shard_of.items():
            if (shard, key) not in held:
                msg = f"{path}: the index places {key!r:.200} in {shard.name!r:.200}, which does not hold it"
                raise FileFormatError(msg)
            entries.append(held.pop((shard, key)))
        for shard, key in held:
            msg = (
                f"{path}: its shard {shard.name!r:.200} holds {key!r:.200}, which the index places elsewhere"
            )
            raise FileFormatError(msg)
        metadata = index.get("metadata", {})
        texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in metadata.items()}
        super().__init__(path, entries, texts)

    def _load(self, entry: TensorEntry) -> Tensor:
        return self._sources[self._shard_of[entry.key]]._load(entry)


def _open_shard(index: Path, shard: Path) -> SafetensorsSource:
    try:
        return SafetensorsSource(shard)
    except FileFormatError as error:
        msg = f"{index}: its shard cannot be read: {error}"
        raise FileFormatError(msg) from error


def shard_paths(path: Path) -> set[Path]:
    """Return the files that the index at `path` names, validated to lie inside its folder."""
    return {_shard_path(path, name) for name in _read_index(path)["weight_map"].values()}


def _read_index(path: Path) -> dict[str, Any]:
    with opened(path) as file:
        size = Stamp.of(file).size
        if size > MAX_HEADER:
            msg = f"{path}: an index of {size} bytes is over the limit of {MAX_HEADER}"
            raise FileFormatError(msg)
        raw = file.read()
    index = load_json_object(path, raw, "index")
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(v, str) for v in weight_map.values()):
        msg = f"{path}: expected a weight_map from tensor names to file names, got {weight_map!r:.200}"
        raise FileFormatError(msg)
    if not isinstance(index.get("metadata", {}), dict):
        msg = f"{path}: the metadata of the index must be an object"
        raise FileFormatError(msg)
    return index


def _shard_path(index: Path, name: str) -> Path:
    # Judged by its spelling in both flavours: links are the owner's own (model caches consist of them).
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    outside = posix.is_absolute() or windows.drive or windows.root or ".." in (*posix.parts, *windows.parts)
    if outside or not posix.parts or "\0" in name:
        msg = f"{index}: the shard name {name!r:.200} points outside the index's folder; refused"
        raise FileFormatError(msg)
    return index.parent / posix
