"""Times of jobs that take turns, for ratios that the state of the machine does not decide."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

ROUNDS = 7


def best(
    *jobs: Callable[[], object], rounds: int = ROUNDS, clock: Callable[[], float] = time.process_time
) -> list[float]:
    """Least time of each job in seconds, the jobs taking turns, after one turn to warm up."""
    least = [np.inf] * len(jobs)
    for turn in range(rounds + 1):
        for k, job in enumerate(jobs):
            started = clock()
            job()
            if turn:
                least[k] = min(least[k], clock() - started)
    return least
