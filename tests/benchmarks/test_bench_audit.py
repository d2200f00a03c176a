"""The benchmark of a battery's probes runs."""

import re
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("bench_audit.py")


def test_the_benchmark_runs_and_prints_every_cost():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    costs = re.findall(r"^(.+?) +(-?[\d.]+) ns/value   stated +([\d.]+)$", done.stdout, re.MULTILINE)
    assert [name for name, _, _ in costs] == ["moments, all orders", "power spectrum", "permuted x4"]
    assert all(float(stated) > 0 for _, _, stated in costs)
