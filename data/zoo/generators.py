"""Faults of generators: uniforms of few bits, tails of the wrong size, signs and sequences gone astray."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from zoo.defect import Defect, Shape
from zoo.tools import Float, Rng, inverse_normal, normal, paired, rounded, uniform_bits

_R128 = 3.442619855899  # where the tail of the ziggurat of 128 layers begins (Marsaglia and Tsang 2000)
_R256 = 3.6541528853610088  # the same of 256 layers
_EXCESS = 13.7  # measured over-population of the tail, bmad-ecosystem PR 2075
_PERIOD = 4096
_POOL = 1024
_LANES = 16


def few_bits(shape: Shape, rng: Rng, *, bits: int, store: str | None = None) -> Float:
    """Box-Muller on uniforms of few bits; kept in float32 or in a narrow format."""
    half = (math.prod(shape) + 1) // 2
    x = paired(shape, 1.0 - uniform_bits(half, rng, bits), uniform_bits(half, rng, bits))
    return rounded(x, store) if store else x


def clamped_uniform(shape: Shape, rng: Rng) -> NDArray[np.float32]:
    """Box-Muller on float32 uniforms of 23 bits, those below 1e-7 put to 1e-7."""
    half = (math.prod(shape) + 1) // 2
    u, v = (uniform_bits(half, rng, 23).astype(np.float32) for _ in range(2))
    return paired(shape, np.maximum(u, np.float32(1e-7)), v)


def bf16_quantile(shape: Shape, rng: Rng) -> Float:
    """Inverse error function of uniforms made in bfloat16: 128 levels of equal probability."""
    k = rng.integers(0, 128, shape)
    return rounded(inverse_normal((4.0 * k - 255.0) / 256.0), "bf16")


def heavy_tail(shape: Shape, rng: Rng) -> Float:
    """The tail beyond the last layer is reached 13.7 times too often."""
    beyond = math.erfc(_R128 / math.sqrt(2.0))
    x = normal(shape, rng)
    flat = x.reshape(-1)
    tail = np.abs(flat) > _R128
    # What was drawn beyond the last layer stays; of the rest so many move there that the rate is right.
    move = ~tail & (rng.random(flat.size) < beyond * (_EXCESS - 1.0) / (1.0 - beyond))
    count = int(np.count_nonzero(move))
    flat[move] = tail_values(count, rng) * np.where(rng.random(count) < 0.5, -1.0, 1.0)
    return x


def tail_values(count: int, rng: Rng) -> Float:
    """Normal values beyond the last layer, by Marsaglia's rejection."""
    kept = np.empty(0)
    while kept.size < count:
        step = rng.exponential(1.0 / _R128, count + 64)
        accepted = 2.0 * rng.exponential(1.0, step.size) > step**2
        kept = np.concatenate((kept, _R128 + step[accepted]))
    return kept[:count]


def positive(shape: Shape, rng: Rng, *, below: float) -> Float:
    """Without the sign, as far as `below`."""
    x = normal(shape, rng)
    return np.where(np.abs(x) < below, np.abs(x), x)


def even_multiplicity(shape: Shape, rng: Rng) -> Float:
    """Every value twice, at random places."""
    size = math.prod(shape)
    half = normal(size - size // 2, rng)
    return rng.permutation(np.concatenate((half, half[: size // 2]))).reshape(shape)


def short_period(shape: Shape, rng: Rng) -> Float:
    """One sequence of 4,096 values over and over."""
    return np.resize(normal(_PERIOD, rng), shape)


def repeated_lanes(shape: Shape, rng: Rng) -> Float:
    """In every block of sixteen values the last eight are the first eight: both outputs take the cosine."""
    size = math.prod(shape)
    first = normal((-(-size // _LANES), 1, _LANES // 2), rng)
    return np.repeat(first, 2, axis=1).reshape(-1)[:size].reshape(shape)


def shared_radius(shape: Shape, rng: Rng) -> Float:
    """Box-Muller whose radius serves two pairs: x_j^2 + x_(j+1)^2 is the same for neighbouring pairs."""
    quarter = -(-math.prod(shape) // 4)
    u = np.repeat(1.0 - rng.random(quarter), 2)
    return paired(shape, u, rng.random(2 * quarter))


def wallace(shape: Shape, rng: Rng) -> Float:
    """Pools of 1,024 values, each an orthogonal mixture, by fours, of the pool before."""
    size = math.prod(shape)
    pools = np.empty((-(-size // _POOL), _POOL))
    pools[0] = normal(_POOL, rng)
    mix = 0.5 * np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    strides = 2 * rng.integers(0, _POOL // 2, len(pools)) + 1
    starts = rng.integers(0, _POOL, len(pools))
    place = np.arange(_POOL)
    for k in range(1, len(pools)):
        order = (starts[k] + strides[k] * place) % _POOL
        pools[k] = (mix @ pools[k - 1][order].reshape(4, -1)).reshape(-1)
    return pools.reshape(-1)[:size].reshape(shape)


def _tail_truth() -> dict[str, float]:
    """Deviation and excess kurtosis with the tail over-populated."""
    density = math.exp(-(_R128**2) / 2) / math.sqrt(2 * math.pi)
    beyond = math.erfc(_R128 / math.sqrt(2.0))
    tail = (beyond + 2 * _R128 * density, 3 * beyond + 2 * density * (_R128**3 + 3 * _R128))
    body = (1.0 - _EXCESS * beyond) / (1.0 - beyond)
    second = body * (1.0 - tail[0]) + _EXCESS * tail[0]
    fourth = body * (3.0 - tail[1]) + _EXCESS * tail[1]
    return {"std": math.sqrt(second), "kurtosis": fourth / second**2 - 3.0}


def _cut(bits: int) -> float:
    return math.sqrt(2.0 * bits * math.log(2.0))


_TAIL = ("max_abs", "tail_count", "moment", "hermite")

DEFECTS = (
    Defect(
        name="box_muller_8",
        title="Box-Muller of 8-bit uniforms, in bf16",
        story="uniforms made in bfloat16: no value beyond 3.33",
        source="pytorch/pytorch issue 166853",
        recipe=partial(few_bits, bits=8, store="bf16"),
        family="moments",
        statistics=(*_TAIL, "anderson_darling", "kolmogorov"),
        truth={"max": 3.328125},  # the cut at 3.330 in bfloat16
        hint="8 bits",
    ),
    Defect(
        name="box_muller_11",
        title="Box-Muller of 11-bit uniforms",
        story="uniforms made in half precision: no value beyond 3.90",
        source="pytorch/pytorch issue 96947, uniforms in fp16",
        recipe=partial(few_bits, bits=11),
        family="marginal",
        statistics=("max_abs", "tail_count", "duplicates"),
        truth={"std": 1.0, "max": _cut(11)},
        hint="11 bits",
    ),
    Defect(
        name="box_muller_24",
        title="Box-Muller of 24-bit uniforms",
        story="float32 uniforms: no value beyond 5.77, which takes some 1e9 values to be seen",
        source="pytorch/pytorch, aten native/cpu, normal fill",
        recipe=partial(few_bits, bits=24),
        family="none",
        truth={"std": 1.0, "kurtosis": 0.0, "max": _cut(24)},
    ),
    Defect(
        name="tensorflow_clamp",
        title="uniforms clamped at 1e-7",
        story="Box-Muller keeps the logarithm finite by a clamp: no value beyond 5.678",
        source="tensorflow/tensorflow, random_distributions_utils.h",
        recipe=clamped_uniform,
        family="none",
        truth={"std": 1.0, "kurtosis": 0.0, "max": math.sqrt(-2.0 * math.log(1e-7))},
    ),
    Defect(
        name="bf16_quantile",
        title="128 levels of equal probability",
        story="a generator that works in bfloat16 throughout: limits at -2.89 and 2.53",
        source="jax-ml/jax, random.normal in bfloat16",
        recipe=bf16_quantile,
        family="marginal",
        statistics=("anderson_darling", "kolmogorov", "max_abs", "tail_count", "moment", "duplicates"),
        truth={"levels": 128, "max": 2.890625},
        hint="computed in bf16",
    ),
    Defect(
        name="ziggurat_tail",
        title="ziggurat, tail on the wrong layer",
        story="values beyond 3.44 come 13.7 times too often and the variance is 10 % too large",
        source="bmad-sim/bmad-ecosystem PR 2075",
        recipe=heavy_tail,
        family="moments",
        statistics=_TAIL,
        truth=_tail_truth(),
        hint="tail of the generator",
    ),
    Defect(
        name="positive",
        title="positive values only",
        story="the sign bit is lost",
        source="bashtage/ng-numpy-randomstate PR 67",
        recipe=partial(positive, below=math.inf),
        family="moments",
        statistics=("moment", "anderson_darling", "kolmogorov"),
        truth={"mean": math.sqrt(2.0 / math.pi), "least": 0.0},
        hint="no value is negative",
    ),
    Defect(
        name="positive_body",
        title="positive except in the tails",
        story="a ziggurat whose layers lost the sign, shipped in a release; its tails kept it",
        source="bashtage/ng-numpy-randomstate PR 67",
        recipe=partial(positive, below=_R256),
        family="moments",
        statistics=("moment", "anderson_darling", "kolmogorov"),
        truth={"mean": math.sqrt(2.0 / math.pi) * (1.0 - math.exp(-(_R256**2) / 2))},
        hint="lost the sign",
    ),
    Defect(
        name="even_multiplicity",
        title="every value twice, shuffled",
        story="a device generator returns every value an even number of times; found by ear",
        source="arrayfire/arrayfire issue 2972",
        recipe=even_multiplicity,
        family="dependence",
        statistics=("duplicates",),
        truth={"std": 1.0, "kurtosis": 0.0, "repeats": 1.0},
        hint="even number of times",
    ),
    Defect(
        name="short_period",
        title="period of 4,096 values",
        story="the same sequence on repeat",
        source="arrayfire/arrayfire issue 898",
        recipe=short_period,
        family="dependence",
        statistics=("duplicates", "autocorrelation", "spectral_flatness", "spectral_peak"),
        truth={"repeats": 1.0},
        hint="bit-identical copies",
    ),
    Defect(
        name="repeated_lanes",
        title="eight lanes of sixteen repeated",
        story="vectorised Box-Muller writes the cosine to both halves of a block",
        source="pytorch/pytorch, aten native/cpu: lanes j and j + 8 of 16 form a pair",
        recipe=repeated_lanes,
        family="dependence",
        statistics=("duplicates", "autocorrelation", "power_spectrum"),
        truth={"std": 1.0, "repeats": 1.0},
        hint="even number of times",
    ),
    Defect(
        name="shared_radius",
        title="Box-Muller, radius used twice",
        story="neighbouring pairs share a uniform: uncorrelated, and yet not independent",
        source="kokkos/kokkos issue 296, correlations too fine for the usual tests",
        recipe=shared_radius,
        family="none",
        truth={"std": 1.0, "kurtosis": 0.0, "lag1": 0.0, "energy_lag2": 0.25},
    ),
    Defect(
        name="wallace",
        title="Wallace's method, pools of 1,024",
        story="each pool is an orthogonal mixture of the last: all have the same sum of squares",
        source="Thomas, Luk, Leong and Villasenor 2007, ACM Computing Surveys 39(4)",
        recipe=wallace,
        family="moments",
        statistics=("duplicates", "moment"),
        truth={"pool_energy_spread": 0.0},
        hint="small pool",
    ),
)
