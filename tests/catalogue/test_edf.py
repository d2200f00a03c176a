"""Kolmogorov distance, Anderson-Darling, cumulative periodogram as statistics: calibration, faults, places.

Noise that must pass is drawn from fixed seeds; the false-alarm rate of each such test is stated beside it.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from noise import noise, stored
from scipy.special import ndtri
from scipy.stats import binom

from gausscheck.catalogue import anderson_darling, kolmogorov, statistics
from gausscheck.errors import ArgumentError, DataError
from gausscheck.judging import Judgement, Situation, Unasked, log_any_of
from gausscheck.nulls.anderson_darling import AndersonDarlingNull
from gausscheck.nulls.cells import cells
from gausscheck.nulls.edges import anderson_darling_grid, kolmogorov_grid
from gausscheck.nulls.grid_kolmogorov import GridKolmogorovNull
from gausscheck.summaries.counts import Counts, table_length
from gausscheck.summaries.fields import BandExtremes, FieldSpectra, Peak
from gausscheck.summaries.frequency import frequency_bins
from gausscheck.summaries.samples import SampleValues

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

MARGINAL = ("kolmogorov", "anderson_darling")
DTYPES = ("float32", "bfloat16", "float16", "float8_e4m3fn")


def counted(dtype, n, seed, lattice=None, scale=1.0):
    """Counts of n values of perfect noise, drawn as a multinomial: any n costs the same."""
    of = cells(dtype, lattice, scale)
    p = np.exp(of.log_p)
    table = np.zeros(table_length(dtype), np.int64)
    table[of.order[of.start]] = np.random.default_rng(seed).multinomial(n, p / p.sum())
    return Counts(table, dtype)


def judge(name, counts, n, **situation):
    module = {"kolmogorov": kolmogorov, "anderson_darling": anderson_darling}[name]
    judgement = module.STATISTIC.judge(counts, Situation(n, dtype=counts.dtype, **situation), "pooled")
    assert isinstance(judgement, Judgement)
    return judgement


def simulated(dtype, n, sets, seed):
    """D and A^2 of many sets of perfect noise, and their nulls, over the edges that the statistics use."""
    of = cells(dtype, None, 1.0)
    kept, grid = kolmogorov_grid(dtype, None, 1.0)
    squared = anderson_darling_grid(dtype, None, 1.0)
    every = np.union1d(kept, squared.kept)
    # Values between edges, counted without rounding: a cell holds what lies between its edges.
    edge = of.high[every]
    rng = np.random.default_rng(seed)
    distance, a2 = [], []
    at_d, at_a = np.searchsorted(every, kept), np.searchsorted(every, squared.kept)
    for _ in range(sets):
        below = np.searchsorted(np.sort(rng.standard_normal(n)), edge)
        distance.append(np.abs(below[at_d] / n - grid.times).max())
        a2.append(squared.value(n, below[at_a]))
    return (np.array(distance), GridKolmogorovNull(n, grid)), (np.array(a2), AndersonDarlingNull(n, squared))


def check_rates(value, null, levels):
    """At each level, as many values below and above as the null says; false alarms 1e-9 a level and side."""
    ordered, sets = np.sort(value), value.size
    for level in levels:
        t = ordered[min(int(level * sets), sets - 1)]
        above, below = int((value >= t).sum()), int((value <= t).sum())
        # 6 % of p is what the lower tail of A^2 may be off by at p = 0.01.
        least, most = 0.94 * float(null.sf(t)), min(1.06 * float(null.cdf(t)), 1.0)
        assert binom.sf(above - 1, sets, min(float(null.sf(t)) * 1.02, 1.0)) > 1e-9, level
        assert binom.cdf(above, sets, least) > 1e-9, level
        assert binom.sf(below - 1, sets, most) > 1e-9, level
        assert binom.cdf(below, sets, 0.94 * float(null.cdf(t))) > 1e-9, level


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("n", "sets"), [(1000, 4000), (20_000, 200), pytest.param(1000, 20_000, marks=pytest.mark.slow)]
)
def test_calibration(dtype, n, sets):
    levels = (0.01, 0.1, 0.5, 0.9, 0.99, 0.998) if sets > 1000 else (0.1, 0.5, 0.9)
    for value, null in simulated(dtype, n, sets, [1, n, DTYPES.index(dtype)]):
        check_rates(value, null, levels)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_calibration_of_larger_sets(dtype):
    for value, null in simulated(dtype, 100_000, 1500, [2, DTYPES.index(dtype)]):
        check_rates(value, null, (0.01, 0.1, 0.5, 0.9, 0.99))


def test_a_continuous_null_on_coarse_cells_is_miscalibrated():
    # The planted bug: the law of D_n for unrounded values, asked of what fp8 has left.
    from gausscheck.nulls.kolmogorov import KolmogorovNull

    (value, _), _ = simulated("float8_e4m3fn", 1000, 4000, [1, 1000, 3])
    with pytest.raises(AssertionError):
        check_rates(value, KolmogorovNull(1000), (0.1, 0.5, 0.9))


@pytest.mark.parametrize("name", MARGINAL)
@pytest.mark.parametrize("dtype", [*DTYPES, "float8_e5m2", "float64"])
@pytest.mark.parametrize("n", [100, 10**7, 10**10])
def test_perfect_noise_passes_at_any_size(name, dtype, n):
    # 36 looks at 1e-8 / 36 each
    assert judge(name, counted(dtype, n, [3, n]), n).log_p > math.log(1e-8 / 36)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float8_e4m3fn", "float8_e5m2"])
def test_rounded_values_pass(dtype):
    x = noise(10**7, dtype, 4)
    for name in MARGINAL:
        assert statistics[name].test(x).log_p > math.log(1e-9)


@pytest.mark.parametrize(
    ("lattice", "dtype", "n"), [("bf16", "bfloat16", 10**8), ("fp8_e4m3", "float8_e4m3fn", 10**5)]
)
@pytest.mark.parametrize("name", MARGINAL)
def test_rounding_is_found_where_it_is_not_declared(name, lattice, dtype, n):
    # bf16 or fp8 values in float32: with their lattice they pass, without it they are no normal noise.
    of = cells("float32", lattice, 1.0)
    table = np.zeros(table_length("float32"), np.int64)
    p = np.exp(of.log_p)
    table[of.order[of.start]] = np.random.default_rng(5).multinomial(n, p / p.sum())
    counts = Counts(table, "float32")
    assert judge(name, counts, n, lattice=lattice).log_p > math.log(1e-9)
    assert judge(name, counts, n).log_p < math.log(1e-8)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float8_e4m3fn"])
@pytest.mark.parametrize("n", [1000, 100_000])
def test_values_too_evenly_spread_are_caught(dtype, n):
    x = np.random.default_rng(6).permutation(ndtri((np.arange(n) + 0.5) / n))
    for name in MARGINAL:
        finding = statistics[name].test(stored(x, dtype))
        assert finding.tail == "lower"
        assert finding.log10_p < -12
        assert math.isfinite(finding.log_p)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_wrong_scale_has_its_p_value(dtype):
    n = 10**6
    x = noise(n, dtype, 7, scale=1.5)
    d, a2 = (statistics[name].test(x) for name in MARGINAL)
    # D of N(0, 1.5^2): sup |Phi(x / 1.5) - Phi(x)| = 0.0969, its place where the densities cross.
    assert d.value == pytest.approx(0.0969, abs=6 / math.sqrt(n))
    crossing = math.sqrt(2 * math.log(1.5) / (1 - 1.5**-2))
    assert abs(d.where["value"]) == pytest.approx(crossing, abs=0.2)
    assert d.effect.low < 0.0969 < d.effect.high
    # Large deviations: n min KL of a binomial, 2 n d^2 (1 + 2/9 d^2) and what log factors add.
    assert d.log_p == pytest.approx(-2 * n * d.value**2 * (1 + 2 / 9 * d.value**2), rel=5e-3)
    assert a2.log_p == pytest.approx(-a2.value, rel=2e-3)
    assert a2.effect.value == pytest.approx(a2.value / n, rel=1e-3)
    assert d.grade == a2.grade == "saddlepoint"
    # The same values are noise of scale 1.5.
    counts = counted(dtype, n, 8, scale=1.5)
    for name in MARGINAL:
        assert judge(name, counts, n, scale=1.5).log_p > math.log(1e-9)
        assert judge(name, counts, n).log_p < -1000


@pytest.mark.slow
def test_effect_intervals_cover():
    # Scale 1.2, 120 sets of 2,000 values: the 95 % intervals of D at its place, and of A^2 / n.
    of = cells("float32", None, 1.2)
    p = np.exp(of.log_p)
    reference = cells("float32", None, 1.0)
    grid = anderson_darling_grid("float32", None, 1.0)
    assert grid is not None
    true_a = float(grid.weight @ (np.exp(of.log_lower)[grid.kept] - grid.below) ** 2)
    true_d = float(np.abs(np.exp(of.log_lower) - np.exp(reference.log_lower)).max())
    hits = np.zeros(2)
    rng = np.random.default_rng(9)
    for _ in range(120):
        table = np.zeros(table_length("float32"), np.int64)
        table[of.order[of.start]] = rng.multinomial(2000, p / p.sum())
        for i, (name, truth) in enumerate(zip(MARGINAL, (true_d, true_a), strict=True)):
            module = {"kolmogorov": kolmogorov, "anderson_darling": anderson_darling}[name]
            effect = module.STATISTIC.judge(
                Counts(table, "float32"), Situation(2000, dtype="float32"), "pooled"
            ).effect
            hits[i] += effect.low <= truth <= effect.high
    # D is the largest of many and so a little too large. 5.8 sigma of 95 % are 12 %.
    assert hits[1] / 120 > 0.83
    assert hits[0] / 120 > 0.80


@pytest.mark.parametrize("name", MARGINAL)
def test_hostile_values(name):
    test = statistics[name].test
    for x in (np.zeros(1000, np.float32), np.full(1000, 1e30, np.float32), np.full(8, -3e38, np.float32)):
        finding = test(x)
        assert -1e308 < finding.log_p < math.log(1e-6)
    with pytest.raises(DataError, match="8 finite values"):
        test(np.full(100, np.nan, np.float32))
    half = np.where(np.arange(2000) % 2, np.nan, np.random.default_rng(10).standard_normal(2000))
    assert test(half.astype(np.float32)).n == 1000
    # At a scale far below the lattice all values are 0.
    with pytest.raises(ArgumentError, match="round to one"):
        statistics[name].make_null(Situation(100, lattice="fp8_e4m3", scale=1e-6, dtype="float8_e4m3fn"))


def test_other_scopes_are_not_asked():
    counts = counted("float32", 100, 11)
    for module in (kolmogorov, anderson_darling):
        assert module.STATISTIC.judge(counts, Situation(100, dtype="float32"), "sample") == Unasked()


# --- cumulative periodogram ---------------------------------------------------------------------------------


def spectra(power, shape, count):
    """A summary with given sums of ordinates, shape (channels, M)."""
    nothing = BandExtremes(*(np.zeros(0) for _ in range(2)), *(np.zeros(0, np.int64) for _ in range(2)))
    flat = SampleValues.of(np.zeros(1), np.zeros(1, np.int64))
    return FieldSpectra(shape, power.shape[0], 1, count, power, flat, Peak(), Peak(), nothing)


def white(shape, count, channels, seed):
    """Ordinates of white noise, summed over fields."""
    bins = frequency_bins(shape)
    power = np.random.default_rng(seed).gamma(count // channels, size=(channels, bins.count))
    return spectra(power, shape, count)


def test_its_value_is_the_definition():
    shape = (6, 8)
    summary = white(shape, 12, 1, 0)
    bins = summary.bins
    judgement = statistics["cumulative_periodogram"].judge(summary, Situation(0), "pooled")
    power = summary.pooled[bins.complex_at]
    share = np.cumsum(power) / power.sum()
    distance = np.abs(share - np.arange(1, power.size + 1) / power.size)
    assert judgement.value == pytest.approx(distance.max(), rel=1e-14)
    assert judgement.where["frequency"] == bins.radius[bins.complex_at[distance.argmax()]]
    half = power.size // 2
    assert judgement.effect.value == pytest.approx(share[half - 1] - half / power.size, rel=1e-12)


@pytest.mark.parametrize(("shape", "fields"), [((9,), 1), ((4, 4), 3), ((64, 64), 1), ((64, 64), 8)])
def test_calibration_of_the_cumulative_periodogram(shape, fields):
    sets = 600
    x = np.random.default_rng([12, fields, *shape]).standard_normal((sets, fields, *shape))
    axes = tuple(range(2, x.ndim))
    power = (np.abs(np.fft.rfftn(x, axes=axes)) ** 2).sum(axis=1).reshape(sets, 1, -1)
    judged = [
        statistics["cumulative_periodogram"].judge(spectra(p, shape, fields), Situation(0), "pooled")
        for p in power
    ]
    check_rates(np.array([j.value for j in judged]), judged[0].null, (0.05, 0.3, 0.7, 0.95))


def test_colour_is_found_and_measured():
    rng = np.random.default_rng(13)
    x = rng.standard_normal((4, 1, 64, 65))
    smooth = (x[..., 1:] + 0.2 * x[..., :-1]) / math.sqrt(1.04)
    finding = statistics["cumulative_periodogram"].test(smooth.astype(np.float32))
    assert finding.log10_p < -20
    assert finding.tail == "upper"
    assert finding.effect.low > 0.05
    sharp = statistics["cumulative_periodogram"].test((smooth - x[..., :-1]).astype(np.float32))
    assert sharp.effect.high < 0
    plain = statistics["cumulative_periodogram"].test(x.astype(np.float32))
    assert plain.log_p > math.log(1e-9)
    assert plain.effect.low - 0.02 < 0 < plain.effect.high + 0.02
    # The scale does not matter.
    scaled = statistics["cumulative_periodogram"].test((x * 7).astype(np.float32))
    assert scaled.value == pytest.approx(plain.value, rel=1e-4)


def test_the_worst_channel_is_named_and_paid_for():
    summary = white((32, 32), 4 * 6, 4, 14)
    bins = summary.bins
    low = bins.radius < 0.25
    power = summary.power.copy()
    power[2, low] *= 1.3
    summary = spectra(power, (32, 32), 24)
    situation = Situation(0, samples=6, channels=4, shape=(32, 32))
    judgement = statistics["cumulative_periodogram"].judge(summary, situation, "channel")
    alone = statistics["cumulative_periodogram"].judge(
        spectra(power[2:3], (32, 32), 6), Situation(0), "pooled"
    )
    assert judgement.where["channel"] == 2
    assert judgement.value == alone.value
    assert judgement.log_p == pytest.approx(log_any_of(alone.log_p, 4), rel=1e-9)
    assert statistics["cumulative_periodogram"].judge(summary, situation, "sample") == Unasked()
    pooled = spectra(power.sum(axis=0, keepdims=True), (32, 32), 24)
    assert statistics["cumulative_periodogram"].judge(pooled, situation, "channel") == Unasked()


def test_too_few_bins_or_no_power():
    ask = statistics["cumulative_periodogram"].judge
    assert "3 complex bins" in ask(white((2, 3), 2, 1, 15), Situation(0), "pooled").reason
    dark = spectra(np.zeros((1, frequency_bins((16,)).count)), (16,), 1)
    assert ask(dark, Situation(0), "pooled").reason == "no power"
    with pytest.raises(ArgumentError, match="3 complex bins"):
        statistics["cumulative_periodogram"].make_null(Situation(6, samples=3, shape=(2, 3)))
    null = statistics["cumulative_periodogram"].null(n=64, shape=(8, 8), samples=5)
    # (E sup |B| - 0.5826 / sqrt N) / sqrt(N F)
    assert null.mean == pytest.approx((0.86873 - 0.5826 / math.sqrt(30)) / math.sqrt(5 * 30), rel=0.02)
