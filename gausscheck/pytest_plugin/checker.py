"""The fixture ``gaussian``: what a test checks noise with."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gausscheck.errors import GausscheckError
from gausscheck.pytest_plugin.ledger import Account, derived_seed, shown
from gausscheck.pytest_plugin.record import Record

if TYPE_CHECKING:
    import numpy as np

    from gausscheck.report import Report

__all__ = ["Gaussian"]


class Gaussian:
    """Checks noise in one test, within the test's share of the run's budget.

    Attributes
    ----------
    seed : int
        Seed for this test, from 0 to 2**31 - 1: a hash of the seed of the run and of the test's node id. The
        same in any order and on any worker of a run, another one in the next.
    rng : numpy.random.Generator
        Made of it, once for the test.
    """

    def __init__(
        self,
        test: str,
        seed: int,
        *,
        account: Account,
        n: int | None,
        run: int,
        replay: str,
        keep: Callable[[Record], None],
    ) -> None:
        self._test, self._session_seed, self._account = test, seed, account
        self._n, self._run, self._replay, self._keep = n, run, replay, keep
        self._checks = 0
        self._rng: np.random.Generator | None = None
        self.seed = derived_seed(seed, test)

    def __repr__(self) -> str:
        return f"<gaussian seed={self.seed} alpha={shown(self._account.share)}>"

    @property
    def rng(self) -> np.random.Generator:
        """NumPy generator of :attr:`seed`."""
        if self._rng is None:
            import numpy as np

            self._rng = np.random.default_rng(self.seed)
        return self._rng

    def check(
        self,
        x: Any,
        *,
        n: int | None = None,
        alpha: float | None = None,
        name: str | None = None,
        **options: Any,
    ) -> Report:
        """Fail the test unless `x` passes as iid N(0, 1) noise.

        Parameters
        ----------
        x : array_like, callable, str or iterator
            An array or tensor is audited (:func:`gausscheck.audit`), the same way in every run. From a
            callable, an iterator of arrays or a name such as ``"numpy:PCG64"`` values are drawn
            (:func:`gausscheck.validate`), from a seed that follows from that of the run; what is suspect is
            decided by fresh values.
        n : int, optional
            Values to draw; by default what the marker says, or 2**20.
        alpha : float, optional
            Probability with which good noise fails this check, taken from the test's share; by default half
            of what the test's earlier checks left.
        name : str, optional
            What to call it in messages and in the summary.
        **options
            Further ones of the audit or the validation.

        Returns
        -------
        Report

        Raises
        ------
        GaussianityError
            An ``AssertionError``: the values are not noise.
        DataError, GeneratorError, ArgumentError
            The array cannot be tested; the generator failed; an option that cannot be used.
        """
        __tracebackhide__ = True
        from gausscheck.checking import check, is_generator

        spent = self._account.draw(alpha)
        self._checks += 1
        seed = options.pop("seed", None)
        if is_generator(x):
            n = self._n if n is None else n
            seed = derived_seed(self._session_seed, self._test, self._checks) if seed is None else seed
        start = time.perf_counter()
        try:
            checked = check(x, alpha=spent, n=n, seed=seed, name=name, options=options)
        except GausscheckError as error:
            # Where in this package it was noticed says nothing to whoever wrote the test.
            raise error.with_traceback(None) from error.__cause__
        self._keep(
            Record(
                test=self._test,
                run=self._run,
                check=self._checks,
                name=checked.name,
                verdict=checked.verdict,
                n=checked.n,
                alpha=spent,
                log10_p=checked.log10_p,
                statistic=checked.worst.label,
                seed=checked.seed,
                seconds=round(time.perf_counter() - start, 3),
            )
        )
        if checked.verdict == "fail":
            raise checked.error(replay=self._replay)
        return checked.report
