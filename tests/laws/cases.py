"""The whole catalogue as cases, and how often a case rejects: shared by all laws and their mutants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, kstest

from gausscheck import statistics
from gausscheck.arrays import Values
from gausscheck.catalogue.base import Statistic, pooled_finding, sample_finding
from gausscheck.engines import Engine
from gausscheck.engines.numba import NumbaEngine
from gausscheck.engines.numpy import NumpyEngine
from gausscheck.finding import Finding
from gausscheck.judging import log_any_of
from gausscheck.lattice import lattice_of_format
from gausscheck.needs import OnePassNeed
from gausscheck.nulls.base import Null
from gausscheck.summaries.samples import SampleValues
from gausscheck.views import spectrum_values

ENGINES: dict[str, Engine] = {"numpy": NumpyEngine(2), "numba": NumbaEngine(2)}
LEVELS = (1e-1, 1e-2, 1e-3)


class Case(NamedTuple):
    """One statistic with its parameters."""

    name: str
    parameters: dict[str, Any]

    @property
    def statistic(self) -> Statistic:
        return statistics[self.name]

    @property
    def checked(self) -> dict[str, Any]:
        return self.statistic.check(**self.parameters)

    @property
    def marginal(self) -> bool:
        """True for functions of the power sums, False for the spectrum."""
        return isinstance(self.statistic.needs(**self.checked), OnePassNeed)

    @property
    def smallest(self) -> int:
        return self.statistic.smallest(**self.parameters)

    def __str__(self) -> str:
        return "-".join([self.name, *(f"{k}={v}" for k, v in self.parameters.items())])


def _variants(statistic: Statistic) -> Iterator[dict[str, Any]]:
    if "order" in statistic.parameters:
        yield from ({"order": k} for k in range(1, 9))
    elif "permutations" in statistic.parameters:
        yield from ({"permutations": r} for r in (None, 1, 4))
    else:
        yield {}


CASES = [Case(name, given) for name, s in statistics.items() if s.judge is None for given in _variants(s)]
TESTED = [case for case in CASES if case.statistic.family != "validity"]


def case_values(case: Case, values: Values, engine: Engine, seed: int = 0) -> NDArray[np.float64]:
    """The statistic of each row of `values`."""
    if case.marginal:
        assert case.statistic.value is not None
        return case.statistic.value(engine.one_pass(values), **case.checked)
    need = case.statistic.needs(**case.checked)
    wide = np.float64 if values.dtype == "float64" else np.float32
    return spectrum_values(engine, engine.decode(values, wide), need, seed=seed)


def case_null(case: Case, values: Values, samples: int = 1) -> Null:
    """Its law for one row (or the mean over `samples` rows) of the storage format."""
    lattice = lattice_of_format(values.dtype)
    return case.statistic.null(n=values.shape[1], samples=samples, lattice=lattice, **case.parameters)


def positions(case: Case, values: Values, engine: Engine, null: Null | None = None) -> NDArray[np.float64]:
    """P(T < t) of each row: uniform under H0, and near 0 or 1 according to the side of a deviation."""
    null = case_null(case, values) if null is None else null
    upper, lower = log_tails(null, case_values(case, values, engine))
    return np.where(lower < upper, np.exp(lower), -np.expm1(upper))


def p_values(case: Case, values: Values, engine: Engine, null: Null | None = None) -> NDArray[np.float64]:
    """Two-sided p-value of each row."""
    null = case_null(case, values) if null is None else null
    return np.exp(log_two_sided(null, case_values(case, values, engine)))


def log_two_sided(null: Null, t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log of the two-sided p-value of each of many draws from (nearly) this law; see `log_tails`."""
    return np.minimum(0.0, np.log(2) + np.minimum(*log_tails(null, t)))


def log_tails(null: Null, t: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log of P(T > t) and of P(T < t) for many draws from (nearly) this law.

    Of many draws only some are given to the null: the 6 most extreme on either side, and 61 quantiles of the
    rest. Between them the log of each tail is nearly linear: p is off by less than 1e-3 of the law, and by
    5 % of itself where it is small, far below what `surprise` can resolve.
    """
    if t.size <= 80:
        return null.logsf(t), null.logcdf(t)
    order = np.sort(t)
    quantile = 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, 61))
    picked = np.round(6 + quantile * (t.size - 13)).astype(int)
    node = np.unique(order[np.r_[0:6, picked, t.size - 6 : t.size]])
    return np.interp(t, node, null.logsf(node)), np.interp(t, node, null.logcdf(node))


def scope_p_values(
    case: Case, values: Values, engine: Engine, samples: int, scope: str
) -> NDArray[np.float64]:
    """p-value of each group of `samples` consecutive rows: all their values, or the worst row."""
    groups = values.shape[0] // samples
    if scope == "pooled":
        if case.marginal:
            joined = Values(values.data.reshape(groups, -1), values.dtype)
            return p_values(case, joined, engine)
        means = case_values(case, values, engine).reshape(groups, samples).mean(axis=1)
        return np.exp(log_two_sided(case_null(case, values, samples), means))
    worst = np.log(p_values(case, values, engine)).reshape(groups, samples).min(axis=1)
    return np.exp([log_any_of(log_p, samples) for log_p in worst])


def scope_finding(case: Case, values: Values, engine: Engine, scope: str) -> Finding:
    """The finding on all rows together, as an audit makes it."""
    lattice = lattice_of_format(values.dtype)
    summary = engine.one_pass(values)
    if case.marginal and scope == "pooled":
        return pooled_finding(case.statistic, case.checked, summary=summary.pool(), lattice=lattice)
    index = np.arange(values.shape[0])
    kept = SampleValues.of(case_values(case, values, engine), index, summary.moments.sums)
    make = pooled_finding if scope == "pooled" else sample_finding
    return make(case.statistic, case.checked, samples=kept, n=values.shape[1], lattice=lattice)


def surprise(u: NDArray[np.float64]) -> float:
    """How surprising these numbers are if they are independent and uniform: itself a p-value.

    Kolmogorov's test of the whole law, and the exact two-sided binomial tests of the rates below each of
    `LEVELS` and above one less it; the smallest of these seven, times seven.
    """
    results = [float(kstest(u, "uniform").pvalue)]
    for level in LEVELS:
        for hits in (np.count_nonzero(u < level), np.count_nonzero(u > 1 - level)):
            results.append(2 * float(min(binom.sf(hits - 1, u.size, level), binom.cdf(hits, u.size, level))))
    return min(1.0, len(results) * min(results))


def strictness(p: NDArray[np.float64]) -> float:
    """How surprising these p-values are if none is too small too often: itself a p-value."""
    results = [float(kstest(p, "uniform", alternative="greater").pvalue)]
    results += [float(binom.sf(np.count_nonzero(p < level) - 1, p.size, level)) for level in LEVELS]
    return min(1.0, len(results) * min(results))


def rates(u: NDArray[np.float64]) -> str:
    """Observed over nominal rates at either end, for messages."""
    low = ", ".join(f"{np.count_nonzero(u < level) / u.size / level:.2f}" for level in LEVELS)
    high = ", ".join(f"{np.count_nonzero(u > 1 - level) / u.size / level:.2f}" for level in LEVELS)
    return f"rate / nominal at {LEVELS} of {u.size}: low end {low}; high end {high}"
