"""From whatever the user passes to a generator that can be started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

from gausscheck.errors import ArgumentError
from gausscheck.sources.generators.base import GeneratorSource
from gausscheck.sources.generators.builtin import FAMILIES, builtin
from gausscheck.sources.generators.callables import from_callable, from_object, gives_values
from gausscheck.sources.generators.modules import named
from gausscheck.sources.generators.reader import from_reader
from gausscheck.sources.generators.returned import is_array
from gausscheck.sources.generators.words import storage_format

__all__ = ["open_generator"]


def open_generator(
    source: Any, *, dtype: str | None = None, reader: BinaryIO | None = None
) -> GeneratorSource:
    """Open a generator; nothing is drawn yet.

    Parameters
    ----------
    source : str, callable, iterable or generator object
        A name: ``numpy:PCG64``, ``torch:cuda:1:bfloat16`` and the like (see
        :data:`~gausscheck.sources.generators.builtin.GENERATORS`), ``module:callable``, or ``-``. A callable,
        see :func:`~gausscheck.sources.generators.callables.from_callable`. An iterator or iterable of arrays.
        A Generator of NumPy or torch, or an object with a method `standard_normal` or `normal`.
    dtype : str, optional
        Storage format, a key of :data:`gausscheck.floats.FORMATS` or another name of one (``bf16``).
        Generators of NumPy, torch and JAX make it, float32 by default; of ``-`` it must be said; everything
        else is held to it.
    reader : binary file, optional
        What ``-`` reads, such as ``sys.stdin.buffer``.

    Raises
    ------
    ArgumentError
        A name that means nothing, a package or device that is not there, or something that is no generator.
    GeneratorError
        A module that raises when it is imported.

    Examples
    --------
    >>> draw = open_generator("numpy:SFC64").start(seed=1)
    >>> draw.take(3).data.tolist() + draw.take(5).data.tolist() == (
    ...     open_generator("numpy:SFC64").start(seed=1).take(8).data.tolist()
    ... )
    True
    """
    if dtype is not None:
        dtype = storage_format(dtype)
    if reader is not None and not (isinstance(source, str) and source == "-"):
        msg = "a reader is only read by the source '-'; pass source='-' with it, or leave it out"
        raise ArgumentError(msg)
    if isinstance(source, GeneratorSource):
        return _opened(source, dtype)
    if isinstance(source, str):
        return _named(source, dtype, reader)
    return _object(source, _called(source), dtype)


def _opened(source: GeneratorSource, dtype: str | None) -> GeneratorSource:
    if dtype not in (None, source.dtype):
        msg = f"{source.name} is open already, and gives {source.dtype or 'its own'} values; leave dtype out"
        raise ArgumentError(msg)
    return source


def _named(spec: str, dtype: str | None, reader: BinaryIO | None) -> GeneratorSource:
    if spec == "-":
        return from_reader(reader, dtype)
    family = spec.partition(":")[0]
    if family in FAMILIES:
        return builtin(spec, dtype)
    return _object(named(spec), spec, dtype)


def _object(x: Any, name: str, dtype: str | None) -> GeneratorSource:
    if gives_values(x):
        return from_object(x, name, dtype)
    if not is_array(x) and not isinstance(x, (Mapping, bytearray, memoryview)):
        if callable(x) and not hasattr(x, "__next__"):
            return from_callable(x, name, dtype)
        if isinstance(x, Iterable):
            return from_object(x, name, dtype)
    if isinstance(x, (list, tuple)) and x and all(hasattr(item, "__array__") for item in x):
        return from_object(x, name, dtype)
    what = f"{name} is a {type(x).__name__}" if name != type(x).__name__ else f"got a {name}"
    hint = "; audit() tests the values of an array" if hasattr(x, "__array__") else ""
    msg = (
        f"{what}, which is no generator: expected a name such as 'numpy:PCG64', a callable, an iterator of "
        f"arrays, or a generator object{hint}"
    )
    raise ArgumentError(msg)


def _called(x: Any) -> str:
    """Dotted name of a function or class, type of anything else."""
    module, name = getattr(x, "__module__", None), getattr(x, "__qualname__", None)
    if not isinstance(name, str):
        return type(x).__name__
    if module in (None, "__main__", "builtins"):
        return name
    public = [part for part in module.split(".") if not part.startswith("_")]
    return ".".join((*public, name))
