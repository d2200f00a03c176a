"""Evidence against a generator, gathered over runs and commits, that may be looked at at any time.

A state is a few numbers. Each run adds its values to them once; the p-value holds for all looks together, so
that a nightly job gathers evidence for years within one budget of false alarms. ``docs/math/drift.md``.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gausscheck.drift.checks import check_storage, fault_of
from gausscheck.drift.compensated import ZERO, Pair
from gausscheck.drift.seeds import Seeds, with_seeds
from gausscheck.errors import ArgumentError, DataError
from gausscheck.finding import Effect, Verdict, log10_of, p_of
from gausscheck.lattice import LatticeCandidates
from gausscheck.summaries.moments import ORDERS, Moments
from gausscheck.summaries.onepass import OnePass

__all__ = ["Drift"]

_STRETCH = 2**21
_MISSED = 0.05


@dataclass(frozen=True)
class Drift:
    """Anytime-valid evidence on mean and scale of a source of iid N(0, scale²) values.

    An e-value has mean 1 under H0 whenever one looks, and ever reaches 1/p with probability at most p. This
    one is the average of one for a shifted mean and one for a changed scale
    (:mod:`gausscheck.nulls.evidence`). When to look, to stop and to go on is free, as long as every run that
    was drawn counts, whatever it looked like, and none counts twice.

    Attributes
    ----------
    source : str
        What the values come from. Evidence on two sources is never added.
    scale : float
        Standard deviation under H0.
    dtype : str
        ``float32`` or ``float64``; empty where it was never told.
    n : int
        Values seen, in all runs.
    total, squares : Pair
        Sums of x/scale and of its square.
    runs : int
        Updates that brought values.
    label : str
        Of the last of them: a commit, a date, a seed.
    max_log_e : float
        Largest log e after any update, at least 0.
    peak : str
        Label of that update.
    last : tuple of (int, float, float)
        Number, sum and sum of squares of the last run, so that it is noticed if it comes twice.
    seeds : tuple of (int, int)
        Ranges of the seeds that the values came from, as far as they were told.

    Raises
    ------
    DataError
        Numbers that no values have, or a storage format of 16 bits or fewer: the law of values rounded so is
        not N(0, 1), and this evidence would take the rounding for a fault of the source.

    Examples
    --------
    >>> import numpy as np, gausscheck as gc
    >>> drift = gc.Drift("mynoise")
    >>> for night in range(30):
    ...     rng = np.random.default_rng(night)
    ...     drift = drift.observe(1.005 * rng.standard_normal(100_000), label=f"night {night}")
    >>> drift.verdict(1e-6), round(drift.scale_ratio().value, 3)
    ('fail', 1.004)
    """

    source: str
    scale: float = 1.0
    dtype: str = ""
    n: int = 0
    total: Pair = ZERO
    squares: Pair = ZERO
    runs: int = 0
    label: str = ""
    max_log_e: float = 0.0
    peak: str = ""
    last: tuple[int, float, float] = (0, 0.0, 0.0)
    seeds: Seeds = ()

    def __post_init__(self) -> None:
        check_storage(self.dtype)
        object.__setattr__(self, "scale", float(self.scale))
        if fault := fault_of(self):
            msg = f"evidence on {self.source[:80]!r}: {fault}"
            raise DataError(msg)

    @property
    def excess(self) -> float:
        """Sum of squares less the number of values."""
        return max(self.squares.less(self.n), -float(self.n))

    @property
    def log_e_mean(self) -> float:
        """Natural logarithm of the present e-value for a shifted mean."""
        from gausscheck.nulls.evidence import log_e_mean

        return float(log_e_mean(self.n, self.total.high))

    @property
    def log_e_variance(self) -> float:
        """Natural logarithm of the present e-value for a changed scale."""
        from gausscheck.nulls.evidence import log_e_variance

        return float(log_e_variance(self.n, self.excess))

    @property
    def log_e(self) -> float:
        """Natural logarithm of the present e-value, the average of both."""
        from gausscheck.nulls.evidence import log_e

        return float(log_e(self.n, self.total.high, self.excess))

    @property
    def p_value(self) -> float:
        """1/max e: under H0 it ever falls to p with probability at most p."""
        return p_of(-self.max_log_e)

    @property
    def log10_p(self) -> float:
        """Decimal logarithm of the p-value."""
        return log10_of(-self.max_log_e)

    def verdict(self, budget: float) -> Verdict:
        """``fail`` if the p-value is below `budget`, ``suspect`` if below 1e-3, else ``pass``.

        Parameters
        ----------
        budget : float
            Probability that evidence on a correct source ever fails, over all runs together.
        """
        from gausscheck.decide import verdict_of

        if not 0 < budget < 1:
            msg = f"budget must lie between 0 and 1, got {budget!r}"
            raise ArgumentError(msg)
        return verdict_of(-self.max_log_e, budget)

    def mean_shift(self) -> Effect:
        """Mean in units of the scale; with probability 95 % the interval covers it at all times at once.

        That holds where the variance is 1. If the mean changes from run to run, its average is meant.
        """
        from gausscheck.nulls.evidence import mean_radius

        if not self.n:
            return Effect("mean", 0.0, -math.inf, math.inf)
        mean, radius = self.total.high / self.n, mean_radius(self.n, _MISSED)
        return Effect("mean", mean, mean - radius, mean + radius)

    def scale_ratio(self) -> Effect:
        """Root mean square over the scale, with an interval of the same kind, which holds for mean 0."""
        from gausscheck.nulls.evidence import scale_limits

        if not self.n:
            return Effect("scale", 1.0, 0.0, math.inf)
        low, high = scale_limits(self.n, self.excess, _MISSED)
        return Effect("scale", math.sqrt(1 + self.excess / self.n), low, high)

    def update(
        self, summary: Moments | OnePass, *, label: str = "", dtype: str = "", seeds: Seeds = ()
    ) -> Drift:
        """Add the values of one run.

        Parameters
        ----------
        summary : Moments or OnePass
            Power sums of the run's values over `scale`, as a :class:`gausscheck.Stream` keeps them.
        label : str
            Of this run.
        dtype : str
            Storage format of the values, or the lattice that they lie on, if known.
        seeds : tuple of (int, int)
            Ranges of seeds that they came from, each with its first and the one beyond its last.

        Returns
        -------
        Drift
            The new state; this one if the run has no values.

        Raises
        ------
        DataError
            Sums that overflowed, values rounded to 16 bits or fewer or of another format than before, or the
            very sums of the run before, or a seed of any run before: those values have been counted.
        """
        check_storage(dtype)
        if dtype and self.dtype and dtype != self.dtype:
            msg = f"evidence on {self.source!r} is of {self.dtype} values, got {dtype}; use another state"
            raise DataError(msg)
        moments = summary.moments if isinstance(summary, OnePass) else summary
        given: object = moments
        if not isinstance(given, Moments):
            msg = f"update takes power sums of a run, got a {type(given).__name__}; observe() takes values"
            raise ArgumentError(msg)
        pooled = moments.pool()
        run = int(pooled.n), float(pooled.sums[0]), float(pooled.sums[1])
        if run[0] == 0:
            return self
        if run == self.last:
            msg = (
                f"run {label!r} has the very sums of the run before, {self.label!r}: the same values do not "
                "count twice. Draw from another seed; if you did, the source ignores it"
            )
            raise DataError(msg)
        return self._grown(
            n=self.n + run[0],
            total=self.total + Pair(run[1]),
            squares=self.squares + Pair(run[2]),
            runs=self.runs + 1,
            label=label,
            dtype=self.dtype or dtype,
            last=run,
            seeds=with_seeds(self.seeds, seeds),
        )

    def observe(self, x: Any, *, label: str = "") -> Drift:
        """Add the values of one run, given as an array.

        Parameters
        ----------
        x : array_like
            float32 or float64 values of the source, of any shape. Those that are not finite are left out.
        label : str
            Of this run.

        Raises
        ------
        DataError
            As :meth:`update`; also where all values lie on the lattice of a narrow format.
        """
        from gausscheck.arrays import as_values
        from gausscheck.engines import select

        values = as_values(x)
        check_storage(values.dtype)
        if values.size == 0:
            return self
        engine = select(values.size, device=values.device)
        row = values.like(values.data.reshape(1, -1))
        seen, lattices = Moments(np.zeros((), np.int64), np.zeros(ORDERS)), LatticeCandidates()
        for start in range(0, values.size, _STRETCH):
            part = row.columns(start, min(start + _STRETCH, values.size))
            lattices = engine.lattices(part, lattices)
            seen = seen.merge(engine.one_pass(part).moments.pool())
        sums = seen.sums / self.scale ** np.arange(1, ORDERS + 1)
        return self.update(Moments(seen.n, sums), label=label, dtype=(*lattices.names, values.dtype)[0])

    def merge(self, other: Drift) -> Drift:
        """Evidence of both, of runs that went side by side; no run may be in both.

        The largest log e starts anew, with that of the union: what each part had reached belongs to a process
        of its own, whose verdict stands. Ask both for it first.

        Raises
        ------
        ArgumentError
            Another source, scale or storage format.
        DataError
            A seed that is in both.
        """
        self.require(source=other.source, scale=other.scale, dtype=other.dtype)
        if not (self.n and other.n):
            return other if other.n else self
        return self._grown(
            n=self.n + other.n,
            total=self.total + other.total,
            squares=self.squares + other.squares,
            runs=self.runs + other.runs,
            label=other.label,
            dtype=self.dtype or other.dtype,
            last=other.last,
            seeds=with_seeds(self.seeds, other.seeds),
            max_log_e=0.0,
            peak="",
        )

    def _grown(self, **changes: Any) -> Drift:
        """State with other sums, its largest log e brought up to date."""
        grown = replace(self, **changes)
        now = grown.log_e
        return replace(grown, max_log_e=now, peak=grown.label) if now > grown.max_log_e else grown

    def require(self, *, source: str, scale: float, dtype: str = "") -> None:
        """Raise unless this is evidence on that source, scale and, where both are known, storage format.

        Raises
        ------
        ArgumentError
            Names both.
        """
        asked = {"source": source, "scale": scale, "dtype": dtype or self.dtype}
        mine = {"source": self.source, "scale": self.scale, "dtype": self.dtype or dtype}
        if mine != asked:
            held, wanted = (", ".join(f"{k} {v!r}" for k, v in x.items() if v != "") for x in (mine, asked))
            msg = f"the evidence is on {held}; it cannot be added to that on {wanted}: use another state"
            raise ArgumentError(msg)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state to a small JSON file, whole or not at all.

        Raises
        ------
        OSError
            Whatever the system says; the old content stays.
        """
        from gausscheck.drift.file import write_drift

        write_drift(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Drift:
        """Read a state and check all of it.

        Raises
        ------
        FileFormatError
            Missing, damaged, of another format or version, or with numbers that no values have.
        """
        from gausscheck.drift.file import read_drift

        return read_drift(path)

    @classmethod
    def load_or_new(
        cls, path: str | os.PathLike[str], *, source: str, scale: float = 1.0, dtype: str = ""
    ) -> Drift:
        """Read a state, or begin one where there is no file.

        Raises
        ------
        FileFormatError
            A file that is no state; it is never replaced by a new one.
        ArgumentError
            A state of another source, scale or storage format.
        """
        if not os.path.lexists(path):
            return cls(source, scale, dtype)
        state = cls.load(path)
        try:
            state.require(source=source, scale=scale, dtype=dtype)
        except ArgumentError as error:
            msg = f"{os.fspath(path)}: {error}"
            raise ArgumentError(msg) from None
        return state

    def to_dict(self) -> dict[str, Any]:
        """Plain data for reports; limits that do not exist yet are None."""
        return {
            "source": self.source,
            "scale": self.scale,
            "dtype": self.dtype,
            "n": self.n,
            "runs": self.runs,
            "label": self.label,
            "log_e": self.log_e,
            "log_e_mean": self.log_e_mean,
            "log_e_variance": self.log_e_variance,
            "max_log_e": self.max_log_e,
            "peak": self.peak,
            "p_value": self.p_value,
            "log10_p": self.log10_p,
            "effects": [_plain(effect) for effect in (self.mean_shift(), self.scale_ratio())],
        }


def _plain(effect: Effect) -> dict[str, Any]:
    limits = {k: x if math.isfinite(x) else None for k, x in (("low", effect.low), ("high", effect.high))}
    return {"name": effect.name, "value": effect.value, **limits}
