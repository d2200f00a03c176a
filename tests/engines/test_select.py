"""Which engine is chosen, when Numba is imported, and where its compiled code may be kept."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gausscheck
from gausscheck.engines import NO_NUMBA, NUMBA_PAYS, Engine, select

PACKAGE = Path(gausscheck.__file__).parent


def run(code, *, path=PACKAGE.parent, **environment):
    env = {**os.environ, "PYTHONPATH": str(path), **environment}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        cwd=path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_size_decides(monkeypatch):
    monkeypatch.delenv(NO_NUMBA, raising=False)
    assert select(0).name == select(NUMBA_PAYS - 1).name == "numpy"
    assert select(NUMBA_PAYS).name == "numba"
    assert isinstance(select(0), Engine)
    assert isinstance(select(NUMBA_PAYS), Engine)
    assert select(NUMBA_PAYS, threads=3).threads == 3
    assert select(NUMBA_PAYS).threads >= 1


def test_the_switch_keeps_to_numpy(monkeypatch):
    monkeypatch.setenv(NO_NUMBA, "1")
    assert select(2**40).name == "numpy"
    monkeypatch.setenv(NO_NUMBA, "0")
    assert select(2**40).name == "numba"


def test_without_numba_numpy_does_it(monkeypatch):
    monkeypatch.delenv(NO_NUMBA, raising=False)
    monkeypatch.setitem(sys.modules, "numba", None)
    assert select(2**40).name == "numpy"


def test_numba_is_imported_for_large_work_and_not_before():
    code = """
import sys, numpy as np
import gausscheck, gausscheck.engines, gausscheck.engines.numba, gausscheck.engines.numpy
from gausscheck.arrays import as_values
small, large = gausscheck.engines.select(10), gausscheck.engines.numba.NumbaEngine()
small.one_pass(as_values(np.zeros((1, 10))))
assert "numba" not in sys.modules, "imported too early"
large.counts(as_values(np.zeros((1, 10), np.float16)))
assert "numba" in sys.modules
assert gausscheck.engines.select(2**40).name == "numba"
print(large.name)
"""
    assert run(code, **{NO_NUMBA: "0"}) == "numba"


COUNT = """
import numpy as np
from gausscheck.arrays import as_values
from gausscheck.engines.numba import NumbaEngine
assert NumbaEngine().counts(as_values(np.ones((2, 50), np.float16))).table.max() == 100
from gausscheck.engines import kernels
print(kernels.__file__)
print(kernels.count.stats.cache_path)
"""


@pytest.fixture
def locked_package(tmp_path):
    """A copy of the package beside which no compiled code can be kept: a file bars the way, even to root."""
    copy = tmp_path / "site" / "gausscheck"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "engines" / "__pycache__").write_text("not a folder")
    return copy.parent


def test_a_read_only_installation_uses_the_users_cache(locked_package, tmp_path):
    cache = tmp_path / "cache"
    found = run(COUNT, path=locked_package, XDG_CACHE_HOME=str(cache), HOME=str(tmp_path), NUMBA_CACHE_DIR="")
    module, where = found.splitlines()
    assert module.startswith(str(locked_package))
    assert where.startswith(str(tmp_path))
    assert list(tmp_path.rglob("*.nbi"))
    assert not list(locked_package.rglob("*.nbi"))


def test_without_any_place_to_write_it_runs_uncached(locked_package, tmp_path):
    barred = tmp_path / "barred"
    barred.write_text("not a folder")
    found = run(
        COUNT,
        path=locked_package,
        XDG_CACHE_HOME=str(barred / "x"),
        HOME=str(barred / "y"),
        NUMBA_CACHE_DIR="",
    )
    module, where = found.splitlines()
    assert module.startswith(str(locked_package))
    assert where == "None"
    assert not list(tmp_path.rglob("*.nbi"))
