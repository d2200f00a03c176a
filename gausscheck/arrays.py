"""From whatever the caller holds to values with a storage format.

A framework is asked only if it is already imported: the tensor in hand proves it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gausscheck.errors import ArgumentError, DataError
from gausscheck.floats import FORMATS, FloatFormat, decode_table, float_format

__all__ = ["READ_BY_NUMPY", "TensorValues", "Values", "as_values", "joined"]

READ_BY_NUMPY = frozenset({"cpu", "mps"})
"""Types of devices whose tensors are read by NumPy; tensors elsewhere are reduced where they are.

``cpu``: the same memory, no copy. ``mps``: it has no float64 to keep sums in; copied once, within the memory
that it shares with the host.
"""

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

    @property
    def device(self) -> str | None:
        """Where the values live; None for the memory that NumPy reads."""
        return None

    def like(self, data: Any) -> Self:
        """Other data of the same kind and format."""
        return type(self)(data, self.dtype)

    def columns(self, start: int, stop: int) -> Self:
        """Values `start` to `stop` of each row, of values of shape ``(B, D)``; a view."""
        return self.like(self.data[:, start:stop])

    def rows(self, chosen: NDArray[np.bool_]) -> Self:
        """The rows that a mask of shape ``(B,)`` is true for, of values of shape ``(B, D)``."""
        return self.like(self.data[chosen])

    def places(self, chosen: NDArray[np.int64]) -> Self:
        """The values at some places of each row, of values of shape ``(B, D)``."""
        return self.like(self.data.take(chosen, axis=1))

    def decode(self, dtype: DTypeLike = np.float64) -> NDArray[Any]:
        """Return the values as NumPy floats of type `dtype`, exactly where `dtype` is wide enough."""
        if self.format.coded:
            table: NDArray[Any] = decode_table(self.dtype).astype(dtype, copy=False)
            return table[self.data]
        # Signalling NaN, as in arbitrary bytes, are no reason for a warning: NaN are counted and reported.
        with np.errstate(invalid="ignore"):
            return self.data.astype(dtype, copy=False)


@dataclass(frozen=True)
class TensorValues(Values):
    """A torch tensor that stays on its device, and the format its values are stored in.

    Attributes
    ----------
    data : torch.Tensor
        Of the torch type of the format's name, strided, without gradient; any strides.
    dtype : str
        As in :class:`Values`.
    """

    data: Any

    def __post_init__(self) -> None:
        found = _torch_name(self.data)
        if found != self.format.name:
            msg = f"{self.dtype} values must be held as torch.{self.dtype}, got torch.{found}"
            raise ArgumentError(msg)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor."""
        return tuple(self.data.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return int(self.data.numel())

    @property
    def device(self) -> str | None:
        """Where the values live, as torch names it."""
        return str(self.data.device)

    def rows(self, chosen: NDArray[np.bool_]) -> Self:
        """See :meth:`Values.rows`."""
        return self._picked(np.flatnonzero(chosen), 0)

    def places(self, chosen: NDArray[np.int64]) -> Self:
        """See :meth:`Values.places`."""
        return self._picked(chosen, 1)

    def _picked(self, chosen: NDArray[np.int64], axis: int) -> Self:
        torch = sys.modules["torch"]
        index = torch.from_numpy(chosen.copy()).to(self.data.device)
        if self.format.bits > 8:
            return self.like(self.data.index_select(axis, index))
        # Not every device picks 8-bit floats; all pick bytes.
        return self.like(self.data.view(torch.uint8).index_select(axis, index).view(self.data.dtype))

    def decode(self, dtype: DTypeLike = np.float64) -> NDArray[Any]:
        """Copy of the values on the host; see :meth:`Values.decode`. For small pieces."""
        decoded: NDArray[Any] = self.data.double().cpu().numpy()
        return decoded.astype(dtype, copy=False)


def joined(parts: Sequence[Values]) -> Values:
    """Values of one axis, one after the other; of one storage format and place."""
    if len(parts) == 1:
        return parts[0]
    data = [part.data for part in parts]
    if parts[0].device is None:
        return parts[0].like(np.concatenate(data))
    torch = sys.modules["torch"]
    if parts[0].format.bits > 8:
        return parts[0].like(torch.cat(data))
    # Not every device joins 8-bit floats; all join bytes.
    return parts[0].like(torch.cat([part.view(torch.uint8) for part in data]).view(data[0].dtype))


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
        Without a copy where the container allows it; :class:`TensorValues` of a tensor that stays on its
        device (see :data:`READ_BY_NUMPY`).

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
    stays = x.device.type not in READ_BY_NUMPY
    x = x.detach().resolve_neg()
    x = x if stays else x.cpu()
    name = _torch_name(x)
    if name not in FORMATS:
        kind = "c" if x.is_complex() else "b" if x.dtype is torch.bool else "i"
        if kind != "i" or not integers:
            raise DataError(_refusal(name, kind))
        x, name = x.double(), "float64"
    if stays:
        return TensorValues(x, name)
    if name in _NUMPY_NAMES:
        return Values(x.numpy(), name)
    container = float_format(name).container
    codes = x.view(torch.uint8 if container.itemsize == 1 else torch.int16).numpy()
    return Values(codes.view(container), name)


def _torch_name(x: Any) -> str:
    """``bfloat16`` of a tensor of type ``torch.bfloat16``."""
    return str(x.dtype).removeprefix("torch.")
