"""``gausscheck explain``: what a statistic is, sees, and cannot see."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from gausscheck_cli.guard import debug_option

if TYPE_CHECKING:
    from gausscheck.catalogue import Statistic
    from gausscheck.text import Line

__all__ = ["explain"]


@click.command(short_help="What a statistic is, sees, and cannot see.")
@click.argument("statistic")
@debug_option
def explain(statistic: str) -> None:
    """Explain a statistic: formula, null distribution, what it sees and what it is blind to."""
    from gausscheck import statistics
    from gausscheck_cli.terminal import emit_lines, page_width

    name = statistic.strip().lower().replace("-", "_")
    if name not in statistics:
        raise click.UsageError(_unknown(statistic, name, list(statistics)))
    emit_lines(_lines(statistics[name], page_width()))


def _unknown(given: str, name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"no statistic is called {given!r}.{hint} Known: {', '.join(known)}."


def _lines(statistic: Statistic, width: int) -> Iterator[Line]:
    from gausscheck.text import Span, paragraph

    parameters = ", ".join(f"{name}={value}" for name, value in statistic.parameters.items())
    yield (Span(f"  {statistic.name}", "strong"), Span(f"  {statistic.title}"))
    yield ()
    for title, text in (
        ("family", statistic.family),
        ("formula", statistic.formula),
        ("null", statistic.null_text),
        ("sees", statistic.sees),
        ("blind to", statistic.blind),
        ("parameters", parameters or "none"),
        ("smallest n", str(statistic.n_min)),
        ("reference", statistic.reference),
    ):
        yield from paragraph(title, "dim", text, width)
