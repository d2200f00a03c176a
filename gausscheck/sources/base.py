"""What every reader offers: a list of tensors known from the header alone, and lazy access to each."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from gausscheck.arrays import Values
from gausscheck.errors import ArgumentError, DataError, FileFormatError
from gausscheck.floats import FORMATS
from gausscheck.sources.regions import Region

__all__ = ["MAX_AXES", "Source", "Tensor", "TensorEntry", "describe", "make_entry", "size_in_bits"]

MAX_AXES = 32
_MAX_BYTES = 2**63 - 1
_UNTESTABLE = {
    "bool": "booleans, not floats",
    "complex": "complex values; save real and imaginary part as float arrays",
    "int": "integers, not floats",
    "uint": "integers, not floats",
    "float8_e8m0": "block scales (powers of two), not values",
    "float4": "sub-byte floats are not read; save it as float32",
    "float6": "sub-byte floats are not read; save it as float32",
    "float": "extended precision is not read; save it as float64",
    "structured": "a structured array; save each field as its own float array",
    "str": "text, not floats",
    "bytes": "bytes, not floats",
    "object": (
        "Python objects: needs pickle; gausscheck never unpickles untrusted data; save it as a float array"
    ),
    "void16": "untyped 2-byte items: bfloat16 loses its type in .npy; save it as float32, or as safetensors",
    "void8": "untyped 1-byte items: float8 loses its type in .npy; save it as float32, or as safetensors",
}


@dataclass(frozen=True)
class TensorEntry:
    """One tensor of a file, as its header describes it.

    Attributes
    ----------
    path : pathlib.Path
        File that holds the values.
    key : str
        Name inside the file; ``""`` where the file holds a single array.
    dtype : str
        Format name of :data:`gausscheck.floats.FORMATS`, or the file's own name (``int64``, ``bool`` …).
    shape : tuple of int
        Shape.
    nbytes : int
        Size of the values, uncompressed.
    testable : bool
        True where the values are floats that gausscheck can read.
    note : str
        Why the tensor is not testable or was left out; else ``""``.
    """

    path: Path
    key: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int
    testable: bool
    note: str = ""

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


def make_entry(path: Path, key: str, dtype: str, shape: tuple[int, ...], nbytes: int) -> TensorEntry:
    """Build the entry of a tensor and say whether, and if not why, it can be tested."""
    if dtype not in FORMATS:
        return TensorEntry(path, key, dtype, shape, nbytes, False, _why_untestable(dtype))
    if len(shape) > MAX_AXES:
        note = f"{len(shape)} axes; at most {MAX_AXES} are read"
        return TensorEntry(path, key, dtype, shape, nbytes, False, note)
    return TensorEntry(path, key, dtype, shape, nbytes, True)


def _why_untestable(dtype: str) -> str:
    stem = dtype.partition("_")[0].rstrip("0123456789")
    for name in (dtype, dtype.partition("_")[0], stem):
        if name in _UNTESTABLE:
            return _UNTESTABLE[name]
    return f"unknown type {dtype!r}"


def size_in_bits(shape: Sequence[int], bits: int, where: str) -> int:
    """Return ``bits * prod(shape)``, with every partial product of non-zero axes inside 63 bits of bytes.

    Raises
    ------
    FileFormatError
        If an axis is negative or no integer, or the size could not be addressed.
    """
    nonzero = 1
    for axis in shape:
        if type(axis) is not int or axis < 0:
            msg = f"{where}: the shape {list(shape)!r:.200} must hold non-negative integers"
            raise FileFormatError(msg)
        nonzero *= max(axis, 1)
        if nonzero * bits > 8 * _MAX_BYTES:
            msg = f"{where}: the shape {list(shape)!r:.200} overflows a 63-bit size; the header is damaged"
            raise FileFormatError(msg)
    return bits * math.prod(shape)


def describe(entries: Sequence[TensorEntry], limit: int = 20) -> str:
    """Return one line per entry, ``key  dtype [shape]``, at most `limit` of them, for error messages."""
    lines = [f"  {e.key!r}  {e.dtype} {list(e.shape)}" for e in entries[:limit]]
    if len(entries) > limit:
        lines.append(f"  ... and {len(entries) - limit} more")
    return "\n".join(lines)


class Tensor:
    """An open tensor: a read-only view of its values and a way to give touched memory back."""

    def __init__(self, region: Region, values: Values) -> None:
        self._region = region
        self._values: Values | None = values

    @property
    def values(self) -> Values:
        """The values; memory-mapped where the file allows it. Copies stay valid after closing, views too."""
        if self._values is None:
            msg = "the tensor is closed; use it inside the with block"
            raise ArgumentError(msg)
        return self._values

    def release(self) -> None:
        """Drop the pages touched so far from resident memory; views stay valid and read again on demand."""
        self._region.release()

    def close(self) -> None:
        """Let go of the data. Views still in use keep their memory alive until they die."""
        self._values = None
        self._region.close()


class Source(ABC):
    """A file of tensors. Making one reads and validates the header, never the data.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    format : str
        ``safetensors``, ``safetensors-index``, ``npy``, ``npz`` or ``torch``.
    metadata : Mapping[str, str]
        What the file says about itself.
    entries : tuple of TensorEntry
        All tensors, in file order.
    """

    format: ClassVar[str]

    def __init__(
        self, path: Path, entries: Sequence[TensorEntry], metadata: Mapping[str, str] | None = None
    ) -> None:
        self.path = path
        self.entries = tuple(entries)
        self.metadata: Mapping[str, str] = dict(metadata or {})
        self._by_key = {entry.key: entry for entry in self.entries}

    def entry(self, key: str) -> TensorEntry:
        """Return the entry called `key`, or raise :class:`~gausscheck.errors.ArgumentError` listing all."""
        try:
            return self._by_key[key]
        except KeyError:
            msg = f"{self.path}: no tensor {key!r}; it holds:\n{describe(self.entries)}"
            raise ArgumentError(msg) from None

    @contextmanager
    def open(self, entry: TensorEntry) -> Iterator[Tensor]:
        """Open one tensor for reading.

        Parameters
        ----------
        entry : TensorEntry
            One of :attr:`entries` (found by its key).

        Yields
        ------
        Tensor
            Valid inside the ``with`` block.

        Raises
        ------
        DataError
            If the entry is not testable.
        FileFormatError
            If the file changed since its header was read, or its data is damaged.
        """
        own = self.entry(entry.key)
        if not own.testable:
            msg = f"{self.path}: {own.key!r} ({own.dtype} {list(own.shape)}) cannot be tested: {own.note}"
            raise DataError(msg)
        tensor = self._load(own)
        try:
            yield tensor
        finally:
            tensor.close()

    @abstractmethod
    def _load(self, entry: TensorEntry) -> Tensor:
        """Map or decompress the values of a testable entry."""
