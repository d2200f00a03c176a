"""Independent values of another law."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from zoo.defect import Defect, Shape
from zoo.tools import Float, Rng, normal

_SHAPE = ("hermite", "moment", "anderson_darling", "kolmogorov")


def uniform(shape: Shape, rng: Rng) -> Float:
    """Uniform, of unit variance."""
    return rng.uniform(-math.sqrt(3.0), math.sqrt(3.0), shape)


def sum_of_uniforms(shape: Shape, rng: Rng, *, terms: int = 12) -> Float:
    """Sum of twelve uniforms, less six."""
    total = np.full(shape, -terms / 2.0)
    for _ in range(terms):
        total += rng.random(shape)
    return total


def laplace(shape: Shape, rng: Rng) -> Float:
    """Laplace, of unit variance."""
    return rng.laplace(0.0, math.sqrt(0.5), shape)


def student(shape: Shape, rng: Rng, *, degrees: int, unit: bool) -> Float:
    """Student's t, as it is or of unit variance."""
    x = rng.standard_t(degrees, shape)
    return x * math.sqrt((degrees - 2) / degrees) if unit else x


def truncated(shape: Shape, rng: Rng, *, limit: float) -> Float:
    """Values beyond the limit are drawn again."""
    x = normal(shape, rng)
    outside = np.abs(x) > limit
    while count := int(np.count_nonzero(outside)):
        x[outside] = normal(count, rng)
        outside = np.abs(x) > limit
    return x


def clipped(shape: Shape, rng: Rng, *, limit: float) -> Float:
    """Values beyond the limit are put on it."""
    return np.clip(normal(shape, rng), -limit, limit)


def contaminated(shape: Shape, rng: Rng, *, share: float, scale: float) -> Float:
    """A share of the values has another scale; the whole has variance 1."""
    x = normal(shape, rng)
    x[rng.random(shape) < share] *= scale
    return x / math.sqrt(1.0 + share * (scale**2 - 1.0))


def skewed(shape: Shape, rng: Rng, *, bend: float) -> Float:
    """x + bend (x^2 - 1), of unit variance."""
    x = normal(shape, rng)
    return (x + bend * (x**2 - 1.0)) / math.sqrt(1.0 + 2.0 * bend**2)


def outlier(shape: Shape, rng: Rng, *, value: float) -> Float:
    """One value far outside, at a random place."""
    x = normal(shape, rng)
    x.reshape(-1)[rng.integers(x.size)] = value
    return x


def _cut_moments(limit: float, *, atoms: bool) -> dict[str, float]:
    """Deviation and excess kurtosis of N(0, 1) within the limit, the rest gone or put on the limit."""
    density = math.exp(-(limit**2) / 2) / math.sqrt(2 * math.pi)
    inside = math.erf(limit / math.sqrt(2))
    second = inside - 2 * limit * density
    fourth = 3 * second - 2 * limit**3 * density
    if atoms:
        second += (1 - inside) * limit**2
        fourth += (1 - inside) * limit**4
    else:
        second /= inside
        fourth /= inside
    return {"std": math.sqrt(second), "kurtosis": fourth / second**2 - 3.0, "max": limit}


def _contaminated_kurtosis(share: float, scale: float) -> float:
    second = 1 + share * (scale**2 - 1)
    return 3 * (1 + share * (scale**4 - 1)) / second**2 - 3


_BEND = 0.05
_SKEWNESS = (6 * _BEND + 8 * _BEND**3) / (1 + 2 * _BEND**2) ** 1.5

DEFECTS = (
    Defect(
        name="uniform",
        title="uniform of unit variance",
        story="rand where randn was meant, or a uniform noise sold as creative",
        source="ClownsharkBatwing/RES4LYF, noise classes",
        recipe=uniform,
        family="moments",
        statistics=(*_SHAPE, "max_abs", "tail_count"),
        truth={"std": 1.0, "kurtosis": -1.2, "max": math.sqrt(3.0)},
        hint="uniform values",
    ),
    Defect(
        name="sum_of_12",
        title="sum of twelve uniforms",
        story="the central limit theorem as a generator",
        source="Thomas, Luk, Leong and Villasenor 2007, ACM Computing Surveys 39(4)",
        recipe=sum_of_uniforms,
        family="moments",
        statistics=("hermite", "max_abs", "tail_count"),
        truth={"std": 1.0, "kurtosis": -0.1, "max": 6.0},
        hint="sum of 12 uniforms",
    ),
    Defect(
        name="laplace",
        title="Laplace of unit variance",
        story="a Laplacian noise offered in place of the Gaussian one",
        source="ClownsharkBatwing/RES4LYF, noise classes",
        recipe=laplace,
        family="moments",
        statistics=(*_SHAPE, "max_abs", "tail_count"),
        truth={"std": 1.0, "kurtosis": 3.0},
        hint="Laplace",
    ),
    Defect(
        name="t30",
        title="Student t, 30 degrees of freedom",
        story="a mean over few values divided by their own deviation is no longer normal",
        source="ClownsharkBatwing/RES4LYF, noise classes (Student t)",
        recipe=partial(student, degrees=30, unit=False),
        family="moments",
        statistics=("moment", "hermite"),
        truth={"std": math.sqrt(30 / 28), "kurtosis": 6 / 26},
        hint="heavier than normal",
    ),
    Defect(
        name="t30_unit",
        title="Student t, 30 degrees of freedom, unit variance",
        story="the same after a normalisation that hides it from every test of the variance",
        source="ClownsharkBatwing/RES4LYF, noise classes (Student t), normalised",
        recipe=partial(student, degrees=30, unit=True),
        family="moments",
        statistics=("hermite",),
        truth={"std": 1.0, "kurtosis": 6 / 26},
        hint="heavier than normal",
    ),
    Defect(
        name="contaminated",
        title="1 % of threefold scale, unit variance",
        story="a few values come from elsewhere and the whole was normalised",
        source="Tukey 1960, A survey of sampling from contaminated distributions",
        recipe=partial(contaminated, share=0.01, scale=3.0),
        family="moments",
        statistics=("hermite", "max_abs", "tail_count"),
        truth={"std": 1.0, "kurtosis": _contaminated_kurtosis(0.01, 3.0)},
        hint="heavier than normal",
    ),
    Defect(
        name="skewed",
        title="a slight bend: skewness 0.3",
        story="noise has passed through a mild non-linearity, such as a decoder and an encoder",
        source="inbarhub/DDPM_inversion issue 14",
        recipe=partial(skewed, bend=_BEND),
        family="moments",
        statistics=("hermite", "moment"),
        truth={"mean": 0.0, "std": 1.0, "skewness": _SKEWNESS},
        hint="non-linearity",
    ),
    Defect(
        name="truncated_2",
        title="beyond 2 drawn again",
        story="the truncation trick of image generators, left switched on",
        source="ajbrock/BigGAN-PyTorch; Brock et al., arXiv 1809.11096",
        recipe=partial(truncated, limit=2.0),
        family="moments",
        statistics=(*_SHAPE, "max_abs", "tail_count"),
        truth=_cut_moments(2.0, atoms=False),
        hint="truncat",
    ),
    Defect(
        name="clipped_3",
        title="clipped at 3",
        story="a clamp for safety's sake leaves heaps of values on its limits",
        source="huggingface/diffusers, clip_sample of the DDPM scheduler",
        recipe=partial(clipped, limit=3.0),
        family="moments",
        statistics=("hermite", "max_abs", "tail_count", "duplicates"),
        truth=_cut_moments(3.0, atoms=True),
        hint="clipped",
    ),
    Defect(
        name="outlier",
        title="one value of 12",
        story="Box-Muller takes the logarithm of 0 and the infinity is clamped",
        source="JuliaGPU/CUDA.jl issue 1464 and PR 1513; metno/gpuocean PR 37",
        recipe=partial(outlier, value=12.0),
        family="marginal",
        statistics=("max_abs", "moment", "tail_count"),
        truth={"largest": 12.0},
        hint="far outside",
    ),
)
