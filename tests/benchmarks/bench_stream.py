"""What a stream costs: values per second of testing against drawing, and peak memory over many values.

    python tests/benchmarks/bench_stream.py                 # 2**27 values held in memory, 1 and 2 threads
    python tests/benchmarks/bench_stream.py --memory 1e9    # peak memory at 1e8 values, and ten times that
    python tests/benchmarks/bench_stream.py --quick         # a few seconds: figures mean little

The peer is ``numpy.random.Generator(PCG64).standard_normal(dtype=float32, out=...)``, one generator a thread.
Both sides take turns in one run, and each thread count has a process of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from timing import best

import gausscheck as gc

PIECE = 2**23


def speed(size: int, threads: int, rounds: int) -> None:
    drawn = np.empty(size, np.float32)
    shares = np.array_split(drawn, threads)
    generators = [np.random.default_rng(k) for k in range(threads)]
    pool = ThreadPoolExecutor(threads)

    def draw() -> None:
        jobs = [
            pool.submit(rng.standard_normal, dtype=np.float32, out=share)
            for rng, share in zip(generators, shares, strict=True)
        ]
        for job in jobs:
            job.result()

    def test() -> None:
        stream = gc.Stream(battery="generator")
        for start in range(0, size, PIECE):
            stream.update(drawn[start : start + PIECE])
        stream.kept()

    draw()
    drawing, testing = best(draw, test, rounds=rounds, clock=time.perf_counter)
    print(
        f"{threads} thread(s), float32, battery generator: testing {size / testing / 1e6:6.1f} M values/s "
        f"({testing / size * 1e9:.2f} ns/value), drawing {size / drawing / 1e6:6.1f} M values/s "
        f"({drawing / size * 1e9:.2f} ns/value): testing costs {testing / drawing:.2f} x drawing",
        flush=True,
    )


def memory(size: int) -> None:
    """Peak of the process; run once a size, for a peak is never given back."""
    import resource

    rng, stream = np.random.default_rng(0), gc.Stream(battery="generator")
    piece = np.empty(2**20, np.float32)
    for _ in range(size // piece.size):
        rng.standard_normal(dtype=np.float32, out=piece)
        stream.update(piece)
    verdict = stream.report().verdict
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{stream.n:.3g} values: {verdict}, peak memory {peak:.0f} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=float, default=2**27, help="values held in memory")
    parser.add_argument("--memory", type=float, default=0, metavar="N", help="peak memory instead")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--job", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    size, rounds = (2**22, 1) if options.quick else (int(options.n), 5)
    if options.job:
        kind, number = options.job
        if kind == "speed":
            speed(size, int(number), rounds)
        else:
            memory(int(float(number)))
        return
    jobs = [("memory", options.memory / 10), ("memory", options.memory)] if options.memory else []
    jobs = jobs or [("speed", threads) for threads in (1, 2)]
    for kind, number in jobs:
        threads = str(number if kind == "speed" else 2)
        names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, threads)}
        command = [sys.executable, __file__, "--job", kind, str(number), "--n", str(options.n)]
        command += ["--quick"] if options.quick else []
        if kind == "speed" and hasattr(os, "sched_setaffinity"):
            cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))[: int(threads)]))
            command = ["taskset", "-c", cpus, *command]
        subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    main()
