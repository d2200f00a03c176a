"""The plan of looks: what it spends, and when it looks."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gausscheck.errors import ArgumentError
from gausscheck.spending import FIRST, Plan, plan

BUDGETS = st.floats(1e-12, 0.999)
LENGTHS = st.integers(8, 2**40)


@given(BUDGETS, LENGTHS)
def test_levels_add_up_to_the_budget(budget, n):
    """K direct levels, and K products of suspicion and confirmation, to rounding of a dozen operations."""
    given_plan = plan(n, budget)
    assert given_plan.bound == pytest.approx(budget, rel=1e-14)
    looks = len(given_plan.sizes)
    direct = looks * Fraction(given_plan.level)
    both = looks * Fraction(given_plan.suspicion) * Fraction(given_plan.confirmation_level)
    assert abs(direct + both - Fraction(budget)) <= Fraction(budget) * Fraction(1, 10**14)


def test_levels_of_one_plan_by_hand():
    made = Plan(2e-6, (1, 2, 4, 8))
    assert made.level == 2.5e-7
    assert made.suspicion == pytest.approx(2.5e-4, rel=1e-15)
    assert made.confirmation_level == pytest.approx(1e-3, rel=1e-15)


@given(BUDGETS, LENGTHS)
def test_what_is_suspect_is_more_than_what_fails(budget, n):
    made = plan(n, budget)
    assert made.level < made.suspicion < 1
    assert made.confirmation_level < 1


def test_false_alarms_of_the_rule_by_simulation():
    """p-values of looks as dependent as can be (all the same) and independent: both within the bound.

    The rate among 400,000 runs errs by 0.0005; six of these, on one of three sides, happen with probability
    3e-9. Independent looks have an exact rate close to the budget, so that a wrong share shows.
    """
    made = plan(2**20, 0.1)
    looks, runs = len(made.sizes), 400_000
    rng = np.random.default_rng(1)
    same = np.repeat(rng.random((runs, 1)), looks, axis=1)
    for p in (same, rng.random((runs, looks))):
        fresh = rng.random((runs, looks))
        failed = (p < made.level) | ((p < made.suspicion) & (fresh < made.confirmation_level))
        rate = failed.any(axis=1).mean()
        assert rate <= 0.1 + 6 * math.sqrt(0.1 * 0.9 / runs)
    one = made.level + (made.suspicion - made.level) * made.confirmation_level
    exact = 1 - (1 - one) ** looks
    assert 0.08 < exact < 0.1
    assert rate >= exact - 6 * math.sqrt(0.1 * 0.9 / runs)


@given(LENGTHS, st.integers(1, 1024), st.integers(8, 2**20))
def test_sizes_double_and_end_at_n(n, streams, sample):
    sizes = plan(n, 1e-6, streams=streams, sample=sample).sizes
    unit = streams * sample
    assert all(size % unit == 0 for size in sizes)
    assert 0 <= sizes[-1] - n < unit
    assert all(b == 2 * a for a, b in pairwise(sizes[:-1]))
    assert len(sizes) == 1 or 1.5 <= sizes[-1] / sizes[-2] < 3
    assert len(sizes) == 1 or FIRST * streams <= sizes[0] < FIRST * streams + unit


def test_sizes_of_usual_runs():
    assert plan(2**18, 1e-6).sizes == (2**16, 2**17, 2**18)
    assert plan(2**20, 1e-6, streams=4).sizes == (2**18, 2**19, 2**20)
    assert plan(1000, 1e-6, sample=1000).sizes == (1000,)
    assert len(plan(10**9, 1e-6).sizes) == 15


@pytest.mark.parametrize(
    ("n", "fresh"), [(2**16, 2**20), (2**20, 2**24), (2**20 + 1, 2**22 + 4), (2**27, 2**29)]
)
def test_fresh_values_are_many_while_they_are_cheap(n, fresh):
    assert plan(2**27, 1e-6).confirmation_size(n) == fresh


@pytest.mark.parametrize("budget", [0, 1, -1e-6, math.nan, "1e-6"])
def test_a_budget_that_is_none(budget):
    with pytest.raises(ArgumentError, match="budget must lie between 0 and 1"):
        Plan(budget, (8,))


@pytest.mark.parametrize("sizes", [(), (0, 8), (8, 8), (16, 8)])
def test_sizes_that_do_not_increase(sizes):
    with pytest.raises(ArgumentError, match="must increase"):
        Plan(1e-6, sizes)
