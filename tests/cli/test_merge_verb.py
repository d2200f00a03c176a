"""``gausscheck merge``: shards that belong together, and those that do not."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import gausscheck as gc
from gausscheck.schema import schema


def shards(run, *seeds, **options):
    """Write shards of small runs; returns their names."""
    names = []
    for seed in seeds:
        more = [word for name, value in options.items() for word in (f"--{name}", value)]
        done = run(
            "validate", "numpy:PCG64", "--n", str(40_000 + seed), "--seed", str(seed), "--budget", "1e-8",
            "-q", "--save", f"{seed}.gcs", "--sample", "8192", *more,
        )  # fmt: skip
        assert done.exit_code == 0, done.output
        names.append(f"{seed}.gcs")
    return names


def test_shards_are_merged(run, here):
    names = shards(run, 1, 2, 3)
    before = {name: Path(name).read_bytes() for name in names}
    done = run("merge", *names, "--format", "json", "--save", "all.gcs", "-o", "all.txt")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    jsonschema.Draft202012Validator(schema()).validate(report)
    assert report["tensors"][0]["n"] == 3 * 40_960
    assert "merged from 3 shards" in report["notes"]
    assert {name: Path(name).read_bytes() for name in names} == before
    assert gc.Stream.load("all.gcs").about == {"source": "numpy:PCG64", "seeds": "1-1 2-2 3-3"}
    assert "numpy:PCG64" in Path("all.txt").read_text()


def test_a_merged_defect_fails(run, here):
    for seed in (1, 2):
        assert run(
            "validate", "sources:wide", "--n", "1e4", "--save", f"{seed}.gcs", "--seed", str(seed)
        ).exit_code
    assert run("merge", "1.gcs", "2.gcs").exit_code == 1


def test_shards_that_do_not_belong_together(run, here):
    (one,) = shards(run, 1)
    (quick,) = shards(run, 2, battery="quick")
    done = run("merge", one, quick)
    assert (done.exit_code, "nothing audited, 1 error" in done.stdout) == (2, True)
    for word in ("2.gcs", "1.gcs", "battery", "generator", "quick"):
        assert word in done.stderr
    done = run("merge", one, one)
    assert done.exit_code == 2
    assert "same part" in done.stderr


def test_shards_of_the_same_seed(run, here):
    (one,) = shards(run, 1)
    Path(one).rename("other.gcs")
    (again,) = shards(run, 1)
    done = run("merge", "other.gcs", again)
    assert done.exit_code == 2
    for word in ("other.gcs", "1.gcs", "same seed", "numpy:PCG64"):
        assert word in done.stderr


@pytest.mark.parametrize("harm", ["cut", "flip", "foreign", "empty"])
def test_a_shard_that_is_none(run, here, harm):
    good, bad = shards(run, 1, 2)
    data = bytearray(Path(bad).read_bytes())
    if harm == "cut":
        data = data[: len(data) // 2]
    elif harm == "flip":
        data[-100] ^= 1
    elif harm == "foreign":
        np.save("x.npy", np.zeros(9))
        data = Path("x.npy").read_bytes()
    else:
        data = b""
    Path(bad).write_bytes(data)
    done = run("merge", good, bad)
    assert (done.exit_code, "nothing audited, 1 error" in done.stdout) == (2, True)
    assert ("is a .npy file of values, not a shard" in done.stderr) == (harm == "foreign")
    assert "2.gcs" in done.stderr
    assert "bug" not in done.stderr


def test_a_shard_is_not_written_over(run, here):
    (one,) = shards(run, 1)
    for words in ((one, "--save", "./1.gcs"), ("*.gcs", "--save", "1.gcs")):
        done = run("merge", *words)
        assert done.exit_code == 2
        assert "would write over" in done.stderr


def test_shards_of_another_source(run, here):
    (one,) = shards(run, 1)
    words = ("--n", "40000", "--sample", "8192", "--seed", "9", "--budget", "1e-8", "-q", "--save", "9.gcs")
    assert run("validate", "numpy:MT19937", *words).exit_code == 0
    done = run("merge", one, "9.gcs")
    assert done.exit_code == 2
    assert "9.gcs: was drawn by numpy:MT19937, and 1.gcs by numpy:PCG64" in done.stderr


def test_a_pattern_that_no_shell_expanded(run, here):
    shards(run, 1, 2)
    done = run("merge", "*.gcs", "--format", "json")
    assert done.exit_code == 0, done.output
    assert "merged from 2 shards" in json.loads(done.stdout)["notes"]


def test_an_audit_of_a_shard_tells_of_merge(run, here):
    (one,) = shards(run, 1)
    done = run("audit", one, "--quiet")
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: 1.gcs: is a shard")
    assert line.endswith("gausscheck merge 1.gcs")
