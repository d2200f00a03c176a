"""JUnit XML: well-formed whatever the names are, and counted as it is told."""

import math
from xml.etree import ElementTree as ET

import pytest
from cli.reports import error, failing, finding, nonfinite, passing, report, scale_fault, tensor, worst_sample
from formats.hostile import NAMES
from hypothesis import given, settings

from gausscheck import wording
from gausscheck.across import SharedBetween
from gausscheck.finding import Effect
from gausscheck.formats.junit import junit

# Element -> attributes that it must have, that it may have, and its children in the order of old schemas;
# after the schemas junit-10 and junit-4 of Jenkins.
SCHEMA = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, ("testsuite",)),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"time", "skipped", "timestamp", "hostname", "id", "package"},
        ("properties", "testcase", "system-out", "system-err"),
    ),
    "testcase": (
        {"name"},
        {"classname", "time"},
        ("skipped", "error", "failure", "system-out", "system-err"),
    ),
    "properties": (set(), set(), ("property",)),
    "property": ({"name", "value"}, set(), ()),
    "failure": (set(), {"message", "type"}, ()),
    "error": (set(), {"message", "type"}, ()),
    "skipped": (set(), {"message", "type"}, ()),
    "system-out": (set(), set(), ()),
}
SHARED = SharedBetween("a.npy", "b.npy", "channel", 3, 16, -90.0, "fail", ((0, 1), (2, 3)))
NASTY = "a\x1b[31m\x00\ufffe]]>&<b x='1\"'>\udce9\u202e\r\n::error::"


def check(element):
    needed, allowed, children = SCHEMA[element.tag]
    assert needed <= set(element.attrib) <= needed | allowed, element.attrib
    order = [children.index(child.tag) for child in element]
    assert order == sorted(order)
    for child in element:
        check(child)


def read(given):
    """Parse as a program does that gets bytes."""
    root = ET.fromstring(junit(given).encode())
    check(root)
    for suite in (root, *root):
        for count, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
            assert int(suite.get(count)) == len(list(suite.iter(tag)))
    return root


def test_a_suite_a_tensor_and_a_case_a_family():
    root = read(report(failing(), passing(path="b.npy", key="")))
    assert [suite.get("name") for suite in root] == ["noise.safetensors[latents]", "b.npy"]
    cases = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    name = "noise.safetensors[latents]"
    assert cases[:3] == [(name, "moments"), (name, "spectrum"), (name, "dependence")]
    assert cases[3:] == [("b.npy", "dependence"), ("b.npy", "moments")]
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("5", "1", "0")
    properties = {p.get("name"): p.get("value") for p in root[0].iter("property")}
    assert float(properties.pop("alpha")) == 1e-6
    told = {"version": "0.1.0", "battery": "standard", "seed": "0", "n": "16384", "p": "3e-5320"}
    assert told.items() <= properties.items()


def test_a_failure_says_all():
    (failure,) = read(report(failing())).iter("failure")
    assert failure.get("message") == wording.reading(scale_fault())
    assert failure.get("type") == "moment 2"
    for text in (
        wording.reading(scale_fault()),
        "value 30.141 · expected 1.000 · p 2e-5321 · adjusted p 2e-5320",
        "scale 5.49 [5.43, 5.55]",
        "hint: std 5.49 ≈ 1/0.18215: SD1.x latents before scaling?",
    ):
        assert text in failure.text


def test_every_failed_finding_of_a_family_is_told_the_worst_first():
    faults = (scale_fault(parameters={"order": 4}, log_p=-99.0), scale_fault(), finding())
    (failure,) = read(report(failing(findings=faults))).iter("failure")
    first, second = failure.text.index("moment 2 ·"), failure.text.index("moment 4 ·")
    assert first < second
    assert "p 0.85" not in failure.text


def test_suspect_is_no_failure():
    root = read(report(tensor(verdict="suspect", findings=(worst_sample(),))))
    assert root.get("failures") == "0"
    (case,) = root.iter("testcase")
    assert case.find("system-out").text.startswith(f"suspect: {wording.reading(worst_sample())}")


def test_a_failed_tensor_fails_a_case_even_without_findings():
    assert read(report(tensor(verdict="fail"))).get("failures") == "1"


def test_errors_notes_and_copies():
    given = report(
        passing(), errors=(error(), error(key="z")), notes=("x: skipped, a mask",), shared=(SHARED,)
    )
    root = read(given)
    assert (root.get("failures"), root.get("errors")) == ("1", "2")
    assert next(root.iter("error")).get("message") == "broken.npy: the file is empty (0 bytes)"
    assert [case.get("name") for case in root.iter("testcase")][-2:] == ["audit", "z"]
    assert root[-1].find("system-out").text == "x: skipped, a mask"
    assert next(root.iter("failure")).get("message") == wording.between(SHARED)
    suspect = SharedBetween(*["a", "b", "row", 1, 2], -10.0, "suspect")
    assert read(report(passing(), shared=(suspect,))).get("failures") == "0"


def test_nothing_audited_is_an_error():
    root = read(report())
    assert (root.get("tests"), root.get("errors")) == ("1", "1")


@settings(max_examples=100, deadline=None, derandomize=True)
@given(NAMES)
def test_names_never_break_the_document(name):
    shared = SharedBetween(name, name, "channel", 3, 16, -90.0, "fail")
    root = read(
        report(
            failing(path=name, key=name, hints=(name,), untested=(name,), layout=name, dtype=name),
            errors=(error(path=name, message=f"{name}: {name}\n{name}", key=name),),
            notes=(name,),
            shared=(shared,),
            battery=name,
        )
    )
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("5", "2", "1")


def test_names_are_told_as_in_other_texts():
    root = read(report(failing(path=NASTY, key="")))
    assert root[0].get("name") == wording.printable(NASTY)
    assert root[0].get("name").startswith(r"a\x1b[31m\x00\ufffe]]>&<b x='1")


def test_odd_numbers_and_words_of_findings():
    odd = finding(value=math.nan, expected=math.inf, std=0.0, log_p=-math.inf, effect=None, verdict="fail")
    worse = scale_fault(family="marginal", effect=Effect("a\x00\ud800b", 1.0, 0.0, 2.0))
    root = read(report(tensor(verdict="fail", findings=(odd, worse, nonfinite()))))
    assert root.get("failures") == "3"
    assert r"a\x00\ud800b 1.0 [0.0, 2.0]" in [*root.iter("failure")][1].text


@pytest.mark.parametrize("seconds", [0.0, 1.234, 98765.4])
def test_time_is_a_plain_number(seconds):
    assert float(read(report(passing(), elapsed_s=seconds)).get("time")) == pytest.approx(seconds, abs=5e-4)
