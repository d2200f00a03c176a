"""Compiled loops over the transforms of fields; importing this module imports Numba."""

# ruff: noqa: PLR0917 - kernels take their arguments by position, as compiled code does

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import frexp, log

import numpy as np
from numpy.typing import NDArray

from gausscheck.engines.kernels import jit
from gausscheck.engines.ordinates import LARGEST_ORDINATE, SMALLEST_ORDINATE
from gausscheck.summaries.frequency import FrequencyBins, frequency_bins

__all__ = ["Runs", "reduce_fields", "runs_of"]

_SUM_MATH = {"contract", "reassoc", "nsz"}
_LOG_TWO = log(2)


@dataclass(frozen=True)
class Runs:
    """Stretches of neighbouring bins that are all complex and lie in the same bands.

    Attributes
    ----------
    start : numpy.ndarray of int64
        Borders: the first bin of each stretch, and the end of the last one of each row.
    first : numpy.ndarray of int64
        Row r has the borders ``start[first[r]:first[r + 1]]``.
    label : numpy.ndarray of int64
        Bands of each stretch, shape ``(borders, label rows)``; unused behind the last stretch of a row.
    lone, lone_weight, lone_label : numpy.ndarray
        The other bins that count: their places, weights (1 or 2) and bands (-1 for none).
    """

    start: NDArray[np.int64]
    first: NDArray[np.int64]
    label: NDArray[np.int64]
    lone: NDArray[np.int64]
    lone_weight: NDArray[np.int64]
    lone_label: NDArray[np.int64]


@lru_cache(maxsize=8)
def runs_of(shape: tuple[int, ...]) -> Runs:
    """Stretches of the transform of fields of a shape."""
    bins: FrequencyBins = frequency_bins(shape)
    columns = bins.grid[-1]
    rows = bins.count // columns
    labels = bins.labels.reshape(len(bins.labels), rows, columns)
    stop = columns - 1 if shape[-1] % 2 == 0 else columns
    inner = labels[:, :, 1:stop]
    if inner.shape[2] > 0:
        border = np.ones((rows, inner.shape[2] + 1), bool)
        border[:, 1:-1] = np.any(inner[:, :, 1:] != inner[:, :, :-1], axis=0)
        row, column = np.nonzero(border)
        start = row * columns + column + 1
        first = np.append(0, np.cumsum(border.sum(axis=1)))
        label = np.moveaxis(labels, 0, -1).reshape(bins.count, -1)[np.minimum(start, bins.count - 1)]
    else:
        start, first = np.zeros(0, np.int64), np.zeros(rows + 1, np.int64)
        label = np.zeros((0, len(bins.labels)), np.int64)
    outer = np.zeros((rows, columns), bool)
    outer[:, 0] = True
    outer[:, stop:] = True
    lone = np.flatnonzero(outer.ravel() & (bins.weight > 0))
    lone_label = bins.labels[:, lone].T.astype(np.int64)
    lone_label[lone_label == 255] = -1
    return Runs(
        start.astype(np.int64),
        first.astype(np.int64),
        np.ascontiguousarray(label, dtype=np.int64),
        lone.astype(np.int64),
        bins.weight[lone].astype(np.int64),
        np.ascontiguousarray(lone_label),
    )


@jit(fastmath=_SUM_MATH)
def _squares(parts, norm, ordinates, power):  # type: ignore[no-untyped-def]
    """Ordinates of one field and their sums: loops of their own, so that they vectorise."""
    for k in range(ordinates.size):
        real = np.float64(parts[2 * k])
        imaginary = np.float64(parts[2 * k + 1])
        value = min((real * real + imaginary * imaginary) * norm, LARGEST_ORDINATE)
        ordinates[k] = value
        power[k] += value


@jit(fastmath=_SUM_MATH)
def _total(ordinates):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in range(ordinates.size):
        total += ordinates[k]
    return total


@jit(fastmath=_SUM_MATH | {"nnan"})
def _maximum(ordinates):  # type: ignore[no-untyped-def]
    # Eight at a time: one comparison after the other would wait for the one before.
    a = b = c = d = e = f = g = h = -1.0
    whole = ordinates.size // 8 * 8
    for k in range(0, whole, 8):
        a, b = max(a, ordinates[k]), max(b, ordinates[k + 1])
        c, d = max(c, ordinates[k + 2]), max(d, ordinates[k + 3])
        e, f = max(e, ordinates[k + 4]), max(f, ordinates[k + 5])
        g, h = max(g, ordinates[k + 6]), max(h, ordinates[k + 7])
    for k in range(whole, ordinates.size):
        a = max(a, ordinates[k])
    return max(a, b, c, d, e, f, g, h)


@jit()
def _log_total(ordinates, least):  # type: ignore[no-untyped-def]
    """Sum of logarithms, of products of eight: no ordinate counts as less than 1e-36 or more than 1e36.

    Products are split into a power of two and a factor from 1/2 to 1; a logarithm is taken of 512 factors at
    once.
    """
    total, factor = 0.0, 1.0
    power = factors = 0
    whole = ordinates.size // 8 * 8
    for k in range(0, whole, 8):
        a = max(ordinates[k], least) * max(ordinates[k + 1], least)
        b = max(ordinates[k + 2], least) * max(ordinates[k + 3], least)
        c = max(ordinates[k + 4], least) * max(ordinates[k + 5], least)
        d = max(ordinates[k + 6], least) * max(ordinates[k + 7], least)
        mantissa, exponent = frexp((a * b) * (c * d))
        factor *= mantissa
        power += exponent
        factors += 1
        if factors == 512:
            total += np.log(factor)
            factor, factors = 1.0, 0
    total += np.log(factor) + power * _LOG_TWO
    for k in range(whole, ordinates.size):
        total += np.log(max(ordinates[k], least))
    return total


@jit()
def reduce_fields(  # type: ignore[no-untyped-def]
    parts, norm, least, runs, start_field, stop_field, channel, power, flatness, peaks, places, bands
):
    """Reduce the transforms of fields `start_field` to `stop_field`; see `engines.ordinates.Ordinates`.

    Parameters
    ----------
    parts : (F, 2 M) floats, real and imaginary parts side by side
    runs : tuple
        The arrays of :class:`Runs`.
    power : (channels, M) float64, added to
    flatness : (F,); peaks, places : (F, 2), complex and real; bands : (F, bands), set here
    """
    start, first, label, lone, lone_weight, lone_label = runs
    count = power.shape[1]
    rows = first.size - 1
    ordinates = np.empty(count)
    for f in range(start_field, stop_field):
        _squares(parts[f], norm, ordinates, power[channel[f]])
        floor = max(least * _total(ordinates) / count, SMALLEST_ORDINATE)
        bands[f, :] = 0.0
        total = log_total = 0.0
        pairs = 0
        peaks[f, :] = -np.inf
        places[f, :] = -1
        for row in range(rows):
            if first[row + 1] - first[row] < 2:
                continue
            begin, end = start[first[row]], start[first[row + 1] - 1]
            values = ordinates[begin:end]
            log_total += _log_total(values, floor)
            pairs += values.size
            largest = _maximum(values)
            if largest > peaks[f, 0]:
                peaks[f, 0] = largest
                for k in range(values.size):
                    if values[k] == largest:
                        places[f, 0] = begin + k
                        break
            for run in range(first[row], first[row + 1] - 1):
                part = _total(ordinates[start[run] : start[run + 1]])
                total += part
                for j in range(label.shape[1]):
                    bands[f, label[run, j]] += 2.0 * part
        for i in range(lone.size):
            value = ordinates[lone[i]]
            kind = 0 if lone_weight[i] == 2 else 1
            if kind == 0:
                total += value
                pairs += 1
                log_total += np.log(max(value, floor))
            if value > peaks[f, kind] or (value == peaks[f, kind] and lone[i] < places[f, kind]):
                peaks[f, kind] = value
                places[f, kind] = lone[i]
            for j in range(lone_label.shape[1]):
                if lone_label[i, j] >= 0:
                    bands[f, lone_label[i, j]] += lone_weight[i] * value
        flatness[f] = log_total - pairs * np.log(max(total / pairs, floor)) if pairs > 0 else 0.0
