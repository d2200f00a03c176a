r"""The ledger: a budget of false alarms, shared by the tests of a run and by the checks of a test.

Let β be the budget. Tests that name an alpha of their own get it; the others share what is left equally,
rounded down to two digits. Within a test the k-th check may fail good noise with probability at most
:math:`2^{-k}` of its share. By the union bound good noise fails the run with probability at most β, however
the checks depend on each other:

.. math:: \sum_t \sum_k 2^{-k} s_t \le \sum_t s_t \le \beta.

All sums are exact, of the numbers as they are written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gausscheck.errors import ArgumentError

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["SEED_BITS", "Account", "derived_seed", "is_level", "shares", "shown"]

SEED_BITS = 31
"""Of the seeds of tests and checks, so that every library takes them."""


def derived_seed(*words: object) -> int:
    """A seed from 0 to 2**31 - 1, by a hash of some words in order; the same on every machine.

    Examples
    --------
    >>> derived_seed(1, "tests/test_noise.py::test_one")
    1298263313
    """
    text = "\0".join(map(str, words)).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - SEED_BITS)


def is_level(value: object) -> bool:
    """Whether `value` is a probability that can be spent: a number between 0 and 1, neither included."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1


def shares(budget: float, explicit: Mapping[str, float | None]) -> dict[str, float]:
    """Share a budget out.

    Parameters
    ----------
    budget : float
        Probability that good noise fails the run, at most.
    explicit : mapping
        For each test the alpha that it names, or None.

    Returns
    -------
    dict
        For each test the probability with which it may fail good noise; they add up to at most the budget.

    Raises
    ------
    ArgumentError
        The alphas named are more than the budget, or leave nothing for the others.

    Examples
    --------
    >>> shares(1e-6, {"a": 4e-7, "b": None, "c": None, "d": None, "e": None})
    {'a': 4e-07, 'b': 1.5e-07, 'c': 1.5e-07, 'd': 1.5e-07, 'e': 1.5e-07}
    """
    named = {test: alpha for test, alpha in explicit.items() if alpha is not None}
    others = len(explicit) - len(named)
    taken = sum(map(_written, named.values()), _written(0))
    left = _written(budget) - taken
    if left < 0 or (others and left == 0):
        raise ArgumentError(_overdrawn(budget, float(taken), len(named), others, over=left < 0))
    share = _rounded_down(left / others) if others else 0.0
    return {test: share if alpha is None else float(alpha) for test, alpha in explicit.items()}


def _overdrawn(budget: float, taken: float, named: int, others: int, *, over: bool) -> str:
    tests = f"{named} test{'' if named == 1 else 's'}"
    said = f"the alphas of {tests} marked gaussian(alpha=...) add up to {shown(taken)}"
    if over:
        return f"{said}, more than gaussian_budget = {shown(budget)}; lower them, or raise gaussian_budget"
    return (
        f"{said}, all of gaussian_budget = {shown(budget)}, and leave nothing for {others} more that use the "
        "fixture gaussian; lower them, or raise gaussian_budget"
    )


def shown(x: float) -> str:
    """A probability to six digits: ``7.5e-8``."""
    return f"{x:.6g}".replace("e-0", "e-")


def _written(x: float) -> Fraction:
    """The number as it is written: 0.1 is a tenth."""
    from fractions import Fraction

    # Scalars of NumPy have another repr.
    return Fraction(repr(float(x)))


def _rounded_down(x: Fraction) -> float:
    """To two digits, so that a share can be read, typed, and spent again in a run of one test."""
    from decimal import ROUND_DOWN, Context, Decimal

    context = Context(prec=2, rounding=ROUND_DOWN)
    return float(context.divide(Decimal(x.numerator), Decimal(x.denominator)))


class Account:
    """What the checks of one test may spend.

    Parameters
    ----------
    share : float
        Probability with which the test may fail good noise.

    Examples
    --------
    >>> account = Account(8e-8)
    >>> account.draw(), account.draw(), account.draw(1e-8), account.draw()
    (4e-08, 2e-08, 1e-08, 5e-09)
    """

    def __init__(self, share: float) -> None:
        self.share = share
        self._left = _written(share)

    @property
    def left(self) -> float:
        """What is not spent."""
        return float(self._left)

    def draw(self, alpha: float | None = None) -> float:
        """Spend half of what is left, or `alpha`.

        Raises
        ------
        ArgumentError
            `alpha` is no probability, or more than what is left.
        """
        if alpha is not None and not is_level(alpha):
            msg = f"alpha must lie between 0 and 1, got {alpha!r}"
            raise ArgumentError(msg)
        spent = self._left / 2 if alpha is None else _written(float(alpha))
        if spent > self._left or spent == 0:
            asked = "another check" if alpha is None else f"a check with alpha={alpha!r}"
            left = f"the {shown(self.left)} that is left of the {shown(self.share)} of this test"
            msg = f"{asked} needs more than {left}; mark it gaussian(alpha=...), or raise gaussian_budget"
            raise ArgumentError(msg)
        self._left -= spent
        return float(spent)
