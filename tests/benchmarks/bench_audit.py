"""Cost of the probes of a battery, in nanoseconds a value on one core.

    python tests/benchmarks/bench_audit.py            # 2**24 values of float32, in samples of 2**14
    python tests/benchmarks/bench_audit.py --quick    # a few seconds, for a smoke test: figures mean little

Each line is what its probes add to those above it, from the walk over the data alone; beside it is the cost
that ``gausscheck/battery.py`` states. Nulls and report, whose cost does not grow with the data, are left out.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

import numpy as np
from bench_pass import best

from gausscheck.arrays import as_values
from gausscheck.battery import Battery, battery
from gausscheck.gather import gather
from gausscheck.layout import Layout

SAMPLE = 2**14
PERMUTATIONS = 4


def prefixes() -> dict[str, Battery]:
    """Batteries, each with the probes of the one before it and more."""
    full = battery("thorough", PERMUTATIONS)
    values = tuple(p for p in full.probes if p.statistic != "power_spectrum")
    stored = tuple(p for p in full.probes if p.statistic == "power_spectrum" and p.view == "stored")
    named = {
        "moments, all orders": values,
        "power spectrum": values + stored,
        f"permuted x{PERMUTATIONS}": full.probes,
    }
    return {name: Battery(name, "", probes) for name, probes in named.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few values, to see that it runs")
    chosen = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = (2**20 if chosen.quick else 2**24) // SAMPLE
    x = as_values(np.random.default_rng(0).standard_normal((rows, SAMPLE), dtype=np.float32))
    layout = Layout.resolve(None, x.shape)

    def walk(table: Battery) -> Callable[[], object]:
        return lambda: gather(x, layout, table, scale=1.0, seed=0)

    tables = prefixes()
    seconds = best(*(walk(t) for t in tables.values()), rounds=1 if chosen.quick else 5)
    before, stated_before = 0.0, 0.0
    for (name, table), least in zip(tables.items(), seconds, strict=True):
        stated = sum(p.cost for p in table.probes)
        cost = (least - before) / x.size * 1e9
        print(f"{name:<22} {cost:7.2f} ns/value   stated {stated - stated_before:6.2f}", flush=True)
        before, stated_before = least, stated


if __name__ == "__main__":
    main()
