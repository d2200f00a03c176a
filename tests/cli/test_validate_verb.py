"""``gausscheck validate``: results, files, pipes, signals, exit codes."""

import errno
import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import jsonschema
import numpy as np
import pytest
from cli.test_progress import terminal_as_stderr
from click.testing import CliRunner
from gausscheck_cli import meter, progress
from gausscheck_cli.main import cli
from gausscheck_cli.meter import Meter
from gausscheck_cli.quantity import Quantity

import gausscheck as gc
from gausscheck.schema import schema
from gausscheck.validation import Pulse

COMMAND = [sys.executable, "-W", "error", "-m", "gausscheck_cli"]
ENV = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1000", 1000),
        ("1_000_000", 10**6),
        ("1e9", 10**9),
        ("1.5e3", 1500),
        ("2^30", 2**30),
        ("2**27", 2**27),
        ("10M", 10**7),
        ("0.5G", 5 * 10**8),
        ("64Ki", 65536),
        ("4k", 4000),
    ],
)
def test_numbers_as_people_write_them(text, number):
    assert Quantity().convert(text, None, None) == number


@pytest.mark.parametrize(
    "text", ["", "x", "1.5", "1e-3", "-5", "0", "2^99", "1e99", "10 M", "M", "nan", "1e", "2^^3"]
)
def test_what_is_no_number(text):
    with pytest.raises(click.BadParameter, match=r"no whole number|between 1 and 2"):
        Quantity().convert(text, None, None)


def test_good_noise(run):
    done = run("validate", "numpy:PCG64", "--n", "2^17", "--seed", "1", "--budget", "1e-8")
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["PASS", "numpy:PCG64"]
    assert [line.split()[2] for line in lines if line.startswith("  · run")] == ["65,536", "131,072"]
    replay = "  replay           gausscheck validate numpy:PCG64 --n 131072 --seed 1 --budget 1e-08"
    assert replay in lines
    assert lines[-1].startswith("  PASS   numpy:PCG64 passed · 131,072 values · budget 1e-8 · seed 1 · ")


def test_a_defect(run, here):
    done = run("validate", "sources:wide", "--n", "2^20", "--seed", "1", "--format", "json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    jsonschema.Draft202012Validator(schema("validation")).validate(found)
    assert (found["verdict"], found["caught_at"], len(found["looks"])) == ("fail", 65536, 1)


def test_formats_have_the_same_exit_code(run, here):
    for form in ("junit", "github", "markdown"):
        done = run("validate", "sources:wide", "--n", "2^16", "--seed", "1", "--format", form)
        assert done.exit_code == 1, form
        assert done.stdout, form


def test_an_error_midway(run, here):
    done = run("validate", "sources:breaks", "--n", "2^22", "--seed", "1", "--budget", "1e-8")
    assert done.exit_code == 2
    assert "the device is gone" in done.stderr
    assert "65,536 values" in done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith("  ERROR  ")
    assert " · 1 error · " in last


def test_a_module_that_ends_the_process_has_not_passed(run, here):
    (here / "leaves.py").write_text("import sys\nsys.exit(0)\n")
    done = run("validate", "leaves:draw", "--n", "1e4")
    assert done.exit_code == 2
    assert "SystemExit: 0 when the module 'leaves' was imported" in done.stderr


def test_what_a_generator_prints_is_no_part_of_the_result(run, here):
    done = run("validate", "sources:talks", "--n", "1e4", "--seed", "1", "--format", "json")
    assert json.loads(done.stdout)["verdict"] == "pass"
    assert "drawing 65536" in done.stderr


def test_files_are_written(run, here):
    words = ("validate", "numpy:MT19937", "--n", "2^16", "--seed", "1", "--budget", "1e-8", "-q")
    done = run(*words, "-o", "a.json", "-o", "a.txt", "-o", "a.xml", "-o", "a.md", "--save", "a.gcs")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    assert json.loads(Path("a.json").read_text())["verdict"] == "pass"
    assert "numpy:MT19937 passed" in Path("a.txt").read_text()
    assert gc.Stream.load("a.gcs").n == 2**16


def test_a_line_for_each_look(run):
    done = run("validate", "numpy:PCG64", "--n", "2^17", "--seed", "1", "-v", "-q", "--budget", "1e-8")
    first, second = done.stderr.splitlines()
    assert first.startswith("Look at 65,536 values: ")
    assert second.startswith("Look at 131,072 values: ")
    assert second.endswith(": passed.")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("validate", "numpy:PCG63"), "PCG63"),
        (("validate", "numpy:PCG64", "--n", "many"), "no whole number"),
        (("validate", "numpy:PCG64", "--budget", "2"), "--budget"),
        (("validate", "numpy:PCG64", "--streams", "0"), "--streams"),
        (("validate", "numpy:PCG64", "--save", "no/such/a.gcs"), "there is no folder"),
        (("validate", "numpy:PCG64", "--drift", "/dev/full"), "is not a regular file"),
        (("validate", "numpy:PCG64", "--save", "x.npy"), "with the ending .gcs"),
        (("validate", "numpy:PCG64", "--save", "report.json"), "with the ending .gcs"),
        (("merge", "a.gcs", "--save", "all.safetensors"), "with the ending .gcs"),
        (("merge", "no/*.gcs"), "the pattern 'no/*.gcs' matches no file"),
        (("validate", "numpy:PCG64", "--drift", "no/such/a.json"), "there is no folder"),
        (("validate", "numpy:PCG64", "-o", "x.pdf"), "ending"),
        (("validate", "numpy:PCG64", "--n", "1000", "--battery", "best"), "unknown battery"),
        (("merge", "none.gcs"), "none.gcs"),
    ],
)
def test_what_cannot_be_used(run, here, words, message):
    done = run(*words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.output


def test_values_on_standard_input():
    values = np.random.default_rng(1).standard_normal(100_000, dtype=np.float32)
    words = ["validate", "-", "--dtype", "float32", "--budget", "1e-8", "--seed", "1"]
    done = subprocess.run(
        [*COMMAND, *words], input=values.tobytes(), capture_output=True, env=ENV, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode()
    assert "ended after 100,000 of 134,217,728 values" in text
    assert "… | gausscheck validate - --n 134217728" in text
    assert done.stderr == b""


def test_values_that_end_within_one(tmp_path):
    data = np.random.default_rng(1).standard_normal(70_000, dtype=np.float32).tobytes() + b"\1\2"
    words = ["validate", "-", "--dtype", "float32", "--budget", "1e-8", "-q", "-o", str(tmp_path / "a.json")]
    done = CliRunner().invoke(cli, words, input=data)
    assert done.exit_code == 2
    assert "2 of the 4 bytes" in done.stderr
    found = json.loads((tmp_path / "a.json").read_text())
    assert (found["verdict"], found["n"]) == ("suspect", 65536)


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_error():
    words = ["validate", "numpy:PCG64", "--n", "2^16", "--seed", "1", "--budget", "1e-8"]
    with subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV
    ) as process:
        process.stdout.close()
        stderr = process.stderr.read()
        assert process.wait(timeout=60) == 0
    assert stderr == b""


def test_a_full_disk_costs_the_shard_alone(run, here, monkeypatch):
    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gausscheck.shard.write_whole", full)
    done = run("validate", "numpy:PCG64", "--n", "2^16", "--seed", "1", "--budget", "1e-8", "--save", "a.gcs")
    assert done.exit_code == 2
    assert "a.gcs: cannot be written (No space left on device); nothing was left behind" in done.stderr
    assert "numpy:PCG64 passed" in done.stdout
    failed = run("validate", "sources:wide", "--n", "2^16", "--seed", "1", "--save", "a.gcs")
    assert failed.exit_code == 1


@pytest.mark.slow
def test_a_really_full_disk(tmp_path):
    """Files may grow to 8 kB: the shard is larger, the text is not."""

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    words = ["validate", "numpy:PCG64", "--n", "2^16", "--seed", "1", "--budget", "1e-8"]
    words += ["--save", str(tmp_path / "a.gcs"), "-o", str(tmp_path / "a.txt")]
    env = {**ENV, "NUMBA_CACHE_DIR": "", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*COMMAND, *words], capture_output=True, env=env, timeout=60, preexec_fn=small_files, check=False
    )
    assert done.returncode == 2, done.stderr
    assert b"a.gcs: cannot be written (File too large); nothing was left behind" in done.stderr
    assert b"numpy:PCG64 passed" in done.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_a_run_with_what_was_seen(tmp_path, number, code):
    shard = tmp_path / "a.gcs"
    words = ["validate", "numpy:PCG64", "--n", "1e12", "--seed", "1", "-v", "--save", str(shard)]
    with subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV
    ) as process:
        assert process.stderr.readline().startswith(b"Look at 65,536 values")
        time.sleep(0.2)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == code, stderr
    assert b"interrupted after" in stdout
    assert b"Traceback" not in stderr
    assert gc.Stream.load(shard).n >= 2**16


def test_the_live_line(monkeypatch):
    terminal = terminal_as_stderr(monkeypatch)
    monkeypatch.setattr(progress, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(meter, "_REFRESH_S", 0.0)
    with Meter("numpy:PCG64", wanted=True, verbose=False) as shown:
        shown(Pulse(10**6, 10**9, 6.2e7, -6.0, "moment 4", 1, None))
        shown(Pulse(10**6, 10**8, 6.2e7, -6.0, "moment 4", 2, None))
    text = terminal.getvalue()
    for words in ("numpy:PCG64", "1,000,000 of 1e9", "6.2e7/s", "lowest p = 0.0025 moment 4", "fresh values"):
        assert words in text


def test_no_live_line_elsewhere(monkeypatch):
    monkeypatch.setattr(progress, "_PATIENCE_S", 0.0)
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with Meter("x", wanted=True, verbose=False) as shown:
        shown(Pulse(1, 2, 1.0, 0.0, "", 1, None))
    assert stream.getvalue() == ""


def test_what_is_tolerated_passes_and_is_told(run, here):
    words = ("validate", "sources:wide", "--n", "2^16", "--seed", "1", "--tolerance", "scale=0.6")
    done = run(*words, "--format", "json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["replay"].endswith("--tolerance scale=0.6")
