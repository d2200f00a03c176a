"""Storage formats of floating-point values: names, widths and exact decoding.

NumPy has no bfloat16 and no 8-bit floats. Values in such a format are held as
their bit patterns (``uint16`` or ``uint8`` *codes*) next to the format's name,
and decoded through an exact table of float32 values.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gausscheck.errors import ArgumentError

__all__ = ["FORMATS", "FloatFormat", "decode_table", "float_format"]


@dataclass(frozen=True)
class FloatFormat:
    """One storage format.

    Attributes
    ----------
    name : str
        ``float64``, ``float32``, ``float16``, ``bfloat16``, ``float8_e4m3fn`` …
    bits : int
        Width of a value.
    exponent_bits, mantissa_bits, bias : int
        Layout of the bit pattern (sign first).
    specials : str
        ``"ieee"``: the top exponent holds infinities and NaNs; ``"fn"``: no infinity, all ones is NaN;
        ``"fnuz"``: no infinity, no negative zero, whose pattern is the only NaN.
    container : numpy.dtype
        What NumPy holds the values in: a float dtype, or an unsigned integer of codes.
    """

    name: str
    bits: int
    exponent_bits: int
    mantissa_bits: int
    bias: int
    specials: str
    container: np.dtype

    @property
    def coded(self) -> bool:
        """True where values are held as bit patterns because NumPy lacks the type."""
        return self.container.kind == "u"


_TABLE = (
    ("float64", 64, 11, 52, 1023, "ieee", "<f8"),
    ("float32", 32, 8, 23, 127, "ieee", "<f4"),
    ("float16", 16, 5, 10, 15, "ieee", "<f2"),
    ("bfloat16", 16, 8, 7, 127, "ieee", "<u2"),
    ("float8_e4m3fn", 8, 4, 3, 7, "fn", "u1"),
    ("float8_e5m2", 8, 5, 2, 15, "ieee", "u1"),
    ("float8_e4m3fnuz", 8, 4, 3, 8, "fnuz", "u1"),
    ("float8_e5m2fnuz", 8, 5, 2, 16, "fnuz", "u1"),
)
FORMATS: dict[str, FloatFormat] = {row[0]: FloatFormat(*row[:6], np.dtype(row[6])) for row in _TABLE}


def float_format(name: str) -> FloatFormat:
    """Return the format called `name`, or raise :class:`~gausscheck.errors.ArgumentError` that lists all."""
    try:
        return FORMATS[name]
    except KeyError:
        msg = f"unknown float format {name!r}; known: {', '.join(FORMATS)}"
        raise ArgumentError(msg) from None


@cache
def decode_table(name: str) -> NDArray[np.float32]:
    """Exact float32 value of every bit pattern of an 8- or 16-bit format.

    Parameters
    ----------
    name : str
        A format of at most 16 bits.

    Returns
    -------
    numpy.ndarray
        Read-only, shape ``(2**bits,)``; NaN and infinities where the format has them.
    """
    fmt = float_format(name)
    if fmt.bits > 16:
        msg = f"{name} has 2**{fmt.bits} patterns: too many for a table"
        raise ArgumentError(msg)
    code = np.arange(2**fmt.bits, dtype=np.int64)
    mantissa = code & (2**fmt.mantissa_bits - 1)
    exponent = (code >> fmt.mantissa_bits) & (2**fmt.exponent_bits - 1)
    negative = (code >> (fmt.bits - 1)) == 1
    fraction = np.where(exponent > 0, 2**fmt.mantissa_bits + mantissa, mantissa).astype(np.float64)
    value = np.ldexp(fraction, np.maximum(exponent, 1) - fmt.bias - fmt.mantissa_bits)
    value = np.where(negative, -value, value)
    top = exponent == 2**fmt.exponent_bits - 1
    if fmt.specials == "ieee":
        value[top] = np.where(mantissa[top] > 0, np.nan, np.where(negative[top], -np.inf, np.inf))
    elif fmt.specials == "fn":
        value[top & (mantissa == 2**fmt.mantissa_bits - 1)] = np.nan
    else:
        value[2 ** (fmt.bits - 1)] = np.nan
    table = value.astype(np.float32)
    table.flags.writeable = False
    return table
