"""Tables of the power over the zoo, from the records of ``bench_power.py``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from zoo_draws import ZOO

from gausscheck.battery import battery
from gausscheck.catalogue import statistics as catalogue

Record = dict[str, Any]

AUDIT = "gausscheck"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _share(value: float) -> str:
    return "." if value == 0 else f"{value:.2f}"


def power(records: Sequence[Record]) -> list[str]:
    """Defects by tests; the best of a row in bold. Noise without fault last: its shares are false alarms."""
    tests = list(records[0]["tests"])
    rows = []
    for record in sorted(records, key=lambda r: not ZOO[r["defect"]].fault):
        defect = ZOO[record["defect"]]
        best = max(record["tests"].values())
        cells = [
            f"**{_share(value)}**" if defect.fault and value == best > 0 else _share(value)
            for value in (record["tests"][test] for test in tests)
        ]
        rows.append([f"`{defect.name}` {defect.title}", *cells])
    return _table(["defect", *tests], rows)


def statistics(records: Sequence[Record]) -> list[str]:
    """Defects by statistics of the battery, each at its share of the level; blank where it was not asked."""
    names = [name for name in catalogue if any(name in r["statistics"] for r in records)]
    rows = []
    for record in sorted(records, key=lambda r: not ZOO[r["defect"]].fault):
        found = [record["statistics"].get(name, math.nan) for name in names]
        rows.append([f"`{record['defect']}`", *("" if math.isnan(v) else _share(v) for v in found)])
    return _table(["defect", *(f"`{name}`" for name in names)], rows)


def behind(records: Sequence[Record]) -> list[str]:
    """Defects that another test sees more often than the audit, with the sampling error of the difference."""
    lines = []
    for record in records:
        if not ZOO[record["defect"]].fault:
            continue
        tests = dict(record["tests"])
        ours = tests.pop(AUDIT)
        best = max(tests, key=tests.__getitem__)
        if tests[best] > ours:
            error = math.sqrt((ours * (1 - ours) + tests[best] * (1 - tests[best])) / record["draws"])
            lines.append(
                f"n={record['n']} {record['defect']}: {AUDIT} {ours:.2f}, {best} {tests[best]:.2f}"
                f" (standard error of the difference {error:.2f})"
            )
    return lines


def missing_hints(records: Sequence[Record]) -> list[str]:
    """Defects that fail more often than their expected hint is given, and hints given to clean noise."""
    return [
        f"n={r['n']} {r['defect']}: fails {r['tests'][AUDIT]:.2f}, "
        f"{ZOO[r['defect']].hint!r} in {r['hint']:.2f}"
        + (f"; given: {' / '.join(r['hints'])}" if r["hints"] else "")
        for r in records
        if (ZOO[r["defect"]].hint and r["hint"] < r["tests"][AUDIT])
        or (not ZOO[r["defect"]].fault and r["hints"])
    ]


def sizes() -> list[str]:
    """Where the standard battery catches each defect."""
    rows = []
    for defect in ZOO.values():
        if defect.fault:
            at = f"{defect.detect_at:,d}" if defect.detect_at else "never"
            seen = ", ".join(f"`{name}`" for name in defect.statistics) or "nothing"
            rows.append([f"`{defect.name}`", at, defect.story, defect.source, seen])
    table = _table(["defect", "caught at (values)", "story", "source", "seen by"], rows)
    table[1] = "| --- | --: | --- | --- | --- |"
    return table


def uncaught() -> list[str]:
    """What nothing catches, and from where on the cut of a generator could be seen."""
    never = [
        f"`{defect.name}` ({defect.title})"
        for defect in ZOO.values()
        if defect.fault and not defect.detect_at
    ]
    lines = ["Up to 16,777,216 values nothing sees " + "; ".join(never) + ".", ""]
    probes = [p for p in battery("standard").probes if p.definition.family != "validity"]
    level = 1e-6 / (2 * sum(p.weight for p in probes))
    rows = []
    for bits in (8, 11, 16, 24, 32, 33, 53):
        limit = math.sqrt(2 * bits * math.log(2))
        tail = math.erfc(limit / math.sqrt(2))
        rows.append([str(bits), f"{limit:.3f}", f"{math.log(level) / math.log1p(-tail):.1e}"])
    table = _table(["bits of the uniforms", "largest value", "values until `max_abs` fails it"], rows)
    table[1] = "| --: | --: | --: |"
    lines += [
        "Box-Muller cannot exceed √(2 b ln 2) with uniforms of b bits. Noise, too, may have no larger value;",
        "until its chance falls below the test's share of alpha 1e-6, the cut is no evidence. One of 24",
        "bits (PyTorch on the CPU, float32) needs billions of values, one of 33 bits (cuRAND) more than any",
        "audit has.",
        "",
        *table,
    ]
    return lines


def page(records: Sequence[Record]) -> str:
    """The whole page of the documentation."""
    lines = [
        "# What is caught, and from which size on",
        "",
        "Written by `python tests/benchmarks/bench_power.py --docs LOG` from measured records; not by hand.",
        "",
        "## Detection sizes",
        "",
        "Number of values, on a ladder of powers of two, at which the standard battery fails the defect at",
        "alpha 1e-6 in nine of ten draws (`tests/benchmarks/zoo_sizes.py`).",
        "",
        *sizes(),
        "",
        "## What nothing catches",
        "",
        *uncaught(),
    ]
    for n in sorted({r["n"] for r in records}):
        part = [r for r in records if r["n"] == n]
        draws = part[0]["draws"]
        lines += [
            "",
            f"## Power at {n:,d} values",
            "",
            f"Share of {draws} draws rejected at alpha 1e-3 ('.' for none); its standard error is at most",
            f"{0.5 / math.sqrt(draws):.2f}.",
            "",
            *power(part),
            "",
            f"### By statistic at {n:,d} values",
            "",
            "Each statistic at 1e-3 over the number of findings.",
            "",
            *statistics(part),
        ]
    return "\n".join(lines) + "\n"
