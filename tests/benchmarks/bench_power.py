"""Power over the zoo, next to the tests that people reach for.

    python tests/benchmarks/bench_power.py > data/calibration/zoo_power.txt        # hours; --draws --n --only
    python tests/benchmarks/bench_power.py --docs data/calibration/zoo_power.txt   # docs/zoo.md from a log
    python tests/benchmarks/bench_power.py --quick                                 # a smoke test

Share of draws that are rejected at 1e-3 by ``gausscheck.audit`` with the standard battery, and on the same
values by ``scipy.stats.normaltest``, ``kstest`` against N(0, 1), ``anderson`` (mean and scale estimated, p
by D'Agostino and Stephens) and the test of Ljung and Box with 10 and 64 lags. The latter gives what
``statsmodels.stats.diagnostic.acorr_ljungbox`` gives, computed by one transform: that function takes 7 s for
262,144 values. Each statistic of the audit is also judged alone, at 1e-3 over the number of findings.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from zoo_draws import Defect, chosen, draw
from zoo_tables import AUDIT, Record, behind, missing_hints, page, power, statistics

import gausscheck as gc

ALPHA = 1e-3
SIZES = (2**14, 2**18)
MARK = "record "


def ljung_box(x: NDArray[np.float64], lags: tuple[int, ...]) -> list[float]:
    """p-values of the portmanteau test over lags up to each of `lags`, mean removed."""
    from scipy.fft import irfft, next_fast_len, rfft
    from scipy.stats import chi2

    n, most = x.size, max(lags)
    padded = next_fast_len(n + most, real=True)
    products = irfft(np.abs(rfft(x - x.mean(), padded)) ** 2, padded)[: most + 1]
    lag = np.arange(1, most + 1)
    terms = n * (n + 2) * np.cumsum((products[1:] / products[0]) ** 2 / (n - lag))
    return [float(chi2.sf(terms[k - 1], k)) for k in lags]


def anderson_p(x: NDArray[np.float64]) -> float:
    """p-value of the Anderson-Darling test with estimated mean and scale (D'Agostino and Stephens 1986)."""
    from scipy.stats import anderson

    statistic = float(anderson(x, "norm", method="interpolate").statistic)
    a = statistic * (1 + 0.75 / x.size + 2.25 / x.size**2)
    if a >= 0.6:
        # The parabola turns at 153; the test rejects at any level long before.
        return float(np.exp(1.2937 - 5.709 * min(a, 100.0) + 0.0186 * min(a, 100.0) ** 2))
    return 1.0  # above 0.1: what does not reject at any level asked here needs no table


def peers(x: NDArray[np.float32]) -> dict[str, float]:
    """p-values of the other tests, on the values in stored order."""
    from scipy.stats import kstest, normaltest

    flat = x.reshape(-1).astype(np.float64)
    ten, many = ljung_box(flat, (10, 64))
    return {
        "normaltest": float(normaltest(flat).pvalue),
        "kstest": float(kstest(flat, "norm").pvalue),
        "anderson": anderson_p(flat),
        "ljungbox 10": ten,
        "ljungbox 64": many,
    }


def measure(defect: Defect, n: int, draws: int) -> Record:
    """Shares of rejections of one defect."""
    tests: Counter[str] = Counter()
    by_statistic: Counter[str] = Counter()
    by_finding: Counter[str] = Counter()
    given: Counter[str] = Counter()
    expected = 0
    for number in range(draws):
        x = draw(defect, n, number)
        report = gc.audit(x, alpha=ALPHA)
        tests[AUDIT] += report.verdict == "fail"
        for name, p in peers(x).items():
            tests[name] += p < ALPHA
        level = np.log10(ALPHA / len(report.findings))
        seen: dict[str, bool] = {}
        for f in report.findings:
            hit = f.log10_p < level
            by_finding[f"{f.label} [{f.scope}]"] += hit
            seen[f.statistic] = seen.get(f.statistic, False) or hit
        by_statistic.update({name: int(hit) for name, hit in seen.items()})
        lines = report.tensors[0].hints
        given.update(lines[:1])
        expected += defect.hint is not None and any(defect.hint in line for line in lines)
    return {
        "n": n,
        "shape": defect.shape(n),
        "defect": defect.name,
        "draws": draws,
        "tests": {name: count / draws for name, count in tests.items()},
        "statistics": {name: count / draws for name, count in by_statistic.items()},
        "findings": {name: count / draws for name, count in by_finding.items() if count},
        "hint": expected / draws,
        "hints": [line for line, _ in given.most_common(2)],
    }


def read(log: Path) -> list[Record]:
    """Records of a log; of one defect and size the last."""
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.startswith(MARK)]
    records = [json.loads(line.removeprefix(MARK)) for line in lines]
    return list({(r["n"], r["defect"]): r for r in records}.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=50)
    parser.add_argument("--n", type=int, nargs="+", default=SIZES, help="numbers of values, powers of two")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these defects alone")
    parser.add_argument("--quick", action="store_true", help="two draws of four defects")
    parser.add_argument("--docs", type=Path, metavar="LOG", help="write docs/zoo.md from a log")
    options = parser.parse_args()
    if options.docs is not None:
        target = Path(__file__).parents[2] / "docs" / "zoo.md"
        target.write_text(page(read(options.docs)), encoding="utf-8")
        print(f"{target} written")
        return
    names, draws, sizes = options.only, options.draws, options.n
    if options.quick:
        names, draws, sizes = ["scale_flux", "sorted", "t30_unit", "clean"], 2, (2**12,)
    for n in sizes:
        records = []
        for defect in chosen(names):
            records.append(measure(defect, n, draws))
            print(MARK + json.dumps(records[-1]), flush=True)
        print(f"\n{n} values, share of {draws} draws rejected at {ALPHA:g}\n")
        print("\n".join(power(records)))
        print(f"\nby statistic, at {ALPHA:g} over the number of findings\n")
        print("\n".join(statistics(records)))
        for title, lines in (
            ("another test sees more:", behind(records)),
            ("expected hints that were not given, hints to clean noise:", missing_hints(records)),
        ):
            print(f"\n{title}")
            print("\n".join(lines or ["none"]), flush=True)


if __name__ == "__main__":
    main()
