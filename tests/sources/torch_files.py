"""Builders of files of torch.save, sound or crafted: archives around a pickle that asks for anything."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from typing import Any

import torch
from sources.builders import npz_bytes

from gausscheck.sources.torch_load import LEGACY_MAGIC

PROTOCOL_VERSION = 1001
HEAD = b"\x80\x02" + LEGACY_MAGIC


def saved(content: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def legacy(content: Any) -> bytes:
    return saved(content, _use_new_zipfile_serialization=False)


class Call:
    """Pickles as a call: whoever unpickles it without restraint makes it."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


class Storage:
    """Pickles as a reference to the storage `key`, said to hold `count` values."""

    def __init__(self, count: int, kind: Any = None, key: str = "0") -> None:
        self.id = ("storage", kind or torch.FloatStorage, key, "cpu", count)


def pickled(content: Any, storage_tail: tuple[Any, ...] = ()) -> bytes:
    class Pickler(pickle.Pickler):
        def persistent_id(self, thing: Any) -> Any:
            return (*thing.id, *storage_tail) if isinstance(thing, Storage) else None

    buffer = io.BytesIO()
    Pickler(buffer, protocol=2).dump(content)
    return buffer.getvalue()


def crafted(content: Any, data: bytes = b"", order: bytes = b"little") -> bytes:
    """An archive whose pickle is `content`, or of it; its storage 0 holds `data`."""
    text = content if isinstance(content, bytes) else pickled(content)
    members = {"data.pkl": text, "byteorder": order, "data/0": data, "version": b"3\n"}
    return npz_bytes({f"archive/{name}": member for name, member in members.items()}, zipfile.ZIP_STORED)


def crafted_legacy(content: Any, count: int, data: bytes = b"") -> bytes:
    """A file of the older format, whose one storage of float32 says that it holds `count` values."""
    head = [HEAD, pickle.dumps(PROTOCOL_VERSION, 2), pickle.dumps({"little_endian": True}, 2)]
    tail = [pickled(content, (None,)), pickle.dumps(["0"], 2), count.to_bytes(8, "little"), data]
    return b"".join(head + tail)


def rebuilt(
    count: int, shape: tuple[int, ...], stride: tuple[int, ...], offset: int = 0, kind: Any = None
) -> Call:
    """A tensor as torch.save writes it, with any numbers."""
    arguments = (Storage(count, kind), offset, shape, stride, False, {})
    return Call(torch._utils._rebuild_tensor_v2, *arguments)


def with_attributes(tensor: Call, attributes: dict[str, Any]) -> Call:
    """A tensor on which the file sets attributes."""
    function, arguments = tensor.call
    return Call(torch._tensor._rebuild_from_type_v2, function, torch.Tensor, arguments, attributes)


def system(command: str) -> Call:
    return Call(os.system, command)
