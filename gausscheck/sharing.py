"""What two tensors have in common: samples, channels, frames, rows, blocks, runs, or scattered values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gausscheck.catalogue.duplicates import HASH_BITS, log_equal, log_tie
from gausscheck.finding import Surprise
from gausscheck.nulls.base import LOG_TWO
from gausscheck.nulls.coincidence import CoincidenceNull, largest_mean, log_collision, log_pairs
from gausscheck.nulls.windows import WindowsNull
from gausscheck.summaries.repeats import Repeats, Units, ValueSketch

__all__ = ["Shared", "shared"]

_ERROR = 1e-9  # of the bound on the ties of one tensor
_KINDS = ("sample", "channel", "frame", "row", "block", "run")


@dataclass(frozen=True)
class Shared(Surprise):
    """Different units of one kind that two tensors both hold.

    Attributes
    ----------
    kind : str
        ``sample``, ``channel``, ``frame``, ``row``, ``block``, ``run`` or ``value``.
    count : int
        How many different ones both hold.
    first, second : int
        How many were compared, of either tensor.
    length : int
        Values in a unit.
    log_p : float
        Natural logarithm of the probability of at least so many by chance.
    places : tuple of (sample, unit) or None
        Of the first shared unit of the second tensor: where it is in the first, and in the second; None for
        values.
    """

    kind: str
    count: int
    first: int
    second: int
    length: int
    log_p: float
    places: tuple[tuple[int, int], tuple[int, int]] | None = None


def shared(
    first: Repeats,
    second: Repeats,
    *,
    lattices: tuple[str | None, str | None] = (None, None),
    scale: float = 1.0,
) -> list[Shared]:
    """What two tensors share, largest units first; nothing of what they do not.

    Parameters
    ----------
    first, second : Repeats
    lattices : tuple
        Lattice that the values of either were rounded to.
    scale : float
        Standard deviation of both under H0.

    Notes
    -----
    Units are compared where they have the same length and storage format. The number of different units that
    both hold is at most the number of equal pairs, which is Poisson with mean ``n m P`` as in the statistic
    ``duplicates``, P being the larger of those of both lattices (an upper bound by the Cauchy-Schwarz
    inequality); that of runs, whose equal contents clump, is bounded as it is there. Values are compared by
    the sketches, where neither tensor lies on a lattice; P is what the statistic grants or, where that is
    less, the largest that the ties within each tensor allow, but for a probability of 1e-9 each that is added
    to the p-value.
    """
    found = []
    if first.dtype == second.dtype:
        for kind in _KINDS:
            one, two = first.units.get(kind), second.units.get(kind)
            if one is not None and two is not None and one.length == two.length:
                found.append(_units(kind, one, two, first.dtype, lattices=lattices, scale=scale))
    if first.values is not None and second.values is not None and lattices == (None, None):
        single = first.values.single and second.values.single
        found.append(_values(first.values, second.values, log_tie("float32" if single else "float64", scale)))
    return [fact for fact in found if fact.count > 0]


def _log_p(count: int, first: int, second: int, log_equal_pair: float, halvings: int) -> float:
    log_mean = log_pairs(first, second) + log_equal_pair - halvings * LOG_TWO
    return float(CoincidenceNull(log_mean).logsf(count))


def _units(
    kind: str, one: Units, two: Units, dtype: str, *, lattices: tuple[str | None, str | None], scale: float
) -> Shared:
    halvings = max(one.halvings, two.halvings)
    one, two = one.thinned(halvings), two.thinned(halvings)
    both = np.intersect1d(one.hashes, two.hashes)
    places = None
    if both.size:
        in_second = np.flatnonzero(np.isin(two.hashes, both))
        at = in_second[np.argmin(two.places[in_second])]
        where = int(one.places[one.hashes == two.hashes[at]].min())
        places = divmod(where, one.per_sample), divmod(int(two.places[at]), two.per_sample)
    count = int(both.size)
    if kind == "run":
        kept_pairs = log_pairs(one.count, two.count) - halvings * LOG_TWO
        equal = one.length * max(log_collision(dtype, lattice, scale) for lattice in lattices)
        null = WindowsNull(kept_pairs - HASH_BITS * LOG_TWO, kept_pairs + equal)
        log_p = float(null.logsf(count))
    else:
        equal = max(log_equal(one.length, dtype, lattice, scale) for lattice in lattices)
        log_p = _log_p(count, one.count, two.count, equal, halvings)
    return Shared(kind, count, one.kept, two.kept, one.length, log_p, places)


def _values(one: ValueSketch, two: ValueSketch, log_granted: float) -> Shared:
    # Ties within either tensor tell how coarse its generator is, at most: sum p q <= sqrt(sum p^2 sum q^2).
    log_seen = (_log_most_ties(one) + _log_most_ties(two)) / 2
    halvings = max(one.halvings, two.halvings)
    one, two = one.thinned(halvings), two.thinned(halvings)
    count = int(np.intersect1d(one.values, two.values, assume_unique=True).size)
    granted = _log_p(count, one.total, two.total, log_granted, halvings)
    seen = _log_p(count, one.total, two.total, log_seen, halvings)
    log_p = min(granted, float(np.logaddexp(seen, np.log(2 * _ERROR))))
    return Shared("value", count, one.kept, two.kept, 1, log_p)


def _log_most_ties(sketch: ValueSketch) -> float:
    """Log of the largest probability of a tie that explains how few values tie."""
    pairs = log_pairs(sketch.total) - sketch.halvings * LOG_TWO
    return float(np.log(largest_mean(sketch.tied_pairs, _ERROR))) - pairs if np.isfinite(pairs) else 0.0
