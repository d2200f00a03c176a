"""Laws of the batched power spectrum against simulation: how often each tail is really entered.

Run ``python tests/calibration/calibrate_power_spectrum.py`` (about ten minutes on two cores); seeds are
fixed and printed. Columns: observed frequency over nominal probability, less one, with its standard error in
brackets.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.optimize import brentq

from gausscheck.nulls.base import Null
from gausscheck.nulls.power_spectrum import power_spectrum_null

PERMUTED = ((256, 100_000), (1024, 25_000), (4096, 6_000), (16384, 1_500))
POOLED = (
    (256, 4, 2, 300_000),
    (256, 16, 8, 30_000),
    (1024, 4, 16, 15_000),
    (1024, 64, 4, 4_000),
    (4096, 16, 32, 600),
)
_ELEMENTS = 1 << 22


def statistic(x: NDArray[np.float32], block: int = 16, mu: float = np.sqrt(np.pi) / 2) -> NDArray[np.float64]:
    """Batched power spectrum along the last axis, as its definition reads."""
    n = x.shape[-1]
    r = np.abs(fft.rfft(x, axis=-1)[..., 1 : (n + 1) // 2]) / np.sqrt(n)
    means = [r[..., g : g + block].mean(axis=-1, dtype=np.float64) for g in range(0, r.shape[-1], block)]
    return np.abs(np.stack(means, axis=-1) - mu).mean(axis=-1)


def permuted_values(n: int, permutations: int, repeats: int, seed: int) -> NDArray[np.float64]:
    """Statistic of random orders of each of `repeats` samples, shape (repeats, permutations)."""
    rng = np.random.default_rng(seed)
    out = np.empty((repeats, permutations))
    size = max(1, _ELEMENTS // (n * permutations))
    for start in range(0, repeats, size):
        count = min(size, repeats - start)
        x = rng.standard_normal((count, 1, n), dtype=np.float32)
        orders = rng.permuted(np.broadcast_to(x, (count, permutations, n)), axis=-1)
        out[start : start + count] = statistic(orders)
    return out


@dataclass(frozen=True)
class Rate:
    """Observed over nominal tail probability, less one, and its standard error."""

    excess: float
    error: float


def quantile(null: Null, p: float, *, upper: bool) -> float:
    """The point whose upper (lower) tail is p."""
    log_tail = null.logsf if upper else null.logcdf
    low, high = (null.mean, null.mean + 40 * null.std) if upper else (1e-3 * null.mean, null.mean)
    return float(brentq(lambda t: float(log_tail(t)) - np.log(p), low, high, xtol=1e-9))


def tail_rates(null: Null, values: NDArray[np.float64], p: float) -> tuple[Rate, Rate]:
    """Upper and lower rate of `values`, shape (clusters, per cluster), dependent within a cluster."""
    rates = []
    for upper in (True, False):
        t = quantile(null, p, upper=upper)
        hits = ((values > t) if upper else (values < t)).mean(axis=1)
        # at least the binomial error at the nominal p, in case hardly any cluster was hit
        error = max(float(hits.std() / np.sqrt(hits.size)), np.sqrt(p / values.size))
        rates.append(Rate(float(hits.mean()) / p - 1, error / p))
    return rates[0], rates[1]


def _row(name: str, null: Null, values: NDArray[np.float64]) -> None:
    cells = [f"{r.excess:+.3f}({r.error:.3f})" for p in (1e-2, 1e-3) for r in tail_rates(null, values, p)]
    print(f"{name:28s} {' '.join(f'{cell:>15s}' for cell in cells)}", flush=True)


def main() -> None:
    """Print the table."""
    print(
        f"{'n, permutations, samples':28s} "
        + " ".join(f"{name:>15s}" for name in ("upper 1e-2", "lower 1e-2", "upper 1e-3", "lower 1e-3"))
    )
    for n, repeats in PERMUTED:
        values = permuted_values(n, 64, repeats, seed=n)
        for count in (1, 2, 4, 16, 64):
            null = power_spectrum_null(n, permutations=count)
            _row(f"{n}, {count}, 1 (x {repeats})", null, values.reshape(repeats, -1, count).mean(axis=2))
    for n, count, samples, repeats in POOLED:
        values = permuted_values(n, count, samples * repeats, seed=n + count)
        null = power_spectrum_null(n, permutations=count, samples=samples)
        _row(f"{n}, {count}, {samples} (x {repeats})", null, values.reshape(repeats, 1, -1).mean(axis=2))


if __name__ == "__main__":
    sys.exit(main())
