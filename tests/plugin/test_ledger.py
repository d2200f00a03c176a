"""The ledger: what tests and checks may spend, in exact sums of the numbers as they are written."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gausscheck.errors import ArgumentError
from gausscheck.pytest_plugin.ledger import Account, derived_seed, is_level, shares, shown
from gausscheck.pytest_plugin.record import Record, records_of

levels = st.floats(1e-12, 0.5)


def exact(x):
    return Fraction(repr(x))


def total(shared):
    return sum(map(exact, shared.values()), Fraction(0))


@given(levels, st.integers(1, 300))
def test_equal_shares_add_up_to_at_most_the_budget(budget, tests):
    shared = shares(budget, {str(k): None for k in range(tests)})
    assert len(set(shared.values())) == 1
    assert total(shared) <= exact(budget)
    # Rounded down to two digits: no more than a tenth is given away.
    assert total(shared) > Fraction(9, 10) * exact(budget)


@given(levels, st.lists(st.one_of(st.none(), levels), min_size=1, max_size=12))
def test_no_mix_of_tests_spends_more_than_the_budget(budget, alphas):
    """Every test runs as many checks as it likes, some with an alpha of their own."""
    explicit = {str(k): alpha for k, alpha in enumerate(alphas)}
    named = sum((exact(a) for a in alphas if a is not None), Fraction(0))
    try:
        shared = shares(budget, explicit)
    except ArgumentError:
        assert named > exact(budget) or (named == exact(budget) and None in alphas)
        return
    assert total(shared) <= exact(budget)
    assert all(shared[test] == alpha for test, alpha in explicit.items() if alpha is not None)
    assert all(0 < share < 1 for share in shared.values())


@given(levels, st.lists(st.one_of(st.none(), levels), max_size=40))
def test_no_mix_of_checks_spends_more_than_the_share(share, alphas):
    account, spent = Account(share), Fraction(0)
    for alpha in alphas:
        left = exact(share) - spent
        asked = left / 2 if alpha is None else exact(alpha)
        if left and asked <= left:
            assert account.draw(alpha) == float(asked)
            spent += asked
        else:
            with pytest.raises(ArgumentError, match="needs more than"):
                account.draw(alpha)
        assert account.left == float(exact(share) - spent)
    assert spent <= exact(share)


def test_checks_spend_halves_of_what_is_left():
    account = Account(8e-8)
    assert [account.draw() for _ in range(3)] == [4e-8, 2e-8, 1e-8]
    assert account.draw(1e-8) == 1e-8
    with pytest.raises(ArgumentError, match=r"another check needs more than the 0 that is left of the 8e-8"):
        account.draw()


def test_an_alpha_can_be_spent_to_the_last_digit():
    """In binary 0.1 + 0.2 is more than 0.3."""
    assert shares(0.3, {"a": 0.1, "b": 0.2}) == {"a": 0.1, "b": 0.2}
    account = Account(0.3)
    assert [account.draw(0.1) for _ in range(3)] == [0.1] * 3


def test_scalars_of_numpy_are_numbers():
    """Their repr names their type."""
    assert shares(1e-6, {"a": np.float64(4e-7), "b": None}) == {"a": 4e-7, "b": 6e-7}


@pytest.mark.parametrize(
    ("budget", "tests", "share"), [(1e-6, 10, 1e-7), (1e-6, 7, 1.4e-7), (1e-6, 3, 3.3e-7), (0.05, 4, 0.012)]
)
def test_shares_can_be_read_and_typed(budget, tests, share):
    assert set(shares(budget, {str(k): None for k in range(tests)}).values()) == {share}
    # A run of one test with this budget gives it the same share.
    assert shares(share, {"alone": None}) == {"alone": share}


def test_more_than_the_budget_says_the_sum_and_what_to_do():
    with pytest.raises(
        ArgumentError, match=r"2 tests .* add up to 1.5e-6, more than .* 1e-6; lower them, or raise"
    ):
        shares(1e-6, {"a": 1e-6, "b": 5e-7})
    with pytest.raises(ArgumentError, match=r"1 test .* leave nothing for 2 more"):
        shares(1e-6, {"a": 1e-6, "b": None, "c": None})
    assert shares(1e-6, {"a": 1e-6}) == {"a": 1e-6}


@pytest.mark.parametrize("alpha", [0, 1, -1e-6, 2.0, float("nan"), "1e-6", True, None])
def test_what_is_no_level(alpha):
    assert not is_level(alpha)
    if alpha is not None:
        with pytest.raises(ArgumentError, match="between 0 and 1"):
            Account(0.1).draw(alpha)


def test_seeds_differ_by_run_test_and_check_and_never_change():
    seeds = {
        derived_seed(run, f"test_{k}", check) for run in range(9) for k in range(9) for check in range(9)
    }
    assert len(seeds) == 729
    assert all(0 <= seed < 2**31 for seed in seeds)
    # A replay is a promise to other machines and later versions.
    assert derived_seed(1, "tests/test_noise.py::test_one") == 1298263313
    # Words are kept apart, and a name may hold anything that a file name can.
    assert derived_seed("ab", "c") != derived_seed("a", "bc")
    assert derived_seed("\udcff") != derived_seed("\udcfe")


def test_probabilities_are_short():
    assert [shown(x) for x in (1e-6, 7.5e-8, 1e-10, 0.05, 1 / 3)] == [
        "1e-6",
        "7.5e-8",
        "1e-10",
        "0.05",
        "0.333333",
    ]


def test_records_travel_as_text():
    record = Record("test_ä.py::test[\x1b]", 1, 2, "noise", "fail", 10**12, 5e-7, -1e9, "moment 2", None, 0.5)
    name, value = record.to_property()
    assert isinstance(value, str)
    assert records_of([("other", "not json"), (name, value), ("third", 3)]) == [record]
