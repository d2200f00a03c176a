"""How far two correct computations of the same thing may differ: a function of operation, dtype and n."""

from __future__ import annotations

import numpy as np

__all__ = ["tolerance"]

_EPS64 = float(np.finfo(np.float64).eps)
_LONGEST_CHAIN = 1024 + 64  # additions one after another inside a piece of 65,536 values: block, then blocks
_PIECE = 65536


def tolerance(operation: str, *, dtype: str = "float64", n: int = 1, order: int = 1) -> float:
    """Bound of the difference, relative to the natural scale of the operation.

    Parameters
    ----------
    operation : str
        ``power_sum``: of ``sum x**order`` over n values, relative to ``sum |x|**order``. Each term carries
        `order` roundings on each side, and each sum at most min(n, 1088) additions in a chain, and one for
        each piece.
        ``power_spectrum``: of P, relative to the mean ordinate. Both engines use the same transform; the
        ordinate is rounded to the transform's precision (hypot: 1 ulp) by one and not by the other, and n
        values are added in float64.
        ``other_transform``: of P, relative to the root mean square ordinate, where both transforms are of
        other make. Each has an error in the 2-norm of at most log2(n) roundings, which bounds the mean error
        of the ordinates.
    dtype : str
        Format of the input.
    n : int
        Number of values that are added.
    order : int
        Power.
    """
    if operation == "power_sum":
        return 2.0 * _EPS64 * (order + min(n, _LONGEST_CHAIN) + n / _PIECE)
    if operation == "power_spectrum":
        transform = float(np.finfo(np.float64 if dtype == "float64" else np.float32).eps)
        return 2.0 * transform + 2.0 * _EPS64 * n
    if operation == "other_transform":
        transform = float(np.finfo(np.float64 if dtype == "float64" else np.float32).eps)
        return 2.0 * transform * np.log2(n) + 2.0 * _EPS64 * n
    raise ValueError(operation)
