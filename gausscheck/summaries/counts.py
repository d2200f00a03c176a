"""How often each bit pattern occurs: all there is to know of the marginal of 8- and 16-bit data.

Of float32 and float64 values the upper half of the float32 pattern is counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gausscheck.errors import ArgumentError
from gausscheck.floats import decode_table, float_format
from gausscheck.summaries.extremes import Extremes
from gausscheck.summaries.moments import ORDERS, Moments, saturated, total_sums

__all__ = ["Counts", "table_length"]


def table_length(dtype: str) -> int:
    """Rows of the count table of a storage format: 256 or 65,536."""
    return 2 ** min(float_format(dtype).bits, 16)


@dataclass(frozen=True)
class Counts:
    """Occurrences of every bit pattern of an 8- or 16-bit float format, or of cells of a wider one.

    A value of float32 or float64, the latter rounded to float32 first, counts under the upper 16 bits of its
    float32 pattern c: the bfloat16 pattern of the value v next to it towards 0, so that row c holds
    ``[v, v')``, v' the next bfloat16 value away from 0. Finite float64 values beyond the range of float32
    count as infinite.

    Attributes
    ----------
    table : numpy.ndarray of int64
        Shape ``(..., 256)`` for 8-bit formats, else ``(..., 65536)``; leading axes, if any, are samples.
    dtype : str
        Name of the storage format, ``bfloat16`` …
    """

    table: NDArray[np.int64]
    dtype: str

    def __post_init__(self) -> None:
        length = table_length(self.dtype)
        if self.table.shape[-1:] != (length,):
            msg = f"a count table of {self.dtype} has {length} rows, not shape {self.table.shape}"
            raise ArgumentError(msg)

    def merge(self, other: Counts) -> Counts:
        """Counts over both sets of values."""
        if other.dtype != self.dtype:
            msg = (
                f"cannot merge counts of {self.dtype} and {other.dtype}: their patterns mean different values"
            )
            raise ArgumentError(msg)
        return Counts(self.table + other.table, self.dtype)

    def pool(self) -> Counts:
        """All samples as one."""
        return Counts(np.sum(self.table.reshape(-1, self.table.shape[-1]), axis=0), self.dtype)

    def moments(self) -> Moments:
        """Power sums of the finite values, ``sum_v count(v) v**k``.

        Raises
        ------
        ArgumentError
            For float32 and float64, of which only cells are known.
        """
        value = self._values()
        finite = np.isfinite(value)
        count = self.table[..., finite]
        value = value[finite]
        sums = np.empty((*self.table.shape[:-1], ORDERS))
        power = np.ones_like(value)
        with np.errstate(over="ignore"):
            for k in range(ORDERS):
                power = saturated(power * value)
                sums[..., k] = total_sums(saturated(count * power), axis=-1)
        return Moments(np.asarray(np.sum(count, axis=-1, dtype=np.int64)), sums)

    def extremes(self) -> Extremes:
        """Smallest and largest finite value that occurs.

        Raises
        ------
        ArgumentError
            For float32 and float64, of which only cells are known.
        """
        value = self._values()
        present = (self.table > 0) & np.isfinite(value)
        low = np.min(np.where(present, value, np.inf), axis=-1)
        high = np.max(np.where(present, value, -np.inf), axis=-1)
        return Extremes(np.asarray(low), np.asarray(high))

    def _values(self) -> NDArray[np.float64]:
        """Value of each row."""
        if float_format(self.dtype).bits > 16:
            msg = (
                f"counts of {self.dtype} know the upper 16 bits of each value, not the value itself; take "
                "moments and extremes from a one-pass summary"
            )
            raise ArgumentError(msg)
        return decode_table(self.dtype).astype(np.float64)
