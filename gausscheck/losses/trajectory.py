"""What a descent did: its records, step by step, and the samples that it left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Record", "Stopped", "Trajectory"]

Stopped = Literal["steps", "typical", "nonfinite"]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Record:
    """Samples as they are before a step, or after the last one; every array holds one value a sample.

    Attributes
    ----------
    step : int
        Number of steps taken so far.
    reward : ndarray or None
        None without a reward.
    losses : mapping of str to ndarray
        Value of each loss, before its weight.
    statistics : mapping of str to ndarray
        Statistic of each term of each loss.
    scores : mapping of str to ndarray
        ``(statistic - mean) / std`` with mean and standard deviation of the term's null.
    cosine : ndarray
        Cosine of the sample to its start.
    resampling_cosine : ndarray
        Cosine that as many gradients of the same lengths would leave if they were fresh noise. See
        :func:`gausscheck.losses.descent.descend`.
    norm : ndarray
        ``|z| / sqrt(D)``: 1 for noise.
    typical : ndarray of bool
        Whether every term of every loss lies within its central range.
    """

    step: int
    reward: Array | None
    losses: Mapping[str, Array]
    statistics: Mapping[str, Array]
    scores: Mapping[str, Array]
    cosine: Array
    resampling_cosine: Array
    norm: Array
    typical: NDArray[np.bool_]


@dataclass(frozen=True)
class Trajectory:
    """Result of :func:`gausscheck.losses.descent.descend`. Arrays have shape (records, B).

    Attributes
    ----------
    z : Tensor
        Samples at the end, in dtype and shape of the start, detached.
    records : tuple of Record
        At step 0, at every multiple of `every`, and at the end.
    stopped : str
        ``steps``: all steps were taken. ``typical``: every sample had been found typical.
        ``nonfinite``: a reward, a gradient or a sample was no longer finite: `lr` is too large, or the reward
        breaks there.
    """

    z: Tensor
    records: tuple[Record, ...]
    stopped: Stopped

    @property
    def steps(self) -> NDArray[np.int64]:
        """Steps of the records: shape (records,)."""
        return np.array([r.step for r in self.records], np.int64)

    @property
    def reward(self) -> Array | None:
        """Reward; None without one."""
        rewards = [r.reward for r in self.records if r.reward is not None]
        return np.stack(rewards) if rewards else None

    @property
    def losses(self) -> dict[str, Array]:
        """Each loss, before its weight."""
        return _stacked([r.losses for r in self.records])

    @property
    def statistics(self) -> dict[str, Array]:
        """Statistic of each term."""
        return _stacked([r.statistics for r in self.records])

    @property
    def scores(self) -> dict[str, Array]:
        """Each statistic in standard deviations from the mean of its null."""
        return _stacked([r.scores for r in self.records])

    @property
    def cosine(self) -> Array:
        """Cosine to the start."""
        return np.stack([r.cosine for r in self.records])

    @property
    def resampling_cosine(self) -> Array:
        """Cosine that fresh noise in place of the gradients would leave."""
        return np.stack([r.resampling_cosine for r in self.records])

    @property
    def norm(self) -> Array:
        """``|z| / sqrt(D)``."""
        return np.stack([r.norm for r in self.records])

    @property
    def typical(self) -> NDArray[np.bool_]:
        """Whether every term lies within its central range."""
        return np.stack([r.typical for r in self.records])

    def __str__(self) -> str:
        """One line a record: means over the samples, and the score that is furthest from 0."""
        head = f"{'step':>6}" + (f" {'reward':>11}" if self.records[0].reward is not None else "")
        head += f" {'loss':>11} {'score':>8} {'cosine':>7} {'resampling':>10} {'norm':>6}"
        lines = [head + "  furthest term"]
        for r in self.records:
            term, score = max(
                ((name, float(s)) for name, column in r.scores.items() for s in column),
                key=lambda pair: abs(pair[1]),
            )
            reward = f" {r.reward.mean():11.4g}" if r.reward is not None else ""
            loss = sum(float(column.mean()) for column in r.losses.values())
            lines.append(
                f"{r.step:6d}{reward} {loss:11.4g} {score:8.2f} {r.cosine.mean():7.4f} "
                f"{r.resampling_cosine.mean():10.4f} {r.norm.mean():6.3f}  {term}"
            )
        return "\n".join([*lines, f"stopped: {self.stopped}"])


def _stacked(columns: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    return {name: np.stack([column[name] for column in columns]) for name in columns[0]}
