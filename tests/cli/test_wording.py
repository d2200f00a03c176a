"""Words and numbers that people read."""

import math
import string

import pytest
from cli.reports import (
    error,
    failing,
    finding,
    lag,
    nonfinite,
    passing,
    report,
    scale_fault,
    tensor,
    worst_sample,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from gausscheck import wording
from gausscheck.across import SharedBetween
from gausscheck.finding import LOG10_P_FLOOR, Effect, log10_of
from gausscheck.selection import sentence


@pytest.mark.parametrize(
    ("log10_p", "text"),
    [
        (0.0, "1"),
        (math.log10(0.999), "1"),
        (math.log10(0.42), "0.42"),
        (math.log10(0.0012), "0.0012"),
        (math.log10(3.4e-41), "3e-41"),
        (math.log10(9.7e-5), "1e-4"),
        (-5320.9, "1e-5321"),
        (-323.31, "5e-324"),
        (-2442197.39, "4e-2442198"),
        (LOG10_P_FLOOR, "0"),
        (log10_of(-math.inf), "0"),
    ],
)
def test_probability(log10_p, text):
    assert wording.probability(log10_p) == text


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.floats(min_value=-300, max_value=0))
def test_probability_is_right_to_its_digits(log10_p):
    # One digit is off by at most a half of the digit, 1.5 -> 2 at worst: a third.
    assert math.isclose(float(wording.probability(log10_p)), 10**log10_p, rel_tol=1 / 3)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (5.4912, "5.491"),
        (65536, "65,536"),
        (12345.6, "12,346"),
        (1.23e-5, "1.23e-5"),
        (3e12, "3e12"),
        (-0.25, "-0.25"),
        (0.0, "0"),
        (None, "?"),
        (math.nan, "?"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (10**30, "1e30"),
    ],
)
def test_number(x, text):
    assert wording.number(x) == text


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(min_value=1e-12, max_value=1e12))
def test_resolved_shows_a_difference_of_one_step(x, step):
    text = wording.resolved(x, step)
    assert set(text) <= set(string.digits + ",.-e")
    shown = float(text.replace(",", ""))
    # To six digits, or to the step, whichever is coarser.
    assert abs(shown - x) <= max(step, abs(x) * 1e-5)


def test_resolved_has_no_negative_zero():
    assert wording.resolved(-0.0001, 0.01) == "0.000"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain [key] × ü", "plain [key] × ü"),
        ("\x1b[2Jclear", "\\x1b[2Jclear"),
        ("two\nlines", "two\\nlines"),
        ("right\u202eleft", "right\\u202eleft"),
        ("not utf-8 \udcff", "not utf-8 \\udcff"),
    ],
)
def test_printable(name, text):
    assert wording.printable(name) == text


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1300, "1.3 kB"), (10_000_000_000, "10 GB"), (1_300_000_000_000, "1.3 TB")],
)
def test_size(nbytes, text):
    assert wording.size(nbytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.012, "12 ms"), (1.234, "1.2 s"), (99.96, "1 min 40 s"), (3600.0, "60 min 0 s")],
)
def test_duration(seconds, text):
    assert wording.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0232, "+2.1 σ"), (0.5, "-45.2 σ"), (30.1412, "+2,637 σ"), (1e9, "+9e10 σ"), (-1e9, "-9e10 σ")],
)
def test_deviation(value, text):
    assert wording.deviation(finding(value=value)) == text


def test_deviation_is_empty_without_a_standard_deviation():
    assert wording.deviation(nonfinite()) == ""


@pytest.mark.parametrize(
    ("effect", "text"),
    [
        (Effect("scale", 5.4912, 5.4611, 5.5213), "scale 5.49 [5.46, 5.52]"),
        (Effect("mean", -0.0003, -0.0156, 0.015), "mean 0.000 [-0.016, 0.015]"),
        (Effect("size", math.inf, math.inf, math.inf), "size inf"),
        (Effect("excess kurtosis", math.nan, math.nan, math.nan), "excess kurtosis ?"),
        (Effect("scale", 0.0, 0.0, 0.0), "scale 0 [0, 0]"),
        (None, ""),
    ],
)
def test_effect(effect, text):
    assert wording.effect(effect) == text


@pytest.mark.parametrize(
    ("given_finding", "text"),
    [
        (
            scale_fault(),
            "Standard deviation is 5.490, expected 1.000: 2,637 standard errors off (p = 2e-5321).",
        ),
        (
            scale_fault(scope="sample", where={"sample": 3, "samples": 8}),
            "Standard deviation in worst sample #3 of 8 is 5.490, expected 1.000: 2,637 standard errors off "
            "(p = 2e-5321).",
        ),
        (
            finding(parameters={"order": 1}, value=0.05, expected=0.0, std=0.0078, log_p=math.log(1.4e-10)),
            "Mean is 0.050, expected 0.000: 6.4 standard errors off (p = 1e-10).",
        ),
        (
            lag(),
            "Largest autocorrelation at lag (0, 1), channel 2, sample 0 is 0.0312, expected 0.0271: 2.3 "
            "standard errors off (p = 0.031).",
        ),
        (
            nonfinite(3),
            "Number of values that are not finite (3 NaN, the first at (0, 3, 17, 2)) is 3, expected 0 "
            "(p = 0).",
        ),
        (
            finding(statistic="constant", parameters={}, value=1.0, expected=0.0, std=0.0, log_p=-500.0),
            "All values are equal (p = 7e-218).",
        ),
        (
            worst_sample(),
            "Discrepancy of the block power spectrum in random order in worst sample #3 of 8 is 0.102, "
            "expected 0.093: 3.9 standard errors off (p = 4e-5).",
        ),
        (
            finding(statistic="something_new", parameters={"width": 3}),
            "Something new is 1.002, expected 1.000: 0.18 standard errors off (p = 0.85).",
        ),
    ],
)
def test_reading(given_finding, text):
    assert wording.reading(given_finding) == text


def test_place_says_pairs_segments_and_unknown_entries():
    assert wording.place(finding(where={"channels": (0, 2)})) == "channels 0 and 2"
    where = {"sample": 3, "samples": 8, "segment": 1, "segments": 4, "band": "radial", "low_edge": 0.25}
    assert (
        wording.place(finding(scope="sample", where=where)) == "segment #1 of 4, band radial, low edge 0.25"
    )


def test_place_says_bands_lags_and_the_worst_channel_of_one_sample():
    ring = {"band": "radius", "low": 0.25, "high": 0.3125}
    assert wording.place(finding(where=ring)) == "radius 0.25 to 0.3125 cycles a value"
    along = {"band": "axis", "axis": "h", "low": 0.0, "high": 0.125, "channel": 2, "channels": 4}
    channel = finding(scope="channel", where=along)
    assert wording.place(channel) == "0 to 0.125 cycles a value along axis h"
    assert wording.scope(channel) == "worst channel #2 of 4"
    one = finding(scope="sample", where={"sample": 0, "samples": 1, "channel": 1, "channels": 4})
    assert (wording.scope(one), wording.place(one)) == ("worst channel #1 of 4", "")
    several = finding(scope="sample", where={"sample": 3, "samples": 8, "channel": 1, "channels": 4})
    assert (wording.scope(several), wording.place(several)) == ("worst sample #3 of 8", "channel #1 of 4")


def test_between_says_what_two_tensors_share():
    shared = SharedBetween("a.npy", "b\x1b.npy", "channel", 3, 16, -90.0, "fail", ((0, 2), (1, 5)))
    assert wording.between(shared) == (
        "a.npy and b\\x1b.npy share 3 of 16 channels, bit for bit: channel 2 of sample 0 is channel 5 of "
        "sample 1 (p = 8e-40)"
    )
    values = SharedBetween("a", "b", "value", 24579, 65536, -1e4, "fail")
    assert wording.between(values).startswith("a and b share 24,579 of 65,536 scattered values compared, bit")


def test_facts_detectable_and_summary():
    assert (
        wording.tensor_facts(passing(lattice="bf16"))
        == "8×4×16×32 (b c h w) · float32 on the bf16 lattice · 16,384 values · p = 0.42"
    )
    assert wording.tensor_facts(tensor(shape=(), layout="", n=1)) == "scalar · float32 · 1 value · p = 0.42"
    assert wording.detectable(tensor()) == "mean 0 ± 0.053, scale 1 ± 0.037 and beyond, with power 0.9"
    assert wording.detectable(tensor(detectable=())) == ""
    counted = wording.summary(report(passing(), passing(), failing(), errors=(error(),)))
    assert counted.startswith("1 failed, 2 passed, 1 error · p = 3e-5320 · alpha 1e-6 · battery standard")
    assert wording.summary(report()).startswith("nothing audited · alpha")


def test_error_names_the_path_once():
    assert wording.error(error()) == "broken.npy: the file is empty (0 bytes)"
    assert wording.error(error(message="no", key="k")) == "broken.npy[k]: no"
    assert wording.error(error(path="a\x1b", message="no")) == "a\\x1b: no"


@pytest.mark.parametrize(
    ("statistic", "words"),
    [
        ("anderson_darling", "surprising: Anderson-Darling distance from"),
        ("max_abs", "surprising: largest |x| is"),
    ],
)
def test_names_of_people_keep_their_capital(statistic, words):
    assert words in sentence(tensor(findings=(finding(statistic=statistic, parameters={}),)))
