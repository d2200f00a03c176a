"""Speed of the engines as ratios to peers, measured side by side in one run.

    python tests/benchmarks/bench_pass.py            # 2**26 values, permutations up to 2**24: about a minute
    python tests/benchmarks/bench_pass.py --quick    # a few seconds, for a smoke test: figures mean little

Each figure is the best of several rounds; the two sides of a ratio take turns, so that a busy machine slows
both. Processor time where one thread works, wall time where two do.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

import numpy as np
from scipy.fft import rfft
from scipy.stats import normaltest
from timing import best

from gausscheck.arrays import Values, as_values
from gausscheck.engines.numba import NumbaEngine
from gausscheck.engines.numpy import NumpyEngine
from gausscheck.lattice import detect


def line(  # noqa: PLR0917
    what: str, seconds: float, size: int, peer: str = "", peer_seconds: float = 0.0, limit: str = ""
) -> None:
    text = f"{what:<34} {seconds / size * 1e9:8.3f} ns/value"
    if peer:
        text += f"   {seconds / peer_seconds:7.3f} x {peer} ({peer_seconds / size * 1e9:.3f} ns/value)"
    print(text + (f"   [{limit}]" if limit else ""), flush=True)


def codes(x: np.ndarray) -> dict[str, Values]:
    """The same values in narrow formats; bfloat16 by dropping bits, which is as good for timing."""
    return {
        "float64": as_values(x.astype(np.float64)),
        "float16": as_values(x.astype(np.float16)),
        "bfloat16": Values((x.view(np.uint32) >> 16).astype(np.uint16), "bfloat16"),
        "float8_e4m3fn": Values(
            np.random.default_rng(1).integers(0, 127, x.shape, dtype=np.uint8), "float8_e4m3fn"
        ),
    }


def passes(size: int) -> None:
    x = np.random.default_rng(0).standard_normal((1, size), dtype=np.float32)
    values = as_values(x)
    one, two = NumbaEngine(1), NumbaEngine(2)
    add, single = best(lambda: np.sum(x), lambda: one.one_pass(values))
    line("one_pass float32, 1 thread", single, size, "np.sum", add, "limit 4")
    alone, both = best(lambda: one.one_pass(values), lambda: two.one_pass(values), clock=time.perf_counter)
    line("one_pass float32, 2 threads, wall", both, size, "1 thread", alone)
    few = x[:, : max(size // 8, 1000)]
    normal, short = best(lambda: normaltest(few, axis=1), lambda: one.one_pass(as_values(few)), rounds=2)
    line("scipy.stats.normaltest", normal, few.size, "one_pass", short, "at least 8")
    plain, _ = best(lambda: NumpyEngine().one_pass(as_values(few)), lambda: None, rounds=2)
    line("one_pass float32, NumPy engine", plain, few.size, "Numba engine", short)
    for name, held in codes(x).items():
        add, single = best(lambda: np.sum(x), lambda held=held: one.one_pass(held), rounds=3)
        line(f"one_pass {name}, 1 thread", single, size, "np.sum of float32", add)
        if held.format.bits <= 16:
            count, decoded = best(
                lambda held=held: one.counts(held), lambda held=held: one.decode(held), rounds=3
            )
            line(f"  counts {name}", count, size)
            line(f"  decode {name}", decoded, size)
    look, add = best(lambda: detect(x), lambda: np.sum(x))
    line("lattice detect, ordinary float32", look, size, "np.sum", add)


def shuffles(exponents: list[int]) -> None:
    engine, plain = NumbaEngine(1), NumpyEngine()
    for exponent in exponents:
        size = 2**exponent
        rows = max(1, 2**20 // size)
        x = np.random.default_rng(0).standard_normal((rows, size), dtype=np.float32)
        keys = np.arange(rows, dtype=np.uint64)
        turn, fourier, spectrum, permuted = best(
            lambda x=x, keys=keys: engine.shuffle(x, keys),
            lambda x=x: rfft(x, axis=1, workers=1),
            lambda x=x: engine.power_spectrum(x),
            lambda x=x: np.random.default_rng(0).permuted(x, axis=1),
            rounds=3,
        )
        line(f"shuffle D=2**{exponent}", turn, x.size, "rfft", fourier, "limit 1")
        line(f"  power_spectrum D=2**{exponent}", spectrum, x.size, "rfft", fourier)
        line(f"  Generator.permuted D=2**{exponent}", permuted, x.size, "shuffle", turn)
    few, key = x[:1, : 2**14].copy(), keys[:1]
    slow, _ = best(lambda: plain.shuffle(few, key), lambda: None, rounds=2)
    line("shuffle D=2**14, NumPy engine", slow, few.size)


def start_up() -> None:
    """What the first verb costs in a process of its own, once kernels are in the cache on disk."""
    code = (
        "import numpy as np, time\n"
        "from gausscheck.arrays import as_values\n"
        "from gausscheck.engines.numba import NumbaEngine\n"
        "x = np.ones((1, 10), np.float32); started = time.perf_counter()\n"
        "NumbaEngine().one_pass(as_values(x)); print(time.perf_counter() - started)"
    )
    seconds = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    print(f"{'first verb of the Numba engine':<34} {min(seconds):8.3f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    quick = parser.parse_args().quick
    passes(2**16 if quick else 2**26)
    shuffles([10, 12] if quick else [12, 14, 16, 18, 20, 22, 24])
    start_up()


if __name__ == "__main__":
    main()
