"""Options of how values are tested: battery, reference, lattice, level, tolerances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

__all__ = ["alpha_option", "battery_option", "reference_options", "tolerance_option"]

_LATTICES = ("auto", "none", "bf16", "fp16", "fp8_e4m3", "fp8_e5m2")
_F = TypeVar("_F", bound=Callable[..., Any])


def battery_option(default: str) -> Callable[[_F], _F]:
    """``--battery`` with a default of the verb's own."""
    return click.option(
        "--battery",
        default=default,
        show_default=True,
        metavar="B",
        help="Set of tests; see `gausscheck list`.",
    )


def alpha_option(meaning: str) -> Callable[[_F], _F]:
    """``--alpha``, explained in the words of the verb."""
    return click.option(
        "--alpha",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=1e-6,
        show_default=True,
        metavar="A",
        help=meaning,
    )


def reference_options(verb: _F) -> _F:
    """``--reference`` and ``--lattice``."""
    lattice = click.option(
        "--lattice",
        type=click.Choice(_LATTICES),
        default="auto",
        show_default=True,
        help="Rounding that the values went through.",
    )
    reference = click.option(
        "--reference",
        default="standard",
        show_default=True,
        metavar="standard|scale=S",
        help="Test against N(0, 1), or N(0, S^2).",
    )
    return reference(lattice(verb))


def tolerance_option(verb: _F) -> _F:
    """``--tolerance``, any number of times."""
    option = click.option(
        "--tolerance",
        multiple=True,
        callback=_tolerances_of,
        metavar="NAME=V",
        help="Size of an effect that does no harm, such as scale=0.02; repeatable.",
    )
    return option(verb)


def _tolerances_of(
    _context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]
) -> dict[str, float] | None:
    """Read ``NAME=NUMBER``, any number of times."""
    tolerances: dict[str, float] = {}
    for item in given:
        name, equals, text = item.partition("=")
        try:
            value = float(text)
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            msg = f"{item!r} is not NAME=NUMBER, such as scale=0.02"
            raise click.BadParameter(msg)
        if name.strip() in tolerances:
            msg = f"{name.strip()!r} is given twice"
            raise click.BadParameter(msg)
        tolerances[name.strip()] = value
    return tolerances or None
