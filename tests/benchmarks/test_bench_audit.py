import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def run(script, *options):
    command = [sys.executable, str(HERE / script), "--quick", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_benchmark_of_audits_runs_and_prints_its_figures():
    out = run("bench_audit.py")
    figures = {
        "audit float32 (65536,)": r"([0-9.]+) x kstest",
        "lattice detection": r"([0-9.]+) ns/value",
        "spectrum of samples of 4096": r"([0-9.]+) a permutation",
        "audit, Python": r"([0-9.]+) s warm",
    }
    for what, figure in figures.items():
        found = re.search(rf"^{re.escape(what)} .*?{figure}", out, re.MULTILINE)
        assert found, f"{what} is missing in:\n{out}"
        assert float(found[1]) > 0


def test_a_first_small_audit_does_without_numba_and_other_heavy_packages():
    assert run("bench_audit.py", "--only", "imports").rstrip().endswith("none")


@pytest.mark.slow
def test_the_benchmark_of_files_keeps_its_limit_and_leaves_nothing_behind(tmp_path):
    out = run("bench_file.py", "--dir", str(tmp_path))
    assert len(re.findall(r"MB above the interpreter", out)) == 3
    assert not list(tmp_path.iterdir())
