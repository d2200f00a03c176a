"""What is kept of a check: a line of text that travels with the reports of pytest."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

__all__ = ["PROPERTY", "Record", "records_of"]

PROPERTY = "gausscheck"
"""Name of the property, also in the JUnit XML of pytest."""


@dataclass(frozen=True)
class Record:
    """One check.

    Attributes
    ----------
    test : str
        Node id.
    run, check : int
        Which run of the test (2 and more: it was run again), which check in it; from 1.
    name : str
        What was checked.
    verdict : str
        ``pass``, ``suspect`` or ``fail``.
    n : int
        Values seen.
    alpha : float
        Probability with which good noise fails this check.
    log10_p : float
        Decimal logarithm of the smallest adjusted p-value, finite.
    statistic : str
        The test with that p-value.
    seed : int or None
        That the values were drawn from; None of an array.
    seconds : float
        That it took.
    """

    test: str
    run: int
    check: int
    name: str
    verdict: str
    n: int
    alpha: float
    log10_p: float
    statistic: str
    seed: int | None
    seconds: float

    @property
    def key(self) -> tuple[str, int, int]:
        """Which check of which run of which test."""
        return self.test, self.run, self.check

    def to_property(self) -> tuple[str, str]:
        """For ``user_properties`` of a test."""
        return PROPERTY, json.dumps(asdict(self), ensure_ascii=False, allow_nan=False)


def records_of(properties: Iterable[tuple[str, object]]) -> list[Record]:
    """The checks among the properties of a report; those of others are left alone."""
    return [Record(**json.loads(str(value))) for name, value in properties if name == PROPERTY]
