"""One run over a generator: blocks drawn, looks taken, fresh values where a look is suspect."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gausscheck.arrays import Values
from gausscheck.asking import N_MIN
from gausscheck.drawing import Drawing
from gausscheck.errors import DataError, GausscheckError, GeneratorError
from gausscheck.finding import Finding
from gausscheck.interrupts import unbroken
from gausscheck.report import Report, ReportError
from gausscheck.sources.generators import GeneratorSource
from gausscheck.spending import Plan
from gausscheck.streaming import Stream
from gausscheck.tolerance import tolerated
from gausscheck.validation import Look, Pulse, Watcher
from gausscheck.wording import number

__all__ = ["BLOCK", "SEED_BITS", "Run", "confirmation_seed"]

BLOCK = 2**20
"""Values of all streams that are drawn together at first, or one sample of each if that is more."""

_SHARE, _LARGEST = 16, 2**23  # later a sixteenth of those seen, for large blocks keep several threads at work

SEED_BITS = 31
"""Of seeds that are made up: short enough to be typed again, and taken by every source."""
_TROUBLE = (GausscheckError, OSError, MemoryError)
_HEAD = 2**12  # values that two seeds are compared by
_FEW = 64  # of 8 bits each: sound ones are alike with probability below 1e-80


def confirmation_seed(seed: int, look: int) -> int:
    """Seed of the fresh values that decide on look number `look` (1, 2 …) of a run.

    A hash of both, so that it is no neighbour of the seeds of the run.
    """
    state = np.random.SeedSequence((seed, 2, look)).generate_state(1)
    return int(state[0]) >> (32 - SEED_BITS)


class Run:
    """A run that can stop anywhere and keeps what it has seen.

    Parameters
    ----------
    source : GeneratorSource
    plan : Plan
    seed : int
        Of the first stream; the others have the next ones.
    streams, sample : int
        Draws side by side; values of each in a sample.
    options : mapping
        Of :class:`gausscheck.Stream`.
    first : int
        Number of the first sample.
    progress : callable, optional

    Attributes
    ----------
    stream : Stream
        What stage 1 has drawn.
    looks, confirmations : list of Look
    caught_at : int or None
        Values at the look that the run fails by.
    errors : list of ReportError
    notes : list of str
    interrupted : bool
    """

    def __init__(
        self,
        source: GeneratorSource,
        plan: Plan,
        *,
        seed: int,
        streams: int,
        sample: int,
        options: Mapping[str, Any],
        first: int = 0,
        progress: Watcher | None = None,
    ) -> None:
        self.source, self.plan, self.seed, self.streams = source, plan, seed, streams
        self._sample, self._options, self._progress = sample, options, progress
        self.stream = Stream(**options, first=first)
        self.looks: list[Look] = []
        self.confirmations: list[Look] = []
        self.caught_at: int | None = None
        self.errors: list[ReportError] = []
        self.notes: list[str] = []
        self.interrupted = False
        self._start = time.perf_counter()
        self._drawn = 0
        self._drawing: Drawing | None = None
        self._cause: BaseException | None = None

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._start

    @property
    def report(self) -> Report:
        """Of everything drawn in stage 1; its time is that of the run."""
        return replace(self.looks[-1].report, elapsed_s=round(self.elapsed_s, 6))

    def go(self) -> None:
        """Draw and look until the end, the first certain failure, an error of the source, or Ctrl-C.

        Raises
        ------
        GausscheckError, OSError, MemoryError
            The source gave nothing that could be tested.
        KeyboardInterrupt
            Ctrl-C before there was anything to report.
        """
        for step in (self._all_looks, self._last_look):
            try:
                step()
            except (*_TROUBLE, KeyboardInterrupt) as error:
                if not self.looks and (step == self._last_look or not self.stream.n):
                    trouble = self._cause or error
                    raise trouble from trouble.__cause__
                self._cause = self._cause or error
                self._remember(error)
        self._say_why()

    def _remember(self, error: BaseException) -> None:
        if isinstance(error, KeyboardInterrupt):
            self.interrupted = True
            return
        problem = ReportError(self.source.name, str(error) or type(error).__name__)
        # What stopped one look stops the next one too.
        if problem not in self.errors:
            self.errors.append(problem)

    def _all_looks(self) -> None:
        self._drawing = self._draw(self.seed)
        for size in self.plan.sizes:
            if not self._fill(self.stream, self._drawing, size, stage=1):
                if not self.stream.n:
                    msg = f"{self.source.name}: it ended without a value; a validation needs at least {N_MIN}"
                    raise DataError(msg)
                return
            self._look()
            if self.caught_at is not None:
                return

    def _last_look(self) -> None:
        """Spend a look on what came since the last one."""
        seen = self.looks[-1].n if self.looks else 0
        if self.caught_at is None and (not seen or self.stream.n - self.stream.held > seen):
            self._look(confirm=self._cause is None)

    def _heed(self, block: Values) -> None:
        """Raise where another seed gives the values of this first block too.

        Streams that are alike are found by the battery, as are constants.
        """
        other = confirmation_seed(self.seed, 1)
        if self.source.builtin or not self.source.reseeds or self.streams > 1 or other == self.seed:
            return
        fresh = self.source.start(other).take(min(_HEAD, block.size))
        one, two = (np.asarray(v.like(v.data.reshape(-1)[: fresh.size]).decode()) for v in (block, fresh))
        if one.size >= _FEW and np.array_equal(one, two) and (one != one[0]).any():
            msg = (
                f"{self.source.name} takes a seed and gives the same {number(one.size)} values for the seeds "
                f"{self.seed} and {other}: make use of the seed; or, where it cannot be seeded, leave the "
                "parameter out"
            )
            raise GeneratorError(msg)

    def _draw(self, seed: int) -> Drawing:
        K = self.streams
        return Drawing([self.source.start(seed, stream=k, streams=K) for k in range(K)], self._sample)

    def _fill(self, stream: Stream, drawing: Drawing, size: int, *, stage: int) -> bool:
        """Draw until a stream holds `size` values; False where the source has no more."""
        unit = self.streams * self._sample
        while stream.n < size:
            if drawing.ended:
                return False
            together = max(BLOCK, min(stream.n // _SHARE, _LARGEST))
            block = drawing.take(min(max(1, together // unit), -(-(size - stream.n) // unit)))
            if stage == 1 and not stream.n:
                self._heed(block)
            with unbroken():
                stream.update(block)
                self._drawn += block.size
            self._tell(stream.n, size, stage)
        return True

    def _tell(self, done: int, size: int, stage: int, look: Look | None = None) -> None:
        if self._progress is None:
            return
        planned = self.plan.sizes[-1] if stage == 1 else size
        worst = min(self.looks, key=lambda k: k.log_p, default=None)
        log_p, statistic = (0.0, "") if worst is None else (worst.log_p, worst.statistic)
        rate = self._drawn / max(self.elapsed_s, 1e-9)
        self._progress(Pulse(done, planned, rate, log_p, statistic, stage, look))

    def _look(self, *, confirm: bool = True) -> None:
        """Look at what stage 1 has drawn; of a suspect look fresh values decide."""
        with unbroken():
            look = self._judged(self.stream, self.plan.level, stage=1, seed=self.seed)
            if look.verdict == "pass" and look.log_p < math.log(self.plan.suspicion):
                look = replace(look, verdict="suspect")
            self.looks.append(look)
            if look.verdict == "fail":
                self.caught_at = look.n
        self._tell(self.stream.n, self.stream.n, 1, look)
        if look.verdict == "suspect" and confirm:
            self._confirm(look)

    def _judged(
        self, stream: Stream, level: float, *, stage: int, seed: int, decides: int | None = None
    ) -> Look:
        report = stream.report(alpha=level, name=self.source.name)
        worst = self._worst(report)
        return Look(
            n=report.tensors[0].n,
            log_p=worst.log_adjusted_p,
            level=level,
            statistic=worst.label,
            verdict="fail" if report.verdict == "fail" else "pass",
            stage=stage,
            seed=seed if self.source.reseeds else None,
            report=report,
            decides=decides,
        )

    def _worst(self, report: Report) -> Finding:
        """The smallest adjusted p-value of what is not tolerated."""
        findings, sizes = report.findings, self._options.get("tolerance") or {}
        failing = (replace(f, verdict="fail") for f in findings)
        counts = [f for f in failing if tolerated(f, sizes, findings).verdict == "fail"]
        return min(counts or findings, key=lambda f: (f.log_adjusted_p, f.log_p))

    def _confirm(self, suspect: Look) -> None:
        """Draw fresh values and let them decide; without enough of them the look stays suspect."""
        seed = confirmation_seed(self.seed, len(self.looks))
        drawing = self._draw(seed) if self.source.reseeds else self._drawing
        assert drawing is not None
        unit = self.streams * self._sample
        size = -(-self.plan.confirmation_size(suspect.n) // unit) * unit
        stream = Stream(**self._options)
        if not self._fill(stream, drawing, size, stage=2) and stream.n < suspect.n:
            came = f"of {number(size)} fresh values {number(stream.n)} came"
            self.notes.append(f"the suspect look at {number(suspect.n)} values is undecided: {came}")
            return
        with unbroken():
            level = self.plan.confirmation_level
            look = self._judged(stream, level, stage=2, seed=seed, decides=suspect.n)
            self.confirmations.append(look)
            if look.verdict == "fail":
                self.caught_at = suspect.n
        self._tell(look.n, size, 2, look)

    def _say_why(self) -> None:
        """Say in words why less was seen than planned, or that there was more."""
        planned, seen = self.plan.sizes[-1], self.looks[-1].n
        ended = self._drawing is not None and self._drawing.ended
        if ended and seen < self.plan.sizes[0]:
            few = f"it ended after {number(self.stream.n)} values, before the first look at "
            self.errors.append(ReportError(self.source.name, few + number(self.plan.sizes[0])))
        elif ended and seen < planned:
            ends = f"the source ended after {number(self.stream.n)} of {number(planned)} values"
            self.notes.append(ends)
        elif not self.source.reseeds and not ended and seen >= planned:
            self.notes.append(f"stopped at {number(planned)} values; the source may have more")
        if not self.source.reseeds and self.source.name != "-":
            self.notes.append("the source takes no seed: what is told as replay draws other values")
        if self.interrupted:
            self.notes.append(f"interrupted after {number(self.stream.n)} of {number(planned)} values")
