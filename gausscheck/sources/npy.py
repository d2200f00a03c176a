"""Reader of ``.npy`` files, versions 1 to 3; and of their headers, for archives of them.

Source: the format description in :mod:`numpy.lib.format`.
"""

from __future__ import annotations

import io
import tokenize
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from gausscheck.arrays import Values
from gausscheck.errors import FileFormatError
from gausscheck.sources.base import Source, Tensor, TensorEntry, make_entry, size_in_bits
from gausscheck.sources.regions import Region, Stamp, map_region, opened, spool

__all__ = ["MAGIC", "ArrayHeader", "NpySource", "array_entry", "array_tensor", "read_header"]

MAGIC = b"\x93NUMPY"
# Header text is evaluated as a Python literal; NumPy's own default limit for untrusted files.
_MAX_HEADER = 10_000
_LENGTH_BYTES = {(1, 0): 2, (2, 0): 4, (3, 0): 4}
# What ast.literal_eval, tokenize and numpy.dtype raise on text that is no header.
_BAD_HEADER = (
    ValueError,
    TypeError,
    SyntaxError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    MemoryError,
    RecursionError,
    tokenize.TokenError,
)


@dataclass(frozen=True)
class ArrayHeader:
    """What the header of an array says.

    Attributes
    ----------
    dtype : numpy.dtype
        Type, in the byte order of the file.
    shape : tuple of int
        Shape.
    order : {"C", "F"}
        Memory order.
    data_start : int
        Bytes before the values.
    nbytes : int
        Bytes of the values.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    order: Literal["C", "F"]
    data_start: int
    nbytes: int

    @property
    def needs_pickle(self) -> bool:
        """True for arrays of Python objects."""
        return bool(self.dtype.hasobject)


def read_header(file: IO[bytes], size: int, where: str) -> ArrayHeader:
    """Read and validate the header of an array that takes up exactly `size` bytes.

    Parameters
    ----------
    file : binary file
        At the start of the array.
    size : int
        Bytes from here to the end of the file or archive member.
    where : str
        File and member, for messages.

    Raises
    ------
    FileFormatError
        If the header is malformed, or does not describe `size` bytes.
    """
    start = file.read(len(MAGIC) + 2)
    if not start.startswith(MAGIC):
        msg = f"{where}: does not begin with the .npy signature; it is not a .npy array, or it is damaged"
        raise FileFormatError(msg)
    version = tuple(start[len(MAGIC) :])
    if version not in _LENGTH_BYTES:
        found = ".".join(map(str, version)) or "none: the file is cut short"
        msg = f"{where}: unknown .npy version ({found}); known: 1.0, 2.0, 3.0"
        raise FileFormatError(msg)
    width = _LENGTH_BYTES[version]
    length = int.from_bytes(file.read(width), "little")
    data_start = len(start) + width + length
    if data_start > size:
        msg = f"{where}: the .npy header of {length} bytes does not fit into {size} bytes; it is cut short"
        raise FileFormatError(msg)
    if length > _MAX_HEADER:
        msg = f"{where}: the .npy header of {length} bytes is over the limit of {_MAX_HEADER}"
        raise FileFormatError(msg)
    dtype, shape, fortran = _parse(file.read(length), where)
    nbytes = size_in_bits(shape, 8 * dtype.itemsize, where) // 8
    header = ArrayHeader(dtype, shape, "F" if fortran else "C", data_start, nbytes)
    if not header.needs_pickle and data_start + nbytes != size:
        problem = (
            "it is cut short"
            if data_start + nbytes > size
            else "bytes follow the array; save one array a file"
        )
        what = f"{dtype!s:.100} {list(shape)!r:.200}"
        msg = f"{where}: {what} needs {nbytes} bytes but {size - data_start} follow the header; {problem}"
        raise FileFormatError(msg)
    return header


def _parse(text: bytes, where: str) -> tuple[np.dtype[Any], tuple[int, ...], bool]:
    # Version 3 differs from 2 in the encoding of field names alone, which are not used here, so that one
    # public NumPy function reads all versions.
    stream = io.BytesIO(len(text).to_bytes(4, "little") + text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream, max_header_size=_MAX_HEADER)
    except _BAD_HEADER as error:
        msg = f"{where}: the .npy header cannot be understood ({error!s:.200}); the file is damaged"
        raise FileFormatError(msg) from error
    return dtype, shape, fortran


def array_entry(path: Path, key: str, header: ArrayHeader) -> TensorEntry:
    """Build the entry of an array from its header."""
    dtype = header.dtype
    if header.needs_pickle:
        name = "object"
    elif dtype.names is not None or dtype.subdtype is not None:
        name = "structured"
    elif dtype.kind == "V":
        name = f"void{8 * dtype.itemsize}"
    else:
        name = dtype.name
    return make_entry(path, key, name, header.shape, header.nbytes)


def array_tensor(region: Region, header: ArrayHeader, where: str) -> Tensor:
    """View a region as the array that `header` describes, swapped to native byte order where needed."""
    native = header.dtype.newbyteorder("=")
    if header.dtype != native:
        swapped = spool(_swap(region.chunks(), header.dtype), header.nbytes, where)
        region.close()
        region = swapped
    return Tensor(region, Values(region.array(native, header.shape, header.order), native.name))


def _swap(pieces: Iterable[bytes], dtype: np.dtype[Any]) -> Iterator[bytes]:
    # Pieces hold whole values: their size is a power of two above that of a value.
    for piece in pieces:
        yield np.frombuffer(piece, dtype).byteswap().tobytes()


class NpySource(Source):
    """A ``.npy`` file: a single array, whose key is ``""``.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Raises
    ------
    FileFormatError
        If the header is malformed, the file cut short, or the array holds Python objects.
    """

    format = "npy"

    def __init__(self, path: Path) -> None:
        with opened(path) as file:
            self._stamp = Stamp.of(file)
            self._header = read_header(file, self._stamp.size, str(path))
        entry = array_entry(path, "", self._header)
        if self._header.needs_pickle:
            msg = f"{path}: {entry.note}"
            raise FileFormatError(msg)
        super().__init__(path, [entry])

    def _load(self, entry: TensorEntry) -> Tensor:
        where = str(self.path)
        with opened(self.path, self._stamp) as file:
            region = map_region(file, self._header.data_start, entry.nbytes, where)
        return array_tensor(region, self._header, where)
