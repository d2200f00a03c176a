"""What the truth of a recipe is stated in: quantities of a tensor, each measured in its plainest way."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.tools import frequencies

Measure = Callable[[NDArray[np.float64]], float]

_BLOCK = 16
_POOL = 1024
_RING = 5


def _std(x: NDArray[np.float64]) -> float:
    return float(x.std())


def _standard_moment(order: int) -> Measure:
    return lambda x: float(np.mean(((x - x.mean()) / x.std()) ** order))


def _lag(axis: int) -> Measure:
    def measure(x: NDArray[np.float64]) -> float:
        y = np.moveaxis(x, axis, -1)
        mean_product = np.mean(y[..., 1:] * y[..., :-1])
        return float(mean_product / np.mean(y**2))

    return measure


def _cyclic_lag(x: NDArray[np.float64]) -> float:
    return float(np.mean(x * np.roll(x, 1, axis=3)) / np.mean(x**2))


def _energy_lag2(x: NDArray[np.float64]) -> float:
    energy = x.reshape(-1) ** 2
    return float(np.corrcoef(energy[2:], energy[:-2])[0, 1])


def _repeats(x: NDArray[np.float64]) -> float:
    _, counts = np.unique(x, return_counts=True)
    return float(counts[counts > 1].sum() / x.size)


def _copies(axis: int, sign: float = 1.0) -> Measure:
    """Rows that equal, up to the sign, a row before them."""

    def measure(x: NDArray[np.float64]) -> float:
        rows = np.moveaxis(x, axis, 0)
        return float(sum(any(np.array_equal(sign * r, s) for s in rows[:k]) for k, r in enumerate(rows)))

    return measure


def _correlations(x: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    rows = np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T


def _pairs(gram: NDArray[np.float64]) -> list[float]:
    return [float(gram[i, j]) for i, j in combinations(range(len(gram)), 2)]


def _neighbours(x: NDArray[np.float64]) -> float:
    return float(np.mean(np.diag(_correlations(x, 0), 1)))


def _gram_error(x: NDArray[np.float64]) -> float:
    rows = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)
    return float(np.abs(rows @ rows.T / rows.shape[1] - np.eye(len(rows))).max())


def _slope(x: NDArray[np.float64]) -> float:
    """Slope of the logarithm of the power over that of the frequency, bins of two parts alone."""
    f = frequencies(x.shape)[:, 1 : x.shape[-1] // 2]
    power = np.abs(np.fft.rfft2(x - x.mean(axis=(2, 3), keepdims=True))[..., 1 : x.shape[-1] // 2]) ** 2
    return float(np.polyfit(np.log(f).reshape(-1), np.log(power).mean(axis=(0, 1)).reshape(-1), 1)[0])


def _unpacked(x: NDArray[np.float64]) -> NDArray[np.float64]:
    b, c, h, w = x.shape
    return x.reshape(b, h // 2, w // 2, c, 2, 2).transpose(0, 3, 1, 4, 2, 5).reshape(x.shape)


def _checker(x: NDArray[np.float64]) -> float:
    h, w = np.indices(x.shape[2:])
    return float(np.mean(x * (1.0 - 2.0 * ((h + w) % 2))))


def _ramp(x: NDArray[np.float64]) -> float:
    ramp = np.arange(x.shape[3]) - (x.shape[3] - 1) / 2.0
    return float(np.mean(x * ramp) / np.sqrt(np.mean(ramp**2)))


def _tint(x: NDArray[np.float64]) -> float:
    """Variance of the means of planes, beyond that of white noise."""
    return float(np.mean(x.mean(axis=(2, 3)) ** 2) - 1.0 / (x.shape[2] * x.shape[3]))


def _wave(x: NDArray[np.float64]) -> float:
    return float(2.0 * np.abs(np.mean(x * np.exp(-2j * math.pi * 3 / 16 * np.arange(x.shape[3])))))


def _seam(x: NDArray[np.float64]) -> float:
    other = np.delete(x, np.s_[::8], axis=3)
    return float(x[..., ::8].std() / other.std())


def _drift(x: NDArray[np.float64]) -> float:
    """Difference of the scales of the last and the first sample on a straight line through all of them."""
    index = np.linspace(-0.5, 0.5, x.shape[0])
    return float(np.polyfit(index, x.reshape(x.shape[0], -1).std(axis=1), 1)[0])


def _largest_std(axes: tuple[int, ...]) -> Measure:
    return lambda x: float(x.std(axis=axes).max())


def _block_spread(x: NDArray[np.float64]) -> float:
    """Largest deviation of a block's mean amplitude from its expectation, blocks of 16 of the flat sample."""
    bins = np.abs(np.fft.rfft(x.reshape(x.shape[0], -1), norm="ortho"))[:, 1 : x[0].size // 2]
    means = [bins[:, k : k + _BLOCK].mean(axis=1) for k in range(0, bins.shape[1], _BLOCK)]
    return float(np.abs(np.array(means) - math.sqrt(math.pi) / 2.0).max())


def _amplitude_spread(x: NDArray[np.float64]) -> float:
    return float(np.abs(np.fft.rfft2(x, norm="ortho")).std())


def _ring_spread(x: NDArray[np.float64]) -> float:
    """Scatter of the Fourier coefficients of the first channel over the ring of radius 5."""
    h, w = x.shape[2:]
    distance = np.hypot(np.fft.fftfreq(h, 1 / h)[:, np.newaxis], np.fft.fftfreq(w, 1 / w))
    return float(np.fft.fft2(x[:, 0], norm="ortho")[:, np.rint(distance) == _RING].std(axis=1).max())


def _top_power(x: NDArray[np.float64]) -> float:
    bins = np.fft.rfft(x, norm="ortho")[..., np.fft.rfftfreq(x.shape[3]) > 0.375]
    return float(np.mean(np.abs(bins) ** 2))


def _pool_energy_spread(x: NDArray[np.float64]) -> float:
    return float(np.mean(x.reshape(-1, _POOL) ** 2, axis=1).std())


def _kolmogorov_distance(x: NDArray[np.float64]) -> float:
    """Largest distance of the distribution functions, in steps of 1/n."""
    ordered = np.sort(x, axis=None)
    law = np.array([0.5 * math.erfc(-value / math.sqrt(2.0)) for value in ordered]) * x.size
    step = np.arange(x.size)
    return float(max(np.max(law - step), np.max(step + 1 - law)))


def _low_bits(x: NDArray[Any]) -> float:
    return float(np.max(x.astype(np.float32).view(np.uint32) & 0xFFFF))


MEASURES: dict[str, Measure] = {
    "mean": lambda x: float(x.mean()),
    "std": _std,
    "skewness": _standard_moment(3),
    "kurtosis": lambda x: _standard_moment(4)(x) - 3.0,
    "max": lambda x: float(np.abs(x).max()),
    "largest": lambda x: float(np.abs(x).max()),
    "least": lambda x: float(x.min()),
    "levels": lambda x: float(np.unique(x).size),
    "low_bits": _low_bits,
    "zeros": lambda x: float(np.mean(x == 0.0)),
    "ones": lambda x: float(np.count_nonzero(x == 1.0)),
    "repeats": _repeats,
    "lag1": _lag(3),
    "lag1_h": _lag(2),
    "cyclic_lag1": _cyclic_lag,
    "energy_lag2": _energy_lag2,
    "descents": lambda x: float(np.count_nonzero(np.diff(x.reshape(x.shape[0], -1)) < 0)),
    "kolmogorov_distance": _kolmogorov_distance,
    "pool_energy_spread": _pool_energy_spread,
    "copies": _copies(0),
    "opposites": _copies(0, -1.0),
    "equal_channels": _copies(1),
    "neighbours": _neighbours,
    "largest_correlation": lambda x: max(_pairs(_correlations(x, 0)), key=abs),
    "channels": lambda x: float(np.mean(_pairs(_correlations(x, 1)))),
    "channel_gram_error": _gram_error,
    "largest_sample_std": _largest_std((1, 2, 3)),
    "largest_channel_std": _largest_std((0, 2, 3)),
    "drift": _drift,
    "sample_mean": lambda x: float(np.abs(x.mean(axis=(1, 2, 3))).max()),
    "sample_std": lambda x: float(x.std(axis=(1, 2, 3)).mean()),
    "first_channel_mean": lambda x: float(x[:, 0].mean()),
    "last_channel_mean": lambda x: float(x[:, -1].mean()),
    "tint": _tint,
    "ramp": _ramp,
    "slope": _slope,
    "checker": _checker,
    "stripe": lambda x: float(x[..., ::8].mean()),
    "wave": _wave,
    "seam": _seam,
    "top_power": _top_power,
    "block_spread": _block_spread,
    "amplitude_spread": _amplitude_spread,
    "ring_spread": _ring_spread,
    "unpacked_slope": lambda x: _slope(_unpacked(x)),
    "unpacked_checker": lambda x: _checker(_unpacked(x)),
}
"""Name -> quantity of a float64 tensor (b, c, h, w)."""

AT_MOST = frozenset({"max", "levels"})
"""Quantities whose truth is an upper bound."""
