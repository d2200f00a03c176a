"""Runs that came to no result: what the outputs say, and which exit code."""

import json
from pathlib import Path

import jsonschema
import pytest

from gausscheck.schema import schema

OUTPUTS = ("-o", "a.xml", "-o", "a.json", "-o", "a.md", "-o", "a.txt", "--format", "github")


def check_outputs(done, message):
    """Every output says what went wrong, and none what an earlier run said."""
    assert done.stdout.startswith("::error ")
    assert done.stdout.splitlines()[-1].startswith("nothing audited, 1 error")
    for name in ("a.xml", "a.json", "a.md", "a.txt", "summary.md"):
        # Text for pages is folded and escaped.
        text = " ".join(Path(name).read_text().split()).replace("&#x27;", "'")
        assert message in text, name
        assert "passed" not in text
    report = json.loads(Path("a.json").read_text())
    jsonschema.Draft202012Validator(schema()).validate(report)
    assert (report["verdict"], report["tensors"]) == ("suspect", [])
    assert '<error message="' in Path("a.xml").read_text()


def old_outputs():
    for name in ("a.xml", "a.json", "a.md", "a.txt"):
        Path(name).write_text("passed")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("sources:none",), "no device"),
        (("missing:draw",), "no module named"),
        (("sources:empty",), "at least 8"),
        (("numpy:PCG64", "--battery", "best"), "unknown battery"),
    ],
)
def test_a_run_without_a_look_is_told_to_every_output(run, here, words, message):
    old_outputs()
    done = run("validate", *words, "--seed", "5", *OUTPUTS, GITHUB_STEP_SUMMARY="summary.md")
    assert done.exit_code == 2
    check_outputs(done, message)
    assert json.loads(Path("a.json").read_text())["seed"] == 5


def test_a_merge_that_is_refused_is_told_to_every_output(run, here):
    Path("bad.gcs").write_bytes(b"no shard")
    old_outputs()
    done = run("merge", "bad.gcs", "other.gcs", *OUTPUTS, GITHUB_STEP_SUMMARY="summary.md")
    assert done.exit_code == 2
    check_outputs(done, "bad.gcs")


def test_an_interrupt_before_the_first_look_is_told_to_every_output(run, here):
    old_outputs()
    done = run("validate", "sources:interrupted", *OUTPUTS, GITHUB_STEP_SUMMARY="summary.md")
    assert done.exit_code == 130
    check_outputs(done, "interrupted before there was anything to report")
