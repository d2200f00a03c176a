"""What only a process of its own can show: imports, pipes, signals, encodings, terminals."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

COMMAND = [sys.executable, "-W", "error", "-m", "gausscheck_cli"]
HEAVY = ("numpy", "scipy", "numba", "torch", "rich", "gausscheck.auditing")
ENV = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}


@pytest.fixture
def noise(tmp_path: Path) -> str:
    path = tmp_path / "noise.npy"
    np.save(path, np.random.default_rng(1).standard_normal((4, 16, 16)).astype(np.float32))
    return str(path)


def call(*words: str, **variables: str) -> subprocess.CompletedProcess:
    env = {**ENV, **variables}
    return subprocess.run([*COMMAND, *words], capture_output=True, env=env, timeout=60, check=False)


@pytest.mark.parametrize("words", [["--help"], ["audit", "--help"], ["--version"], []])
def test_help_imports_nothing_heavy(words):
    program = (
        "import sys\n"
        "from gausscheck_cli.main import cli\n"
        f"cli({words!r}, standalone_mode=False)\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=True)
    assert done.stderr.decode().strip() == "[]"


def test_a_real_audit(noise):
    done = call("audit", noise, "--permutations", "0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().startswith("  PASS ")
    assert done.stderr == b""


@pytest.mark.parametrize("words", [("audit", "{noise}", "--all"), ("inspect", "{noise}")])
def test_a_reader_that_leaves_is_no_error(noise, words):
    command = [*COMMAND, *(word.format(noise=noise) for word in words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV) as process:
        process.stdout.close()
        stderr = process.stderr.read()
        assert process.wait(timeout=60) == 0
    assert stderr == b""


@pytest.mark.parametrize("words", [("list",), ("--help",)])
def test_a_full_stdout_is_an_error(words):
    with open("/dev/full", "wb") as full:
        command = [*COMMAND, *words]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=ENV, timeout=60, check=False)
    assert done.returncode == 2
    assert "No space left on device" in done.stderr.decode()
    assert done.stderr.startswith(b"Error: ")
    assert b"Traceback" not in done.stderr


def test_a_closed_stdout_is_no_error(noise):
    command = ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "audit", noise, "--permutations", "0"]
    done = subprocess.run(command, stderr=subprocess.PIPE, env=ENV, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c(tmp_path: Path):
    program = (
        "import time, gausscheck\n"
        "def audit_files(paths, **options):\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "gausscheck.audit_files = audit_files\n"
        "from gausscheck_cli.main import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", program, "audit", "x", "-o", str(tmp_path / "report.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert (stdout, stderr) == (b"", b"\nInterrupted; nothing was written.\n")
    assert list(tmp_path.iterdir()) == []


def test_an_encoding_without_our_characters(noise):
    done = call("audit", noise, "--permutations", "0", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode("ascii")
    assert "4x16x16 (c h w) - float32" in text
    assert "?" not in text


def test_colours_on_a_terminal(noise):
    leader, follower = pty.openpty()
    done = subprocess.Popen(
        [*COMMAND, "audit", noise, "--permutations", "0"],
        stdout=follower,
        stderr=subprocess.PIPE,
        env={**ENV, "TERM": "xterm-256color"},
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # the other side has closed
            break
        if not piece:
            break
        shown += piece
    os.close(leader)
    assert done.wait(timeout=60) == 0
    assert done.stderr.read() == b""
    done.stderr.close()
    assert b"\x1b[1;30;42m PASS \x1b[0m" in shown
