"""What is built holds what it should, and works where nothing can be written."""

import os
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from gausscheck.engines import NUMBA_PAYS
from gausscheck.version import __version__

ROOT = Path(__file__).parents[1]


def build(kind, source, target):
    """Run the build backend on a source tree; a wheel or sdist."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (made,) = target.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


def sources(folder):
    """Files of a package that an installation must have."""
    return {
        p.relative_to(folder.parent).as_posix()
        for p in folder.rglob("*")
        if p.is_file() and p.suffix not in (".pyc", ".nbi", ".nbc")
    }


def contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_both_packages_whole_and_nothing_else(wheel):
    info = f"gausscheck-{__version__}.dist-info"
    inside = {name for name in contents(wheel) if not name.startswith(f"{info}/")}
    assert inside == sources(ROOT / "gausscheck") | sources(ROOT / "cli/gausscheck_cli")
    assert {name.split("/")[0] for name in inside} == {"gausscheck", "gausscheck_cli"}
    assert {"gausscheck/py.typed", "gausscheck_cli/py.typed"} <= inside
    assert any(name.startswith("gausscheck/") and name.endswith(".json") for name in inside), "no JSON Schema"
    assert f"{info}/licenses/LICENSE" in contents(wheel)


def test_the_wheel_says_what_it_needs(wheel):
    info = f"gausscheck-{__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        metadata = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
        scripts = archive.read(f"{info}/entry_points.txt").decode()
    plain = {r.split(">=")[0] for r in metadata.get_all("Requires-Dist") if "extra ==" not in r}
    assert plain == {"numpy", "scipy", "numba", "click", "rich"}
    assert not [r for r in metadata.get_all("Requires-Dist") if "<" in r], "an upper bound"
    assert set(metadata.get_all("Provides-Extra")) == {"torch", "dev"}
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "gausscheck = gausscheck_cli.main:main" in scripts
    assert "[pytest11]\ngausscheck = gausscheck.pytest_plugin.plugin" in scripts


def test_the_source_archive_builds_the_same_wheel(wheel, tmp_path):
    archive = build("sdist", ROOT, tmp_path / "sdist")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    assert contents(build("wheel", source, tmp_path / "wheel")) == contents(wheel)
    top = {p.name for p in source.iterdir()}
    assert {"tests", "data", "docs", "README.md", "CHANGELOG.md", "CITATION.cff", "LICENSE"} <= top


AUDIT = """
import sys
import numpy as np
import gausscheck, gausscheck_cli
x = np.random.default_rng(7).standard_normal(({samples}, 4, 64, 64), dtype=np.float32)
report = gausscheck.audit(x)
moments = [f.value for f in report.findings if f.statistic == "moment" and f.scope == "pooled"]
print(gausscheck.__file__, gausscheck_cli.__file__)
print("numba" in sys.modules, report.verdict, *(f"{{v:.9g}}" for v in sorted(moments)))
"""
# So many samples that the passes of the standard battery (1 + 1 + 2 times 4) make Numba worth its start.
SAMPLES = -(-NUMBA_PAYS // (10 * 4 * 64 * 64))


def audit(place, **environment):
    """Audit in a fresh process with the package of `place`; the three kinds of lines it prints."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "GAUSSCHECK_", "XDG_"))}
    done = subprocess.run(
        [sys.executable, "-c", AUDIT.format(samples=SAMPLES)],
        env={**clean, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        cwd=place,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    files, result = done.stdout.splitlines()
    assert all(Path(f).is_relative_to(place) for f in files.split()), files
    used, verdict, *moments = result.split()
    return used == "True", verdict, [float(m) for m in moments]


@pytest.fixture(scope="module")
def audits(wheel, tmp_path_factory):
    """Audits with and without Numba, from an installation where nothing can be written.

    Neither beside the package nor in the user's folders is a place to keep compiled code. The superuser may
    write into read-only folders, so that a file also stands where the cache would be made.
    """
    place = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    (place / "gausscheck/engines/__pycache__").write_text("no folder")
    before = sorted(place.rglob("*"))
    for path in [*before, place]:
        path.chmod(path.stat().st_mode & ~0o222)
    nowhere = {"HOME": "/dev/null/nowhere", "XDG_CACHE_HOME": "/dev/null/nowhere"}
    try:
        results = [audit(place, GAUSSCHECK_NO_NUMBA=switch, **nowhere) for switch in ("0", "1")]
    finally:
        for path in [place, *before]:
            path.chmod(path.stat().st_mode | 0o200)
    assert sorted(place.rglob("*")) == before, "something was written"
    return results


@pytest.mark.slow
def test_a_read_only_installation_works(audits):
    (used, verdict, moments), _ = audits
    assert used
    assert verdict == "pass"
    assert len(moments) == 6


def test_without_numba_the_result_is_the_same(audits):
    (_, verdict_numba, moments_numba), (used, verdict, moments) = audits
    assert not used
    assert verdict == verdict_numba
    # Printed to nine digits; sums of either engine agree far below that.
    assert moments == pytest.approx(moments_numba, rel=2e-9, abs=2e-12)
