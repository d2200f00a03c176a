"""Speed of whole audits, of their stages, and of a first audit in a process of its own.

    python tests/benchmarks/bench_audit.py            # 2**24 values: about a minute and a half
    python tests/benchmarks/bench_audit.py --quick    # a few seconds, for a smoke test: figures mean little
    python tests/benchmarks/bench_audit.py --only stages

Each figure is the best of several rounds. Whole audits take turns with ``scipy.stats.kstest`` and with one
``scipy.fft.rfftn`` over their ordered axes, both as they come, in wall time;
stages are given in processor time of one thread, as ``gausscheck.battery.Probe.cost`` states them.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from timing import best

from gausscheck import audit
from gausscheck.arrays import as_values
from gausscheck.collect import Setting, collector
from gausscheck.engines.numba import NumbaEngine
from gausscheck.gather import CHUNK
from gausscheck.lattice import detect
from gausscheck.layout import Layout
from gausscheck.needs import ChannelGramNeed, CountsNeed, FieldsNeed, Need, RepeatsNeed, SampleGramNeed

LATENT = (4, 64, 64)
FIRST_AUDIT = 1.0  # seconds, everything compiled and cached
HELP = 0.3
LAYOUTS = {
    2**24: ((2**24,), (64, 4, 256, 256), (1024, 4, 64, 64)),
    2**16: ((2**16,), (4, 4, 64, 64)),
}


def whole(size: int, rounds: int) -> None:
    """Audits of the same values in several layouts against one test and one transform of them."""
    from scipy.fft import rfftn
    from scipy.stats import kstest

    x = np.random.default_rng(0).standard_normal(size, dtype=np.float32)
    shaped = [x.reshape(shape) for shape in LAYOUTS[size]]
    peer, *turns = best(
        lambda: kstest(x, "norm"),
        *(
            work
            for y in shaped
            for work in (
                lambda y=y: audit(y),
                lambda y=y: rfftn(y, axes=tuple(range(min(2, y.ndim - 1), y.ndim))),
            )
        ),
        rounds=rounds,
        clock=time.perf_counter,
    )
    for y, seconds, transform in zip(shaped, turns[::2], turns[1::2], strict=True):
        print(
            f"{f'audit float32 {y.shape}':<40} {seconds:8.3f} s   {seconds / size * 1e9:7.2f} ns/value   "
            f"{seconds / peer:6.3f} x kstest ({peer:.2f} s)   [limit 0.5]   "
            f"{seconds / transform:5.1f} x rfftn ({transform:.3f} s)   [limit 12]",
            flush=True,
        )


def stages(size: int, lengths: Sequence[int], rounds: int) -> None:
    """Nanoseconds a value of each stage, on one thread, for samples of several lengths."""
    engine = NumbaEngine(1)
    x = np.random.default_rng(0).standard_normal(size, dtype=np.float32)
    codes = as_values((x.view(np.uint32) >> 16).astype(np.uint16).view(np.float16).reshape(1, -1))
    flat = as_values(x.reshape(1, -1))
    tile = 2**21  # as many values as an audit looks at together
    parts = {
        "one pass": lambda: engine.one_pass(flat),
        "lattice detection": lambda: [detect(x[k : k + tile]) for k in range(0, size, tile)],
        "decode float32": lambda: engine.decode(flat),
        "decode 16 bits": lambda: engine.decode(codes),
    }
    for name, seconds in zip(
        parts, best(*parts.values(), rounds=rounds, clock=time.process_time), strict=True
    ):
        print(f"{name:<40} {seconds / size * 1e9:8.3f} ns/value", flush=True)
    for length in lengths:
        rows = x[: max(length, min(tile, size))].reshape(-1, length)
        keys = np.arange(rows.shape[0], dtype=np.uint64)
        spectrum, shuffle = (
            seconds / rows.size * 1e9
            for seconds in best(
                lambda rows=rows: engine.power_spectrum(rows),
                lambda rows=rows, keys=keys: engine.shuffle(rows, keys),
                rounds=rounds,
                clock=time.process_time,
            )
        )
        print(
            f"{f'spectrum of samples of {length}':<40} {spectrum:8.3f} ns/value stored   "
            f"{spectrum + shuffle:7.3f} a permutation (shuffle {shuffle:.3f}, transform {spectrum:.3f})",
            flush=True,
        )


def summaries(size: int, rounds: int) -> None:
    """Nanoseconds a value of each summary that the judged statistics need, on one thread, chunk by chunk."""
    engine = NumbaEngine(1)
    x = np.random.default_rng(0).standard_normal(size, dtype=np.float32)
    for shape in ((size // 2**14, 4, 64, 64), (size // 2**18, 4, 256, 256)):
        values = as_values(x[: prod(shape)].reshape(shape))
        if values.size == 0:
            continue
        layout = Layout.resolve(None, shape)
        setting = Setting(layout, shape, values.dtype, engine)
        rows = layout.rows(values.data)
        step = max(1, CHUNK // rows.shape[1])

        def walk(need: Need, setting: Setting = setting, rows: Any = rows, step: int = step) -> None:
            collecting = collector(need, setting)
            for start in range(0, rows.shape[0], step):
                part = rows[start : start + step]
                collecting.take(np.arange(start, start + part.shape[0]), as_values(part))
            collecting.finish()

        needs = (CountsNeed(), FieldsNeed(), ChannelGramNeed(), SampleGramNeed(), RepeatsNeed())
        works = [partial(walk, need) for need in needs]
        for need, seconds in zip(needs, best(*works, rounds=rounds, clock=time.process_time), strict=True):
            name = f"{type(need).__name__.removesuffix('Need')} of {shape}"
            print(f"{name:<40} {seconds / values.size * 1e9:8.3f} ns/value", flush=True)


def process(command: Sequence[str], **environment: str) -> tuple[float, float]:
    """Seconds that a command takes, with start and end of its process: wall time and processor time."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def fresh(rounds: int) -> None:
    """A first audit of one small latent: cold without compiled modules on disk, then warm."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "latents.npy"
        np.save(path, np.random.default_rng(0).standard_normal(LATENT, dtype=np.float32))
        python = [sys.executable, "-c"]
        commands = {
            "interpreter alone": ([*python, "pass"], None),
            "interpreter with NumPy": ([*python, "import numpy"], None),
            "import gausscheck": ([*python, "import gausscheck"], None),
            "audit, Python": (
                [*python, f"import numpy, gausscheck; gausscheck.audit(numpy.load({str(path)!r}))"],
                FIRST_AUDIT,
            ),
        }
        tool = shutil.which("gausscheck", path=str(Path(sys.executable).parent))
        if tool is not None:
            commands["gausscheck audit FILE"] = ([tool, "audit", str(path)], FIRST_AUDIT)
            commands["gausscheck --help"] = ([tool, "--help"], HELP)
        for name, (command, limit) in commands.items():
            cold, _ = process(command, PYTHONPYCACHEPREFIX=str(Path(folder) / name))
            turns = [process(command) for _ in range(rounds)]
            warm, work = (min(column) for column in zip(*turns, strict=True))
            text = f"{name:<40} {warm:8.3f} s warm ({work:.3f} s of processors)   {cold:8.3f} s cold"
            print(text + (f"   [limit {limit:.1f} warm]" if limit else ""), flush=True)


def imports() -> None:
    """Where the imports of a first audit go: packages with everything that they load first."""
    code = (
        "import numpy as np, gausscheck\n"
        "gausscheck.audit(np.random.default_rng(0).standard_normal((4, 64, 64)))"
    )
    listing = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], check=True, capture_output=True, text=True
    ).stderr
    found = re.findall(r"^import time:\s+(\d+) \|\s+(\d+) \| (\s*)(\S+)$", listing, re.MULTILINE)
    print("imports of a first audit, milliseconds with what they load first:")
    largest = sorted(((int(total), name) for _, total, depth, name in found if len(depth) <= 2), reverse=True)
    for total, name in largest[:12]:
        print(f"    {name:<36} {total / 1e3:8.1f}")
    loaded = [name for *_, name in found if name in ("numba", "scipy.stats", "torch")]
    print(f"    of numba, scipy.stats and torch: {', '.join(loaded) or 'none'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument(
        "--only", choices=["whole", "stages", "summaries", "fresh", "imports"], help="one part"
    )
    chosen = parser.parse_args()
    quick, only = chosen.quick, chosen.only
    size = 2**16 if quick else 2**24
    if only in (None, "whole"):
        whole(size, 1 if quick else 3)
    if only in (None, "stages"):
        stages(size, (2**12, 2**14) if quick else tuple(2**k for k in range(12, 25, 2)), 1 if quick else 5)
    if only in (None, "summaries"):
        summaries(2**18 if quick else size, 1 if quick else 5)
    if only in (None, "fresh"):
        fresh(1 if quick else 5)
    if only in (None, "imports"):
        imports()


if __name__ == "__main__":
    main()
