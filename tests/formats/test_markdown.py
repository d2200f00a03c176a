"""Markdown: read back by a parser, it says what the report says and obeys no name."""

import re

import pytest
from cli.reports import error, failing, passing, report, scale_fault, tensor, worst_sample
from formats.hostile import NAMES
from hypothesis import given, settings
from markdown_it import MarkdownIt

from gausscheck import wording
from gausscheck.across import SharedBetween
from gausscheck.formats.markdown import markdown

NASTY = "a|b`c``d\n# head\n<script>x</script>*e* [f](g) \\| \x1b[2J ~~h~~ $i$ &amp; \udce9 @me"


def parse(text):
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def inlines(text):
    return [token for token in parse(text) if token.type == "inline"]


def shown(token):
    """Text that a reader sees."""
    return "".join("" if c.type == "html_inline" else c.content for c in token.children)


def tables(text):
    found = []
    for token in parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type in ("th_open", "td_open"):
            cell = True
        elif token.type == "inline" and found and found[-1] and cell:
            found[-1][-1].append(shown(token))
            cell = False
    return found


def test_headline_and_summary():
    for given_, word in (
        (report(failing(), passing()), "✗ failed"),
        (report(passing()), "✓ passed"),
        (report(tensor(verdict="suspect")), "! suspect"),
        (report(passing(), errors=(error(),)), "✗ could not test all"),
        (report(), "✗ could not test all"),
    ):
        first, second = [shown(token) for token in inlines(markdown(given_))][:2]
        assert first == f"gausscheck: {word}"
        assert second == wording.summary(given_)


def test_one_row_a_tensor_worst_first():
    (overview, _findings) = tables(markdown(report(passing(path="a.npy", key=""), failing())))
    assert overview[0] == ["verdict", "tensor", "values", "stored as", "p"]
    assert overview[1:] == [
        ["✗ failed", "noise.safetensors[latents]", "16,384", "float32", "3e-5320"],
        ["✓ passed", "a.npy", "16,384", "float32", "0.42"],
    ]


def test_a_failed_tensor_in_full():
    text = markdown(report(failing()))
    seen = [shown(token) for token in inlines(text)]
    for line in (
        wording.tensor_facts(failing()),
        wording.reading(failing().findings[0]),
        "hint: std 5.49 ≈ 1/0.18215: SD1.x latents before scaling?",
        f"Would have seen: {wording.detectable(failing())}.",
        "Not tested: channel_correlation: one channel only.",
        "2 passed.",
    ):
        assert line in seen
    (findings,) = tables(text)
    assert findings[1] == [
        *("✗", "moment 2", "30.141", "1.000", "+2,637 σ", "2e-5321"),
        "all values · scale 5.49 [5.43, 5.55]",
    ]
    assert findings[2][:2] == ["!", "power_spectrum permuted x4"]


def test_what_is_common_to_all_is_said_once():
    other = failing(key="z", untested=("channel_correlation: one channel only", "y: x"))
    text = markdown(report(failing(), other))
    assert text.count("one channel only") == 1
    assert "Not tested: y: x." in text


def test_copies_errors_and_notes():
    shared = SharedBetween("a.npy", "b.npy", "channel", 3, 16, -90.0, "fail")
    given_ = report(passing(), errors=(error(),), notes=("x: skipped",), shared=(shared,))
    seen = [shown(token) for token in inlines(markdown(given_))]
    assert wording.between(shared) in seen
    assert "broken.npy: the file is empty (0 bytes)" in seen
    assert "x: skipped" in seen


def hostile(name):
    return report(
        failing(path=name, key="", hints=(name,), untested=(name, "y")),
        tensor(path=name, key="", verdict="suspect", findings=(worst_sample(),), layout=name, dtype=name),
        errors=(error(path=name, message=f"{name}: a\n{name}"),),
        notes=(name,),
        shared=(SharedBetween(name, name, "channel", 3, 16, -90.0, "fail"),),
        battery=name,
    )


def structure(text):
    """Everything but the text: blocks, and what stands inside lines."""
    for token in parse(text):
        yield token.type, token.tag
        for child in token.children or ():
            if child.type not in ("text", "text_special", "code_inline"):
                yield child.type, child.content if child.type == "html_inline" else child.tag


def test_no_name_becomes_markup():
    text = markdown(hostile(NASTY))
    inside = {child for kind, child in structure(text) if kind == "html_inline"}
    assert inside == {"<code>", "</code>", "<br>"}
    kinds = {kind for kind, _ in structure(text)}
    assert not kinds & {"html_block", "link_open", "em_open", "s_open"}
    (overview, *_) = tables(text)
    assert overview[1][1] == wording.printable(NASTY)
    assert [len(row) for table in tables(text) for row in table] == [5] * 3 + [7] * 5
    assert f"hint: {' '.join(wording.printable(NASTY).split())}" in [shown(token) for token in inlines(text)]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(NAMES.filter(bool))
def test_any_name_leaves_the_structure_as_it_is(name):
    def blocks(text):
        return [s for s in structure(text) if s[0] not in ("html_inline", "softbreak")]

    assert blocks(markdown(hostile(name))) == blocks(markdown(hostile("x")))
    overview = tables(markdown(hostile(name)))[0]
    assert overview[1][1] == wording.printable(name)


def test_the_page_ends_without_a_line_break_and_has_no_long_gaps():
    for given_ in (report(failing(), passing()), report(passing()), report(), hostile("x")):
        text = markdown(given_)
        assert text == text.strip()
        assert "\n\n\n" not in text


@pytest.mark.parametrize("count", [1, 13, 40])
def test_findings_are_limited_and_counted(count):
    faults = tuple(scale_fault(statistic=f"s{i}") for i in range(count))
    text = markdown(report(failing(findings=faults)))
    rows = tables(text)[0][1:]
    assert len(rows) == min(count, 12)
    left = re.search(r"^(\d+) more failed\.$", text, re.M)
    assert (int(left[1]) if left else 0) == count - len(rows)


def test_failed_come_before_suspect_however_surprising():
    mild, odd = failing(path="mild.npy", key="", log_p=-30.0), tensor(verdict="suspect", log_p=-90.0)
    rows = tables(markdown(report(passing(), odd, mild)))[0][1:]
    assert [row[0] for row in rows] == ["✗ failed", "! suspect", "✓ passed"]


def test_what_only_the_markdown_of_github_reads_is_escaped():
    assert r"hint: \$x\$ \~\~y\~\~" in markdown(report(failing(hints=("$x$ ~~y~~",))))
