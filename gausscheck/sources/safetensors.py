"""Reader of safetensors files (also ComfyUI's ``.latent``): validated header, lazily mapped data.

Layout: 8 bytes of little-endian header length, a JSON object
``{name: {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {str: str}}``, then the buffer,
which the tensors must cover from end to end without holes or overlaps.

Source: https://github.com/huggingface/safetensors (format section of the README).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gausscheck.arrays import Values
from gausscheck.errors import FileFormatError
from gausscheck.floats import float_format
from gausscheck.sources.base import Source, Tensor, TensorEntry, make_entry, size_in_bits
from gausscheck.sources.regions import Stamp, map_region, opened

__all__ = ["DTYPES", "MAX_HEADER", "SafetensorsSource", "load_json_object"]

MAX_HEADER = 100_000_000
_PREFIX = 8

# Name in the file: (name here, bits of a value).
DTYPES: Mapping[str, tuple[str, int]] = {
    "F64": ("float64", 64),
    "F32": ("float32", 32),
    "F16": ("float16", 16),
    "BF16": ("bfloat16", 16),
    "F8_E4M3": ("float8_e4m3fn", 8),
    "F8_E5M2": ("float8_e5m2", 8),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", 8),
    "F8_E5M2FNUZ": ("float8_e5m2fnuz", 8),
    "F8_E8M0": ("float8_e8m0", 8),
    "F6_E2M3": ("float6_e2m3", 6),
    "F6_E3M2": ("float6_e3m2", 6),
    "F4": ("float4_e2m1", 4),
    "C64": ("complex64", 64),
    "BOOL": ("bool", 8),
    "I8": ("int8", 8),
    "U8": ("uint8", 8),
    "I16": ("int16", 16),
    "U16": ("uint16", 16),
    "I32": ("int32", 32),
    "U32": ("uint32", 32),
    "I64": ("int64", 64),
    "U64": ("uint64", 64),
}


@dataclass(frozen=True)
class _Span:
    begin: int
    end: int
    key: str


class SafetensorsSource(Source):
    """A safetensors file.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Raises
    ------
    FileFormatError
        If the header is damaged, hostile, or disagrees with the size of the file.
    """

    format = "safetensors"

    def __init__(self, path: Path) -> None:
        with opened(path) as file:
            self._stamp = Stamp.of(file)
            size = self._stamp.size
            length = _header_length(path, file.read(_PREFIX), size)
            header = load_json_object(path, file.read(length), "header")
        metadata = _metadata(path, header.pop("__metadata__", {}))
        self._data_start = _PREFIX + length
        self._spans: dict[str, _Span] = {}
        entries = [self._entry(path, key, info) for key, info in header.items()]
        _check_cover(
            path, sorted(self._spans.values(), key=lambda s: (s.begin, s.end)), size - self._data_start
        )
        super().__init__(path, entries, metadata)

    def _entry(self, path: Path, key: str, info: Any) -> TensorEntry:
        where = f"{path}: tensor {key!r:.200}"
        if not isinstance(info, dict) or not {"dtype", "shape", "data_offsets"} <= info.keys():
            msg = f"{where}: expected an object with dtype, shape and data_offsets, got {info!r:.200}"
            raise FileFormatError(msg)
        dtype, shape, offsets = info["dtype"], info["shape"], info["data_offsets"]
        if not isinstance(dtype, str):
            msg = f"{where}: the dtype must be a string, got {dtype!r:.200}"
            raise FileFormatError(msg)
        if not isinstance(shape, list):
            msg = f"{where}: the shape must be a list, got {shape!r:.200}"
            raise FileFormatError(msg)
        if not isinstance(offsets, list) or len(offsets) != 2 or not all(_is_offset(o) for o in offsets):
            msg = f"{where}: data_offsets must be two non-negative integers, got {offsets!r:.200}"
            raise FileFormatError(msg)
        begin, end = offsets
        if end < begin:
            msg = f"{where}: data_offsets are reversed ({begin} to {end})"
            raise FileFormatError(msg)
        self._spans[key] = _Span(begin, end, key)
        # A type this version does not know says nothing about its size, but its axes must still be sane.
        if dtype not in DTYPES:
            size_in_bits(shape, 1, where)
            note = f"unknown type {dtype!r:.50}; this version cannot read it"
            return TensorEntry(path, key, dtype, tuple(shape), end - begin, False, note)
        name, bits = DTYPES[dtype]
        total = size_in_bits(shape, bits, where)
        if total != 8 * (end - begin):
            msg = (
                f"{where}: {dtype} {shape!r:.200} is {total} bits, but data_offsets span {end - begin} bytes"
            )
            raise FileFormatError(msg)
        return make_entry(path, key, name, tuple(shape), end - begin)

    def _load(self, entry: TensorEntry) -> Tensor:
        span = self._spans[entry.key]
        where = f"{self.path}: tensor {entry.key!r}"
        with opened(self.path, self._stamp) as file:
            region = map_region(file, self._data_start + span.begin, span.end - span.begin, where)
        container = float_format(entry.dtype).container
        return Tensor(region, Values(region.array(container, entry.shape), entry.dtype))


def _header_length(path: Path, prefix: bytes, size: int) -> int:
    if size == 0:
        msg = f"{path}: the file is empty (0 bytes); it was never written, write it anew"
        raise FileFormatError(msg)
    if len(prefix) < _PREFIX:
        msg = f"{path}: {size} bytes are too few for a safetensors file, which begins with an 8-byte length"
        raise FileFormatError(msg)
    length = int.from_bytes(prefix, "little")
    if length > MAX_HEADER:
        msg = (
            f"{path}: claims a header of {length} bytes, over the limit of {MAX_HEADER}; "
            "it is not a safetensors file, or it is damaged"
        )
        raise FileFormatError(msg)
    if _PREFIX + length > size:
        msg = f"{path}: the header of {length} bytes does not fit the file of {size} bytes; it is cut short"
        raise FileFormatError(msg)
    return length


def load_json_object(path: Path, raw: bytes, what: str) -> dict[str, Any]:
    """Parse strict JSON text that must be one object: no repeated names, no NaN, no stray surrogates.

    Parameters
    ----------
    path : pathlib.Path
        The file, for messages.
    raw : bytes
        UTF-8 text.
    what : str
        What the text is, for messages.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        msg = f"{path}: the {what} is not UTF-8 text (byte {error.start}); the file is damaged"
        raise FileFormatError(msg) from error
    try:
        # ValueError covers bad JSON, refused constants, repeated names and absurdly long integers.
        parsed = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
        # JSON may escape half of a surrogate pair: a string that can be neither printed nor written.
        if "\\u" in text:
            json.dumps(parsed, ensure_ascii=False).encode("utf-8")
    except RecursionError as error:
        msg = f"{path}: the {what} is nested too deeply; the file is damaged or hostile"
        raise FileFormatError(msg) from error
    except ValueError as error:
        msg = f"{path}: the {what} is not valid JSON ({error!s:.200}); the file is damaged"
        raise FileFormatError(msg) from error
    if not isinstance(parsed, dict):
        msg = f"{path}: the {what} must be a JSON object, got {type(parsed).__name__}"
        raise FileFormatError(msg)
    return parsed


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        name, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        msg = f"the name {name!r:.200} is repeated"
        raise ValueError(msg)
    return result


def _refuse_constant(name: str) -> None:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _metadata(path: Path, value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        msg = f"{path}: __metadata__ must map strings to strings, got {value!r:.200}"
        raise FileFormatError(msg)
    return value


def _is_offset(value: Any) -> bool:
    return type(value) is int and value >= 0


def _check_cover(path: Path, spans: list[_Span], available: int) -> None:
    """Tensors, in order of their offsets, must cover the buffer exactly once."""
    position = 0
    for span in spans:
        if span.begin != position:
            how = "overlaps the tensor before it" if span.begin < position else "leaves a hole before it"
            msg = f"{path}: tensor {span.key!r:.200} {how} (begins at {span.begin}, expected {position})"
            raise FileFormatError(msg)
        position = span.end
    if position > available:
        msg = f"{path}: the tensors need {position} bytes but the file holds {available}; it is cut short"
        raise FileFormatError(msg)
    if position < available:
        msg = f"{path}: {available - position} trailing bytes after the last tensor; the file is damaged"
        raise FileFormatError(msg)
