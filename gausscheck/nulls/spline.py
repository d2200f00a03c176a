r"""Cubic spline through equidistant points, for tables of smooth functions.

With second derivatives M_i at the points of step h,

.. math:: M_{i-1} + 4 M_i + M_{i+1} = 6 (y_{i-1} - 2 y_i + y_{i+1}) / h^2 ,

and third derivatives that do not jump at the last points but one ("not a knot"; de Boor, *A Practical Guide
to Splines*, 1978, chapter IV), which gives ``6 M_1`` its right side alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gausscheck.errors import ArgumentError

__all__ = ["UniformSpline"]


class UniformSpline:
    """Not-a-knot cubic spline of several functions at once; outside the points its end pieces go on.

    Parameters
    ----------
    low, high : float
        First and last point.
    values : numpy.ndarray
        Shape ``(m, k)``: k functions at m equidistant points, m at least 4.
    """

    # scipy.interpolate has this and more; loading it takes longer than a whole small audit.

    def __init__(self, low: float, high: float, values: NDArray[np.float64]) -> None:
        if values.ndim != 2 or values.shape[0] < 4:
            msg = f"a spline takes values of shape (m, k) with m at least 4, got {values.shape}"
            raise ArgumentError(msg)
        self._low = low
        self._step = (high - low) / (values.shape[0] - 1)
        # in units of the step: derivatives are differences
        bend = _second_derivatives(values)
        rise = np.diff(values, axis=0)
        self._coefficients = np.stack(
            [
                values[:-1],
                rise - (2.0 * bend[:-1] + bend[1:]) / 6.0,
                0.5 * bend[:-1],
                np.diff(bend, axis=0) / 6.0,
            ],
            axis=-1,
        )

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the functions at points of any shape, which gains a last axis of length k."""
        place = (np.asarray(x) - self._low) / self._step
        piece = np.clip(place.astype(np.int64), 0, self._coefficients.shape[0] - 1)
        d = (place - piece)[..., np.newaxis]
        c = self._coefficients[piece]
        out: NDArray[np.float64] = ((c[..., 3] * d + c[..., 2]) * d + c[..., 1]) * d + c[..., 0]
        return out


def _second_derivatives(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """M of each point, shape (m, k), for a step of one."""
    right = 6.0 * np.diff(values, n=2, axis=0)
    m = np.empty_like(values)
    m[1], m[-2] = right[0] / 6.0, right[-1] / 6.0
    inner = right[1:-1]
    if inner.shape[0]:
        inner[0] -= m[1]
        inner[-1] -= m[-2]
        m[2:-2] = _solve(inner)
    m[0], m[-1] = 2.0 * m[1] - m[2], 2.0 * m[-2] - m[-3]
    return m


def _solve(right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve ``x[i-1] + 4 x[i] + x[i+1] = right[i]`` by elimination."""
    x = np.empty_like(right)
    ratio = np.empty(right.shape[0])
    above = np.zeros(right.shape[1])
    last = 0.0
    for i, row in enumerate(right):
        last = 1.0 / (4.0 - last)
        ratio[i] = last
        above = (row - above) * last
        x[i] = above
    for i in range(right.shape[0] - 2, -1, -1):
        x[i] -= ratio[i] * x[i + 1]
    return x
