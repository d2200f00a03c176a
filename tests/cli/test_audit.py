"""``gausscheck audit``: options, outputs, exit codes; the audit itself is played."""

import errno
import json
import os
from pathlib import Path

import pytest
from cli.reports import error, failing, passing, report, tensor

from gausscheck.errors import ArgumentError, FileFormatError
from gausscheck.text import report_text

SUSPECT = tensor(verdict="suspect")
FORMS = [("--format", form) for form in ("junit", "github", "markdown")]
CODES = [
    (report(passing()), 0, 0),
    (report(SUSPECT), 0, 1),
    (report(passing(), failing()), 1, 1),
    (report(failing(), errors=(error(),)), 1, 1),
    (report(passing(), errors=(error(),)), 2, 2),
    (report(SUSPECT, errors=(error(),)), 2, 2),
    (report(errors=(error(),)), 2, 2),
    (report(), 2, 2),
]


@pytest.mark.parametrize("case", CODES)
@pytest.mark.parametrize("form", [(), ("--format", "json"), ("--quiet",), ("-o", "-"), ("--all",), *FORMS])
def test_exit_codes_do_not_depend_on_the_format(run, audits, case, form):
    given, code, strict = case
    audits(given)
    assert run("audit", "x", *form).exit_code == code
    assert run("audit", "x", "--strict", *form).exit_code == strict


def test_options_reach_the_audit(run, audits):
    calls = audits(report(passing()))
    run("audit", "a.npy", "b.npy")
    run(
        *("audit", "c", "--key", "z*", "--key", "y", "--layout", "b w c", "--battery", "quick"),
        *("--permutations", "2", "--reference", "scale=2", "--lattice", "bf16", "--alpha", "1e-3"),
        *("--tolerance", "scale=0.01", "--tolerance", "excess kurtosis=.1", "--seed", "7"),
    )
    for call in calls:
        assert callable(call.pop("progress"))
    defaults = {
        "keys": (),
        "layout": None,
        "battery": "standard",
        "permutations": 4,
        "reference": "standard",
        "lattice": "auto",
        "alpha": 1e-6,
        "tolerance": None,
        "seed": 0,
    }
    assert calls[0] == {"paths": ["a.npy", "b.npy"], **defaults}
    assert calls[1] == {
        "paths": ["c"],
        "keys": ("z*", "y"),
        "layout": "b w c",
        "battery": "quick",
        "permutations": 2,
        "reference": "scale=2",
        "lattice": "bf16",
        "alpha": 1e-3,
        "tolerance": {"scale": 0.01, "excess kurtosis": 0.1},
        "seed": 7,
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "Missing argument"),
        (("x", "--tolerance", "scale"), "is not NAME=NUMBER"),
        (("x", "--tolerance", "=1"), "is not NAME=NUMBER"),
        (("x", "--tolerance", "scale=much"), "is not NAME=NUMBER"),
        (("x", "--tolerance", "scale=1", "--tolerance", "scale=2"), "given twice"),
        (("x", "--alpha", "0"), "not in the range"),
        (("x", "--alpha", "1"), "not in the range"),
        (("x", "--lattice", "bf17"), "is not one of"),
        (("x", "--format", "xml"), "is not one of"),
        (("x", "-o", "report.html"), "the format is told by the ending"),
        (("x", "-o", "missing/report.json"), "there is no folder"),
        (("x", "-o", "-", "-o", "-"), "given twice"),
        (("x", "--permutation", "3"), "No such option"),
    ],
)
def test_errors_of_usage(run, audits, words, message):
    calls = audits(report(passing()))
    result = run("audit", *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""
    assert calls == []


def test_the_table_is_the_text_of_the_report(run, audits):
    audits(report(failing(), passing(), errors=(error(),)))
    for columns in (80, 120):
        shown = run("audit", "x", COLUMNS=str(columns)).stdout.replace("; --all shows them", "")
        assert shown == report_text(report(failing(), passing(), errors=(error(),)), width=columns) + "\n"


def test_all(run, audits):
    audits(report(failing()))
    shown = run("audit", "x", "-a").stdout
    assert shown == report_text(report(failing()), width=80, show_all=True) + "\n"


def test_json_on_stdout_is_the_report(run, audits):
    audits(report(failing(), errors=(error(),)))
    result = run("audit", "x", "--format", "json")
    assert json.loads(result.stdout) == json.loads(report(failing(), errors=(error(),)).to_json())
    assert result.stderr == "Error: broken.npy: the file is empty (0 bytes)\n"


def test_names_that_are_not_utf8_survive_json(run, audits):
    audits(report(passing(path="caf\udce9.npy")))
    result = run("audit", "x", "--format", "json")
    assert json.loads(result.stdout)["tensors"][0]["path"] == "caf\udce9.npy"
    assert "caf\\udce9.npy" in run("audit", "x").stdout


def test_quiet(run, audits, tmp_path: Path):
    audits(report(failing(), errors=(error(),)))
    result = run("audit", "x", "-q")
    assert (result.stdout, result.stderr) == ("", "Error: broken.npy: the file is empty (0 bytes)\n")
    assert run("audit", "x", "-q", "-o", "-", "--format", "json").stdout.startswith("{")


def test_several_outputs_at_once(run, audits, tmp_path: Path):
    given = report(failing())
    audits(given)
    result = run("audit", "x", "-o", str(tmp_path / "r.json"), "-o", str(tmp_path / "r.TXT"))
    assert result.exit_code == 1
    assert (tmp_path / "r.json").read_text() == given.to_json() + "\n"
    assert (tmp_path / "r.TXT").read_text() == report_text(given) + "\n"
    assert result.stdout.startswith("  FAIL ")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.TXT", "r.json"]


def test_a_full_disk_is_an_error_and_leaves_nothing(run, audits, tmp_path: Path, monkeypatch):
    audits(report(passing()))
    (tmp_path / "old.json").write_text("old")

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    new, old = str(tmp_path / "new.json"), str(tmp_path / "old.json")
    result = run("audit", "x", "-o", new, "-o", old)
    assert result.exit_code == 2
    for name in (new, old):
        assert f"Error: {name}: cannot be written (No space left on device)" in result.stderr
    assert result.stdout.startswith("  PASS ")
    assert [p.name for p in tmp_path.iterdir()] == ["old.json"]
    assert (tmp_path / "old.json").read_text() == "old"


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (ArgumentError("unknown battery 'x'; known: quick"), "Error: unknown battery 'x'; known: quick\n"),
        (FileFormatError("a.npy: is a picture"), "Error: a.npy: is a picture\n"),
        (PermissionError(13, "Permission denied", "a"), "Error: [Errno 13] Permission denied: 'a'\n"),
        (MemoryError(), "Error: not enough memory; audit fewer tensors at once\n"),
        (ArgumentError("evil \x1b[2J"), "Error: evil \\x1b[2J\n"),
    ],
)
def test_expected_errors_have_no_traceback(run, audits, outcome, message):
    audits(outcome)
    result = run("audit", "x")
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", message)
    assert "Traceback" in run("audit", "x", "--debug").stderr


def test_a_bug_asks_to_be_reported(run, audits):
    audits(ZeroDivisionError("division by zero"))
    result = run("audit", "x")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ZeroDivisionError: division by zero\nthis is a bug in gausscheck")
    assert "Traceback" not in result.stderr
    shown = run("audit", "x", "--debug").stderr
    assert "Traceback (most recent call last)" in shown
    assert "audit_files" in shown


def test_an_interrupt(run, audits, tmp_path: Path):
    audits(KeyboardInterrupt())
    result = run("audit", "x", "-o", str(tmp_path / "r.json"))
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == "\nInterrupted; nothing was written.\n"
    assert list(tmp_path.iterdir()) == []


def test_colour(run, audits):
    audits(report(failing(), passing()))
    plain = run("audit", "x").stdout
    assert "\x1b" not in plain
    coloured = run("audit", "x", FORCE_COLOR="1").stdout
    assert "\x1b[1;37;41m FAIL \x1b[0m" in coloured
    assert "\x1b[1;30;42m PASS \x1b[0m" in coloured
    assert "\x1b[31m✗\x1b[0m" in coloured
    # Without colour bold remains, and the badges are words.
    sober = run("audit", "x", FORCE_COLOR="1", NO_COLOR="1").stdout
    assert "\x1b[1m FAIL \x1b[0m" in sober
    assert not any(f"\x1b[{code}m" in sober for code in (31, 32, 33, "1;37;41", "1;30;42"))
    assert "\x1b" not in run("audit", "x", NO_COLOR="1").stdout


def test_markup_in_names_is_text(run, audits):
    audits(report(failing(path="[bold]x[/bold]:smile:", key="[red]")))
    assert "[bold]x[/bold]:smile:[[red]]" in run("audit", "x", FORCE_COLOR="1").stdout
