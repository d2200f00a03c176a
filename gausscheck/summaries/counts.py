"""How often each bit pattern occurs: all there is to know of the marginal of 8- and 16-bit data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gausscheck.errors import ArgumentError
from gausscheck.floats import decode_table, float_format
from gausscheck.summaries.extremes import Extremes
from gausscheck.summaries.moments import ORDERS, Moments, saturated, total_sums

__all__ = ["Counts"]


@dataclass(frozen=True)
class Counts:
    """Occurrences of every bit pattern of an 8- or 16-bit float format.

    Attributes
    ----------
    table : numpy.ndarray of int64
        Shape ``(..., 2**bits)``; leading axes, if any, are samples.
    dtype : str
        Name of the storage format, ``bfloat16`` …
    """

    table: NDArray[np.int64]
    dtype: str

    def __post_init__(self) -> None:
        bits = float_format(self.dtype).bits
        if bits > 16 or self.table.shape[-1:] != (2**bits,):
            msg = f"a count table of {self.dtype} ({bits} bits) cannot have shape {self.table.shape}"
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
        """Power sums of the finite values, ``sum_v count(v) v**k``."""
        value = decode_table(self.dtype).astype(np.float64)
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
        """Smallest and largest finite value that occurs."""
        value = decode_table(self.dtype).astype(np.float64)
        present = (self.table > 0) & np.isfinite(value)
        low = np.min(np.where(present, value, np.inf), axis=-1)
        high = np.max(np.where(present, value, -np.inf), axis=-1)
        return Extremes(np.asarray(low), np.asarray(high))
