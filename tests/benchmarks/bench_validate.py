"""The smallest doubling at which a validation catches each bad generator, and what good ones cost.

    python tests/benchmarks/bench_validate.py > data/calibration/validate.txt    # ten minutes on one core
    python tests/benchmarks/bench_validate.py --only variance_1e3 numpy:PCG64 --n 2**24
    python tests/benchmarks/bench_validate.py --docs data/calibration/validate.txt   # into docs/validate.md

Bad generators are those of ``data/zoo/streams.py``, each with the number of values at which its claim
expects it to be seen; they run until they are caught, or to `--n` values of each stream. Good ones run to
`--good-n`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "data"))

from zoo.streams import CLAIMS, Claim  # noqa: E402 - the folder is put on the path above

import gausscheck as gc  # noqa: E402

GOOD = ("numpy:PCG64", "numpy:MT19937", "numpy:SFC64", "numpy:Philox", "torch:cpu:float32")
MARK = "record "
PAGE = ROOT / "docs" / "validate.md"
BEGIN, END = "<!-- begin: bench_validate.py -->", "<!-- end -->"
REPEATS = CLAIMS["period_2_20"].reason
Record = dict[str, Any]


def measure(name: str, *, n: int, seed: int, budget: float) -> Record:
    """Validate one generator; `n` counts values of each stream."""
    claim = CLAIMS.get(name)
    source = f"zoo.streams:{name}" if claim else name
    streams = claim.streams if claim else 1
    result = gc.validate(source, n=n * streams, streams=streams, seed=seed, budget=budget)
    rejected = [c for c in result.confirmations if c.verdict == "fail"]
    decided = (rejected or [k for k in result.looks if k.verdict == "fail"] or [None])[-1]
    return {
        "name": name,
        "streams": streams,
        "predicted": predicted(claim) if claim else None,
        "claimed": list(claim.statistics) if claim else [],
        "reason": claim.reason if claim else "",
        "n": result.n,
        "caught_at": result.caught_at,
        "statistic": decided.statistic if decided else "",
        "log10_p": decided.log10_p if decided else min(k.log10_p for k in result.looks),
        "stage": decided.stage if decided else 1,
        "confirmations": len(result.confirmations),
        "seconds": result.elapsed_s,
        "seed": seed,
        "budget": budget,
    }


def predicted(claim: Claim) -> float:
    """Values of all streams by which a claim expects a fault to be seen."""
    # What repeats from some value on takes one value more.
    return claim.streams * claim.values + (claim.reason == REPEATS)


def doubling(values: float, streams: int) -> int:
    """The first look that holds so many values."""
    first = 2**16 * streams
    return first * 2 ** max(0, math.ceil(math.log2(values / first)))


def table(records: list[Record]) -> list[str]:
    """Rows of a table in Markdown, bad generators first."""
    lines = [
        "| generator | streams | caught at | expected by | by | adjusted p | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in sorted(records, key=lambda r: not r["claimed"]):
        caught = power(r["caught_at"]) if r["caught_at"] else f"passes {r['n']:.3g}"
        expected = power(doubling(r["predicted"], r["streams"])) if r["predicted"] else ""
        stage = f"{r['statistic']}, fresh values" if r["stage"] == 2 else r["statistic"]
        p = f"1e{r['log10_p']:.0f}" if r["log10_p"] > -1e9 else "0"
        p = p if r["log10_p"] < -2 else f"{10 ** r['log10_p']:.2g}"
        lines.append(
            f"| `{r['name']}` | {r['streams']} | {caught} | {expected} | {stage} | {p} | {r['seconds']:.1f} |"
        )
    return lines


def power(n: int) -> str:
    """``2^20``, or the number itself."""
    return f"2^{n.bit_length() - 1}" if n & (n - 1) == 0 else f"{n:,}"


def surprises(records: list[Record]) -> list[str]:
    """What was caught later than expected, not at all, or by a test that is not claimed."""
    lines = []
    for r in records:
        name, caught = r["name"], r["caught_at"]
        if not r["claimed"]:
            if caught:
                lines.append(f"{name}: a good generator fails at {caught:,} values by {r['statistic']}")
            continue
        expected = doubling(r["predicted"], r["streams"])
        if caught is None and r["n"] >= expected:
            lines.append(f"{name}: not caught with {r['n']:,} values, expected by {expected:,}")
        if caught and caught > expected:
            lines.append(f"{name}: caught at {caught:,} values, expected by {expected:,}")
        if caught and r["statistic"].split()[0] not in r["claimed"]:
            lines.append(f"{name}: caught by {r['statistic']}, claimed are {', '.join(r['claimed'])}")
    return lines


def read(log: Path) -> list[Record]:
    """Records of a log; of one generator the last."""
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.startswith(MARK)]
    records = [json.loads(line.removeprefix(MARK)) for line in lines]
    return list({r["name"]: r for r in records}.values())


def page(text: str, records: list[Record]) -> str:
    """A page with its table replaced."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return "\n".join([head + BEGIN, "", *table(records), "", END]) + tail


def number(text: str) -> int:
    """``2**24``, ``1e8`` or plain."""
    base, power_sign, exponent = text.partition("**")
    return int(base) ** int(exponent) if power_sign else int(float(text))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=number, default=2**27, help="values of each stream of a bad generator")
    parser.add_argument("--good-n", type=number, default=10**8, help="values of a good generator")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these generators alone, good or bad")
    parser.add_argument("--budget", type=float, default=1e-6)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument(
        "--docs", type=Path, metavar="LOG", help="write the table of docs/validate.md from a log"
    )
    options = parser.parse_args()
    if options.docs is not None:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), read(options.docs)), encoding="utf-8")
        print(f"{PAGE} written")
        return
    records = []
    for name in options.only or (*CLAIMS, *GOOD):
        n = options.n if name in CLAIMS else options.good_n
        records.append(measure(name, n=n, seed=options.seed, budget=options.budget))
        print(MARK + json.dumps(records[-1]), flush=True)
    print("\n" + "\n".join(table(records)) + "\n")
    print("\n".join(surprises(records) or ["all as expected"]))


if __name__ == "__main__":
    main()
