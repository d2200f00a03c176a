"""An assertion for test suites."""

from __future__ import annotations

from typing import Any

from gausscheck.checking import check
from gausscheck.report import Report

__all__ = ["assert_gaussian"]


def assert_gaussian(
    x: Any,
    *,
    alpha: float = 1e-6,
    n: int | None = None,
    seed: int | None = None,
    name: str | None = None,
    **options: Any,
) -> Report:
    """Raise unless `x` passes as iid N(0, 1) noise.

    Parameters
    ----------
    x : array_like, callable, str or iterator
        An array, as in :func:`gausscheck.audit`; or a generator to draw from, as in
        :func:`gausscheck.validate`: a callable, an iterator of arrays, a name such as ``"numpy:PCG64"``.
    alpha : float
        Probability that perfect noise is rejected, at most.
    n : int, optional
        Values to draw from a generator, 2**20 by default.
    seed : int, optional
        Of an array: of the random permutations, 0 by default. Of a generator: that it is started from; a
        fresh one by default, named by the error.
    name : str, optional
        What the error calls it.
    **options
        Further ones of :func:`gausscheck.audit`, or of :func:`gausscheck.validate`.

    Returns
    -------
    Report
        Of what was audited; of all that was drawn in the first stage.

    Raises
    ------
    GaussianityError
        An ``AssertionError`` whose text says what is wrong, where, and why; its ``report`` attribute is the
        report of the values that were rejected.
    DataError
        The array cannot be tested.
    GeneratorError
        The generator failed before a decision, or gave what cannot be tested.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).standard_normal((16, 4, 32, 32))
    >>> assert_gaussian(x).verdict
    'pass'
    >>> assert_gaussian(1.3 * x, name="noise")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    gausscheck.errors.GaussianityError: noise is not N(0, 1): scale 1.299 [1.292, 1.306] where 1 is ...
    """
    __tracebackhide__ = True
    checked = check(x, alpha=alpha, n=n, seed=seed, name=name, options=options)
    if checked.verdict == "fail":
        raise checked.error()
    return checked.report
