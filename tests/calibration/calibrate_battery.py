"""How often perfect noise is rejected by a whole battery, and by each of its tests.

Run ``PYTHONPATH=tests python tests/calibration/calibrate_battery.py`` (2,000 tensors of each of five shapes:
about half an hour on two cores), or with ``--dtype bfloat16 --shape 2x4x32x32``. Tensor i is drawn from seed
[17, number of the format, i] and audited with seed i.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from noise import FORMATS, noise
from numpy.typing import NDArray
from scipy.stats import beta

from gausscheck import audit

SEED = 17
LEVELS = (1e-2, 1e-3, 1e-4)
CASES = (
    ("8x512", "float32"),
    ("100000", "float16"),
    ("3x5x63x65", "float32"),
    ("1x16x128x128", "bfloat16"),
    ("16x4x64x64", "float32"),
)
"""Shape and format of what is audited unless told otherwise."""

Outcome = tuple[float, float, dict[str, float]]


def outcome(i: int, shape: tuple[int, ...], dtype: str, battery: str) -> Outcome:
    """Log of the smallest Holm-adjusted p, of the Cauchy p, and of each p by test, for tensor i."""
    report = audit(noise(shape, dtype, [SEED, FORMATS.index(dtype), i]), battery=battery, seed=i)
    tested = [f for f in report.findings if f.family != "validity"]
    single = {f"{f.label} / {f.scope}": f.log_p for f in tested}
    return min(f.log_adjusted_p for f in tested), report.tensors[0].log_p, single


def outcomes(
    n: int, shape: tuple[int, ...], dtype: str, battery: str = "standard", processes: int | None = None
) -> list[Outcome]:
    """Outcomes of n tensors of perfect noise."""
    one = partial(outcome, shape=shape, dtype=dtype, battery=battery)
    if processes == 1:
        return [one(i) for i in range(n)]
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(one, range(n), chunksize=25))


def interval(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson interval of a rate."""
    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, n - hits + 1))
    high = 1.0 if hits == n else float(beta.ppf(1 - tail, hits + 1, n - hits))
    return low, high


def line(name: str, log_p: Iterable[float]) -> str:
    """Rates of p < alpha over alpha, with their intervals."""
    logs: NDArray[np.float64] = np.array(list(log_p))
    cells = []
    for alpha in LEVELS:
        hits = int(np.count_nonzero(logs < math.log(alpha)))
        low, high = interval(hits, logs.size)
        cells.append(
            f"{hits:5d}  {hits / logs.size:.5f}  {hits / logs.size / alpha:5.2f}"
            f" [{low / alpha:5.2f}, {high / alpha:5.2f}]"
        )
    return f"{name:42s} " + "   ".join(cells)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--dtype", choices=FORMATS, default="float32")
    parser.add_argument("--shape", help="such as 2x4x32x32; by default five cases, and only the rules")
    parser.add_argument("--battery", default="standard")
    given = parser.parse_args()
    # Every process is one worker of its own: threads would only get in each other's way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    print(f"# PYTHONPATH=tests python tests/calibration/calibrate_battery.py {' '.join(sys.argv[1:])}")
    print(f"# {given.n} tensors of perfect noise of each kind, battery {given.battery}")
    heads = (f"p < {alpha:g}: hits, rate, rate/alpha [95 % interval]" for alpha in LEVELS)
    print(f"{'':42s} " + "   ".join(heads), flush=True)
    for shape, dtype in CASES if given.shape is None else ((given.shape, given.dtype),):
        size = tuple(int(length) for length in shape.split("x"))
        results = outcomes(given.n, size, dtype, given.battery)
        print(f"{shape} {dtype}")
        print(line("Holm: smallest adjusted p", (r[0] for r in results)))
        print(line("Cauchy: combined p", (r[1] for r in results)), flush=True)
        if given.shape is not None:
            for name in sorted(results[0][2]):
                print(line(name, (r[2][name] for r in results)))


if __name__ == "__main__":
    main()
