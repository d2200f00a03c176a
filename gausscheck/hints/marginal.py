"""Shapes of the marginal law that have a cause."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from gausscheck.hints.evidence import Evidence, percent, plain
from gausscheck.hints.fields import Fields
from gausscheck.lattice import Lattice

__all__ = ["few_bits", "marginal"]

# Largest |x| that Box-Muller reaches with uniforms of so many bits.
_CUTS = {bits: math.sqrt(2 * bits * math.log(2)) for bits in (8, 11, 16, 23, 24)}
_ENDS = (-2.890625, 2.515625)  # quantiles of 128 equally likely levels, in bf16
_ATOM = 1e-3
# Scale that is left of N(0, 1) where the bits below the mantissa of bf16 are cut off instead of rounded.
_TRUNCATED = 0.997185


def marginal(seen: Evidence, fields: Fields) -> Iterator[str]:
    """Name the law, where it is not normal."""
    if seen.fails("kolmogorov", tail="lower") or seen.fails("anderson_darling", tail="lower"):
        yield (
            "the values follow the normal law too closely: stratified or quantile-spaced values, or "
            "noise that was optimised against such a distance"
        )
    lawless = any(f.family in ("marginal", "moments") for f in seen.failed)
    tied = seen.fails("duplicates", unit="value")
    if not lawless and not seen.fails("duplicates"):
        return
    if seen.few_levels and seen.copies is None:
        yield from _levels(seen)
        return
    bits = None if seen.few_draws else next(few_bits(seen), None)
    if bits is not None and not fields.structured:
        yield bits
        return
    if seen.zeros:
        whole = seen.fails("duplicates", unit="block") or seen.fails("duplicates", unit="row")
        kind = ", in whole stretches: padding, a mask, a one-hot label glued on, or NaN set to 0"
        scattered = ": dropout, a mask, padding, or NaN set to 0"
        yield f"{percent(seen.zeros)} of the values are exactly 0{kind if whole else scattered}"
        return
    if not lawless and not tied:
        return
    if lawless and seen.n > 60 and _one_sided(seen):
        # Half a normal law has a mean of 0.798 root mean squares and a skewness of 0.995.
        square = seen.mean**2 + seen.spread**2
        half = abs(seen.mean) < 0.85 * math.sqrt(square) and abs(abs(seen.skewness) - 0.995) < 0.3
        if half:
            yield "no value is negative: |x| instead of x, or a generator that lost the sign"
        else:
            yield "no value is negative, nor half of a normal law: not noise around 0"
        return
    if lawless and (share := _negative(seen)) < 0.01:
        yield (
            f"only {percent(share)} of the values are negative: a generator that lost the sign but in its "
            "tails (a ziggurat whose layers return |x|)"
        )
        return
    if fields.structured or fields.own_means or seen.few_draws or seen.drift or seen.odd_sample is not None:
        # Of the law of a generator one may speak where values are independent draws from it.
        return
    for rule in (_bounded, _outliers, _skewed, _heavy, _shrunk):
        line = next(rule(seen), None)
        if line is not None:
            yield line
            return


def _one_sided(seen: Evidence) -> bool:
    return seen.low >= 0 or seen.high <= 0


def _negative(seen: Evidence) -> float:
    """Share of negative values, or of positive ones if that is less; 1/2 if unknown."""
    values, counts = seen.cells
    if counts.sum() == 0:
        return 0.5
    # A shift by the bulk of the values loses signs too, and keeps the normal shape.
    share = float(counts[np.signbit(values)].sum() / counts.sum())
    return 0.5 if seen.normal_shape else min(share, 1 - share)


def _levels(seen: Evidence) -> Iterator[str]:
    distinct = seen.few_levels
    ends = f"from {plain(seen.low)} to {plain(seen.high)}"
    narrow = next((name for name in ("fp8_e4m3", "fp8_e5m2") if _on(seen, name)), None)
    if narrow is not None:
        yield (
            f"only {distinct} different values, {ends}, all on the {narrow} lattice: noise rounded to it "
            "and stored wider; lattice='auto' allows for that"
        )
        return
    step = _grid(seen)
    if step > 0:
        yield (
            f"some {distinct} different values, {ends}, on an even grid of step {plain(step)}: the tensor "
            "went through integers (uint8 or int8 storage, 8-bit quantisation)"
        )
        return
    if _generated_in_bf16(seen):
        yield (
            f"only {distinct} different values, {ends}, about equally likely and on the bf16 lattice: a "
            "generator that computed in bf16, not noise rounded to it"
        )
        return
    zeros = seen.heap(0.0)
    beside = f"; {percent(zeros)} are exactly 0" if zeros else ""
    yield (
        f"only {distinct} different values, {ends}{beside}: labels, masks, a small pool of values, or a "
        "generator of very few bits"
    )


def _grid(seen: Evidence) -> float:
    """Step of the even grid that the values kept lie on, of them a fraction may be missing; 0 without one."""
    sketch = seen.sketch
    if seen.lattice is not None:
        # Of the 16-bit formats fp16 alone is finer than a grid of 8 bits.
        values, thinned, loose = np.unique(seen.cells[0] * seen.scale), 0, 0.06
        if seen.lattice != "fp16":
            return 0.0
    elif sketch is not None:
        values, thinned, loose = sketch.values, sketch.halvings, 0.01
    else:
        return 0.0
    if values.size < 5:
        return 0.0
    steps = np.diff(values)
    if not np.quantile(steps, 0.1) > 0:
        return 0.0
    for part in range(1, 1 + min(2**thinned, 8)):
        multiple = np.rint(steps * (part / float(np.quantile(steps, 0.1))))
        step = float(steps.sum() / max(multiple.sum(), 1.0))
        if multiple.min() > 0 and np.all(np.abs(steps / step - multiple) < loose):
            return step
    return 0.0


def _generated_in_bf16(seen: Evidence) -> bool:
    return _on(seen, "bf16") and abs(seen.low - _ENDS[0]) < 0.02 and abs(seen.high - _ENDS[1]) < 0.02


def _on(seen: Evidence, name: str) -> bool:
    """Whether the values of a narrow format, or rounded to one, lie on this lattice too."""
    return seen.lattice is not None and Lattice(name).contains(seen.cells[0] * seen.scale)


def _bounded(seen: Evidence) -> Iterator[str]:
    """Laws that end; the first that fits."""
    light = seen.kurtosis < -6 * seen.kurtosis_error and seen.fails("hermite", "moment", tail="lower")
    heaped = seen.fails("duplicates", unit="value")
    if not (seen.cut or light or heaped) or seen.spread == 0:
        return
    reach, kurtosis = seen.largest / seen.spread, seen.kurtosis
    ends = seen.heap(seen.high * seen.scale), seen.heap(seen.low * seen.scale)
    if abs(kurtosis + 1.2) < max(5 * seen.kurtosis_error, 0.05) and reach < 1.8:
        yield "excess kurtosis -1.2 and a sharp end at √3 standard deviations: uniform values"
    if max(ends) > 0:
        at = " and ".join(plain(v) for v, e in zip((seen.high, seen.low), ends, strict=True) if e)
        yield f"{percent(sum(ends))} of the values sit at {at} exactly: clipped (a clamp or clip_sample)"
    if seen.cut and kurtosis < -0.2 and reach < 3.5:
        yield (
            f"no value beyond {plain(seen.largest)}: truncated noise (truncation trick: values beyond are "
            "drawn again), or another bounded law"
        )
    error = seen.kurtosis_error
    if light and error < 0.025 and abs(kurtosis + 0.1) < 4 * error:
        yield "excess kurtosis -0.1 and light tails: a sum of 12 uniforms in place of normal values"
    if seen.cut:
        yield f"no value beyond {plain(seen.largest)}, too few for {seen.n:,d} values: the tails are cut"
    if light:
        yield f"excess kurtosis {plain(kurtosis)}: tails lighter than normal (a sum or mean of few uniforms)"


def few_bits(seen: Evidence) -> Iterator[str]:
    """Box-Muller on uniforms of few bits, told by where it ends or by how often values tie."""
    heaped = seen.fails("duplicates", unit="value")
    if not heaped and not (seen.cut and seen.fails("max_abs", "tail_count", "moment", tail="lower")):
        return
    few = next((b for b, cut in _CUTS.items() if _ends_at(seen, cut, heaped=heaped)), None)
    if few is not None:
        where = " in bf16" if few == 8 and _on(seen, "bf16") else ""
        yield (
            f"no value beyond {plain(seen.largest)}, just below √(2·{few}·ln 2) = {_CUTS[few]:.4g}: "
            f"Box-Muller with uniforms of {few} bits{where}"
        )


def _ends_at(seen: Evidence, cut: float, *, heaped: bool) -> bool:
    """Whether Box-Muller of so many bits explains where the values end."""
    if seen.heap(seen.high * seen.scale) or seen.heap(seen.low * seen.scale):
        return False
    if seen.largest > cut + 0.005 or abs(seen.spread - 1) > 0.03:
        return False
    # A few values of any law end somewhere: of 8 bits ties or the format must tell, too.
    told = heaped or cut > _CUTS[8] or _on(seen, "bf16")
    if seen.cut and told and seen.largest > cut - 0.12:
        return True
    # 2^b radii and 2^(b - 1) different cosines of 2^b angles.
    bits = cut**2 / (2 * math.log(2))
    return heaped and abs(math.log2(seen.choices) - (2 * bits - 1)) < 1


def _skewed(seen: Evidence) -> Iterator[str]:
    if abs(seen.skewness) > 5 * seen.skewness_error and seen.fails("hermite", "moment", order=3):
        yield (
            f"skewness {plain(seen.skewness)}: noise that has passed a non-linearity, such as an activation "
            "or a decoder and an encoder"
        )


def _outliers(seen: Evidence) -> Iterator[str]:
    if not seen.fails("max_abs", "tail_count", "moment", tail="upper") or seen.spread == 0:
        return
    reach = seen.largest / seen.spread
    if reach > 1e60:  # so far only where the power sums have left the range of doubles
        return
    alone = reach**4 / seen.n
    error = max(5 * seen.kurtosis_error, 0.05)
    if alone > 0 and seen.kurtosis - alone < error and seen.kurtosis - 2 * alone < 0.5 * error:
        chance = -math.expm1(seen.log_none_beyond(reach))
        if chance < 1e-6:
            yield (
                f"single values far outside, up to {plain(seen.largest)}, and a normal rest: an infinity "
                "that was clamped (Box-Muller of 0), or broken values"
            )


def _heavy(seen: Evidence) -> Iterator[str]:
    if not seen.fails("hermite", "moment", "tail_count", "max_abs", tail="upper") or seen.spread == 0:
        return
    body, expected_body = seen.tail(3.0, 3.4)
    far, expected_far = seen.tail(3.75)
    calm = abs(body - expected_body) < 0.1 * expected_body + 3 * math.sqrt(expected_body)
    # Beyond its start the wrong tail falls as the right one does.
    steep = seen.tail(4.75)[0] < 0.1 * far
    if calm and steep and far > 5 * expected_far + 6 * math.sqrt(expected_far) + 3:
        yield (
            "as many values as should be up to 3.4, and far too many beyond: the tail of the generator is "
            "wrong (a ziggurat with its tail on the wrong layer)"
        )
        return
    if seen.kurtosis < max(4 * seen.kurtosis_error, 0.02):
        return
    middle, expected_middle = seen.tail(0.0, 0.25, unit=seen.spread)
    if middle > 1.35 * expected_middle and 1.5 < seen.kurtosis < 5:
        yield f"excess kurtosis {plain(seen.kurtosis)} and a peak in the middle: Laplace, not normal values"
        return
    degrees = 4 + 6 / seen.kurtosis
    yield (
        f"excess kurtosis {plain(seen.kurtosis)}: tails heavier than normal (Student t of some {degrees:.0f} "
        "degrees of freedom, values of different scales together, or a few outliers)"
    )


def _shrunk(seen: Evidence) -> Iterator[str]:
    """Bits cut off instead of rounded: every value a little nearer to 0."""
    error = 1 / math.sqrt(2 * seen.n)
    if seen.lattice == "bf16" and 0.0015 > 4 * error > abs(seen.spread - _TRUNCATED):
        yield (
            f"values on the bf16 lattice with {plain(seen.spread)} of their scale: float32 cut to bf16 "
            "without rounding"
        )
