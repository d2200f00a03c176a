"""Callables, seeded factories, iterators and generator objects as sources of values."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gausscheck.arrays import Values
from gausscheck.errors import GeneratorError
from gausscheck.sources.generators.base import Draw, GeneratorSource, Start
from gausscheck.sources.generators.blocks import BlockDraw, Fill
from gausscheck.sources.generators.builtin import from_numpy, from_torch
from gausscheck.sources.generators.returned import called, is_array, owned, seen
from gausscheck.sources.generators.signature import Form, Randomness, form_of

__all__ = ["from_callable", "from_object", "gives_values"]

_PATIENCE = 1000  # empty arrays in a row, after which nothing is expected to come
_DEEPEST = 4  # factories of factories


def gives_values(x: Any) -> bool:
    """Tell objects that give values as they stand: generators of NumPy and torch, and what is like them."""
    return _is_known(x) or _method(x) is not None


def from_callable(function: Callable[..., Any], name: str, dtype: str | None) -> GeneratorSource:
    """Source of a callable, by its signature (see :mod:`gausscheck.sources.generators.signature`).

    * With a count or shape: it returns so many values at each call. With a seed too, each call gets another.
    * Without, but with a seed or a generator: a factory, called once a run. It returns a callable, an
      iterator, a generator object, or an object with a method `standard_normal` or `normal`. One that returns
      an array is called again and again, each time with another seed.
    * Without any: it returns an array at each call, of any size; or one of the above, once.
    * A generator function is called once a run, and yields arrays of any size.
    """
    form = form_of(function, name)

    def begin(start: Start) -> Draw:
        return _Run(start, name, dtype).of_callable(function, form)

    return _source(name, dtype, begin, reseeds=bool(form.sources))


def from_object(x: Any, name: str, dtype: str | None) -> GeneratorSource:
    """Source of an iterator, an iterable, or what :func:`gives_values`; it goes on from where it stands."""

    def begin(start: Start) -> Draw:
        return _Run(start, name, dtype).of_object(x)

    return _source(name, dtype or ("float32" if _is_known(x) else None), begin, reseeds=False)


def _source(
    name: str, dtype: str | None, begin: Callable[[Start], Draw], *, reseeds: bool
) -> GeneratorSource:
    if reseeds:
        return GeneratorSource(name, dtype, True, begin)
    draws: list[Draw] = []

    def go_on(start: Start) -> Draw:
        if not draws:
            draws.append(begin(start))
        return draws[0]

    return GeneratorSource(name, dtype, False, go_on)


@dataclass(frozen=True)
class _Run:
    """One run of what the user passed."""

    start: Start
    name: str
    dtype: str | None

    def of_callable(self, function: Callable[..., Any], form: Form, depth: int = 0) -> Draw:
        given = Randomness(self.start, self.name)
        if form.sized and not form.yields:
            return self._blocks(self._sized(function, form, given))
        result = called(
            form.bound(function, self.start.block, given, self.start.own), name=self.name, doing="called"
        )
        if not is_array(result):
            return self.of_object(result, depth + 1)
        return self._blocks(self._cut(self._repeated(function, form, given, result), "returned"))

    def of_object(self, x: Any, depth: int = 0) -> Draw:
        if isinstance(x, np.random.BitGenerator):
            x = np.random.Generator(x)
        if isinstance(x, np.random.Generator):
            return from_numpy(x, self.name, self.dtype or "float32", self.start.block)
        if _is_torch_generator(x):
            return from_torch(x, self.name, self.dtype or "float32", self.start.block)
        if isinstance(x, Iterator):
            return self._blocks(self._cut(x, "yielded"))
        method = _method(x)
        if method is not None or callable(x):
            if depth > _DEEPEST:
                msg = (
                    f"{self.name} returned a callable that returned a callable, {depth} times; return values"
                )
                raise GeneratorError(msg)
            function = x if method is None else method
            return self.of_callable(function, form_of(function, self.name), depth)
        if isinstance(x, Iterable):
            return self._blocks(self._cut(iter(x), "yielded"))
        msg = (
            f"{self.name} returned a {type(x).__name__}, which gives no values; expected an array, an "
            "iterator of arrays, a callable, or an object with a method standard_normal or normal"
        )
        raise GeneratorError(msg)

    def _blocks(self, fill: Fill) -> Draw:
        return BlockDraw(fill, name=self.name, dtype=self.dtype)

    def _sized(self, function: Callable[..., Any], form: Form, given: Randomness) -> Fill:
        """Calls that are told how many values to return."""
        calls = 0

        def fill() -> Values | None:
            nonlocal calls
            seed = self.start.call_seed(calls) if form.seeded else 0
            n = self.start.asked(calls)
            doing = f"asked for {n:,} values"
            calls += 1
            try:
                result = called(form.bound(function, n, given, seed), name=self.name, doing=doing)
            except StopIteration:
                return None
            if not is_array(result):
                msg = (
                    f"{self.name} returned a {type(result).__name__} when {doing}; expected an array. A "
                    "factory has no parameter for the size, and an iterator comes of a generator function"
                )
                raise GeneratorError(msg)
            values = seen(result, name=self.name, verb="returned")
            if values.size != n:
                shape = tuple(getattr(result, "shape", (values.size,)))
                msg = (
                    f"{self.name} returned {values.size:,} values (shape {shape}) when {doing}; return as "
                    "many as are asked for, or yield arrays of any size from a generator function"
                )
                raise GeneratorError(msg)
            return owned(values)

        return fill

    def _repeated(
        self, function: Callable[..., Any], form: Form, given: Randomness, first: Any
    ) -> Iterator[Any]:
        """Results of calls that return as many values as they like; the first is at hand."""
        # Of a function of a seed, the first call only showed what it returns: its seed is none of the series.
        if not form.seeded:
            yield first
        calls = 0
        while True:
            seed = self.start.call_seed(calls) if form.seeded else 0
            calls += 1
            ask = form.bound(function, self.start.block, given, seed)
            try:
                yield called(ask, name=self.name, doing="called")
            except StopIteration:
                return

    def _cut(self, arrays: Iterator[Any], verb: str) -> Fill:
        """Blocks from arrays of any size: large ones in pieces, so that one piece is copied at a time."""
        held: Values | None = None
        at = 0

        def fill() -> Values | None:
            nonlocal held, at
            for _ in range(_PATIENCE):
                if held is None or at >= held.size:
                    held, at = None, 0
                    try:
                        ask = "asked for its next values"
                        array = called(lambda: next(arrays), name=self.name, doing=ask)
                    except StopIteration:
                        return None
                    held = seen(array, name=self.name, verb=verb)
                if held.size:
                    piece = held.like(held.data[at : at + self.start.block])
                    at += piece.size
                    return owned(piece)
            msg = (
                f"{self.name} {verb} an empty array {_PATIENCE:,} times in a row; expected values, or an end "
                "where there are no more"
            )
            raise GeneratorError(msg)

        return fill


def _is_known(x: Any) -> bool:
    return isinstance(x, (np.random.Generator, np.random.BitGenerator)) or _is_torch_generator(x)


def _is_torch_generator(x: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Generator)


def _method(x: Any) -> Callable[..., Any] | None:
    """``standard_normal`` or ``normal`` of an object, as those of NumPy have it."""
    if isinstance(x, type) or inspect.isroutine(x):
        return None
    for name in ("standard_normal", "normal"):
        method = getattr(x, name, None)
        if callable(method):
            return method
    return None
