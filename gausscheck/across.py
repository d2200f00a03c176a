"""Copies between the tensors of one call: two files that hold the same noise, or parts of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gausscheck.finding import Surprise, Verdict
from gausscheck.sharing import Shared, shared
from gausscheck.summaries.repeats import Repeats, Units, ValueSketch

__all__ = ["Across", "SharedBetween"]

_MOST = 2**22
"""Hashes and values kept over all tensors, but for runs: from there on every tensor keeps half."""
_MOST_RUNS = 2**21
"""Runs kept over all tensors, likewise."""
_TESTS = 7  # kinds of units
_VALUES = 3  # scattered values that two tensors must share to be looked at; chance gives some


@dataclass(frozen=True)
class SharedBetween(Surprise):
    """What two tensors of one call both hold.

    Attributes
    ----------
    first, second : str
        Names of the tensors.
    kind : str
        ``sample``, ``channel``, ``frame``, ``row``, ``block``, ``run`` or ``value``: the largest unit shared.
    count : int
        How many different ones both hold, of
    compared : int
        those of the second tensor that were compared.
    log_p : float
        Natural logarithm of the p-value, corrected for the number of pairs of tensors and of kinds.
    verdict : str
    places : tuple or None
        Sample and unit within it of the first shared one, in the first and in the second tensor.
    """

    first: str
    second: str
    kind: str
    count: int
    compared: int
    log_p: float
    verdict: Verdict
    places: tuple[tuple[int, int], tuple[int, int]] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "first": self.first,
            "second": self.second,
            "kind": self.kind,
            "count": self.count,
            "compared": self.compared,
            "p_value": self.p_value,
            "log10_p": self.log10_p,
            "verdict": self.verdict,
            "places": None if self.places is None else [list(place) for place in self.places],
        }


@dataclass
class _Kept:
    name: str
    repeats: Repeats
    lattice: str | None


@dataclass
class Across:
    """Takes what tells the repeats of each tensor, and compares them all at the end."""

    kept: list[_Kept] = field(default_factory=list)
    halvings: int = 0
    of_runs: int = 0

    def take(self, name: str, repeats: Repeats, lattice: str | None) -> None:
        """Add a tensor; of what was kept a part is given up where it becomes too much."""
        self.kept.append(_Kept(name, _thinned(repeats, self.halvings, self.of_runs), lattice))
        # Runs are as many as values, and would leave no room for what is rarer.
        while sum(_runs(k.repeats) for k in self.kept) > _MOST_RUNS:
            self._halve(0, 1)
        while sum(_size(k.repeats) for k in self.kept) > _MOST:
            self._halve(1, 0)

    def _halve(self, more: int, more_of_runs: int) -> None:
        self.halvings += more
        self.of_runs += more_of_runs
        for kept in self.kept:
            kept.repeats = _thinned(kept.repeats, self.halvings, self.of_runs)

    def pairs(self) -> list[tuple[int, int]]:
        """Pairs of tensors that have any hash, or some values, in common."""
        found: set[tuple[int, int]] = set()
        groups: dict[tuple[str, str, int], list[tuple[int, Units]]] = defaultdict(list)
        for number, kept in enumerate(self.kept):
            for kind, units in kept.repeats.units.items():
                groups[kind, kept.repeats.dtype, units.length].append((number, units))
        for members in groups.values():
            hashes = [np.unique(units.hashes) for _, units in members]
            found |= _pairs_of([number for number, _ in members], hashes, least=1)
        sketched = [(n, k.repeats.values) for n, k in enumerate(self.kept) if k.lattice is None]
        values = [(n, sketch) for n, sketch in sketched if sketch is not None]
        if values:
            halvings = max(sketch.halvings for _, sketch in values)
            numbers = [sketch.thinned(halvings).values for _, sketch in values]
            found |= _pairs_of([n for n, _ in values], numbers, least=_VALUES)
        return sorted(found)

    def compare(self, alpha: float, scale: float) -> tuple[SharedBetween, ...]:
        """What tensors share that chance does not explain, most surprising first: one line a pair."""
        count = len(self.kept)
        tests = _TESTS * max(count * (count - 1) // 2, 1)
        lines = []
        for i, j in self.pairs():
            one, two = self.kept[i], self.kept[j]
            facts = shared(one.repeats, two.repeats, lattices=(one.lattice, two.lattice), scale=scale)
            sure = [f for f in facts if f.log_p + np.log(tests) < np.log(alpha)]
            if sure:
                lines.append(_line(one.name, two.name, sure[0], float(np.log(tests))))
        return tuple(sorted(lines, key=lambda line: line.log_p))


def _line(first: str, second: str, fact: Shared, log_tests: float) -> SharedBetween:
    log_p = min(0.0, fact.log_p + log_tests)
    return SharedBetween(first, second, fact.kind, fact.count, fact.second, log_p, "fail", fact.places)


def _pairs_of(numbers: list[int], held: list[Any], *, least: int) -> set[tuple[int, int]]:
    """Pairs among `numbers` whose sorted distinct items meet at least `least` times."""
    if len(numbers) < 2:
        return set()
    items = np.concatenate(held)
    owner = np.repeat(np.arange(len(numbers)), [h.size for h in held])
    order = np.lexsort((owner, items))
    items, owner = items[order], owner[order]
    times: dict[tuple[int, int], int] = defaultdict(int)
    # Neighbours suffice: three tensors with one item in common give two pairs, and say all there is to say.
    same = np.flatnonzero(items[1:] == items[:-1])
    pairs, counts = np.unique(np.stack((owner[same], owner[same + 1])), axis=1, return_counts=True)
    for (i, j), met in zip(pairs.T.tolist(), counts.tolist(), strict=True):
        times[numbers[i], numbers[j]] += met
    return {pair for pair, met in times.items() if met >= least and pair[0] != pair[1]}


def _thinned(repeats: Repeats, halvings: int, of_runs: int) -> Repeats:
    # Whole samples are few, and the ones that matter most.
    least = {"sample": 0, "run": of_runs}
    units = {kind: units.thinned(least.get(kind, halvings)) for kind, units in repeats.units.items()}
    values = repeats.values
    if values is not None:
        values = values.thinned(max(values.halvings, halvings))
    return Repeats(repeats.dtype, repeats.samples, repeats.size, units, values)


def _size(repeats: Repeats) -> int:
    sketch: ValueSketch | None = repeats.values
    others = sum(units.kept for kind, units in repeats.units.items() if kind != "run")
    return others + (0 if sketch is None else sketch.values.size)


def _runs(repeats: Repeats) -> int:
    return repeats.units["run"].kept if "run" in repeats.units else 0
