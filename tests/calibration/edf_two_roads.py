"""Laws of the distances of distributions by two roads, both tails: the figures that their docstrings give.

Run ``PYTHONPATH=tests python tests/calibration/edf_two_roads.py`` (15 s on one core).
Anderson-Darling against importance sampling (seed [5, n]) and draws (seed [7, n]); Kolmogorov distance and
cumulative periodogram against counted paths, which are exact. Printed to
``data/calibration/edf_two_roads.txt``.
"""

from __future__ import annotations

import math

import numpy as np
from nulls.test_anderson_darling_null import sampled_log_sf

from gausscheck.nulls import grid_kolmogorov
from gausscheck.nulls.anderson_darling import AndersonDarlingGrid, AndersonDarlingNull
from gausscheck.nulls.cumulative_periodogram import _SpacingsNull, cumulative_periodogram_null
from gausscheck.nulls.edges import anderson_darling_grid, kolmogorov_grid
from gausscheck.nulls.grid_kolmogorov import GridKolmogorovNull

DTYPES = ("float32", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2")
LEVELS = (0.2, 0.3, 0.5, 0.8, 1.2, 1.8, 2.7, 5.0, 9.0)


def kolmogorov(dtype: str, n: int) -> None:
    """Differences of the logs of both tails from those of counted paths."""
    grid = kolmogorov_grid(dtype, None, 1.0)[1]
    assert grid is not None
    grid_kolmogorov.EXACT_UP_TO = 0
    null = GridKolmogorovNull(n, grid)
    cells = []
    for z in LEVELS:
        d = z / math.sqrt(n)
        below, above = null._counted(d)
        cells.append(f"{z:g}: {float(null.logcdf(d)) - below:+.1e} {float(null.logsf(d)) - above:+.1e}")
    print(f"kolmogorov {dtype} n={n} | " + " | ".join(cells), flush=True)


def periodogram(bins: int, fields: int) -> None:
    """The same for pooled fields."""
    null = cumulative_periodogram_null(bins, fields)
    exact = _SpacingsNull(bins, fields, null)
    cells = []
    for z in LEVELS:
        d = z / math.sqrt(bins * fields)
        below, above = (float(null.logcdf(d) - exact.logcdf(d)), float(null.logsf(d) - exact.logsf(d)))
        cells.append(f"{z:g}: {below:+.1e} {above:+.1e}")
    print(f"cumulative_periodogram N={bins} F={fields} | " + " | ".join(cells), flush=True)


def upper(dtype: str, grid: AndersonDarlingGrid, n: int) -> None:
    """Log p of A^2 less that of importance sampling."""
    null, cells = AndersonDarlingNull(n, grid), []
    for value in (8.0, 14.0, 30.0, 0.1 * n, 0.3 * n):
        if value < 8 or value > n:
            continue
        log_p, error = sampled_log_sf(grid, n, value, seed=[5, n], draws=8000)
        cells.append(
            f"A2={value:g} log p {log_p:.6g}: {float(null.logsf(value)) - log_p:+.3f} +- {error:.3f}"
        )
    print(f"anderson_darling {dtype} n={n} | " + " | ".join(cells), flush=True)


def lower(dtype: str, grid: AndersonDarlingGrid, n: int) -> None:
    """P(A^2 < t) over the share of 200,000 draws below t, at shares 0.001 to 0.1."""
    rng, parts = np.random.default_rng([7, n]), []
    for _ in range(40):
        below = rng.multinomial(n, grid.mass / grid.mass.sum(), size=5000).cumsum(axis=1)[:, :-1]
        parts.append(n * ((below / n - grid.below) ** 2 @ grid.weight))
    value, null = np.concatenate(parts), AndersonDarlingNull(n, grid)
    cells = [f"{q}: {float(null.cdf(np.quantile(value, q))) / q:.3f}" for q in (0.001, 0.01, 0.1)]
    print(f"anderson_darling {dtype} n={n} lower tail, ratio | " + " | ".join(cells), flush=True)


def main() -> None:
    """All tables."""
    print("differences of log P(T < t) and of log P(T > t); left: z = t sqrt n")
    for dtype in DTYPES:
        for n in (1024, 2048, *((8192, 40_000) if dtype.startswith("float8") else ())):
            kolmogorov(dtype, n)
    for bins, fields in ((3, 400), (16, 65), (16, 300), (100, 11), (520, 2), (1000, 2)):
        periodogram(bins, fields)
    for dtype in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        grid = anderson_darling_grid(dtype, None, 1.0)
        assert grid is not None
        for n in (8, 50, 1000, 10**6):
            upper(dtype, grid, n)
        if dtype != "bfloat16":
            for n in (8, 50, 1000):
                lower(dtype, grid, n)


if __name__ == "__main__":
    main()
