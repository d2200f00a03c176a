"""What a failed assertion says: first what is wrong with numbers, then where, why, what to do, the evidence.

Seeds are fixed. Good noise fails an assertion here with probability 1e-8.
"""

import re

import numpy as np
import pytest

import gausscheck as gc
from gausscheck.assertion_text import assertion_text, claim
from gausscheck.finding import Effect, Finding

NUMBER = r"(-?[\d.,]+)"
CLAIM = re.compile(
    rf"^(?P<name>.+) is not N\(0, 1\): (?P<effect>[\w -]+) {NUMBER} \[{NUMBER}, {NUMBER}\]"
    r"(?: in (?P<part>.+),)? where (?P<centre>[01]) is expected, p = (?P<p>\S+) "
    r"\(budget (?P<budget>\S+) for this check\)$"
)
SHAPE = (16, 4, 8, 8)


def noise(seed=0):
    return np.random.default_rng(seed).standard_normal(SHAPE)


def refusal(x, **options):
    """The lines of the error that an array raises, and the error."""
    with pytest.raises(AssertionError) as caught:
        gc.assert_gaussian(x, **{"alpha": 1e-8, "battery": "quick", **options})
    error = caught.value
    assert isinstance(error, gc.GaussianityError)
    assert error.report.verdict == "fail"
    lines = str(error).split("\n")
    assert all(line == line.rstrip() for line in lines)
    return lines, error


@pytest.mark.parametrize(
    ("effect", "true", "x"),
    [
        ("scale", 1.3, 1.3 * noise(1)),
        ("mean", -0.2, noise(2) - 0.2),
    ],
)
def test_the_first_line_measures_what_is_wrong(effect, true, x):
    """Mean and scale have the word where they explain what others see; the planted one is in the interval."""
    lines, error = refusal(x, name="planted")
    match = CLAIM.match(lines[0])
    assert match, lines[0]
    assert match["name"] == "planted"
    assert match["budget"] == "1e-8"
    named = {f.effect.name: f for f in reversed(error.report.findings) if f.effect and f.scope == "pooled"}
    assert match["effect"] == effect
    value, low, high = map(float, match.groups()[2:5])
    # A 95 % interval; the seeds are fixed.
    assert low < true < high
    assert low < value < high
    found = named[match["effect"]]
    # p is the adjusted one, which is what the budget bounds.
    assert float(match["p"]) == pytest.approx(found.adjusted_p, rel=0.5, abs=1e-300)
    assert found.log_adjusted_p > found.log_p


@pytest.fixture(scope="module")
def scaled():
    return gc.audit(1.3 * noise(4), alpha=1e-8, battery="quick")


def test_where_and_why(scaled):
    lines = assertion_text(scaled, name="noise", alpha=1e-8).split("\n")
    titles = [line.split("  ")[1] for line in lines[1:] if line.startswith("  ") and line[2].isalpha()]
    assert titles == ["where", "likely cause"]
    assert "16×4×8×8 (b c h w) · float64 · 4,096 values" in lines[1]
    table = lines[lines.index("") + 1 :]
    assert table[0].split()[:2] == ["test", "observed"]
    assert table[1].startswith("  ✗ moment 2")
    assert sum(line.startswith("  ✗") for line in table) <= 5
    assert re.fullmatch(r" +\d+ more failed, .*\d+ passed", table[-1])


def test_one_bad_sample_is_named():
    x = noise(5)
    x[11] *= 1.6
    lines, _ = refusal(x)
    match = CLAIM.match(lines[0])
    assert match["part"] == "sample #11 of 16"


def test_values_that_no_noise_holds():
    x = noise(6)
    x[3, 1, 2, 5] = np.nan
    x[3, 1, 2, 6] = np.inf
    (first, where, *_), _ = refusal(x)
    assert first == (
        "array is not N(0, 1): it holds 1 NaN, 1 +inf, the first at (3, 1, 2, 5), as noise never does "
        "(budget 1e-8 for this check)"
    )
    assert where.split()[0] == "where"
    (first, *_), _ = refusal(np.zeros((4, 64)))
    assert first.startswith("array is not N(0, 1): all its values are equal, as noise never does")


def test_another_reference_is_named():
    lines, _ = refusal(noise(7), reference="scale=14.6")
    assert lines[0].startswith("array is not N(0, 14.6²): scale 0.06")
    assert gc.assert_gaussian(14.6 * noise(7), alpha=1e-8, reference="scale=14.6").verdict == "pass"


def test_names_cannot_forge_lines(scaled):
    message = assertion_text(scaled, name="x\nnoise passed\x1b[32m", alpha=1e-8)
    assert message.startswith(r"x\nnoise passed\x1b[32m is not N(0, 1)")


def test_effects_without_interval_are_told_as_a_reading():
    bare = Finding("moment", "moments", 100, 20.1, 15.0, 0.5, -100.0, "upper", "exact", {"order": 6})
    assert claim(bare) == "mean of x^6 is 20.1, expected 15.0: 10 standard errors off"
    assert claim(bare).count("p = ") == 0
    open_ended = Effect("moment 6 ratio", 1.34, float("nan"), float("nan"))
    assert claim(Finding(**{**bare.__dict__, "effect": open_ended})) == claim(bare)


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.arange(100), gc.DataError, "integers"),
        (np.zeros(0), gc.DataError, "empty"),
        (np.zeros(3), gc.DataError, "8 values"),
        ([1j] * 9, gc.DataError, "complex"),
        (None, gc.DataError, "NoneType"),
    ],
)
def test_what_cannot_be_tested_is_no_failed_assertion(x, error, words):
    with pytest.raises(error, match=words) as caught:
        gc.assert_gaussian(x)
    assert not isinstance(caught.value, AssertionError)


def test_options_that_say_nothing_are_refused():
    with pytest.raises(
        gc.ArgumentError, match="n is the number of values to draw from a generator; the ndarray"
    ):
        gc.assert_gaussian(noise(), n=1000)
    with pytest.raises(gc.ArgumentError, match="alpha"):
        gc.assert_gaussian(noise(), alpha=2)


@pytest.mark.parametrize(("scale", "said"), [(1.3, 'reference="scale=1.'), (1.004, 'tolerance={"scale": ')])
def test_hints_name_options_as_a_call_has_them(scale, said):
    x = np.random.default_rng(1).standard_normal(2**21, dtype=np.float32) * np.float32(scale)
    with pytest.raises(gc.GaussianityError) as caught:
        gc.assert_gaussian(x, battery="quick")
    assert said in str(caught.value)
    assert "--" not in str(caught.value)


@pytest.mark.parametrize("source", [np.zeros(100), "numpy:PCG64"])
def test_unknown_options_are_named(source):
    with pytest.raises(gc.ArgumentError, match=r"unknown option 'tolerence'.*did you mean 'tolerance'"):
        gc.assert_gaussian(source, tolerence={"scale": 0.1})
