"""Reports as plain text: exact renderings of hand-built reports."""

import math

import pytest
from cli.reports import error, failing, finding, nonfinite, passing, report, scale_fault, tensor, worst_sample

from gausscheck.text import cut, plain, report_lines, report_text, table

ONE_FAILS = """\
  FAIL     noise.safetensors[latents]
           8×4×16×32 (b c h w) · float32 · 16,384 values · p = 3e-5320

  Standard deviation is 5.490, expected 1.000: 2,637 standard errors off
  (p = 2e-5321).
  hint             std 5.49 ≈ 1/0.18215: SD1.x latents before scaling?

    test                        observed  expected    off by        p
  ✗ moment 2                      30.141     1.000  +2,637 σ  2e-5321
      all values · scale 5.49 [5.43, 5.55]
  ! power_spectrum permuted x4     0.102     0.093    +3.9 σ     4e-5
      worst sample #3 of 8 · spectrum discrepancy ratio 1.10 [1.05, 1.15]
    2 passed

  would have seen  mean 0 ± 0.053, scale 1 ± 0.037 and beyond, with power 0.9
  not tested       channel_correlation: one channel only

  FAIL   1 failed · p = 3e-5320 · alpha 1e-6 · battery standard · seed 0 · 1.2 s"""

# ruff: noqa: E501 - lines as wide as the terminal
ONE_PASSES_WIDE = """\
  PASS     noise.safetensors[latents]
           8×4×16×32 (b c h w) · float32 · 16,384 values · p = 0.42

  Nothing stands out in 4 tests; the most surprising: largest autocorrelation at lag (0, 1),
  channel 2, sample 0 is 0.0312, expected 0.0271: 2.3 standard errors off (p = 0.031).

    test             observed  expected  off by      p  where and how much
  · autocorrelation    0.0312    0.0271  +2.3 σ  0.031  all values, lag (0, 1), channel 2, sample 0 · correlation 0.031
                                                        [0.016, 0.046]
  · moment 4             3.05      3.00  +0.7 σ   0.52  all values · excess kurtosis 0.01 [-0.06, 0.09]
  · moment 2            1.002     1.000  +0.2 σ   0.85  all values · scale 1.001 [0.990, 1.012]
    1 more passed

  would have seen  mean 0 ± 0.053, scale 1 ± 0.037 and beyond, with power 0.9
  not tested       channel_correlation: one channel only

  PASS   1 passed · p = 0.42 · alpha 1e-6 · battery standard · seed 0 · 1.2 s"""

MANY = """\
  PASS     p = 0.42   16,384  float32       noise.safetensors[latents]
  FAIL     p = 0           4  float32       nan.npy
  SUSPECT  p = 0.003  16,384  float32@bf16  noise.safet…me_folder/noise[latents]

  FAIL     nan.npy
           4 (w) · float32 · 4 values · p = 0

  Number of values that are not finite (3 NaN, the first at (0, 3, 17, 2)) is
  3, expected 0 (p = 0).

    test       observed  expected  off by  p
  ✗ nonfinite         3         0          0
      all values, 3 NaN, the first at (0, 3, 17, 2)

  not tested       everything else: only 1 value is finite

  SUSPECT  noise.safetensors[a_key/that_is/so_long/that_it_does/not_fit/in_one_l
           ine/of_the_overview/some_folder/noise[latents]
           8×4×16×32 (b c h w) · float32 on the bf16 lattice · 16,384 values ·
           p = 0.003

  Discrepancy of the block power spectrum in random order in worst sample
  #3 of 8 is 0.102, expected 0.093: 3.9 standard errors off (p = 4e-5).

    test                        observed  expected  off by     p
  ! power_spectrum permuted x4     0.102     0.093  +3.9 σ  4e-5
      worst sample #3 of 8 · spectrum discrepancy ratio 1.10 [1.05, 1.15]
    1 passed

  not tested       channel_correlation: one channel only

  note             noise.safetensors[mask]: skipped, a mask

  error            broken.npy: the file is empty (0 bytes)

  FAIL   1 failed, 1 suspect, 1 passed, 1 error · p = 0 · alpha 1e-6 · battery
         standard · seed 0 · 1.2 s"""

NARROW = """\
  FAIL     noise.safetensors[latents]
           8×4×16×32 (b c h w) · float32 · 16,384
           values · p = 3e-5320

  Standard deviation is 5.490, expected 1.000:
  2,637 standard errors off (p = 2e-5321).
  hint             std 5.49 ≈ 1/0.18215: SD1.x
                   latents before scaling?

  ✗ moment 2: 30.141, expected 1.000, +2,637 σ,
    p = 2e-5321, all values · scale 5.49
    [5.43, 5.55]
  ! power_spectrum permuted x4: 0.102, expected
    0.093, +3.9 σ, p = 4e-5, worst sample #3 of 8
    · spectrum discrepancy ratio 1.10 [1.05, 1.15]
    2 passed

  would have seen  mean 0 ± 0.053, scale 1 ± 0.037
                   and beyond, with power 0.9
  not tested       channel_correlation: one
                   channel only

  FAIL   1 failed · p = 3e-5320 · alpha 1e-6 ·
         battery standard · seed 0 · 1.2 s"""


def many():
    untested = ("channel_correlation: one channel only",)
    broken = tensor(
        path="nan.npy",
        key="",
        shape=(4,),
        layout="w",
        n=4,
        verdict="fail",
        log_p=-math.inf,
        findings=(nonfinite(),),
        untested=(*untested, "everything else: only 1 value is finite"),
    )
    suspect = tensor(
        key="a_key/that_is/so_long/that_it_does/not_fit/in_one_line/of_the_overview/some_folder/noise[latents",
        lattice="bf16",
        verdict="suspect",
        log_p=math.log(0.003),
        findings=(worst_sample(), finding()),
    )
    notes = ("noise.safetensors[mask]: skipped, a mask",)
    return report(passing(), broken, suspect, errors=(error(),), notes=notes)


@pytest.mark.parametrize(
    ("given", "width", "text"),
    [
        (report(failing()), 80, ONE_FAILS),
        (report(passing()), 120, ONE_PASSES_WIDE),
        (many(), 80, MANY),
        (report(failing()), 50, NARROW),
    ],
)
def test_rendering(given, width, text):
    assert report_text(given, width=width) == text


def test_print_of_a_report_is_its_text():
    assert str(report(failing())) == report_text(report(failing()), width=100)


@pytest.mark.parametrize("width", [60, 80, 100, 120, 140])
@pytest.mark.parametrize("given", [report(failing()), report(passing()), many()])
@pytest.mark.parametrize("show_all", [False, True])
def test_lines_fit_the_width(given, width, show_all):
    assert max(map(len, report_text(given, width=width, show_all=show_all).splitlines())) <= width


def test_all_shows_every_finding_of_every_tensor():
    text = report_text(report(passing(), failing()), show_all=True)
    assert sum(line.startswith(("  ✗", "  !", "  ·")) for line in text.splitlines()) == 8
    assert "more" not in text


def test_says_how_to_see_all():
    assert "2 passed; --all shows them" in plain(
        report_lines(report(failing()), how_to_see_all="--all shows them")
    )


def test_a_thousand_failures_have_one_line_each_and_few_details():
    tensors = [failing(key=f"latents_{i}") for i in range(1000)]
    lines = report_text(report(*tensors)).splitlines()
    assert sum(line.startswith("  FAIL ") for line in lines) == 1000 + 10 + 1
    assert "  details of 990 more that did not pass are left out" in lines


def test_many_findings_are_counted_not_listed():
    findings = tuple(scale_fault(parameters={"order": i}) for i in range(30))
    text = report_text(report(failing(findings=findings)))
    assert text.count("✗ moment ") == 12
    assert "18 more failed" in text


def test_of_one_statistic_the_worst_scope_is_shown():
    pooled, worst = scale_fault(), scale_fault(scope="sample", where={"sample": 3, "samples": 8}, log_p=-50.0)
    text = report_text(report(failing(findings=(worst, pooled))))
    assert text.count("✗ moment 2") == 1
    assert "worst sample" not in text
    assert "1 more failed" in text
    assert report_text(report(failing(findings=(worst, pooled))), show_all=True).count("✗ moment 2") == 2


def test_the_worst_comes_first_whatever_the_order():
    lines = report_text(report(failing(findings=failing().findings[::-1]))).splitlines()
    assert [line[2] for line in lines if line[:3] in ("  ✗", "  !")] == ["✗", "!"]


def test_a_wrong_scale_is_named_where_it_explains_the_worst():
    spectrum = worst_sample(log_p=-9 * 5320.7 * math.log(10), verdict="fail", scope="pooled", where={})
    assert "Standard deviation is 5.490" in report_text(report(failing(findings=(spectrum, scale_fault()))))
    # A hundred times the evidence is another fault.
    spectrum = worst_sample(log_p=-100 * 5320.7 * math.log(10), verdict="fail", scope="pooled", where={})
    text = report_text(report(failing(findings=(spectrum, scale_fault()))))
    assert "Standard deviation is" not in text
    assert "Discrepancy of the block power spectrum" in text


def test_nothing_audited_is_no_pass():
    lines = report_text(report(errors=(error(),))).splitlines()
    assert lines[-1].startswith("  ERROR   nothing audited, 1 error")
    assert report_text(report(passing(), errors=(error(),))).splitlines()[-1].startswith("  ERROR ")


def test_hostile_names_cannot_move_the_cursor():
    evil = "\x1b[2J\x1b[1;1H PASS \r\n\u202e\udcff"
    given = report(
        failing(path=evil, key=evil, hints=(evil,), untested=(evil,)),
        passing(path=evil),
        errors=(error(path=evil, message=f"{evil}: bad"),),
        notes=(evil,),
    )
    text = report_text(given, show_all=True)
    assert all(line.isprintable() for line in text.split("\n"))
    assert "\\x1b[2J" in text


def test_an_error_of_several_lines_keeps_them():
    given = report(errors=(error(message="broken.npy: choose one:\n  'a'  float32\n  'b'  float32"),))
    assert report_text(given).splitlines()[:3] == [
        "  error            broken.npy: choose one:",
        "                     'a'  float32",
        "                     'b'  float32",
    ]


@pytest.mark.parametrize(
    ("name", "width", "short"),
    [
        ("short", 20, "short"),
        ("some/long/path/noise.safetensors", 20, "some/l…e.safetensors"),
        ("噪声噪声噪声噪声", 9, "噪…声噪声"),
    ],
)
def test_cut(name, width, short):
    assert cut(name, width) == short


def test_table_aligns_wide_characters():
    head, *rows = table(("name", "n"), [("噪声", "1"), ("abcd", "22")], right=(1,))
    assert plain([head, *rows]) == "name   n\n噪声   1\nabcd  22"
