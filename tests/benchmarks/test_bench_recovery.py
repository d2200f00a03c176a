import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")


@pytest.mark.slow
def test_the_benchmark_of_recovery_runs_and_fills_its_tables():
    script = Path(__file__).with_name("bench_recovery.py")
    command = [sys.executable, str(script), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    out = done.stdout
    rows = [line.strip("| ").split(" | ") for line in out.splitlines() if line.startswith("| ")]
    start = next(r for r in rows if r[0] == "(start)")
    # The checkerboard's projection on itself is sqrt(1024), its kurtosis 1.
    assert start[2] == "32.0"
    assert start[6] == "1.00"
    for loss in (
        "published loss",
        "noise and norm control",
        "typical, mix, orders 1-4",
        "covariance, S = 100",
    ):
        found = [r for r in rows if r[0] == loss]
        assert len(found) >= 4, loss  # two settings, two starts
        assert all(re.fullmatch(r"-?[\d.,]+", cell) for r in found for cell in r[2:11])
    noise = [r for r in rows if r[0] in ("typical", "zero")]
    assert len(noise) == 12
