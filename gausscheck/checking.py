"""A check for test suites: an array is audited, a generator validated; what came of it in one form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from inspect import signature
from typing import TYPE_CHECKING, Any

from gausscheck.assertion_text import assertion_text
from gausscheck.auditing import audit
from gausscheck.errors import ArgumentError, GaussianityError, GeneratorError
from gausscheck.finding import Finding, Verdict, log10_of
from gausscheck.report import Report
from gausscheck.wording import number, probability

if TYPE_CHECKING:
    from gausscheck.validation import Look, Validation

__all__ = ["DRAWN", "Checked", "check", "is_generator"]

DRAWN = 2**20
"""Values that are drawn from a generator where nobody says how many."""


@dataclass(frozen=True)
class Checked:
    """What came of a check.

    Attributes
    ----------
    name : str
        What was checked.
    report : Report
        Of the values that decided.
    verdict : str
        ``pass``, ``suspect`` or ``fail``.
    n : int
        Values seen before the decision, fresh ones included.
    seed : int or None
        That everything was drawn from; None of an array.
    history : str
        When a generator was looked at, and what was seen; empty of an array.
    replay : str
        Command or call that does the same again; empty of an array.
    alpha : float
        Probability with which good noise fails.
    reference : str
        As for the audit.
    """

    name: str
    report: Report
    verdict: Verdict
    n: int
    alpha: float
    seed: int | None = None
    history: str = ""
    replay: str = ""
    reference: str = "standard"

    @property
    def worst(self) -> Finding:
        """Finding with the smallest adjusted p-value."""
        return min(self.report.findings, key=lambda f: (f.log_adjusted_p, f.log_p))

    @property
    def log10_p(self) -> float:
        """Decimal logarithm of the smallest adjusted p-value, finite."""
        return log10_of(self.worst.log_adjusted_p)

    def error(self, replay: str = "") -> GaussianityError:
        """Return the error that an assertion raises; `replay` instead of the check's own."""
        message = assertion_text(
            self.report,
            name=self.name,
            alpha=self.alpha,
            reference=self.reference,
            history=self.history,
            replay=replay or self.replay,
        )
        return GaussianityError(message, self.report)


def is_generator(x: Any) -> bool:
    """Whether values are drawn from `x`: a name, a callable, an iterable of arrays; an array is none."""
    if isinstance(x, str):
        return True
    if isinstance(x, (list, tuple)) or (hasattr(x, "__array__") and not isinstance(x, type)):
        return False
    return callable(x) or isinstance(x, Iterable) or callable(getattr(x, "start", None))


def check(
    x: Any,
    *,
    alpha: float,
    n: int | None = None,
    seed: int | None = None,
    name: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Checked:
    """Audit an array, or validate a generator.

    Parameters
    ----------
    x : array_like, callable, str or iterator
        As for :func:`gausscheck.audit` or :func:`gausscheck.validate`.
    alpha : float
        Probability with which good noise fails.
    n : int, optional
        Values to draw from a generator, :data:`DRAWN` by default.
    seed : int, optional
        Of the draws and of random permutations.
    name : str, optional
        What to call it.
    options : mapping, optional
        Further options of the audit or the validation.

    Returns
    -------
    Checked

    Raises
    ------
    DataError
        The array cannot be tested.
    GeneratorError
        The generator failed before a decision, or gave what cannot be tested.
    ArgumentError
        An option that cannot be used.
    """
    options = dict(options or {})
    if is_generator(x):
        return _generator(x, options, alpha=alpha, n=DRAWN if n is None else n, seed=seed, name=name)
    if n is not None:
        msg = f"n is the number of values to draw from a generator; the {type(x).__name__} given has its own"
        raise ArgumentError(msg)
    if seed is not None:
        options.setdefault("seed", seed)
    _require_known(options, audit)
    report = audit(x, alpha=alpha, **options)
    return Checked(
        name=name or "array",
        report=report,
        verdict=report.verdict,
        n=report.tensors[0].n,
        alpha=alpha,
        reference=options.get("reference", "standard"),
    )


def _require_known(options: Mapping[str, Any], function: Callable[..., Any]) -> None:
    """Raise for options that the audit or the validation does not have, before it is called."""
    # What a check says in words of its own.
    known = [
        name for name in signature(function).parameters if name not in ("x", "source", "n", "budget", "alpha")
    ]
    for name in options:
        if name not in known:
            near = get_close_matches(name, known, 1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            msg = f"unknown option {name!r} of a check, known: {', '.join(known)}{meant}"
            raise ArgumentError(msg)


def _generator(
    x: Any, options: dict[str, Any], *, alpha: float, n: int, seed: int | None, name: str | None
) -> Checked:
    from gausscheck.validating import validate

    _require_known(options, validate)
    result = validate(x, n=n, budget=alpha, seed=seed, **options)
    if result.interrupted:
        raise KeyboardInterrupt
    called = name or result.source
    if result.errors and result.verdict != "fail":
        problems = "; ".join(e.message for e in result.errors)
        msg = f"{called} could not be checked: {problems} (after {number(result.n)} values)"
        raise GeneratorError(msg)
    return Checked(
        name=called,
        report=_deciding(result),
        verdict=result.verdict,
        n=result.n + sum(look.n for look in result.confirmations),
        alpha=alpha,
        seed=result.seed,
        history=_history(result),
        replay=result.replay,
        reference=options.get("reference", "standard"),
    )


def _deciding(result: Validation) -> Report:
    """The report of the look, or of the fresh values, that was rejected; of all that was drawn otherwise."""
    rejected = [look.report for look in (*result.confirmations, *result.looks) if look.verdict == "fail"]
    return rejected[0] if rejected else result.report


def _history(result: Validation) -> str:
    """What each look saw that was no plain pass, in the order in which it happened."""
    told = [line for look in result.looks if look.verdict != "pass" for line in _told(look, result)]
    passed = sum(look.verdict == "pass" for look in result.looks)
    if passed:
        told.insert(0, f"{passed} of {len(result.looks)} passed")
    return "\n".join(told)


def _told(look: Look, result: Validation) -> Iterator[str]:
    seen = f"{number(look.n)} values: {look.statistic}, p = {probability(look.log10_p)}"
    if look.verdict == "fail":
        yield f"failed at {seen}, below {number(look.level, 2)}"
        return
    yield f"suspect at {seen}"
    for fresh in result.confirmations:
        if fresh.decides == look.n:
            word = "rejected on" if fresh.verdict == "fail" else "not confirmed by"
            yield (
                f"{word} {number(fresh.n)} fresh values: {fresh.statistic}, "
                f"p = {probability(fresh.log10_p)} (level {number(fresh.level, 2)})"
            )
