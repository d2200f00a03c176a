"""What verbs share: formats on standard output, files by ending, the step summary, one exit code."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from cli.reports import error, failing, passing, report, tensor
from gausscheck_cli.outputs import FORMATS as CHOICES
from gausscheck_cli.outputs import Wanted, deliver

from gausscheck.formats import FORMATS, VALIDATION_FORMATS
from gausscheck.formats.github import MOST_BYTES, step_summary
from gausscheck.wording import summary

GIVEN = report(failing(), passing(path="caf\udce9 ✓.npy"), errors=(error(),))


def test_every_format_can_be_asked_for():
    assert set(CHOICES) == {"table", "json", *FORMATS} == {"table", "json", *VALIDATION_FORMATS}


@pytest.mark.parametrize("form", FORMATS)
def test_standard_output_is_utf8_whatever_the_locale_says(run, audits, form):
    audits(GIVEN)
    result = run("audit", "x", "--format", form, PYTHONIOENCODING="ascii", LC_ALL="C")
    assert result.stdout_bytes.decode() == FORMATS[form](GIVEN) + "\n"
    assert result.stderr == "Error: broken.npy: the file is empty (0 bytes)\n"
    assert run("audit", "x", "--format", form, "-q").stdout == ""


def test_files_by_ending(run, audits, tmp_path: Path):
    audits(GIVEN)
    xml, md = tmp_path / "r.XML", tmp_path / "r.md"
    result = run("audit", "x", "-q", "-o", str(xml), "-o", str(md))
    assert (result.exit_code, result.stdout) == (1, "")
    assert xml.read_bytes().decode() == FORMATS["junit"](GIVEN) + "\n"
    assert ET.parse(xml).getroot().get("failures") == "1"
    assert md.read_bytes().decode() == FORMATS["markdown"](GIVEN) + "\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.XML", "r.md"]


@pytest.mark.parametrize("ending", ["xml", "md"])
def test_a_full_disk_leaves_the_old_file(run, audits, tmp_path: Path, monkeypatch, ending):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    audits(report(passing()))
    target = tmp_path / f"r.{ending}"
    target.write_text("old")
    result = run("audit", "x", "-o", str(target))
    assert result.exit_code == 2
    assert "cannot be written (No space left on device); nothing was left behind" in result.stderr
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == [target.name]


def test_the_step_summary_is_appended(run, audits, tmp_path: Path):
    audits(GIVEN)
    path = tmp_path / "summary.md"
    path.write_text("# Before\n")
    result = run("audit", "x", "--format", "github", GITHUB_STEP_SUMMARY=str(path))
    assert path.read_bytes().decode() == f"# Before\n{step_summary(GIVEN)}\n\n"
    assert result.exit_code == 1
    assert result.stdout.startswith("::error ")
    assert result.stdout.endswith(summary(GIVEN) + "\n")
    # Without annotations too; and for no other format.
    quiet = run("audit", "x", "--format", "github", "-q", GITHUB_STEP_SUMMARY=str(path))
    assert quiet.stdout == ""
    size = path.stat().st_size
    assert size > 1.9 * len(step_summary(GIVEN).encode())
    run("audit", "x", GITHUB_STEP_SUMMARY=str(path))
    assert path.stat().st_size == size


def test_the_step_summary_respects_what_the_file_holds(run, audits, tmp_path: Path):
    audits(report(*(failing(path=f"{i}.npy") for i in range(40))))
    path = tmp_path / "summary.md"
    path.write_bytes(b"x" * (MOST_BYTES - 10_000))
    run("audit", "x", "--format", "github", GITHUB_STEP_SUMMARY=str(path))
    assert MOST_BYTES - 2000 < path.stat().st_size <= MOST_BYTES
    assert "Left out for size" in path.read_text()


@pytest.mark.parametrize("kind", ["full", "folder", "missing", "device"])
@pytest.mark.parametrize("code", [0, 1])
def test_a_step_summary_that_cannot_be_written_fails_nothing(run, audits, tmp_path: Path, kind, code):
    given = report(failing() if code else passing())
    audits(given)
    path = tmp_path / "summary.md"
    if kind == "full":
        path.write_bytes(b"x" * (MOST_BYTES - 100))
    elif kind == "folder":
        path.mkdir()
    elif kind == "missing":
        path = tmp_path / "no" / "summary.md"
    else:
        path = Path("/dev/full")
    result = run("audit", "x", "--format", "github", GITHUB_STEP_SUMMARY=str(path))
    assert result.exit_code == code
    assert result.stderr.startswith("Warning: no step summary in ")
    assert result.stdout.endswith(summary(given) + "\n")
    assert kind != "full" or path.stat().st_size == MOST_BYTES - 100


@pytest.mark.parametrize(
    "form", [pytest.param(form, marks=[] if form == "junit" else pytest.mark.slow) for form in FORMATS]
)
def test_a_reader_that_leaves_is_no_error(form, tmp_path: Path):
    """Files are written all the same, and the exit code is that of the result."""
    program = (
        "import gausscheck, sys\n"
        "from cli.reports import failing, report\n"
        "given = report(*(failing(path=f'{i}.npy') for i in range(1000)))\n"
        "gausscheck.audit_files = lambda paths, **options: given\n"
        "from gausscheck_cli.main import main\n"
        "main()\n"
    )
    target = tmp_path / "r.xml"
    words = ["audit", "x", "--format", form, "-o", str(target)]
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    env = {k: v for k, v in os.environ.items() if k != "GITHUB_STEP_SUMMARY"} | {"PYTHONPATH": path}
    command = [sys.executable, "-W", "error", "-c", program, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as process:
        process.stdout.close()
        stderr = process.stderr.read()
        assert process.wait(timeout=60) == 1, stderr
    assert stderr == b""
    assert ET.parse(target).getroot().get("failures") == "1000"


def test_options_are_taken_out_of_the_arguments():
    options = {"form": "json", "outputs": ("-", "a.md"), "show_all": True, "strict": True, "quiet": True}
    options |= {"no_progress": False, "alpha": 0.5}
    wanted = Wanted.take(options)
    assert options == {"alpha": 0.5}
    assert wanted == Wanted("json", ("-", "a.md"), show_all=True, strict=True, quiet=True, progress=False)
    assert (wanted.to_stdout, wanted.files) == (True, ("a.md",))


def test_deliver_takes_lines_of_ones_own(capsys, monkeypatch):
    from gausscheck.text import Span

    monkeypatch.delenv("FORCE_COLOR", raising=False)
    calls = []

    def lines(result, /, **how):
        calls.append((result, how))
        return [(Span("mine"),)]

    given = report(tensor(verdict="suspect"))
    assert deliver(given, Wanted(strict=True, show_all=True), lines=lines) == 1
    assert capsys.readouterr().out == "mine\n"
    ((result, how),) = calls
    assert result is given
    assert how["show_all"] is True
