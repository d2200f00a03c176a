"""From which number of values on the standard battery catches each defect of the zoo.

    python tests/benchmarks/zoo_sizes.py --write        # all, some 20 minutes; writes data/zoo/detect_at.json
    python tests/benchmarks/zoo_sizes.py --only wave    # some

The ladder goes from 1,024 to 2**24 in powers of two. A size counts where at least nine of ten draws fail at
alpha 1e-6; ladders end there, and each size ends with the second draw that does not fail.
"""

from __future__ import annotations

import argparse
import json
import time

from zoo_draws import ZOO, Defect, chosen, draw

import gausscheck as gc

ALPHA = 1e-6
DRAWS, ENOUGH = 10, 9
LEAST, MOST = 10, 24


def caught(defect: Defect, n: int) -> bool:
    """Whether enough draws of this size fail."""
    missed = 0
    for number in range(DRAWS):
        missed += gc.audit(draw(defect, n, number), alpha=ALPHA).verdict != "fail"
        if missed > DRAWS - ENOUGH:
            return False
    return True


def size(defect: Defect, most: int) -> int | None:
    """Least number of values at which it is caught."""
    return next((2**k for k in range(LEAST, most + 1) if caught(defect, 2**k)), None)


def write(found: dict[str, int | None]) -> None:
    """Put what was found into the file, beside what it held of other recipes."""
    from zoo.defect import SIZES

    kept = json.loads(SIZES.read_text(encoding="utf-8"))["detect_at"] if SIZES.exists() else {}
    kept |= found
    record = {
        "made_by": "tests/benchmarks/zoo_sizes.py --write",
        "battery": "standard",
        "alpha": ALPHA,
        "draws": DRAWS,
        "enough": ENOUGH,
        "ladder": [2**LEAST, 2**MOST],
        "detect_at": {name: kept[name] for name in ZOO if name in kept},
    }
    SIZES.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these defects alone")
    parser.add_argument("--most", type=int, default=MOST, help="end the ladder at 2 to this power")
    parser.add_argument("--write", action="store_true", help="into data/zoo/detect_at.json")
    options = parser.parse_args()
    if options.write and options.most != MOST:
        parser.error("--write needs the whole ladder")
    found = {}
    for defect in chosen(options.only):
        start = time.perf_counter()
        found[defect.name] = size(defect, options.most)
        print(
            f"{defect.name:<24} {found[defect.name] or 'never':>10}   {time.perf_counter() - start:6.1f} s",
            flush=True,
        )
        if options.write:
            write(found)


if __name__ == "__main__":
    main()
