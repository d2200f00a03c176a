"""Measure the nulls of moments: two roads, and what a p-value costs. Prints; writes nothing.

Second roads, labelled in the table:

``gil-pelaez/26``
    Gil-Pelaez along the imaginary axis in 26 decimal digits (mpmath): absolute error about 1e-25, so that it
    knows p = 1e-12 to 1e-13. Minutes for each order.
``gil-pelaez/ext``
    The same in extended precision: absolute error about 1e-18, relative 1e-18 / p. Seconds. (``--quick``)

Run: ``python tests/calibration/calibrate_moments.py [--quick] [--hermite] [--orders 3 4 …]``
"""

import argparse
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from nulls.gil_pelaez import Extended, GilPelaez, Multiple

from gausscheck.nulls.inversion import inversion_null

SIZES = (64, 1024, 16384, 65536)
DECADES = range(1, 13)

FIRST = """
import sys, time
degree, n, hermite = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "True"
start = time.process_time()
from gausscheck.nulls.inversion import inversion_null
loaded = time.process_time()
null = inversion_null(degree, n, hermite)
t = null.mean + 2.5 * null.std
null.log_two_sided(t)
first = time.process_time()
for _ in range(100):
    null.log_two_sided(t * 1.001)
scalar = (time.process_time() - first) / 100
import numpy as np
many = null.mean + null.std * np.random.default_rng(0).standard_normal(10_000)
null.log_two_sided(many)
start_many = time.process_time()
null.log_two_sided(many)
print(loaded - start, first - loaded, scalar, (time.process_time() - start_many) / many.size)
"""


def quantile(null, log_p, upper):
    """Point where a tail has the given log p, by bisection; None where the whole tail is smaller."""
    tail = null.logsf if upper else null.logcdf
    if tail(null.mean) < log_p:
        return None
    reach = 1e9 * null.std
    if null.feature.even and not upper:
        reach = null.mean - null.feature.floor
    near, far = 0.0, 1.0
    for _ in range(45):
        middle = (near + far) / 2
        t = place(null, middle, reach, upper)
        near, far = (middle, far) if tail(t) > log_p else (near, middle)
    return place(null, far, reach, upper)


def place(null, share, reach, upper):
    step = null.std * math.expm1(share * math.log1p(reach / null.std))
    return null.mean + step if upper else null.mean - step


def difference(null, oracle, label):
    """Print p and the relative difference of the two roads, both tails; return (p, difference) pairs."""
    pairs = []
    for upper in (True, False):
        points = {d: quantile(null, -d * math.log(10), upper) for d in DECADES}
        points = {d: t for d, t in points.items() if t is not None}
        t = np.array(list(points.values()))
        other = oracle.sf(null.n, t)
        if not upper:
            other = 1 - other
        mine = null.sf(t) if upper else null.cdf(t)
        gap = [float(m / o - 1) for m, o in zip(mine.tolist(), other, strict=True)]
        pairs += list(zip(mine, gap, strict=True))
        row = " ".join(f"{g:+.0e}" if d in points else "   -  " for d, g in zip(points, gap, strict=True))
        name = ("He" if null.feature.turning_point else "x^") + str(null.feature.degree)
        print(f"{name} n={null.n:<6} {'upper' if upper else 'lower'} {label}  {row}", flush=True)
    return pairs


def timings(orders, hermite):
    print("\nprocessor time, fresh process: import, first p at n = 16384; a later one; one of 10 000 at once")
    for degree in orders:
        out = subprocess.run(
            [sys.executable, "-c", FIRST, str(degree), "16384", str(hermite)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        load, first, scalar, vector = map(float, out)
        name = ("He" if hermite else "x^") + str(degree)
        print(f"{name}: {load:.2f} s, {first * 1e3:.0f} ms, {scalar * 1e3:.2f} ms, {vector * 1e6:.2f} us")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="extended precision instead of 26 digits")
    parser.add_argument("--hermite", action="store_true", help="Hermite means instead of powers")
    parser.add_argument("--orders", type=int, nargs="+", default=list(range(3, 9)))
    options = parser.parse_args()
    label = "gil-pelaez/ext" if options.quick else "gil-pelaez/26 "
    print(f"python {sys.version.split()[0]}, numpy {np.__version__}")
    print("p = 1e-1 ... 1e-12, first road / second - 1")
    start, pairs = time.perf_counter(), []
    for degree in options.orders:
        arithmetic = Extended() if options.quick else Multiple(26)
        oracle = GilPelaez(degree, hermite=options.hermite, arithmetic=arithmetic)
        for n in SIZES:
            pairs += difference(inversion_null(degree, n, options.hermite), oracle, label)
    p, gap = np.array(pairs).T
    print(f"\nlargest, p >= 1e-6: {np.abs(gap[p >= 0.99e-6]).max():.1e}; over all: {np.abs(gap).max():.1e}")
    print(f"{len(pairs)} p-values in {time.perf_counter() - start:.0f} s")
    timings(options.orders, options.hermite)


if __name__ == "__main__":
    main()
