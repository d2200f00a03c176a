import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("bench_stream.py")


@pytest.mark.slow
def test_the_benchmark_runs_and_prints_its_ratios():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    for what in ("1 thread(s)", "2 thread(s)"):
        ratio = re.search(rf"^{re.escape(what)}.*testing costs ([0-9.]+) x ", done.stdout, re.MULTILINE)
        assert ratio, f"{what} is missing in:\n{done.stdout}"
        assert float(ratio[1]) > 0
