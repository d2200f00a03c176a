"""From whatever the caller holds to values with a storage format.

A framework is asked only if it is already imported: the tensor in hand proves it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gausscheck.errors import ArgumentError, DataError
from gausscheck.floats import FORMATS, FloatFormat, decode_table, float_format

__all__ = ["Values", "as_values"]

_NUMPY_NAMES = {"float16", "float32", "float64"}


@dataclass(frozen=True)
class Values:
    """An array of floating-point values and the format they are stored in.

    Attributes
    ----------
    data : numpy.ndarray
        Values (float16, float32, float64) or bit patterns (bfloat16: uint16, float8: uint8).
        May be a memory map, read-only, non-contiguous.
    dtype : str
        Name of the storage format, a key of :data:`gausscheck.floats.FORMATS`.
    """

    data: NDArray[Any]
    dtype: str

    def __post_init__(self) -> None:
        expected = self.format.container
        if self.data.dtype != expected:
            msg = f"{self.dtype} values must be held as {expected}, got {self.data.dtype}"
            raise ArgumentError(msg)

    @property
    def format(self) -> FloatFormat:
        """The storage format."""
        return float_format(self.dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.data.shape

    @property
    def size(self) -> int:
        """Number of values."""
        return int(self.data.size)

    def decode(self, dtype: DTypeLike = np.float64) -> NDArray[Any]:
        """Return the values as NumPy floats of type `dtype`, exactly where `dtype` is wide enough."""
        if self.format.coded:
            table: NDArray[Any] = decode_table(self.dtype).astype(dtype, copy=False)
            return table[self.data]
        return self.data.astype(dtype, copy=False)


def as_values(x: Any, *, integers: bool = False) -> Values:
    """Take an array of any supported kind and name its storage format.

    Parameters
    ----------
    x : array_like
        NumPy array, torch tensor, or anything with ``__array__``. Python scalars and lists too.
    integers : bool
        Accept integer arrays and read them as float64.

    Returns
    -------
    Values
        Without a copy where the container allows it.

    Raises
    ------
    DataError
        For booleans, complex values, objects, and integers without `integers`.
    """
    if isinstance(x, Values):
        return x
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(x, torch.Tensor):
        return _from_torch(x, torch, integers=integers)
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        msg = "the masked array hides values; pass its .compressed() values, or .filled(...)"
        raise DataError(msg)
    if isinstance(x, (str, bytes, PathLike)):
        msg = f"expected an array, got the text {x!r}; use audit_files() for files"
        raise DataError(msg)
    try:
        array = np.asarray(x)
    except (ValueError, RuntimeError) as error:
        msg = f"cannot make an array of a {type(x).__name__}: {error}"
        raise DataError(msg) from error
    if array.dtype == object and not isinstance(x, np.ndarray):
        msg = f"expected an array of floats, got a {type(x).__name__}"
        raise DataError(msg)
    if array.dtype.kind == "f" and array.dtype.itemsize <= 8:
        native = array.astype(array.dtype.newbyteorder("="), copy=False)
        return Values(native, native.dtype.name)
    if array.dtype.kind == "f":
        return Values(array.astype(np.float64), "float64")
    if array.dtype.name in _coded_names():
        name = array.dtype.name
        return Values(array.view(float_format(name).container), name)
    if array.dtype.kind in "iu" and integers:
        return Values(array.astype(np.float64), "float64")
    raise DataError(_refusal(str(array.dtype), array.dtype.kind))


def _coded_names() -> set[str]:

    return set(FORMATS) - _NUMPY_NAMES


def _refusal(dtype: str, kind: str) -> str:
    if kind in "iu":
        return (
            f"integers ({dtype}) are not Gaussian noise as they stand; convert them to the floats they stand "
            "for, or pass integers=True to test the integer values themselves"
        )
    return (
        f"cannot test values of type {dtype}; expected floats (float64, float32, float16, bfloat16 or float8)"
    )


def _from_torch(x: Any, torch: Any, *, integers: bool) -> Values:
    if x.is_meta:
        msg = "the tensor is on the meta device and holds no values; materialise it first"
        raise DataError(msg)
    if x.layout is not torch.strided:
        msg = f"cannot test a tensor of layout {x.layout}; call .to_dense() first"
        raise DataError(msg)
    x = x.detach().cpu()
    name = str(x.dtype).removeprefix("torch.")
    if name in _NUMPY_NAMES:
        return Values(x.resolve_neg().numpy(), name)
    if name in _coded_names():
        container = float_format(name).container
        codes = x.view(torch.uint8 if container.itemsize == 1 else torch.int16).numpy()
        return Values(codes.view(container), name)
    kind = "c" if x.is_complex() else "b" if x.dtype is torch.bool else "i"
    if kind == "i" and integers:
        return Values(x.numpy().astype(np.float64), "float64")
    raise DataError(_refusal(name, kind))
