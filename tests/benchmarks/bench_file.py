"""Memory and time of auditing a large file, in a process of its own.

    python tests/benchmarks/bench_file.py                    # 1 GiB in each layout, on a disk with 1 GiB free
    python tests/benchmarks/bench_file.py --dir /scratch     # where the temporary file goes
    python tests/benchmarks/bench_file.py --quick            # 8 MiB, for a smoke test: figures mean little

For each layout: largest resident memory above that of a bare interpreter, mapped pages of the file included,
and wall time beside that of ``cat FILE > /dev/null``, the file being in the cache of the system.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

LIMIT_MB = 500.0  # above the interpreter's own, in any layout
ROWS = 2**24  # values written at once
LAYOUTS = {
    "many samples": (8192, 4, 128, 128),
    "one long sample": (1, 536870912),
    "video": (64, 16, 128, 64, 64),
}
QUICK = {"many samples": (64, 4, 128, 128), "one long sample": (1, 4194304), "video": (2, 16, 32, 64, 64)}

# Read from the address space of this process alone: ru_maxrss starts from the peak of the parent.
PEAK = (
    "import re, sys\n"
    "def peak():\n"
    "    return int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) * 1024 / 1e6\n"
)
BARE = PEAK + "print(peak())"
AUDIT = (
    PEAK + "import json, time\n"
    "import gausscheck as gc\n"
    "start = time.perf_counter()\n"
    "report = gc.audit_files(sys.argv[1])\n"
    "print(json.dumps([peak(), time.perf_counter() - start, report.verdict, len(report.errors)]))"
)


def fresh(code: str, *arguments: str) -> str:
    """Run `code` in a process of its own and return what it prints."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def write_noise(path: Path, shape: tuple[int, ...]) -> int:
    """Write N(0, 1) values rounded to bfloat16 as a safetensors file; return its size in bytes."""
    size = int(np.prod(shape))
    entry = {"dtype": "BF16", "shape": list(shape), "data_offsets": [0, 2 * size]}
    header = json.dumps({"latents": entry}).encode()
    header += b" " * (-len(header) % 8)
    rng = np.random.default_rng(0)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for start in range(0, size, ROWS):
            bits = rng.standard_normal(min(ROWS, size - start), dtype=np.float32).view(np.uint32)
            bits += np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))  # round half to even
            file.write((bits >> np.uint32(16)).astype("<u2").tobytes())
    return path.stat().st_size


def measure(name: str, shape: tuple[int, ...], folder: Path) -> float:
    """Print one line and return the memory in MB above the bare interpreter."""
    path = folder / "noise.safetensors"
    size = write_noise(path, shape)
    subprocess.run(["cat", str(path)], stdout=subprocess.DEVNULL, check=True)
    started = time.perf_counter()
    subprocess.run(["cat", str(path)], stdout=subprocess.DEVNULL, check=True)
    read = time.perf_counter() - started
    peak, seconds, verdict, errors = json.loads(fresh(AUDIT, str(path)))
    assert not errors, "the file could not be audited"
    above = peak - float(fresh(BARE))
    print(
        f"{name:<16} {list(shape)!s:<24} {above:7.1f} MB above the interpreter   [limit {LIMIT_MB:.0f}]   "
        f"{seconds:7.2f} s   {seconds / size * 2e9:6.2f} ns/value   "
        f"{seconds / read:7.1f} x cat ({read:.2f} s)   {verdict}",
        flush=True,
    )
    path.unlink()
    return above


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small files, to see that it runs")
    parser.add_argument("--dir", type=Path, help="folder for the temporary file")
    parser.add_argument("--only", choices=list(LAYOUTS), help="one layout")
    chosen = parser.parse_args()
    layouts = QUICK if chosen.quick else LAYOUTS
    with tempfile.TemporaryDirectory(dir=chosen.dir) as folder:
        above = [
            measure(name, shape, Path(folder))
            for name, shape in layouts.items()
            if chosen.only in (None, name)
        ]
    return int(max(above) > LIMIT_MB)


if __name__ == "__main__":
    sys.exit(main())
