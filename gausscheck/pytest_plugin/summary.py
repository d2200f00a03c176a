"""The section of the plugin in the terminal summary of pytest, as lines of text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from gausscheck.pytest_plugin.record import Record

__all__ = ["summary_lines"]

_SLOWEST = 3
_SLOW = 0.1  # seconds
_WORDS = {"pass": "passed", "suspect": "suspect", "fail": "failed"}
_FIRST = tuple(_WORDS)[::-1]


def summary_lines(
    records: Sequence[Record], *, budget: float, seed: int, passed: Mapping[str, bool], verbose: bool
) -> Iterator[str]:
    """Yield what the checks of a run came to.

    Parameters
    ----------
    records : sequence of Record
        Of all tests, in the order they ended.
    budget : float
        Of the run.
    seed : int
        Of the run.
    passed : mapping
        For each test whether its last run passed, as pytest counts it.
    verbose : bool
        A line for every check, not only for those that did not pass.
    """
    from gausscheck.wording import duration, number, printable

    last = {r.test: r.run for r in records}
    final = [r for r in records if r.run == last[r.test]]
    counts = {word: sum(r.verdict == verdict for r in final) for verdict, word in _WORDS.items()}
    told = ", ".join(f"{number(count)} {word}" for word, count in counts.items() if count)
    # A test that is run again may fail again, but fails the run only if it did both times.
    spent = math.fsum(r.alpha for r in records if r.run == 1)
    yield f"{_counted(len(final), 'check')} in {_counted(len(last), 'test')}: {told}"
    yield f"budget {number(budget)}, spent {number(spent)} · seed {seed}"
    # Workers end their tests in any order.
    for record in sorted(records, key=lambda r: (_FIRST.index(r.verdict), *r.key)):
        if verbose or record.verdict != "pass":
            yield from _record(record, again=record.run < last[record.test], passed=passed)
    slowest = [r for r in sorted(records, key=lambda r: -r.seconds) if r.seconds >= _SLOW][:_SLOWEST]
    if slowest:
        items = (f"{duration(r.seconds)} {printable(r.test)} ({printable(r.name)})" for r in slowest)
        yield "slowest: " + "; ".join(items)


def _record(record: Record, *, again: bool, passed: Mapping[str, bool]) -> Iterator[str]:
    from gausscheck.finding import LOG10_P_FLOOR
    from gausscheck.wording import number, p_phrase, printable

    number_of_it = f", check {record.check}" if record.check > 1 else ""
    # What H0 forbids has no p-value worth a word.
    p = f", {p_phrase(record.log10_p)}" if record.log10_p > LOG10_P_FLOOR else ""
    note = ""
    if again:
        note = "; the test was run again"
    elif record.verdict == "fail" and passed.get(record.test):
        note = "; the test did not fail by it"
    yield f"  {_WORDS[record.verdict]:<9}{printable(record.test)}{number_of_it}"
    yield (
        f"           {printable(record.name)}: {record.statistic}{p} "
        f"(budget {number(record.alpha)}), {_counted(record.n, 'value')}{note}"
    )


def _counted(n: int, thing: str) -> str:
    return f"{n:,d} {thing}{'' if n == 1 else 's'}"
