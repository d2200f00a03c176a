"""Non-finite and constant values: indicators whose laws are elementary."""

from __future__ import annotations

import math

import numpy as np
import pytest
from noise import noise

from gausscheck import statistics
from gausscheck.floats import decode_table
from gausscheck.lattice import Lattice

NONFINITE, CONSTANT = statistics["nonfinite"], statistics["constant"]


def test_counts_what_is_not_finite():
    x = noise((3, 50), "float32", 71).data
    x[0, 3], x[2, 1], x[2, 2], x[2, 49] = np.nan, np.inf, -np.inf, np.nan
    finding = NONFINITE.test(x)
    assert finding.value == NONFINITE(x) == 4 == np.count_nonzero(~np.isfinite(x))
    assert finding.log_p == -math.inf
    assert finding.log10_p == -1e9


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_every_pattern_of_a_narrow_format(dtype):
    from gausscheck.arrays import Values

    table = decode_table(dtype)
    container = noise(1, dtype).data.dtype
    codes = np.arange(table.size, dtype=f"u{container.itemsize}").view(container)
    assert NONFINITE(Values(codes, dtype)) == np.count_nonzero(~np.isfinite(table))


def test_finite_values_are_no_surprise():
    finding = NONFINITE.test(noise(100, "float64", 72))
    assert (finding.value, finding.log_p, finding.expected, finding.std) == (0, 0, 0, 0)


@pytest.mark.parametrize("value", [0.0, 1.0, -2.5])
def test_a_constant_fails(value):
    finding = CONSTANT.test(np.full(20, value))
    assert finding.value == 1
    # nineteen more float32 values that hit the likeliest one: a cell of 2^-24 at density (2 pi)^-1/2
    expected = 19 * (-24 * math.log(2) - 0.5 * math.log(2 * math.pi))
    assert finding.log_p == pytest.approx(math.log(2) + expected, rel=1e-12)


def test_ignores_the_sign_of_zero_and_what_is_not_finite():
    assert CONSTANT(np.array([0.0, -0.0, np.nan] * 3)) == 1
    assert CONSTANT(np.array([1.0, 1.0, 2.0])) == 0
    assert CONSTANT(np.full(5, np.nan)) == 0


def test_values_that_differ_are_no_surprise():
    finding = CONSTANT.test(noise(100, "float64", 73))
    assert (finding.value, finding.log_p) == (0, 0)


@pytest.mark.parametrize("lattice", ["bf16", "fp8_e5m2"])
def test_a_coarse_lattice_makes_ties_likelier(lattice):
    null = CONSTANT.null(n=3, lattice=lattice)
    largest = np.exp(Lattice(lattice).log_probabilities()).max()
    assert float(null.sf(1.0)) == pytest.approx(largest**2, rel=1e-9)
    assert null.mean == pytest.approx(largest**2, rel=1e-9)
    assert null.std == pytest.approx(math.sqrt(largest**2 * (1 - largest**2)), rel=1e-9)
    # an upper bound of the probability that three values tie
    ties = noise((200_000, 3), {"bf16": "bfloat16", "fp8_e5m2": "float8_e5m2"}[lattice], 74).decode()
    rate = np.mean((ties == ties[:, :1]).all(axis=1))
    assert rate <= largest**2
