import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from zoo import ZOO
from zoo.defect import SIZES

HERE = Path(__file__).parent


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))
    import bench_power

    return bench_power


def _run(script, *options):
    command = [sys.executable, str(HERE / script), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_power_of_a_few_is_measured_and_read_again(bench, tmp_path):
    out = _run("bench_power.py", "--quick")
    row = re.search(r"^\| `scale_flux` .*$", out, re.MULTILINE)
    assert row
    assert row[0].split("|")[2].strip() == "**1.00**"
    log = tmp_path / "log.txt"
    log.write_text(out)
    records = bench.read(log)
    assert [r["defect"] for r in records] == ["scale_flux", "t30_unit", "sorted", "clean"]
    assert records[0]["hint"] == records[0]["tests"]["gausscheck"] == 1.0
    # a marginal test is blind to order, and the page says so
    sorted_row = next(
        line for line in bench.page(records).splitlines() if line.startswith("| `sorted` sorted")
    )
    assert sorted_row.split("|")[2:5] == [" **1.00** ", " . ", " . "]


def test_rows_where_another_test_is_better_are_named(bench):
    record = {
        "n": 1,
        "defect": "sorted",
        "draws": 4,
        "tests": {"gausscheck": 0.5, "kstest": 0.25, "other": 0.75},
    }
    (line,) = bench.behind([record])
    assert "gausscheck 0.50, other 0.75" in line
    assert bench.behind([record | {"tests": {"gausscheck": 0.5, "other": 0.5}}]) == []


@pytest.mark.slow
def test_sizes_of_a_few_are_measured():
    out = _run("zoo_sizes.py", "--most", "12", "--only", "scale_sdxl", "clean")
    assert re.search(r"^scale_sdxl +1024 ", out, re.MULTILINE)
    assert re.search(r"^clean +never ", out, re.MULTILINE)


def test_the_other_tests_are_what_statsmodels_computes(bench):
    diagnostic = pytest.importorskip("statsmodels.stats.diagnostic")
    rng = np.random.default_rng(4)
    for x in (rng.standard_normal(1000), rng.standard_normal(1000).cumsum(), rng.uniform(size=500)):
        theirs = diagnostic.acorr_ljungbox(x, lags=[10, 64])["lb_pvalue"]
        np.testing.assert_allclose(bench.ljung_box(x, (10, 64)), theirs, rtol=1e-8)
    np.testing.assert_allclose(bench.anderson_p(x), diagnostic.normal_ad(x)[1], rtol=1e-8)


def test_detection_sizes_are_of_this_zoo():
    kept = json.loads(SIZES.read_text(encoding="utf-8"))["detect_at"]
    assert list(kept) == list(ZOO)
    assert all(kept[name] is None for name, defect in ZOO.items() if not defect.fault)
    low, high = 2**10, 2**24
    assert all(n is None or (low <= n <= high and n & (n - 1) == 0) for n in kept.values())
