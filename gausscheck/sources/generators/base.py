"""What a generator is: a recipe that is started from a seed, and a run of it that gives values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, Protocol

import numpy as np

from gausscheck.arrays import Values
from gausscheck.errors import ArgumentError, GeneratorError

__all__ = ["BLOCK", "FIRST_CALL", "MOST_STREAMS", "Draw", "GeneratorSource", "Start"]

BLOCK = 2**20
"""Values that a generator is asked for at a time, at most."""

FIRST_CALL = 2**16
"""Values that a callable is asked for at its first call."""

MOST_STREAMS = 1024
_HELD = 2**24  # values in the blocks of all streams together, 64 MiB of float32
_LEAST_BLOCK = 2**14
_MOST_SEED = 2**63 - 1  # the largest that torch and 64-bit integers of other libraries take
_MASK = 2**32 - 1


class Draw(Protocol):
    """One run of a generator: a sequence of values that does not depend on how it is cut into takes."""

    ended: bool
    """True once the source has said that no more values come."""

    def take(self, n: int) -> Values:
        """Return the next `n` values, 1-d, which the caller may keep.

        Fewer, perhaps none, if the source has `ended`, or if it failed on the way: then the values that came
        before are returned with `ended` still False, and the next call raises the error.

        Raises
        ------
        GeneratorError
            The source failed before it gave a value of this take. Later calls raise the same.
        ArgumentError
            `n` is no integer from 0 up.
        """


@dataclass(frozen=True)
class Start:
    """Where a run begins.

    Attributes
    ----------
    seed : int
        Of the validation.
    stream : int
        Number of the stream.
    block : int
        Values to ask for at a time, at most.
    streams : int
        How many run side by side.
    """

    seed: int
    stream: int = 0
    block: int = BLOCK
    streams: int = 1

    @property
    def own(self) -> int:
        """Seed of this stream: neighbours of each other, as workers and ranks are usually seeded."""
        return self.seed + self.stream

    def asked(self, call: int) -> int:
        """Values asked for at call number `call` of a callable: 2**16 twice, then twice as many each time.

        Never more than `block`. What does the same at every call repeats itself before the second look.

        Examples
        --------
        >>> [Start(0).asked(call) // FIRST_CALL for call in (0, 1, 2, 3, 4, 5, 6)]
        [1, 1, 2, 4, 8, 16, 16]
        """
        return min(self.block, FIRST_CALL << min(max(call - 1, 0), self.block.bit_length()))

    def rng(self) -> np.random.Generator:
        """NumPy's default generator from the seed of this stream."""
        return np.random.default_rng(self.own)

    def call_seed(self, call: int) -> int:
        """Seed below 2**32 for call number `call` of a callable that takes a seed each time.

        A bijection of (stream, call), keyed by NumPy's `SeedSequence` of the validation's seed: no two calls
        of all streams share a seed. Seeds drawn at random would: of 16,384 of 32 bits two are equal with
        probability 3 %, and the copy would be blamed on the generator.

        Raises
        ------
        GeneratorError
            All 2**32 seeds were given out.
        """
        place = call * self.streams + self.stream
        if place > _MASK:
            msg = (
                f"all {_MASK + 1:,} seeds of 32 bits were given out, one a call; return more values at each "
                "call, or take a seed and no size and return an iterator"
            )
            raise GeneratorError(msg)
        shift, factor = (int(word) for word in np.random.SeedSequence(self.seed).generate_state(2))
        x = (shift + (factor | 1) * place) & _MASK
        # The finaliser of MurmurHash3, so that calls do not get an arithmetic sequence.
        for right, multiplier in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
            x = ((x ^ x >> right) * multiplier) & _MASK
        return x ^ x >> 16


@dataclass(frozen=True)
class GeneratorSource:
    """A generator that has not been started.

    Attributes
    ----------
    name : str
        ``numpy:PCG64``, ``mymodule:noise``, ``-``; of an object of Python its dotted name or type.
    dtype : str or None
        Storage format of the values; None where only the values themselves tell.
    reseeds : bool
        False: there is one run, which goes on wherever it is started from: standard input, iterators,
        generator objects, and callables that take no seed.
    builtin : bool
        Known to make use of its seed.
    """

    name: str
    dtype: str | None
    reseeds: bool
    begin: Callable[[Start], Draw] = field(repr=False, compare=False)
    builtin: bool = False

    def start(self, seed: int, *, stream: int = 0, streams: int = 1) -> Draw:
        """Start a run.

        Parameters
        ----------
        seed : int
            From 0 to 2**63 - 1. Without effect on a source that does not reseed.
        stream, streams : int
            Number of this stream, and how many run side by side. Stream k is seeded with ``seed + k``: near
            seeds are part of what is tested. More streams are asked for smaller blocks (2**20 values for up
            to 16 streams, 2**14 for 1,024), so that all together hold no more.

        Returns
        -------
        Draw
            The values depend on (source, seed, stream, streams) alone.

        Raises
        ------
        ArgumentError
            A number out of range, or several streams of a source that does not reseed.
        GeneratorError
            A seeded factory failed.
        """
        if streams > 1 and not self.reseeds:
            msg = (
                f"{self.name} takes no seed: it has one sequence of values and cannot be drawn as {streams} "
                "streams; pass a callable with a parameter named seed, rng or generator, or one stream"
            )
            raise ArgumentError(msg)
        if not 0 <= stream < streams <= MOST_STREAMS:
            msg = f"stream {stream} of {streams}: expected 0 <= stream < streams <= {MOST_STREAMS}"
            raise ArgumentError(msg)
        seed = _checked(seed)
        if seed + stream > _MOST_SEED:
            msg = f"seed {seed} of stream {stream} is too large; the largest seed is 2**63 - 1"
            raise ArgumentError(msg)
        block = BLOCK
        while block > _LEAST_BLOCK and block * streams > _HELD:
            block //= 2
        return self.begin(Start(seed, stream, block, streams))


def _checked(seed: Any) -> int:
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        msg = f"seed must be an integer from 0 up, got {seed!r}"
        raise ArgumentError(msg)
    return int(seed)
