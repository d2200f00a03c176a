"""Shapes of the marginal law that have a cause."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gausscheck.hints.evidence import Evidence

__all__ = ["marginal"]

# Largest |x| that Box-Muller reaches with uniforms of so many bits.
_CUTS = {8: 3.330, 11: 3.905, 16: 4.709, 24: 5.768}


def marginal(seen: Evidence) -> Iterator[str]:
    """Name the law, where it is not normal."""
    if seen.fails("kolmogorov", tail="lower") or seen.fails("anderson_darling", tail="lower"):
        yield (
            "the values follow the normal law too closely: stratified or quantile-spaced values, or "
            "noise that was optimised against such a distance"
        )
    zero = seen.share(0.0)
    zeros = zero * seen.n > 20 and zero > 1e-3
    if zeros and any(f.family in ("marginal", "moments") for f in seen.failed):
        yield f"{100 * zero:.2g} % of the values are exactly 0: dropout, masks, padding, or NaN set to 0"
    if seen.low >= 0 and seen.n > 60:
        yield "no value is negative: |x| instead of x, or a generator that lost the sign"
        return
    if seen.structured:
        # Of the law of a generator one may speak where values are independent draws from it.
        return
    yield from _bounded(seen)
    tail = seen.first("tail_count", tail="upper")
    heavy = seen.fails("hermite", tail="upper", order=4)
    if tail is not None and not heavy and tail.where.get("threshold", 0) >= 3:
        yield (
            f"too many values beyond {tail.where['threshold']:.3g} and a normal middle: the tail of the "
            "generator is wrong (a ziggurat with its tail on the wrong layer)"
        )
    elif heavy and not zeros and seen.kurtosis > 0.3:
        name = "Laplace" if 2 < seen.kurtosis < 4 else "Student t, mixed scales, or a few outliers"
        yield f"excess kurtosis {seen.kurtosis:.3g}: tails heavier than normal ({name})"


def _bounded(seen: Evidence) -> Iterator[str]:
    cut = seen.fails("max_abs", tail="lower") or seen.fails("tail_count", tail="lower")
    light = seen.fails("hermite", tail="lower", order=4)
    if not (cut or light):
        return
    largest = max(-seen.low, seen.high)
    spread = seen.spread
    if not (spread > 0 and math.isfinite(largest)):
        return
    reach = largest / spread
    ends = seen.share(seen.high * seen.scale) + seen.share(seen.low * seen.scale)
    if abs(seen.kurtosis + 1.2) < 0.1 and reach < 1.8:
        yield "excess kurtosis -1.2 and a sharp end at √3 standard deviations: uniform values"
    elif abs(seen.kurtosis + 0.1) < 0.04 and cut:
        yield "excess kurtosis -0.1 and light tails: a sum of 12 uniforms"
    elif ends * seen.n > 20 and ends > 1e-3:
        yield f"{100 * ends:.2g} % of the values sit at the ends, {seen.low:.4g} and {seen.high:.4g}: clipped"
    elif seen.kurtosis < -0.2 and largest < 3.0:
        bf16 = seen.lattice == "bf16" and abs(largest - 2.9) < 0.15
        yield (
            "values end near 2.9 and lie on the bf16 lattice: a generator that computed in bf16"
            if bf16
            else f"no value beyond {largest:.3g}: truncated noise (truncation trick), or a bounded law"
        )
    elif cut:
        bits = next((b for b, limit in _CUTS.items() if limit - 0.12 < largest <= limit + 0.005), None)
        if bits is not None:
            yield (
                f"no value beyond {largest:.4g}, near √(2·{bits}·ln 2) = {_CUTS[bits]:.4g}: Box-Muller with "
                f"uniforms of {bits} bits" + (" (computed in bf16)" if bits == 8 else "")
            )
        else:
            yield f"no value beyond {largest:.4g}, too few for {seen.n:,d} values: a cut tail"
