"""Calibration: under H0 every p-value is uniform, and each tail of it.

False alarms: each check rejects with probability below ALARM = 1e-9 if what it sees is exactly uniform
(`laws.cases.surprise` and `strictness` are Bonferroni-corrected p-values). The last test counts the checks of
this file: fewer than 1,000, hence below 1e-6 for the file as a whole. Seeds are fixed.
"""

from __future__ import annotations

import numpy as np
import pytest
from laws.cases import (
    ENGINES,
    TESTED,
    Case,
    p_values,
    positions,
    rates,
    scope_finding,
    scope_p_values,
    strictness,
    surprise,
)
from noise import noise, stored

from gausscheck import statistics
from gausscheck.lattice import Lattice, lattice_of_format
from gausscheck.summaries import Counts

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

ALARM = 1e-9
ENGINE = ENGINES["numba"]
FP8 = ("float8_e4m3fn", "float8_e5m2")
# Format, values in a row, rows. 8: least of moments; 20,475 = 5 x 63 x 65: odd in every axis.
SETS = [
    ("float64", 8, 1500),
    ("float64", 64, 1500),
    ("float32", 1000, 700),
    ("float32", 16384, 150),
    ("float32", 5 * 63 * 65, 100),
    ("float16", 64, 1500),
    ("bfloat16", 64, 1500),
    ("bfloat16", 1000, 700),
    ("float8_e4m3fn", 64, 1500),
    ("float8_e4m3fn", 1000, 700),
    ("float8_e5m2", 1000, 700),
]
# 16-bit values at n = 8: the law is moved, not recomputed, and the lower tail of high moments too cautious.
CAUTIOUS = [("bfloat16", 8, 3000), ("float16", 8, 3000)]
# Format, values in a sample, samples, tensors.
GROUPS = [("float32", 64, 3, 500), ("bfloat16", 1000, 3, 200), ("float8_e4m3fn", 1000, 3, 200)]


def fits(case: Case, n: int) -> bool:
    """Whether the law is defined at n; that of Hermite means at n = 8 takes seconds, see the slow test."""
    return n >= case.smallest and not (n < 16 and case.name == "hermite" and case.parameters["order"] > 2)


def lumpy(case: Case, dtype: str) -> bool:
    """Whether so few distinct large values carry the statistic that p-values jump."""
    return dtype in FP8 and case.marginal and case.parameters.get("order", 8) > 3


@pytest.mark.parametrize(("dtype", "n", "rows"), SETS, ids=str)
def test_pooled_p_values_are_uniform(dtype, n, rows):
    values = noise((rows, n), dtype, [1, n])
    for case in TESTED:
        if fits(case, n):
            if lumpy(case, dtype):
                u = p_values(case, values, ENGINE)
                alarm = strictness(u)
            else:
                u = positions(case, values, ENGINE)
                alarm = surprise(u)
            assert alarm > ALARM, f"{case} {dtype} n = {n}: {rates(u)}"


@pytest.mark.parametrize(("dtype", "n", "rows"), CAUTIOUS, ids=str)
def test_tiny_16_bit_samples_are_never_too_strict(dtype, n, rows):
    values = noise((rows, n), dtype, [2, n])
    for case in TESTED:
        if fits(case, n):
            p = p_values(case, values, ENGINE)
            assert strictness(p) > ALARM, f"{case} {dtype} n = {n}: {rates(p)}"


@pytest.mark.parametrize("scope", ["pooled", "sample"])
@pytest.mark.parametrize(("dtype", "n", "samples", "groups"), GROUPS, ids=str)
def test_pooled_and_worst_sample_of_several(dtype, n, samples, groups, scope):
    values = noise((groups * samples, n), dtype, [3, n])
    for case in TESTED:
        if fits(case, n):
            p = scope_p_values(case, values, ENGINE, samples, scope)
            assert p.size == groups
            alarm = strictness(p) if lumpy(case, dtype) else surprise(p)
            assert alarm > ALARM, f"{case} {scope} {dtype} n = {n}: {rates(p)}"


@pytest.mark.parametrize("case", TESTED, ids=str)
def test_findings_carry_these_p_values(case):
    values = noise((3, 300), "bfloat16", 8)
    for scope in ("pooled", "sample"):
        finding = scope_finding(case, values, ENGINE, scope)
        (p,) = scope_p_values(case, values, ENGINE, 3, scope)
        # the sums of three rows are added in another order: a rounding error of the value
        assert finding.p_value == pytest.approx(p, rel=1e-9)


def test_engines_give_the_same_p_values():
    # Rounding moves a value by less than 1e-7 of the width of its law (tolerance.py), and p by as much.
    values = noise((20, 1000), "float32", 4)
    for case in TESTED:
        one, other = (p_values(case, values, e) for e in ENGINES.values())
        np.testing.assert_allclose(one, other, rtol=1e-5, err_msg=str(case))


@pytest.mark.slow
@pytest.mark.parametrize("order", range(3, 9))
def test_hermite_means_of_eight_values(order):
    u = positions(Case("hermite", {"order": order}), noise((3000, 8), "float64", 6), ENGINE)
    assert surprise(u) > ALARM, rates(u)


@pytest.mark.parametrize(("dtype", "log2_n"), [("float8_e4m3fn", 26), ("float8_e5m2", 22)])
def test_a_null_without_the_lattice_fails_on_8_bit_noise(dtype, log2_n):
    """The largest shift in standard errors is that of h_4: 15 at these n; 7 below 1e-12 on one side."""
    n = 2**log2_n
    lattice = Lattice(lattice_of_format(dtype))
    count = np.random.default_rng(7).multinomial(n, np.exp(lattice.log_probabilities()))
    table = np.zeros(256, dtype=np.int64)
    table[stored(lattice.points, dtype).data] = count
    value = Counts(table, dtype).moments().hermite(4)
    hermite = statistics["hermite"]
    assert hermite.null(n=n, order=4, lattice=lattice.name).log_two_sided(value) > np.log(ALARM)
    assert hermite.null(n=n, order=4).log_two_sided(value) < np.log(1e-12)


def test_declared_false_alarm_rate():
    checks = (len(SETS) + len(CAUTIOUS) + 2 * len(GROUPS)) * len(TESTED) + 2
    assert checks * ALARM <= 1e-6
