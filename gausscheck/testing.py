"""An assertion for test suites."""

from __future__ import annotations

from typing import Any

from gausscheck.auditing import audit
from gausscheck.errors import GaussianityError
from gausscheck.report import Report

__all__ = ["assert_gaussian"]


def assert_gaussian(x: Any, *, alpha: float = 1e-6, **options: Any) -> Report:
    """Raise unless `x` passes an audit as iid N(0, 1) noise.

    Parameters
    ----------
    x : array_like
        As in :func:`gausscheck.audit`.
    alpha : float
        Probability that perfect noise is rejected, at most.
    **options
        Of :func:`gausscheck.audit`.

    Returns
    -------
    Report
        The report of an audit that did not fail.

    Raises
    ------
    GaussianityError
        An ``AssertionError`` whose text is a readable report; its ``report`` attribute is the report.
    """
    __tracebackhide__ = True
    report = audit(x, alpha=alpha, **options)
    if report.verdict == "fail":
        msg = f"not Gaussian noise\n{report}"
        raise GaussianityError(msg, report)
    return report
