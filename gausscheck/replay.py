"""What to type to do a validation again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

__all__ = ["replay"]

_ALWAYS = ("n", "seed", "budget")
_USUAL: dict[str, Any] = {
    "streams": 1,
    "sample": 65536,
    "battery": "generator",
    "dtype": None,
    "reference": "standard",
    "lattice": "auto",
    "tolerance": None,
    "first": 0,
}


def replay(name: str, options: Mapping[str, Any], *, typed: bool) -> str:
    """Return the command that does a validation again, or a line of Python.

    Parameters
    ----------
    name : str
        Of the source.
    options : mapping
        Arguments of :func:`gausscheck.validate`; those that are as usual are left out.
    typed : bool
        The source is known by its name alone, so that the command line finds it; a source that exists only
        as an object of Python gets a line of Python.

    Examples
    --------
    >>> replay("numpy:PCG64", {"n": 2**20, "seed": 5, "budget": 1e-6, "streams": 4}, typed=True)
    'gausscheck validate numpy:PCG64 --n 1048576 --seed 5 --budget 1e-06 --streams 4'
    """
    told = {k: options[k] for k in _ALWAYS}
    told |= {k: options[k] for k, usual in _USUAL.items() if options.get(k, usual) != usual}
    if not typed:
        return f"gausscheck.validate({name}, {', '.join(f'{k}={v!r}' for k, v in told.items())})"
    words = ["gausscheck", "validate", name]
    for k, v in told.items():
        for text in [f"{a}={b!r}" for a, b in v.items()] if isinstance(v, Mapping) else [str(v)]:
            words += [f"--{k}", text]
    return ("… | " if name == "-" else "") + shlex.join(words)
