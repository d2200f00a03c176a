"""Workflow commands: few, in order, and escaped so that no name becomes a command."""

import re

import pytest
from cli.reports import error, failing, nonfinite, passing, report, tensor, worst_sample
from formats.hostile import NAMES
from hypothesis import given, settings

from gausscheck import wording
from gausscheck.across import SharedBetween
from gausscheck.formats.github import MOST_ANNOTATIONS, MOST_BYTES, github, step_summary
from gausscheck.text import cut

SUSPECT = tensor(verdict="suspect", findings=(worst_sample(),), path="suspect.npy", key="")


def commands(text):
    """Read lines as the runner does: kind, properties, message; other lines are plain."""
    found = []
    for line in text.split("\n"):
        if not line.lstrip().startswith("::"):
            continue
        head, _, data = line.lstrip()[2:].partition("::")
        kind, _, given = head.partition(" ")
        properties = dict(item.split("=", 1) for item in given.split(","))
        found.append((kind, {k: unescaped(v, ":,") for k, v in properties.items()}, unescaped(data, "")))
    return found


def unescaped(text, more):
    for character in ("\r", "\n", *more, "%"):
        text = text.replace(f"%{ord(character):02X}", character)
    return text


def test_one_annotation_a_failed_tensor_with_its_worst_finding():
    (one,) = commands(github(report(failing(), passing())))
    kind, properties, message = one
    assert kind == "error"
    assert properties == {
        "file": "noise.safetensors",
        "title": "gausscheck: noise.safetensors[latents] failed",
    }
    sentence, hint = message.split("\n")
    assert sentence == wording.reading(failing().findings[0])
    assert hint == "hint: std 5.49 ≈ 1/0.18215: SD1.x latents before scaling?"


@pytest.mark.parametrize(
    ("path", "file"), [("C:\\a.npy", "C:\\a.npy"), ("numpy:PCG64", None), ("a.b:noise", None), ("", None)]
)
def test_a_generator_is_no_file(path, file):
    ((_, properties, _),) = commands(github(report(failing(path=path, key=""))))
    assert properties.get("file") == file


def test_failures_before_errors_before_suspects():
    shared = SharedBetween("a.npy", "b.npy", "channel", 3, 16, -90.0, "fail")
    given = report(SUSPECT, passing(), failing(), errors=(error(),), shared=(shared,))
    found = commands(github(given))
    assert [(kind, p.get("file")) for kind, p, _ in found] == [
        ("error", "noise.safetensors"),
        ("error", None),
        ("error", "broken.npy"),
        ("warning", "suspect.npy"),
    ]


def test_the_last_line_is_the_summary():
    given = report(failing(), passing())
    assert github(given).split("\n")[-1] == wording.summary(given)
    assert github(report(passing())) == wording.summary(report(passing()))


@pytest.mark.parametrize("failed", [9, 10, 11, 5000])
def test_at_most_ten(failed):
    many = [failing(path=f"{i}.npy") for i in range(failed)]
    given = report(SUSPECT, *many, errors=(error(),))
    text = github(given)
    found = commands(text)
    assert len(found) == MOST_ANNOTATIONS == 10
    # What is left out is what matters least.
    assert [kind for kind, _, _ in found] == ["error"] * 10
    assert f"\n{failed + 2 - 10} more are in the step summary\n" in text


def test_the_worst_come_first():
    mild = [failing(path=f"{i}.npy", log_p=-50.0) for i in range(20)]
    worst = failing(path="worst.npy", log_p=-9999.0)
    assert commands(github(report(*mild, worst)))[0][1]["file"] == "worst.npy"


def test_nothing_audited_is_an_error():
    assert [kind for kind, _, _ in commands(github(report()))] == ["error"]


NASTY = "a%0A::stop-commands::x\n::error::b\r,title=c: d%25\x1b[m\u2028\udce9"


def test_no_name_becomes_a_command():
    given = report(
        failing(path=NASTY, key=NASTY, hints=(NASTY,)),
        errors=(error(path=NASTY, message=f"{NASTY}: broken"),),
        battery=NASTY,
    )
    found = commands(github(given))
    assert len(found) == 2
    assert found[0][1]["title"] == f"gausscheck: {cut(wording.printable(f'{NASTY}[{NASTY}]'), 120)} failed"
    assert found[0][2].split("\n")[1] == f"hint: {wording.printable(NASTY)}"
    assert found[1][2] == wording.error(given.errors[0])


@settings(max_examples=100, deadline=None, derandomize=True)
@given(NAMES)
def test_what_is_escaped_comes_back(name):
    given = report(failing(path=name, key="k", hints=(name,)))
    ((_, properties, message),) = commands(github(given))
    assert properties.get("file", "") == ("" if ":" in name[2:] else wording.printable(name))
    assert message.endswith(f"\nhint: {wording.printable(name)}")
    assert len(re.split("[\n\r]", github(given))) == 2


def test_a_long_message_is_cut():
    ((_, properties, message),) = commands(github(report(failing(path="x" * 9000, hints=("y" * 9000,)))))
    assert len(message) <= 4000
    assert len(properties["title"]) < 200


def many(count):
    """Tensors of a folder, most of them failed, with long names."""
    name = "outputs/" + "deep/" * 30
    kinds = [failing, failing, passing, lambda **c: tensor(verdict="fail", findings=(nonfinite(),), **c)]
    return report(*(kinds[i % 4](path=f"{name}{i:05d}.npy", key="") for i in range(count)), errors=(error(),))


def test_the_step_summary_stays_below_the_limit():
    given = many(5000)
    whole = step_summary(given, room=10**9)
    assert len(whole.encode()) > MOST_BYTES, "the test shows nothing where all has room"
    cut = step_summary(given)
    # One more tensor (under 3 kB) would not have had room.
    assert MOST_BYTES - 4000 < len(cut.encode()) <= MOST_BYTES
    rows = [re.search(r"(\d{5})\.npy", line)[1] for line in cut.splitlines() if line.startswith("| ✗ failed")]
    titles = re.findall(r"^### ✗ failed: `.*(\d{5})\.npy`$", cut, re.M)
    assert rows == titles, "a tensor is shown whole or not at all"
    left = int(re.search(r"\*\*Left out for size:\*\* ([\d,]+) failed tensors", cut)[1].replace(",", ""))
    assert len(rows) + left == 3750
    assert "broken.npy" in cut, "errors matter more than what passed"


@pytest.mark.parametrize("room", [-5, 0, 300, 1500, 3000, 20_000])
def test_little_room(room):
    cut = step_summary(many(30), room=room)
    assert len(cut.encode()) <= max(room, 0)
    assert cut == "" or cut.startswith("## gausscheck: ✗ failed\n")
    assert room < 1500 or "Left out for size" in cut


def test_all_is_shown_where_there_is_room():
    assert "Left out" not in step_summary(many(30))
    assert step_summary(many(30)).count("### ✗ failed") == 23
