"""What evidence may be gathered of, and which numbers no values have."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from gausscheck.errors import DataError
from gausscheck.floats import FORMATS
from gausscheck.lattice import LATTICES

if TYPE_CHECKING:
    from gausscheck.drift.state import Drift

__all__ = ["check_storage", "fault_of"]

_MOST_VALUES = 2**53  # a double holds their number exactly
_MOST_SQUARES = 1e200
_LONGEST = 1000
# Q = S**2/n where all values are the same, and both sums are right to about 1e-11 of their size.
_ROUNDING = 1e-9


def check_storage(dtype: str) -> None:
    """Raise unless values of a format, or on a lattice, have the law N(0, 1) itself; "" is not known yet.

    Raises
    ------
    DataError
    """
    if dtype in LATTICES or (dtype in FORMATS and FORMATS[dtype].bits <= 16):
        msg = (
            f"values on the lattice of {dtype} are rounded: their law is not N(0, 1), and evidence over runs "
            "would grow from the rounding alone. Gather it of float32 or float64 values"
        )
        raise DataError(msg)
    if dtype and dtype not in FORMATS:
        msg = f"unknown storage format {dtype!r}; evidence is gathered of float32 and float64 values"
        raise DataError(msg)


def fault_of(drift: Drift) -> str:
    """Say what is wrong with the numbers of a state; empty if nothing."""
    return next((fault for fault, fine in _facts(drift) if not fine), "")


def _facts(drift: Drift) -> Iterator[tuple[str, bool]]:
    """What could be wrong, and whether all is well; each is asked only where all before it are well."""
    sums = (drift.total, drift.squares)
    numbers = (*drift.total, *drift.squares, *drift.last[1:], drift.scale, drift.max_log_e)
    counts = (drift.n, drift.last[0])
    texts = (drift.source, drift.label, drift.peak)
    S, Q, n = drift.total.high, drift.squares.high, drift.n
    yield "a number is not finite", all(math.isfinite(x) for x in numbers)
    yield "the scale is not from 1e-30 to 1e30", 1e-30 <= drift.scale <= 1e30
    yield f"a text has more than {_LONGEST} characters", all(len(text) <= _LONGEST for text in texts)
    yield "a number of values is negative or above 2**53", all(0 <= k <= _MOST_VALUES for k in counts)
    yield "the number of runs is not from 1 to that of values", min(n, 1) <= drift.runs <= n
    yield "the sum of squares is negative or above 1e200", 0 <= Q <= _MOST_SQUARES
    yield "a sum and its correction do not fit", all(p.high + p.low == p.high for p in sums)
    yield "there are sums without values", n > 0 or S == Q == drift.max_log_e == 0
    yield "no values have these sums, Q < S²/n", S * (S / max(n, 1)) <= Q * (1 + _ROUNDING)
    yield "the largest log e is negative", drift.max_log_e >= 0
    yield "its seeds are in disorder", all(a[1] < b[0] for a, b in pairwise(drift.seeds))
