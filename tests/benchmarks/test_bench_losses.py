import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("bench_losses.py")


@pytest.mark.slow
def test_the_benchmark_runs_and_prints_its_ratios():
    pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    for name in ("numba", "torch"):
        for what in ("GaussianityLoss 4096", "naive autograd 4096", "batch of 16 x 4096", "CovarianceLoss"):
            ratio = re.search(rf"^{name}: {re.escape(what)}.* ([0-9.]+) x ", done.stdout, re.MULTILINE)
            assert ratio, f"{name}: {what} is missing in:\n{done.stdout}"
            assert float(ratio[1]) > 0
