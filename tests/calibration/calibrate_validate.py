"""How often a good generator fails a validation, against the budget that the run declares.

    python tests/calibration/calibrate_validate.py                  # 2,000 runs, ten minutes on two cores
    python tests/calibration/calibrate_validate.py --runs 20 --n 65536 --processes 1

Run i of a source draws from the seed that numpy's SeedSequence([23, i]) gives.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from scipy.stats import beta

from gausscheck import validate

SEED = 23

Outcome = tuple[str, int | None, int, int, str]


def outcome(i: int, source: str, n: int, budget: float, streams: int) -> Outcome:
    """Verdict, size at which it failed, fresh draws, rejected ones, and the test that decided."""
    seed = int(np.random.SeedSequence([SEED, i]).generate_state(1)[0])
    result = validate(source, n=n, budget=budget, streams=streams, seed=seed)
    rejected = [c for c in result.confirmations if c.verdict == "fail"]
    decided = (rejected or result.looks[-1:])[-1].statistic if result.verdict == "fail" else ""
    return result.verdict, result.caught_at, len(result.confirmations), len(rejected), decided


def outcomes(
    runs: int, source: str, *, n: int, budget: float, streams: int = 1, processes: int | None = None
) -> list[Outcome]:
    """Outcomes of many runs."""
    one = partial(outcome, source=source, n=n, budget=budget, streams=streams)
    if processes == 1:
        return [one(i) for i in range(runs)]
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(one, range(runs), chunksize=10))


def interval(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson interval of a rate."""
    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, n - hits + 1))
    high = 1.0 if hits == n else float(beta.ppf(1 - tail, hits + 1, n - hits))
    return low, high


def lines(found: list[Outcome], budget: float) -> list[str]:
    """Rates in words."""
    runs = len(found)
    failed = [o for o in found if o[0] == "fail"]
    low, high = interval(len(failed), runs)
    at_once = sum(1 for o in failed if not o[3])
    drew = sum(1 for o in found if o[2])
    said = [
        f"false alarms: {len(failed)} of {runs} runs, rate {len(failed) / runs:.5f}, 95 % interval "
        f"[{low:.5f}, {high:.5f}], budget {budget:g}",
        f"  at once {at_once}, after fresh values {len(failed) - at_once} (half the budget each, at most)",
        f"runs that drew fresh values: {drew} (rate {drew / runs:.4f}, at most {(budget / 2) ** 0.5:.4f} by "
        f"the bound); fresh samples drawn: {sum(o[2] for o in found)}",
    ]
    by_test = Counter(o[4] for o in failed)
    by_size = Counter(o[1] for o in failed)
    if failed:
        said.append("  by test: " + ", ".join(f"{name} {count}" for name, count in by_test.most_common()))
        said.append("  by values seen: " + ", ".join(f"{n} {count}" for n, count in sorted(by_size.items())))
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--n", type=int, default=2**18)
    parser.add_argument("--budget", type=float, default=1e-2)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--source", default="numpy:PCG64")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    start = time.perf_counter()
    given = {
        name: getattr(options, name) for name in ("runs", "source", "n", "budget", "streams", "processes")
    }
    print(", ".join(f"{name} {value}" for name, value in given.items()), flush=True)
    found = outcomes(**given)
    print("\n".join(lines(found, options.budget)))
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
