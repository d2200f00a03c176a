"""``gausscheck list``: the statistics, the batteries and the generators."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import click

from gausscheck_cli.guard import debug_option

if TYPE_CHECKING:
    from gausscheck.battery import Battery, Probe
    from gausscheck.text import Line

__all__ = ["list_"]


@click.command("list")
@debug_option
def list_() -> None:
    """List statistics, batteries with their probes and costs, and generators known by name."""
    from gausscheck_cli.terminal import emit_lines

    emit_lines(_lines())


def _lines() -> Iterator[Line]:
    from gausscheck import statistics
    from gausscheck.battery import BATTERIES, battery
    from gausscheck.sources.generators import GENERATORS
    from gausscheck.text import Span, table

    yield (Span("Statistics", "strong"), Span("  (gausscheck explain NAME)", "dim"))
    rows = [(s.name, s.family, s.title) for s in statistics.values()]
    yield from _indented(table(("name", "family", "what it is"), rows))
    for name in BATTERIES:
        yield ()
        yield from _battery(battery(name))
    yield ()
    yield (Span("Generators", "strong"), Span("  (gausscheck validate NAME)", "dim"))
    yield from _indented(table(("name", "what it is"), list(GENERATORS.items())))


def _battery(battery: Battery) -> Iterator[Line]:
    from gausscheck.text import Span, table

    cost = sum(probe.cost for probe in battery.probes)
    yield (
        Span(f"Battery {battery.name}", "strong"),
        Span(f"  {battery.purpose}; about {cost:.3g} ns a value", "dim"),
    )
    rows = []
    # The same question of all values and of the worst sample is one line.
    for key, group in groupby(battery.probes, key=lambda p: (_label(p), p.view, p.purpose)):
        label, view, purpose = key
        probes = list(group)
        price = sum(p.cost for p in probes)
        scopes = ", ".join(p.scope for p in probes)
        rows.append((label, view, scopes, f"{price:.3g}" if price else "", purpose))
    yield from _indented(table(("probe", "view", "scope", "ns/value", "for"), rows, right=(3,)))


def _label(probe: Probe) -> str:
    given = (probe.parameters.get(name) for name in ("order", "bins", "unit"))
    return " ".join([probe.statistic, *(str(value) for value in given if value is not None)])


def _indented(lines: Iterator[Line]) -> Iterator[Line]:
    from gausscheck.text import Span

    return ((Span("  "), *line) for line in lines)
