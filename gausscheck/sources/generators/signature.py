"""What a callable wants to be called with, told by its signature: the one place where the rule stands.

How many
    The first parameter named `size`, or like it (:data:`COUNTS`), gets the number of values; one named
    `shape` gets it in a tuple. Callables without a readable signature, as some written in C, and those that
    take any number of positional arguments, ``f(*sizes)``, get the number as their only argument.
Randomness
    `seed` gets an integer, `rng` and `random_state` a NumPy Generator, `generator` a torch Generator on the
    CPU; where the annotation of one of the last three names the other package, that package's.
Everything else
    must have a default, and keeps it.

A parameter of randomness is filled even where it has a default. A callable without one is taken to keep its
own state.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gausscheck.errors import ArgumentError
from gausscheck.sources.generators.base import Start

__all__ = ["COUNTS", "Form", "Randomness", "form_of"]

COUNTS = ("size", "n", "num", "count", "number", "length", "numel", "n_values", "num_values")
"""Names of parameters that get the number of values."""

_SHAPES = ("shape",)
_SEEDS = ("seed", "random_seed")
_NUMPY = ("rng", "random_state")
_TORCH = ("generator",)
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True)
class Form:
    """How to call a callable.

    Attributes
    ----------
    signature : inspect.Signature or None
        None where there is none to read: the count is the only argument.
    size : str or None
        Parameter that says how many.
    shape : bool
        It gets a tuple.
    sources : tuple of (str, str)
        Parameters of randomness, and what each gets: ``seed``, ``numpy`` or ``torch``.
    yields : bool
        A generator function.
    """

    signature: inspect.Signature | None
    size: str | None
    shape: bool
    sources: tuple[tuple[str, str], ...]
    yields: bool

    @property
    def sized(self) -> bool:
        """Whether it is told how many values to return."""
        return self.signature is None or self.size is not None

    @property
    def seeded(self) -> bool:
        """Whether it is given an integer."""
        return any(kind == "seed" for _, kind in self.sources)

    def bound(self, function: Callable[..., Any], n: int, given: Randomness, seed: int) -> Callable[[], Any]:
        """Everything filled in, to be called once."""
        if self.signature is None:
            return lambda: function(n)
        call = self.signature.bind_partial()
        if self.size is not None:
            variadic = self.signature.parameters[self.size].kind is inspect.Parameter.VAR_POSITIONAL
            call.arguments[self.size] = (n,) if self.shape or variadic else n
        for name, kind in self.sources:
            call.arguments[name] = seed if kind == "seed" else given.of(kind)
        return lambda: function(*call.args, **call.kwargs)


class Randomness:
    """The generator objects that a callable is given: made once a run, and passed at each call."""

    def __init__(self, start: Start, name: str) -> None:
        self._start, self._name = start, name
        self._made: dict[str, Any] = {}

    def of(self, kind: str) -> Any:
        """Return the generator of ``numpy`` or ``torch``."""
        if kind not in self._made:
            self._made[kind] = self._start.rng() if kind == "numpy" else self._torch()
        return self._made[kind]

    def _torch(self) -> Any:
        try:
            import torch
        except ModuleNotFoundError as error:
            msg = (
                f"{self._name} has a parameter named generator, which gets a torch Generator, and torch is "
                "not installed; name the parameter rng to get a NumPy Generator"
            )
            raise ArgumentError(msg) from error
        return torch.Generator().manual_seed(self._start.own)


def form_of(function: Callable[..., Any], name: str) -> Form:
    """Read a signature by the rule of this module.

    Raises
    ------
    ArgumentError
        It wants something that the rule does not know.
    """
    body = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    yields = inspect.isgeneratorfunction(function) or inspect.isgeneratorfunction(body)
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return Form(None, None, False, (), yields)
    plain = [p for p in signature.parameters.values() if p.kind not in _VARIADIC]
    sources = tuple((p.name, kind) for p in plain if (kind := _randomness(p)))
    size = next((p.name for p in plain if p.name in COUNTS or p.name in _SHAPES), None)
    if size is None:
        variadic = (p for p in signature.parameters.values() if p.kind is inspect.Parameter.VAR_POSITIONAL)
        size = None if plain else next((p.name for p in variadic), None)
    known = {size, *(parameter for parameter, _ in sources)}
    unknown = [p.name for p in plain if p.name not in known and p.default is inspect.Parameter.empty]
    if unknown:
        raise ArgumentError(_unknown(name, signature, unknown))
    return Form(signature, size, size in _SHAPES, sources, yields)


def _randomness(parameter: inspect.Parameter) -> str | None:
    annotation = parameter.annotation
    told = annotation if isinstance(annotation, str) else getattr(annotation, "__module__", "")
    if parameter.name in _SEEDS:
        return "seed"
    if parameter.name in _NUMPY:
        return "torch" if "torch" in told else "numpy"
    if parameter.name in _TORCH:
        return "numpy" if "numpy" in told or "np." in told else "torch"
    return None


def _unknown(name: str, signature: inspect.Signature, unknown: list[str]) -> str:
    wants = ", ".join(unknown)
    return (
        f"{name}{signature}: cannot tell what to pass for {wants}. The number of values is passed as size "
        "(or n, count, length …), its tuple as shape, randomness as seed (an integer), rng (of NumPy) "
        "or generator (of torch). Name the parameters so, give the others defaults, or wrap it: "
        "lambda size, seed: …"
    )
