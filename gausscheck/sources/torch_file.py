"""Reader of files written by ``torch.save`` (``.pt``, ``.pth``): tensors in nested containers, by their path.

Values of the zip format are seen through torch's own memory map. Files of the format before PyTorch 1.6 are
read whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gausscheck.arrays import as_values
from gausscheck.errors import FileFormatError
from gausscheck.sources.base import Source, Tensor, TensorEntry, make_entry
from gausscheck.sources.regions import Region, Stamp, opened
from gausscheck.sources.torch_load import guarded, import_torch, load

__all__ = ["TorchSource", "stored_bytes"]

_DEEPEST = 100
# Where torch's name of a type differs from that of safetensors, which the notes go by.
_NAMES = {"float8_e8m0fnu": "float8_e8m0", "float4_e2m1fn_x2": "float4_e2m1"}


@dataclass(frozen=True)
class _Leaf:
    """A tensor, or what stands in a container in its place; `note` says why it is not followed further."""

    key: str
    value: Any
    note: str = ""


class TorchSource(Source):
    """A file of ``torch.save``: a tensor, or nested dicts, lists and tuples of tensors.

    A bare tensor has the key ``""``. In containers, names and indices are joined by dots, as in
    ``state.latents.0``. What is no tensor is listed, and says so in its note.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Raises
    ------
    FileFormatError
        If torch is not installed, or cannot read the file without running code from it; or if two tensors
        have the same path, or one claims values that the file does not hold.
    """

    format = "torch"

    def __init__(self, path: Path) -> None:
        with opened(path) as file:
            self._stamp = Stamp.of(file)
        content = load(path)
        with opened(path, self._stamp):
            pass
        self._tensors: dict[str, Any] = {}
        entries: dict[str, TensorEntry] = {}
        with guarded(path):
            torch = import_torch(path)
            for leaf in _leaves(content, torch, path):
                if leaf.key in entries:
                    msg = (
                        f"{path}: two values are called {leaf.key!r:.200} once names are joined by dots; "
                        "rename one and save it anew"
                    )
                    raise FileFormatError(msg)
                entries[leaf.key] = self._entry(leaf, torch, path)
        super().__init__(path, list(entries.values()))

    def _entry(self, leaf: _Leaf, torch: Any, path: Path) -> TensorEntry:
        if not isinstance(leaf.value, torch.Tensor):
            return _plain_entry(leaf, path)
        # A detached tensor has none of the attributes that a file may have put over the methods of this one.
        tensor = torch.Tensor.detach(leaf.value)
        entry = _tensor_entry(tensor, leaf.key, torch, path, self._stamp.size)
        if entry.testable:
            self._tensors[leaf.key] = tensor
        return entry

    def _load(self, entry: TensorEntry) -> Tensor:
        with opened(self.path, self._stamp), guarded(self.path):
            values = as_values(self._tensors[entry.key])
        values.data.flags.writeable = False
        # The map belongs to torch and lives as long as a view of it: there is no page to give back here.
        return Tensor(Region(memoryview(b""), 0, 0), values)


def _tensor_entry(tensor: Any, key: str, torch: Any, path: Path, file_size: int) -> TensorEntry:
    dtype = str(tensor.dtype).removeprefix("torch.")
    dtype = _NAMES.get(dtype, dtype)
    if tensor.is_nested:
        return TensorEntry(path, key, dtype, (), 0, False, "a nested tensor; save its parts as a list")
    shape = tuple(int(length) for length in tensor.shape)
    count = math.prod(shape)
    nbytes = count * tensor.element_size()
    unreadable = _unreadable(tensor, torch)
    if unreadable:
        return TensorEntry(path, key, dtype, shape, nbytes, False, unreadable)
    where = f"{path}: tensor {key!r:.200}"
    held = stored_bytes(tensor, shape, where, file_size)
    if nbytes > held:
        stored = held // tensor.element_size()
        note = f"an expanded view that repeats {stored} stored values to {count}; save those stored"
        return TensorEntry(path, key, dtype, shape, held, False, note)
    return make_entry(path, key, dtype, shape, nbytes)


def _unreadable(tensor: Any, torch: Any) -> str:
    if tensor.is_meta:
        return "a tensor of the meta device, without values; save it from a device that holds them"
    if tensor.layout is not torch.strided:
        layout = str(tensor.layout).removeprefix("torch.")
        return f"a tensor of layout {layout}; save its .to_dense()"
    if tensor.is_quantized:
        return "a quantised tensor; save its .dequantize()"
    return ""


def stored_bytes(tensor: Any, shape: tuple[int, ...], where: str, file_size: int) -> int:
    """Return the bytes of a tensor's storage, which must hold its last value and come from the file."""
    storage = tensor.untyped_storage()
    held, offset, strides = int(storage.nbytes()), int(tensor.storage_offset()), tensor.stride()
    if held > file_size:
        msg = f"{where}: claims {held} bytes of a file of {file_size}; the file is damaged or hostile"
        raise FileFormatError(msg)
    if 0 in shape:
        return held
    last = offset + sum((length - 1) * step for length, step in zip(shape, strides, strict=True))
    end = (last + 1) * tensor.element_size()
    if min(offset, *strides, 0) < 0 or end > held or storage.data_ptr() == 0:
        msg = f"{where}: reaches to byte {end} of {held} stored ones; the file is damaged or hostile"
        raise FileFormatError(msg)
    return held


def _plain_entry(leaf: _Leaf, path: Path) -> TensorEntry:
    value = leaf.value
    kind = type(value).__name__
    sized = isinstance(value, (dict, list, tuple, set, str, bytes, bytearray))
    note = leaf.note or ("None, not a tensor" if value is None else f"a Python {kind}, not a tensor")
    return TensorEntry(path, leaf.key, kind, (len(value),) if sized else (), 0, False, note)


def _leaves(content: Any, torch: Any, path: Path) -> Iterator[_Leaf]:
    """Walk nested containers in order, each once; on a stack of its own, for a file may nest without end."""
    # The key of a container, once it is entered. Objects stay alive, so that their ids stay theirs.
    entered: dict[int, str] = {}
    pending: list[tuple[str, Any, int]] = [("", content, 0)]
    while pending:
        key, node, depth = pending.pop()
        if not isinstance(node, (dict, list, tuple)):
            yield _Leaf(key, node)
            continue
        # Of empty tuples Python has but one.
        if not node:
            yield _Leaf(key, node, f"an empty {type(node).__name__}")
            continue
        if id(node) in entered:
            yield _Leaf(key, node, f"the same {type(node).__name__} as {entered[id(node)]!r:.200}")
            continue
        entered[id(node)] = key
        children = _children(node)
        if not any(isinstance(child, (torch.Tensor, dict, list, tuple)) for _, child in children):
            yield _Leaf(key, node, f"a {type(node).__name__} without tensors")
            continue
        if depth == _DEEPEST:
            msg = (
                f"{path}: containers are nested more than {_DEEPEST} deep at {key!r:.80}; the file is hostile"
            )
            raise FileFormatError(msg)
        for name, child in reversed(children):
            _check_text(name, path)
            pending.append((f"{key}.{name}" if depth else name, child, depth + 1))


def _children(node: Any) -> list[tuple[str, Any]]:
    if not isinstance(node, dict):
        return [(str(index), child) for index, child in enumerate(node)]
    # Of an OrderedDict too: a file may have put something over its own items().
    return [(_name(key), child) for key, child in dict.items(node)]


def _name(key: Any) -> str:
    if isinstance(key, str):
        return key
    return str(key) if isinstance(key, (int, float)) else f"({type(key).__name__})"


def _check_text(name: str, path: Path) -> None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        msg = f"{path}: the name {name!r:.200} is no valid text; the file is damaged"
        raise FileFormatError(msg) from error
