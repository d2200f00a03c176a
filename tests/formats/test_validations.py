"""A validation in each format: what was drawn, its looks, and the verdict, never contradicted."""

from dataclasses import dataclass
from xml.etree import ElementTree as ET

import pytest
from cli.reports import error, failing, report
from formats.hostile import NAMES
from formats.test_github import commands
from formats.test_junit import check
from formats.test_markdown import inlines, shown, tables
from formats.validations import confirmed, look, refuted, rejected, stopped, validation
from gausscheck_cli.outputs import exit_code
from hypothesis import given, settings

from gausscheck import wording
from gausscheck.formats import VALIDATION_FORMATS, render, report_of
from gausscheck.formats.github import github_validation, step_summary
from gausscheck.formats.junit import junit_validation
from gausscheck.formats.looks import look_sentence, summary
from gausscheck.formats.markdown import markdown_validation
from gausscheck.validation_text import validation_text

PASSED = validation(look(65536, -0.5), look(131072, -1.0))
OPEN = validation(look(65536, -4.2, "suspect"), interrupted=True, notes=("interrupted",))
EVERY = {
    "pass": (PASSED, 0, 0),
    "refuted": (refuted(), 0, 0),
    "open": (OPEN, 0, 1),
    "stopped": (stopped(), 2, 2),
    "rejected": (rejected(), 1, 1),
    "confirmed": (confirmed(), 1, 1),
    "rejected and stopped": (rejected(errors=(error(),)), 1, 1),
}


@dataclass(frozen=True)
class Evidence:
    """Stands for the evidence of many runs."""

    max_log_e: float = 40.0
    n: int = 10**9

    def verdict(self, budget):
        return "fail"


def read(given_):
    root = ET.fromstring(junit_validation(given_).encode())
    check(root)
    for suite in (root, *root):
        for count, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
            assert int(suite.get(count)) == len(list(suite.iter(tag)))
    return root


@pytest.mark.parametrize("name", EVERY)
def test_no_format_contradicts_the_exit_code(name):
    result, code, strict = EVERY[name]
    assert (exit_code(result), exit_code(result, strict=True)) == (code, strict)
    root = read(result)
    assert (int(root.get("failures")) > 0) == (code == 1)
    assert (int(root.get("errors")) > 0) == bool(result.errors)
    kinds = {kind for kind, _, _ in commands(github_validation(result))}
    assert kinds == {0: {"warning"} if strict else set()}.get(code, {"error"})
    title = shown(inlines(markdown_validation(result))[0])
    word = {1: "✗ failed", 2: "✗ could not test all"}.get(code, "! suspect" if strict else "✓ passed")
    assert title == f"gausscheck validate: {word}"


def test_junit_has_a_case_a_look():
    root = read(confirmed())
    assert root[0].get("name") == "validation of noise:draw"
    assert [case.get("name") for case in root[0].iter("testcase")] == [
        "look at 65,536 values",
        "1,048,576 fresh values",
    ]
    properties = {p.get("name"): p.get("value") for p in root[0].iter("property")}
    told = {"budget": "1e-6", "seed": "7", "replay": confirmed().replay, "caught at": "65,536 values"}
    assert told.items() <= properties.items()
    first, second = root[0].iter("testcase")
    assert first.find("system-out").text == look_sentence(confirmed().looks[0])
    failure = second.find("failure")
    fresh = confirmed().confirmations[0]
    assert failure.get("message") == wording.reading(fresh.report.findings[0])
    for text in (look_sentence(fresh), "hint: std 5.49", f"replay: {confirmed().replay}"):
        assert text in failure.text
    # The findings of the fresh values, which decided, are there too.
    assert root[-1].get("name") == "noise:draw: 1,048,576 fresh values"
    assert root[-1].get("failures") == "1"


def test_annotations_say_what_failed_and_how_to_see_it_again():
    ((_, properties, message),) = commands(github_validation(confirmed()))
    assert properties == {"title": "gausscheck: noise:draw failed"}
    fresh = confirmed().confirmations[0]
    assert message.split("\n") == [
        wording.reading(fresh.report.findings[0]),
        "hint: std 5.49 ≈ 1/0.18215: SD1.x latents before scaling?",
        look_sentence(fresh),
        f"replay: {confirmed().replay}",
    ]
    assert github_validation(confirmed()).split("\n")[-1] == summary(confirmed())
    assert " · interrupted · " in summary(OPEN)
    assert "interrupted" not in summary(PASSED)
    ((_, _, stop),) = commands(github_validation(stopped()))
    assert stop.startswith("noise:draw: raised RuntimeError: no device\n")


def test_markdown_has_facts_looks_and_the_report():
    text = markdown_validation(confirmed())
    seen = [shown(token) for token in inlines(text)]
    for line in ("source: noise:draw", "budget: 1e-6", "seed: 7", f"replay: {confirmed().replay}"):
        assert line in seen
    looks = tables(text)[0]
    assert looks[0] == ["look", "values", "most surprising", "adjusted p", "fails below", "seed", "verdict"]
    assert looks[1:] == [
        ["run", "65,536", "moment 2", "6e-5", "2.5e-7", "7", "suspect"],
        ["fresh values", "1,048,576", "moment 2", "3e-17", "0.00071", "99", "failed"],
    ]
    assert wording.reading(confirmed().confirmations[0].report.findings[0]) in seen
    assert "noise:draw: raised RuntimeError: no device" in [
        shown(token) for token in inlines(markdown_validation(stopped()))
    ]


def test_a_confirmation_stands_behind_the_look_that_it_decides_on():
    rows = tables(markdown_validation(refuted()))[0][1:]
    assert [row[0] for row in rows] == ["run", "fresh values", "run"]


def test_drift_fails_a_run_that_no_look_fails():
    result = validation(look(65536, -0.5), drift=Evidence())
    assert exit_code(result) == 1
    assert read(result).get("failures") == "1"
    ((kind, _, message),) = commands(github_validation(result))
    assert kind == "error"
    text = "Evidence gathered over runs, 1,000,000,000 values, is against N(0, 1): p = 4e-18 at most."
    assert message == f"{text}\nreplay: {result.replay}"
    assert text in [shown(token) for token in inlines(markdown_validation(result))]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(NAMES.filter(bool))
def test_names_are_only_names(name):
    trouble = error(path=name, message=f"{name}: a\n{name}")
    found = report(failing(path=name, key=name))
    result = rejected(source=name, replay=name, notes=(name,), errors=(trouble,), report=found)
    root = read(result)
    assert (root.get("failures"), root.get("errors")) == ("2", "1")
    assert len(commands(github_validation(result))) == 2
    assert len(github_validation(result).split("\n")) == 3
    calm = markdown_validation(rejected(source="x", replay="x", notes=("x",), errors=(trouble,)))
    assert [len(t) for t in tables(markdown_validation(result))] == [len(t) for t in tables(calm)]
    markdown_validation(result).encode()


def test_render_and_report_of():
    for form, function in VALIDATION_FORMATS.items():
        assert render(PASSED, form) == function(PASSED)
    assert report_of(PASSED) is PASSED.report


@pytest.mark.parametrize("room", [0, 500, 4000])
def test_the_step_summary_of_a_validation_has_a_limit(room):
    many = report(*(failing(path=f"{i}.npy") for i in range(50)))
    text = step_summary(rejected(report=many), room=room)
    assert len(text.encode()) <= room
    assert room < 4000 or "Left out for size" in text


def test_a_real_validation():
    import gausscheck

    result = gausscheck.validate("numpy:PCG64", n=2**16, seed=1)
    root = read(result)
    assert [case.get("name") for case in root[0].iter("testcase")] == ["look at 65,536 values"]
    assert root.get("failures") == "0"
    assert github_validation(result) == summary(result)
    assert tables(markdown_validation(result))[0][1][:2] == ["run", "65,536"]


@pytest.mark.parametrize("name", EVERY)
def test_headers_agree_with_the_last_line(name):
    result, _, _ = EVERY[name]
    first, *_, last = validation_text(result).splitlines()
    assert first.split()[0] == last.split()[0]
    assert first.index("noise:draw") == 11
    suites = {suite.get("name"): suite for suite in read(result)}
    told = [p.get("value") for p in suites["noise:draw"].iter("property") if p.get("name") == "verdict"]
    assert (told == ["pass"]) == (result.verdict == "pass")
    page = markdown_validation(result)
    assert ("### ✓ passed" in page) == (result.verdict == "pass")
