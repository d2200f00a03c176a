"""Samples and channels that are not independent, or not alike."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from zoo.defect import Defect, Shape
from zoo.tools import Float, Rng, normal

_PAIRS = ("duplicates", "sample_correlation")


def tiled(shape: Shape, rng: Rng, *, times: int) -> Float:
    """The batch is a smaller one over and over."""
    once = normal((-(-shape[0] // times), *shape[1:]), rng)
    return np.concatenate([once] * times)[: shape[0]]


def antithetic(shape: Shape, rng: Rng) -> Float:
    """The second half of the batch is the first with its sign turned."""
    once = normal((-(-shape[0] // 2), *shape[1:]), rng)
    return np.concatenate([once, -once])[: shape[0]]


def last_from_first(shape: Shape, rng: Rng, *, correlation: float) -> Float:
    """The last sample is correlated with the first."""
    x = normal(shape, rng)
    x[-1] = correlation * x[0] + math.sqrt(1.0 - correlation**2) * x[-1]
    return x


def neighbours(shape: Shape, rng: Rng, *, correlation: float) -> Float:
    """Every sample is correlated with the one before."""
    x = normal(shape, rng)
    for k in range(1, shape[0]):
        x[k] = correlation * x[k - 1] + math.sqrt(1.0 - correlation**2) * x[k]
    return x


def carbon_copies(shape: Shape, rng: Rng, *, share: float) -> Float:
    """A share of the samples are copies of others."""
    x = normal(shape, rng)
    copies = max(1, round(share * shape[0]))
    order = rng.permutation(shape[0])
    x[order[:copies]] = x[rng.choice(order[copies:], copies)]
    return x


def half_repeated(shape: Shape, rng: Rng) -> Float:
    """The second half of every sample is its first half."""
    size = math.prod(shape[1:])
    half = normal((shape[0], -(-size // 2)), rng)
    return np.concatenate([half, half], axis=1)[:, :size].reshape(shape)


def row_pairs(shape: Shape, rng: Rng) -> Float:
    """Every second row is a copy of the row before."""
    return np.repeat(normal((*shape[:2], -(-shape[2] // 2), shape[3]), rng), 2, axis=2)[:, :, : shape[2]]


def one_row(shape: Shape, rng: Rng) -> Float:
    """All rows of a plane are the same."""
    return np.broadcast_to(normal((*shape[:2], 1, shape[3]), rng), shape)


def channel_copy(shape: Shape, rng: Rng) -> Float:
    """The last channel is a copy of the first."""
    x = normal(shape, rng)
    x[:, -1] = x[:, 0]
    return x


def common_part(shape: Shape, rng: Rng, *, axis: int, correlation: float) -> Float:
    """A part common to all samples or to all channels; unit variance together."""
    once = list(shape)
    once[axis] = 1
    common = normal(tuple(once), rng)
    return math.sqrt(1.0 - correlation) * normal(shape, rng) + math.sqrt(correlation) * common


def odd_one(shape: Shape, rng: Rng, *, axis: int, scale: float) -> Float:
    """One sample or one channel, at random, of another scale."""
    x = normal(shape, rng)
    np.moveaxis(x, axis, 0)[rng.integers(shape[axis])] *= scale
    return x


def drift(shape: Shape, rng: Rng, *, change: float) -> Float:
    """The scale goes up along the batch; its mean square is 1."""
    scale = np.linspace(1.0 - change, 1.0 + change, shape[0])
    scale /= math.sqrt(np.mean(scale**2))
    return normal(shape, rng) * scale[:, np.newaxis, np.newaxis, np.newaxis]


DEFECTS = (
    Defect(
        name="doubled_batch",
        title="batch concatenated with itself",
        story="guidance needs every latent twice, and both copies were saved",
        source="huggingface/diffusers, torch.cat([latents] * 2) of the pipelines",
        recipe=partial(tiled, times=2),
        family="dependence",
        statistics=_PAIRS,
        truth={"std": 1.0, "copies": 8},
        needs="b",
        samples=16,
        hint="stacked twice",
    ),
    Defect(
        name="identical_workers",
        title="four workers with one seed",
        story="every worker of a data loader draws the same noise",
        source="pytorch/pytorch issues 5059 and 31246; facebookresearch/fairseq issue 1383",
        recipe=partial(tiled, times=4),
        family="dependence",
        statistics=_PAIRS,
        truth={"std": 1.0, "copies": 12},
        needs="b",
        samples=16,
        hint="share one seed",
    ),
    Defect(
        name="carbon_copies",
        title="30 % of the samples are copies",
        story="near seeds give the same stream",
        source="QMCPACK/qmcpack issue 1068",
        recipe=partial(carbon_copies, share=0.3),
        family="dependence",
        statistics=_PAIRS,
        truth={"std": 1.0, "copies": 5},
        needs="b",
        samples=16,
        hint="share one seed",
    ),
    Defect(
        name="one_sample_repeated",
        title="the last sample is the first",
        story="one seed used twice",
        source="xingyizhou/CenterNet issue 233",
        recipe=partial(last_from_first, correlation=1.0),
        family="dependence",
        statistics=_PAIRS,
        truth={"std": 1.0, "copies": 1},
        needs="b",
        samples=16,
        hint="share one seed",
    ),
    Defect(
        name="near_duplicate",
        title="two samples correlated by 0.3",
        story="a variation of one noise taken for another noise",
        source="Creative-comfyUI/seed_eng issue 1",
        recipe=partial(last_from_first, correlation=0.3),
        family="dependence",
        statistics=("sample_correlation",),
        truth={"std": 1.0, "copies": 0, "largest_correlation": 0.3},
        needs="b",
        samples=16,
        hint="correlated",
    ),
    Defect(
        name="near_seeds",
        title="neighbouring samples correlated by 0.1",
        story="streams of small or neighbouring seeds are not independent",
        source="QMCPACK/qmcpack issue 1068; JuliaRandom/StableRNGs.jl issue 9",
        recipe=partial(neighbours, correlation=0.1),
        family="dependence",
        statistics=("sample_correlation",),
        truth={"std": 1.0, "neighbours": 0.1},
        needs="b",
        samples=16,
        hint="correlated",
    ),
    Defect(
        name="antithetic",
        title="pairs of opposite sign",
        story="antithetic draws halve the variance of means and are no independent sample",
        source="Hammersley and Morton 1956, A new Monte Carlo technique: antithetic variates",
        recipe=antithetic,
        family="dependence",
        statistics=("sample_correlation",),
        truth={"mean": 0.0, "std": 1.0, "opposites": 8},
        needs="b",
        samples=16,
        hint="antithetic draws",
    ),
    Defect(
        name="common_noise",
        title="a tenth of the power common to all samples",
        story="frames or samples share a base noise on purpose, or by a broadcast",
        source="Ge et al., arXiv 2305.10474, mixed noise of video models",
        recipe=partial(common_part, axis=0, correlation=0.1),
        family="dependence",
        statistics=("sample_correlation",),
        truth={"std": 1.0, "neighbours": 0.1},
        needs="b",
        samples=16,
        hint="correlated",
    ),
    Defect(
        name="half_repeated",
        title="second half of a sample repeats the first",
        story="a buffer was filled once and copied",
        source="arrayfire/arrayfire issue 898",
        recipe=half_repeated,
        family="dependence",
        statistics=("duplicates", "power_spectrum", "autocorrelation", "spectral_flatness"),
        truth={"std": 1.0, "repeats": 1.0},
        hint="second half repeats the first",
    ),
    Defect(
        name="row_pairs",
        title="every row twice",
        story="noise enlarged along h by its nearest neighbour",
        source="PKU-YuanGroup/Helios issue 116",
        recipe=row_pairs,
        family="dependence",
        statistics=("duplicates", "autocorrelation", "band_power"),
        truth={"std": 1.0, "repeats": 1.0, "lag1_h": 32 / 63, "lag1": 0.0},  # 32 of 63 steps stay in a pair
        needs="h",
        hint="rows are bit-identical",
    ),
    Defect(
        name="one_row",
        title="all rows the same",
        story="one latent code broadcast to all layers of a generator",
        source="NVlabs/stylegan2-ada-pytorch, projected_w of shape (1, 18, 512)",
        recipe=one_row,
        family="dependence",
        statistics=("duplicates", "spectral_peak", "band_power"),
        truth={"repeats": 1.0, "lag1_h": 1.0},
        needs="h",
        hint="rows are bit-identical",
    ),
    Defect(
        name="channel_copy",
        title="one channel copied to another",
        story="a channel is read twice when latents are put together",
        source="no public report; a control of dependence between channels",
        recipe=channel_copy,
        family="dependence",
        statistics=("duplicates", "channel_correlation"),
        truth={"std": 1.0, "equal_channels": 1},
        needs="c",
        hint="channels are bit-identical",
    ),
    Defect(
        name="channel_mixing",
        title="channels correlated by 0.1",
        story="latents of an autoencoder are not white across channels",
        source="MedVAE issue 30: what are the statistics of latents",
        recipe=partial(common_part, axis=1, correlation=0.1),
        family="dependence",
        statistics=("channel_correlation",),
        truth={"std": 1.0, "channels": 0.1},
        needs="c",
        hint="correlated",
    ),
    Defect(
        name="odd_channel",
        title="one channel of sixteen of scale 1.1",
        story="statistics for each channel applied with one of them wrong",
        source="huggingface/diffusers issue 7111, latents_mean and latents_std",
        recipe=partial(odd_one, axis=1, scale=1.1),
        family="moments",
        statistics=("band_power", "moment"),
        truth={"std": math.sqrt(1.0 + 0.21 / 16), "largest_channel_std": 1.1},
        needs="c",
        channels=16,
        hint="alone has another power",
    ),
    Defect(
        name="odd_sample",
        title="one sample of 64 of scale 1.2",
        story="one file of a batch was normalised differently",
        source="kohya-ss/sd-scripts PR 2010",
        recipe=partial(odd_one, axis=0, scale=1.2),
        family="moments",
        statistics=("moment",),
        truth={"std": math.sqrt(1.0 + 0.44 / 64), "largest_sample_std": 1.2},
        needs="b",
        samples=64,
        hint="sits in sample",
    ),
    Defect(
        name="drift",
        title="scale from 0.9 to 1.1 along the batch",
        story="a running normalisation that has not settled",
        source="FLUX.2 in huggingface/diffusers, running mean and variance of its autoencoder",
        recipe=partial(drift, change=0.1),
        family="moments",
        statistics=("moment", "hermite"),
        truth={"std": 1.0, "drift": 2 * 0.1 / math.sqrt(1.0 + 0.1**2 * 17 / 45)},
        needs="b",
        samples=16,
        hint="along the batch",
    ),
)
