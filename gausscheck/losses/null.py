r"""Law of a loss value of one sample iid N(0, 1).

One term: exact, through the law of its statistic. Several terms: the moments have a Gaussian copula with
their exact marginal laws and the correlation of the powers,

.. math:: \rho_{ij} = \frac{\mu_{i+j} - \mu_i \mu_j}
          {\sqrt{(\mu_{2i} - \mu_i^2)(\mu_{2j} - \mu_j^2)}} ,

and a power spectrum P (averaged over R permutations, 1 in stored order) depends on them through the sample
variance v alone: given v it has the conditional mean and variance of :mod:`gausscheck.nulls.permutation` and
the shape of the average over R independent samples. Given v the views of one sample are independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import inf, sqrt
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from gausscheck.catalogue import statistics
from gausscheck.errors import ArgumentError
from gausscheck.gaussian import raw_moment
from gausscheck.losses.terms import MomentTerm, SpectrumTerm, Term
from gausscheck.nulls.base import Null
from gausscheck.nulls.composite import CompositeNull, Conditional, Nodes, normal_nodes
from gausscheck.nulls.normal_scores import NormalScores
from gausscheck.nulls.permutation import conditional_cumulants
from gausscheck.nulls.power_spectrum import batch_sizes
from gausscheck.nulls.spline import UniformSpline
from gausscheck.nulls.transformed import TransformedNull

if TYPE_CHECKING:
    from gausscheck.losses.base import AimedScore

__all__ = ["loss_null"]

_GRID = 129


@lru_cache(maxsize=128)
def loss_null(score: AimedScore, n: int) -> Null:
    """Law of the value of `score` for one sample of `n` values iid N(0, 1).

    Parameters
    ----------
    score : AimedScore
        Weighted sum of terms.
    n : int
        Values in a sample, as many as each term's own null needs.

    Returns
    -------
    Null
        Of one term: of the grade of the term's null. Of several: ``asymptotic``, its mean exact; see
        :class:`gausscheck.nulls.composite.CompositeNull` for how far out it holds. ``logcdf`` is P(T <= t)
        where the loss has an atom at 0 (``aim="typical"``). Kept for later calls.

    Notes
    -----
    Moments with a spectrum, against 200,000 draws: from 256 values on tails of 1e-2 within a tenth; at 128
    within a third; at 40 to 64 mean and deviation hold, but a lower tail of 1e-2 is really entered several
    times less often than stated.

    Raises
    ------
    ArgumentError
        For n too small for a term, no term of positive weight, or several terms that are not moments and
        power spectra.
    """
    terms = [term for term in score.terms if term.weight > 0]
    if not terms:
        msg = "a loss whose weights are all 0 has no law; give a term a positive weight"
        raise ArgumentError(msg)
    if len(terms) == 1:
        return _law(score, terms[0], n, terms[0].weight)
    # An odd root has a cusp at 0: such a moment comes first, where nodes can crowd about it.
    moments = sorted((t for t in terms if isinstance(t, MomentTerm)), key=_cusps_first)
    spectra = [t for t in terms if isinstance(t, SpectrumTerm)]
    if len(moments) + len(spectra) < len(terms):
        other = next(t.name for t in terms if not isinstance(t, (MomentTerm, SpectrumTerm)))
        msg = (
            f"the joint law of {other!r} and {len(terms) - 1} further terms is not known; take the null of "
            "each term by itself"
        )
        raise ArgumentError(msg)
    ordered: list[Term] = [*moments, *spectra]
    laws = [_law(score, term, n, 1.0) for term in ordered]
    joint = _Joint(moments, spectra, laws, n)
    weights = [term.weight for term in ordered]
    cusp = score.aim == "zero" and bool(moments) and _cusp(moments[0])
    nodes = normal_nodes(joint.dimensions - 1, cusp=cusp)
    std = _std(joint, laws, weights, normal_nodes(joint.dimensions, cusp=cusp))
    return CompositeNull(laws, weights, nodes, joint.conditional(nodes, weights), std=std)


def _cusp(term: MomentTerm) -> bool:
    return term.order % 2 == 1 and term.order > 1


def _cusps_first(term: MomentTerm) -> tuple[bool, int]:
    return not _cusp(term), -term.order if _cusp(term) else term.order


def _law(score: AimedScore, term: Term, n: int, weight: float) -> TransformedNull:
    """Law of `weight` times one term before its own weight."""

    def value(s: NDArray[np.float64]) -> NDArray[np.float64]:
        out: NDArray[np.float64] = weight * score.part(term, torch.from_numpy(s), n).numpy()
        return out

    def interval(level: float) -> tuple[float, float]:
        level = level / weight
        if score.aim == "zero":
            return term.interval(level, n)
        if level < 0:
            return inf, -inf
        window = score.window(term, n)
        reach = window.std * sqrt(2 * level)
        return window.low - reach, window.high + reach

    return TransformedNull(term.null(n), value, interval)


def _std(joint: _Joint, laws: Sequence[TransformedNull], weights: Sequence[float], nodes: Nodes) -> float:
    """Standard deviation of the sum: exact variances, covariances at nodes over all terms."""
    values = [
        w * law.value(s) for law, w, s in zip(laws, weights, joint.statistics(nodes.score), strict=True)
    ]
    covariance = np.cov(np.array(values), aweights=nodes.weight, ddof=0)
    np.fill_diagonal(covariance, [(w * law.std) ** 2 for law, w in zip(laws, weights, strict=True)])
    return sqrt(float(covariance.sum()))


class _Joint:
    """Joint law of moments and power spectra of one sample, from independent normal scores.

    The scores are those of the moments (and of the second one, hidden, where only a spectrum asks for it),
    then those of the spectra.
    """

    def __init__(
        self,
        moments: Sequence[MomentTerm],
        spectra: Sequence[SpectrumTerm],
        laws: Sequence[TransformedNull],
        n: int,
    ) -> None:
        self._n = n
        scores = {term.order: law.scores for term, law in zip(moments, laws, strict=False)}
        self._shown = tuple(scores)
        if spectra and 2 not in scores:
            scores[2] = NormalScores(MomentTerm(2).null(n))
        self._orders = tuple(scores)
        self._scores = tuple(scores.values())
        self._spectra = tuple(_GivenVariance(term, n) for term in spectra)
        self._laws = laws
        self._factor = np.linalg.cholesky(_correlation(self._orders))

    @property
    def dimensions(self) -> int:
        """How many independent scores there are."""
        return len(self._orders) + len(self._spectra)

    def statistics(self, score: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Statistic of each term at nodes of all scores, or of all but the last."""
        count = len(self._orders)
        z = score[:, :count] @ self._factor[: score.shape[1], : score.shape[1]].T
        moment = {
            order: table.to_statistic(np.ascontiguousarray(column))
            for order, table, column in zip(self._orders, self._scores, z.T, strict=False)
        }
        out = [moment[order] for order in self._shown if order in moment]
        if self._spectra:
            log_variance = self._log_variance(moment)
            for given, column in zip(self._spectra, score[:, count:].T, strict=False):
                shift, scale = given.shift_and_scale(log_variance)
                out.append(shift + scale * given.scores.to_statistic(np.ascontiguousarray(column)))
        return out

    def _log_variance(self, moment: dict[int, NDArray[np.float64]]) -> NDArray[np.float64]:
        square_of_mean = moment[1] ** 2 if 1 in moment else 1 / self._n
        variance = (moment[2] - square_of_mean) * self._n / (self._n - 1)
        return np.asarray(np.log(np.maximum(variance, 1e-3)), np.float64)

    def conditional(self, nodes: Nodes, weights: Sequence[float]) -> Conditional:
        """Law of the last term's statistic at nodes of all scores but the last."""
        given = self.statistics(nodes.score)
        rest = np.zeros(nodes.log_weight.size)
        for law, weight, statistic in zip(self._laws, weights, given, strict=False):
            rest += weight * law.value(statistic)
        if not self._spectra:
            row = self._factor[-1]
            centre = nodes.score @ row[:-1]
            return Conditional(
                rest, self._scores[-1], centre, float(row[-1]), np.zeros_like(rest), np.ones_like(rest)
            )
        last = self._spectra[-1]
        z = nodes.score[:, : len(self._orders)] @ self._factor.T
        moment = {
            order: table.to_statistic(np.ascontiguousarray(column))
            for order, table, column in zip(self._orders, self._scores, z.T, strict=True)
        }
        shift, scale = last.shift_and_scale(self._log_variance(moment))
        return Conditional(rest, last.scores, np.zeros_like(rest), 1.0, shift, scale)


def _correlation(orders: Sequence[int]) -> NDArray[np.float64]:
    """Correlation of the powers of one N(0, 1) value."""
    mean = np.array([raw_moment(i) for i in orders])
    product = np.array([[raw_moment(i + j) for j in orders] for i in orders])
    covariance = product - np.outer(mean, mean)
    deviation = np.sqrt(np.diag(covariance))
    return np.asarray(covariance / np.outer(deviation, deviation), np.float64)


class _GivenVariance:
    """Power spectrum of a sample given its variance v: ``shift(v) + scale(v) S``.

    S is the average over R independent samples.
    """

    def __init__(self, term: SpectrumTerm, n: int) -> None:
        self._copies = term.permutations or 1
        null = statistics["power_spectrum"].null(n=n, samples=self._copies, block=term.block, mu=term.mu)
        self.scores = NormalScores(null)
        self._mean, self._std = null.mean, null.std
        self._sizes, self._mu, self._n = batch_sizes(n, term.block), term.mu, n

    def shift_and_scale(
        self, log_variance: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shift and scale at logarithms of v."""
        low, high = float(log_variance.min()), float(log_variance.max())
        grid = np.linspace(low, high, _GRID)
        mean, variance, _ = conditional_cumulants(self._n, self._sizes, self._mu, grid)
        if not (variance > 0).all():
            msg = (
                f"n = {self._n} is too small for the joint law of a power spectrum and the sample variance; "
                "take the null of each term by itself"
            )
            raise ArgumentError(msg)
        spline = UniformSpline(low, high, np.stack([mean, np.sqrt(variance / self._copies)], axis=1))
        at = spline(log_variance)
        scale = at[:, 1] / self._std
        return at[:, 0] - scale * self._mean, scale
