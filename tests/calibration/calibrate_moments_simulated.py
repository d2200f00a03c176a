"""How often the exact nulls of moments and Hermite means reject simulated noise.

Run ``PYTHONPATH=tests python tests/calibration/calibrate_moments_simulated.py`` (about ten minutes on two
cores). Every order from 1 to 8 is judged on the same draws; seeds are [23, D].
"""

from __future__ import annotations

import argparse
import sys
from bisect import bisect_left, bisect_right

import numpy as np
from calibration.calibrate_battery import interval
from numpy.typing import NDArray

from gausscheck import statistics
from gausscheck.arrays import Values
from gausscheck.engines.numba import NumbaEngine
from gausscheck.summaries import OnePass

SEED = 23
SIZES = (64, 256, 1024, 4096, 16384, 65536)
LEVELS = (1e-2, 1e-3, 1e-4)
KINDS = ("moment", "hermite")
_CHUNK = 2**23


def draws(size: int, rows: int) -> dict[tuple[str, int], NDArray[np.float64]]:
    """Every moment and Hermite mean of `rows` samples of `size` values."""
    engine = NumbaEngine(2)
    rng = np.random.default_rng([SEED, size])
    found: dict[tuple[str, int], list[NDArray[np.float64]]] = {(k, o): [] for k in KINDS for o in range(1, 9)}
    step = max(1, _CHUNK // size)
    for start in range(0, rows, step):
        x = rng.standard_normal((min(step, rows - start), size), dtype=np.float32)
        summary: OnePass = engine.one_pass(Values(x, "float32"))
        for kind, order in found:
            value = statistics[kind].value
            assert value is not None
            found[kind, order].append(value(summary, order=order))
    return {key: np.concatenate(parts) for key, parts in found.items()}


def hits(kind: str, order: int, size: int, values: NDArray[np.float64]) -> list[int]:
    """Number of values whose two-sided p lies below each level; each tail is monotone, so bisect."""
    null = statistics[kind].null(n=size, order=order)
    ascending = np.sort(values)
    places = range(ascending.size)

    def lower(i: int) -> float:
        return float(null.logcdf(ascending[i]))

    def upper(i: int) -> float:
        return -float(null.logsf(ascending[i]))

    counts = []
    for level in LEVELS:
        target = float(np.log(level / 2))
        below = bisect_left(places, target, key=lower)
        above = bisect_right(places, -target, key=upper)
        counts.append(below + ascending.size - above)
    return counts


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--values", type=float, default=2e9, help="values drawn for each size, at most")
    parser.add_argument("--rows", type=int, default=400_000, help="samples of each size, at most")
    given = parser.parse_args()
    print(
        f"# PYTHONPATH=tests python tests/calibration/calibrate_moments_simulated.py {' '.join(sys.argv[1:])}"
    )
    print("# rate / level [95 % Clopper-Pearson interval]")
    print(f"{'D':>6} {'samples':>8}  {'statistic':<10} " + " ".join(f"{level:^20g}" for level in LEVELS))
    for size in SIZES:
        rows = int(min(given.rows, given.values / size))
        for (kind, order), values in draws(size, rows).items():
            cells = []
            for level, count in zip(LEVELS, hits(kind, order, size, values), strict=True):
                low, high = interval(count, rows)
                cells.append(f"{count / rows / level:5.3f} [{low / level:5.3f}, {high / level:5.3f}]")
            print(f"{size:>6} {rows:>8}  {kind} {order:<2} " + " ".join(cells), flush=True)


if __name__ == "__main__":
    main()
