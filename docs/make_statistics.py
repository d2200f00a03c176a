"""Write docs/statistics.md from the catalogue: ``python docs/make_statistics.py``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gausscheck.battery import BATTERIES, Battery
from gausscheck.catalogue import Statistic, statistics

PAGE = Path(__file__).with_name("statistics.md")

_HEAD = """\
# Statistics

Made by `docs/make_statistics.py` from the catalogue (`gausscheck/catalogue/`); a test holds it current.

Under H0 all values are iid N(0, 1), or N(0, S²) with S given, rounded to the lattice of their storage format.
Every p-value is two-sided and equal-tailed: twice the smaller of the two tails, at most 1. The worst of B
samples has 1 - (1 - p)^B.
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for family in dict.fromkeys(s.family for s in statistics.values()):
        parts.append(f"## Family `{family}`\n")
        parts += ["\n".join(_statistic(s)) for s in statistics.values() if s.family == family]
    parts.append("## Batteries\n")
    parts += ["\n".join(_battery(b)) for b in BATTERIES.values()]
    return "\n".join(parts)


def _statistic(s: Statistic) -> Iterator[str]:
    yield f"### {s.title} (`{s.name}`)\n"
    yield "```text"
    yield from _wrapped(s.formula)
    yield "```\n"
    if s.parameters:
        yield "* Parameters: " + ", ".join(f"`{name}={value!r}`" for name, value in s.parameters.items())
    yield f"* Null: {_plain(s.null_text)}"
    yield f"* Sees: {_plain(s.sees)}"
    yield f"* Blind to: {_plain(s.blind)}"
    yield f"* Smallest number of values{' in a sample' if s.of_samples else ''}: {s.smallest()}"
    yield f"* Source: {_plain(s.reference)}\n"


def _battery(b: Battery) -> Iterator[str]:
    yield f"### `{b.name}`: {b.purpose}\n"
    yield "| statistic | parameters | scopes | purpose |"
    yield "|---|---|---|---|"
    rows: dict[tuple[str, str, str], list[str]] = {}
    for probe in b.probes:
        given = {**probe.definition.parameters, **probe.parameters}
        text = ", ".join(f"{k}={v}" for k, v in given.items() if k not in ("block", "mu"))
        text = text.replace("permutations=None", "stored order")
        rows.setdefault((probe.statistic, text, probe.purpose), []).append(probe.scope)
    for (name, text, purpose), scopes in rows.items():
        yield f"| `{name}` | {text} | {', '.join(scopes)} | {purpose} |"
    yield ""


def _plain(text: str) -> str:
    """Text whose signs Markdown would take for markup, escaped."""
    return text.replace("_", r"\_").replace("*", r"\*").replace("|", r"\|")


def _wrapped(text: str, width: int = 100) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and len(line) + len(word) >= width:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    yield line


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
