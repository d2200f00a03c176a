"""Bad generators as endless streams: each is a source for ``gausscheck validate zoo.streams:NAME``.

Every recipe is a generator function of a seed that yields float32 blocks (one yields bfloat16). `CLAIMS` says
of each what should name it, and from how many values on. Neighbouring seeds are neighbouring workers: the
recipes from `identical_workers` on are sound one by one, and fail side by side.

The sound part is NumPy's own normal generator; every recipe gives 2e7 values a second or more on one core.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.arrays import Values
from zoo.generators import _EXCESS, _R128, tail_values
from zoo.tools import _CENTRE, _TAIL, inverse_normal, rounded

__all__ = ["CLAIMS", "Claim"]

Block = NDArray[np.float32]
Stream = Callable[[int], Iterator[Any]]

_BLOCK = 2**16  # values of a block: fits into the caches, and into the first look
_SHIFT = 1002  # no multiple of 64
_PLACES = 1024
_LEHMER = 0xF1357AEA2E62A9C5  # multiplier modulo 2**64, Steele and Vigna 2022, Softw. Pract. Exper. 52(2)
_COMMON = 20_250_000  # seed of what all workers share


def _rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


def _normal(rng: np.random.Generator, count: int = _BLOCK) -> Block:
    return rng.standard_normal(count, dtype=np.float32)


# Marginals


@cache
def _circle(bits: int) -> tuple[Block, Block]:
    """Radius of every uniform 1 - k / 2**bits, and cosine and sine, one after another, of every angle."""
    k = np.ldexp(np.arange(2**bits), -bits)
    angle = 2.0 * np.pi * k
    return (
        np.sqrt(-2.0 * np.log(1.0 - k)).astype(np.float32),
        np.concatenate((np.cos(angle), np.sin(angle))).astype(np.float32),
    )


def box_muller(seed: int, *, bits: int) -> Iterator[Block]:
    """Box-Muller of uniforms of `bits` bits (at most 16): no value beyond sqrt(2 bits ln 2)."""
    rng = _rng(seed)
    radius, circle = _circle(bits)
    while True:
        u, v = rng.integers(0, 2**bits, (2, _BLOCK // 2), dtype=np.uint16)
        r = radius.take(u)
        yield np.concatenate((r * circle.take(v), r * circle[2**bits :].take(v)))


def box_muller_24(seed: int) -> Iterator[Block]:
    """Box-Muller of 24-bit uniforms in float32, as torch has it on the CPU: no value beyond 5.77."""
    rng = _rng(seed)
    step, turn = np.float32(2.0**-24), np.float32(2.0 * np.pi * 2.0**-24)
    while True:
        k = rng.integers(0, 2**24, (2, _BLOCK // 2), dtype=np.uint32).astype(np.float32)
        r = np.sqrt(np.float32(-2.0) * np.log(np.float32(1.0) - k[0] * step))
        angle = k[1] * turn
        yield np.concatenate((r * np.cos(angle), r * np.sin(angle)))


@cache
def _bf16_pairs() -> Block:
    """Box-Muller of every pair of 8-bit uniforms, each step rounded to bfloat16: cosines, then sines."""
    k = np.arange(256) / 256.0
    radius = rounded(np.sqrt(rounded(-2.0 * rounded(np.log(1.0 - k), "bf16"), "bf16")), "bf16")
    angle = rounded(2.0 * np.pi * k, "bf16")
    parts = [rounded(np.outer(radius, rounded(f(angle), "bf16")), "bf16") for f in (np.cos, np.sin)]
    return np.concatenate([part.reshape(-1) for part in parts]).astype(np.float32)


def bf16_made(seed: int) -> Iterator[Block]:
    """Box-Muller in bfloat16 from the uniforms on: every pair of values is one of 65,536."""
    rng = _rng(seed)
    pairs = _bf16_pairs()
    while True:
        k = rng.integers(0, 2**16, _BLOCK // 2, dtype=np.uint16)
        yield np.concatenate((pairs.take(k), pairs[2**16 :].take(k)))


def bf16_made_and_stored(seed: int) -> Iterator[Values]:
    """The values of `bf16_made`, stored in bfloat16."""
    for block in bf16_made(seed):
        yield Values((block.view(np.uint32) >> 16).astype(np.uint16), "bfloat16")


def inverse_23_bits(seed: int) -> Iterator[Block]:
    """Inverse error function of 23-bit uniforms in float32, as JAX has it: within -5.42 and 5.22."""
    rng = _rng(seed)
    low = np.nextafter(np.float32(-1.0), np.float32(0.0))
    while True:
        u = rng.integers(0, 2**23, _BLOCK, dtype=np.uint32).astype(np.float32) * np.float32(2.0**-22) + low
        w = -np.log1p(-u * u)
        p = np.polyval(np.float32(_CENTRE), w - np.float32(2.5))
        far = np.flatnonzero(w > 5.0)
        p[far] = np.polyval(np.float32(_TAIL), np.sqrt(w[far]) - np.float32(3.0))
        yield np.float32(math.sqrt(2.0)) * u * p


def uniform_sum(seed: int) -> Iterator[Block]:
    """The sum of twelve uniforms, less six: excess kurtosis -0.1."""
    rng = _rng(seed)
    while True:
        total = np.full(_BLOCK, -6.0)
        for _ in range(12):
            total += rng.random(_BLOCK, dtype=np.float32)
        yield total.astype(np.float32)


def ziggurat_tail(seed: int) -> Iterator[Block]:
    """Values beyond the last layer, 3.44, come 13.7 times too often."""
    rng = _rng(seed)
    beyond = math.erfc(_R128 / math.sqrt(2.0))
    rate = beyond * (_EXCESS - 1.0) / (1.0 - beyond)
    while True:
        x = _normal(rng)
        move = np.flatnonzero(rng.random(_BLOCK, dtype=np.float32) < rate)
        move = move[np.abs(x[move]) <= _R128]
        x[move] = np.copysign(tail_values(move.size, rng), x[move])
        yield x


def positive(seed: int) -> Iterator[Block]:
    """The sign is lost."""
    rng = _rng(seed)
    while True:
        yield np.abs(_normal(rng))


def scaled(seed: int, *, variance: float) -> Iterator[Block]:
    """The variance is off."""
    rng = _rng(seed)
    factor = np.float32(math.sqrt(variance))
    while True:
        yield _normal(rng) * factor


def shifted(seed: int, *, mean: float) -> Iterator[Block]:
    """The mean is off."""
    rng = _rng(seed)
    while True:
        yield _normal(rng) + np.float32(mean)


# Sequences


def even_multiplicity(seed: int) -> Iterator[Block]:
    """Of every 65,536 values half are the other half, in another order."""
    rng = _rng(seed)
    order = rng.permutation(_BLOCK) % (_BLOCK // 2)
    while True:
        yield _normal(rng, _BLOCK // 2).take(order)


def periodic(seed: int, *, period: int) -> Iterator[Block]:
    """The same values on repeat."""
    values = _normal(_rng(seed), period)
    while True:
        yield values


def autoregressive(seed: int, *, rho: float) -> Iterator[Block]:
    """Each value has correlation rho with the one before: x_t = rho x_(t-1) + sqrt(1 - rho^2) e_t.

    By the sum over rho**k e_(t-k) up to k = 4: what is left out, rho**5, is below the rounding of float32.
    """
    rng = _rng(seed)
    weights = np.float32(math.sqrt(1.0 - rho**2) * rho ** np.arange(5))
    past = _normal(rng, 4)
    while True:
        e = np.concatenate((past, _normal(rng)))
        x = weights[0] * e[4:]
        for k in range(1, 5):
            x += weights[k] * e[4 - k : -k]
        past = e[-4:]
        yield x


# Streams side by side


def identical_workers(seed: int) -> Iterator[Block]:
    """Every worker has the same stream, whatever its seed."""
    del seed
    return sound(_COMMON)


def fork_copies(seed: int) -> Iterator[Block]:
    """Workers 2j and 2j + 1 have the same stream, as processes that were forked after seeding."""
    return sound(seed // 2)


def sound(seed: int) -> Iterator[Block]:
    """Without a fault."""
    rng = _rng(seed)
    while True:
        yield _normal(rng)


def near_seed_correlation(seed: int, *, common: float) -> Iterator[Block]:
    """Sqrt(1 - common^2) own + common shared: two streams have correlation common^2."""
    own, shared = _rng(seed), _rng(_COMMON)
    factor = np.float32(math.sqrt(1.0 - common**2))
    while True:
        yield factor * _normal(own) + np.float32(common) * _normal(shared)


def small_seeds(seed: int) -> Iterator[Block]:
    """The state of a multiplicative generator is the seed itself, of which four bits are kept.

    The uniforms of seed s are frac(s Y) of one sequence Y, so that those of seeds s and t have correlation
    gcd(s, t)^2 / (s t): 1/2 of 1 and 2. Normal by the inverse of the normal law.
    """
    powers = np.array([_LEHMER], dtype=np.uint64)
    while powers.size < _BLOCK:
        powers = np.concatenate((powers, powers * powers[-1]))
    state = np.uint64((seed & 15) + 1)
    while True:
        x = powers * state
        state = x[-1]
        u = np.ldexp((x >> np.uint64(11)).astype(np.float64) + 0.5, -52) - 1.0
        yield inverse_normal(u).astype(np.float32)


def shifted_streams(seed: int) -> Iterator[Block]:
    """One sequence for all: each stream begins 1,002 values after that of the seed before, of 1,024 seeds."""
    rng = _rng(_COMMON)
    skip = _SHIFT * (seed % _PLACES)
    while skip >= _BLOCK:
        _normal(rng)
        skip -= _BLOCK
    rest = _normal(rng)[skip:]
    while True:
        yield rest
        rest = _normal(rng)


box_muller_8 = partial(box_muller, bits=8)
box_muller_11 = partial(box_muller, bits=11)
box_muller_16 = partial(box_muller, bits=16)
period_2_20 = partial(periodic, period=2**20)
period_1000003 = partial(periodic, period=1_000_003)
period_2_24_3 = partial(periodic, period=2**24 + 3)
ar1_1e2 = partial(autoregressive, rho=1e-2)
ar1_1e3 = partial(autoregressive, rho=1e-3)
variance_1e2 = partial(scaled, variance=1.01)
variance_1e3 = partial(scaled, variance=1.001)
mean_1e3 = partial(shifted, mean=1e-3)
near_seeds = partial(near_seed_correlation, common=0.1)
near_seeds_faint = partial(near_seed_correlation, common=0.01)


@dataclass(frozen=True)
class Claim:
    """What is said of a stream.

    Attributes
    ----------
    make : callable
        The stream of a seed.
    statistics : tuple of str
        Statistics that should name the fault; which of them is first depends on the size.
    values : float
        Values of one stream at which one of them should reject.
    reason : str
        How that number comes about.
    streams : int
        Streams that the fault takes.
    """

    make: Stream
    statistics: tuple[str, ...]
    values: float
    reason: str
    streams: int = 1


def _z(effect: float) -> float:
    """Values at which an effect, in standard deviations of one term of a mean, has z = 6."""
    return (6.0 / effect) ** 2


def _cut(at: float) -> float:
    """Values of a correct generator that stay within a cut with probability 1e-9."""
    return math.log(1e9) / -math.log1p(-math.erfc(at / math.sqrt(2.0)))


def _bits(bits: int) -> float:
    return _cut(math.sqrt(2.0 * bits * math.log(2.0)))


_MAX = "the largest modulus stays below the cut with probability 1e-9 in noise"
_MEAN = "z = 6 of the mean"
_POWER = "z = 6 of the mean square"
_FOURTH = "z = 6 of the fourth Hermite mean, -0.1 / sqrt(24)"
_LAG = "z = 6 of the correlation at lag 1"
_ONCE = "there from the first block on"
_WRAP = "the period; the next look is the first that can see it"
_TAILS = ("max_abs", "tail_count")
_FEW = ("heaps", "duplicates")  # values that are few: of 2**16 pairs, of 2**11 angles …
_SPECTRAL = ("autocorrelation", "cumulative_periodogram", "band_power")
_TIMES = "1.2 expected beyond 3.44, 15.8 seen: Poisson probability 1e-12"
_SMALL = "uniforms of two of any 16 seeds have correlation 1/2"
_BOTH = "z = 6 of the correlation of two streams"

CLAIMS: dict[str, Claim] = {
    "box_muller_8": Claim(box_muller_8, (*_TAILS, *_FEW, "moment", "hermite"), _bits(8), _MAX),
    "box_muller_11": Claim(box_muller_11, (*_TAILS, *_FEW), _bits(11), _MAX),
    "box_muller_16": Claim(box_muller_16, (*_TAILS, *_FEW), _bits(16), _MAX),
    "box_muller_24": Claim(box_muller_24, _TAILS, _bits(24), _MAX),
    "bf16_made": Claim(bf16_made, (*_TAILS, *_FEW, "moment", "hermite"), _bits(8), _MAX),
    "bf16_made_and_stored": Claim(
        bf16_made_and_stored, (*_TAILS, *_FEW, "moment", "hermite"), _bits(8), _MAX
    ),
    "inverse_23_bits": Claim(inverse_23_bits, _TAILS, _cut(5.42), _MAX),
    "uniform_sum": Claim(uniform_sum, ("hermite", "moment", *_TAILS), _z(0.1 / math.sqrt(24.0)), _FOURTH),
    "ziggurat_tail": Claim(ziggurat_tail, ("tail_count", "max_abs", "moment"), 2000.0, _TIMES),
    "positive": Claim(
        positive, ("moment", "anderson_darling", "kolmogorov"), _z(math.sqrt(2 / math.pi)), _MEAN
    ),
    "variance_1e2": Claim(variance_1e2, ("moment", "hermite"), _z(0.01 / math.sqrt(2.0)), _POWER),
    "variance_1e3": Claim(variance_1e3, ("moment", "hermite"), _z(0.001 / math.sqrt(2.0)), _POWER),
    "mean_1e3": Claim(mean_1e3, ("moment", "hermite"), _z(0.001), _MEAN),
    "even_multiplicity": Claim(even_multiplicity, ("duplicates",), _BLOCK, _ONCE),
    "period_2_20": Claim(period_2_20, ("duplicates",), 2**20, _WRAP),
    "period_1000003": Claim(period_1000003, ("duplicates",), 1_000_003, _WRAP),
    "period_2_24_3": Claim(period_2_24_3, ("duplicates",), 2**24 + 3, _WRAP),
    "ar1_1e2": Claim(ar1_1e2, _SPECTRAL, _z(1e-2), _LAG),
    "ar1_1e3": Claim(ar1_1e3, _SPECTRAL, _z(1e-3), _LAG),
    "identical_workers": Claim(identical_workers, ("duplicates", "channel_correlation"), _BLOCK, _ONCE, 2),
    "fork_copies": Claim(fork_copies, ("duplicates", "channel_correlation"), _BLOCK, _ONCE, 4),
    "near_seeds": Claim(near_seeds, ("channel_correlation",), _z(0.01), _BOTH, 2),
    "near_seeds_faint": Claim(near_seeds_faint, ("channel_correlation",), _z(1e-4), _BOTH, 2),
    "small_seeds": Claim(small_seeds, ("channel_correlation",), _BLOCK, _SMALL, 16),
    "shifted_streams": Claim(shifted_streams, ("duplicates",), _BLOCK, _ONCE, 2),
}
"""Name -> what is said of it, faults of one stream first."""
