"""Kolmogorov's distance at some points: enumeration, counted paths, binomial bounds, quadrature."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.special import gammaln, ndtr
from scipy.stats import binom, multivariate_normal

from gausscheck.errors import ArgumentError
from gausscheck.nulls import discrete_bridge, grid_kolmogorov
from gausscheck.nulls.base import Grade
from gausscheck.nulls.discrete_bridge import OVERSHOOT, log_nu, log_tails, meeting_weights
from gausscheck.nulls.edges import kolmogorov_grid, thinned
from gausscheck.nulls.grid_kolmogorov import EXACT_UP_TO, Grid, GridKolmogorovNull

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

DTYPES = ("float32", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2")


def grid_of(dtype, scale=1.0):
    grid = kolmogorov_grid(dtype, None, scale)[1]
    assert grid is not None
    return grid


def enumerated(n, times):
    """Every outcome of the multinomial: distances and their probabilities."""
    p = np.diff(times, prepend=0.0, append=1.0)
    distance, probability = [], []
    for counts in itertools.product(range(n + 1), repeat=times.size):
        if sum(counts) <= n:
            full = np.array([*counts, n - sum(counts)])
            distance.append(np.abs(np.cumsum(full)[:-1] / n - times).max())
            probability.append(math.exp(gammaln(n + 1) - gammaln(full + 1).sum() + full @ np.log(p)))
    return np.array(distance), np.array(probability)


@pytest.mark.parametrize(("n", "times"), [(5, [0.2, 0.5, 0.8]), (8, [0.1, 0.35, 0.6]), (12, [0.31, 0.69])])
def test_exact_law_against_enumeration(n, times):
    distance, probability = enumerated(n, np.array(times))
    null = GridKolmogorovNull(n, Grid(np.array(times)))
    assert null.grade is Grade.EXACT
    for d in np.unique(np.round(distance, 12)):
        # Both tails include what lies at d.
        assert float(null.sf(d)) == pytest.approx(probability[distance > d - 1e-9].sum(), rel=1e-11)
        assert float(null.cdf(d)) == pytest.approx(probability[distance < d + 1e-9].sum(), rel=1e-11)
    assert float(null.sf(1e-12)) == pytest.approx(1.0)


def approximate(dtype, n, monkeypatch):
    """The null as if n were too large to count, and the exact tails."""
    exact = GridKolmogorovNull(n, grid_of(dtype))
    monkeypatch.setattr(grid_kolmogorov, "EXACT_UP_TO", 0)
    rough = GridKolmogorovNull(n, grid_of(dtype))
    assert rough.grade is Grade.SADDLEPOINT
    return rough, exact._counted


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1024, 2048])
def test_approximation_against_counted_paths(dtype, n, monkeypatch):
    rough, counted = approximate(dtype, n, monkeypatch)
    # Counts are whole: z moves by a fraction of 1 / (2 sqrt n) that falls like 1 / n as edges mix.
    for z, bound in (
        (0.5, 0.06),
        (0.8, 0.01),
        (1.2, 0.015),
        (1.8, 0.03),
        (2.7, 0.015),
        (6.5, 0.04),
        (9.0, 0.1),
    ):
        d = z / math.sqrt(n)
        below, above = counted(d)
        assert float(rough.logcdf(d)) == pytest.approx(below, abs=bound * 2048 / n)
        assert float(rough.logsf(d)) == pytest.approx(above, abs=bound * 2048 / n)


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
def test_approximation_of_more_values_against_counted_paths(dtype):
    n = 40_000
    null = GridKolmogorovNull(n, grid_of(dtype))
    for z in (0.2, 0.3, 0.8, 1.8, 2.7, 5.0):
        below, above = null._counted(z / math.sqrt(n))
        assert float(null.logcdf(z / math.sqrt(n))) == pytest.approx(below, abs=2e-3)
        assert float(null.logsf(z / math.sqrt(n))) == pytest.approx(above, abs=2e-3)


def test_equal_weights_of_the_places_are_caught(monkeypatch):
    # At the level itself, without the whole counts of few values: the bridge one point after the other.
    grid, z = grid_of("bfloat16"), 1.0
    inside, _ = log_tails(grid.times, z)
    null = GridKolmogorovNull(10**12, grid)
    assert float(null.logcdf(z / 1e6)) == pytest.approx(inside, abs=1e-4)
    monkeypatch.setattr(grid_kolmogorov, "meeting_weights", lambda z, t: 1 / (t * (1 - t)))
    assert abs(float(GridKolmogorovNull(10**12, grid).logcdf(z / 1e6)) - inside) > 3e-4


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_fine_grids_against_the_bridge_gone_through(dtype):
    grid = grid_of(dtype)
    null = GridKolmogorovNull(10**12, grid)
    # Second order in sqrt(delta): z^2 delta / 10 or so; the lower tail turns on (pi^2 / 4 z^3) of it.
    for z, bound in ((0.25, 6e-3), (0.4, 1e-3), (0.7, 3e-4), (1.5, 2e-4), (2.7, 6e-4)):
        inside, outside = log_tails(grid.times, z)
        assert float(null.logcdf(z / 1e6)) == pytest.approx(inside, abs=bound)
        assert float(null.logsf(z / 1e6)) == pytest.approx(outside, abs=bound)


def test_bridge_at_two_points_against_quadrature():
    s, t, z = 0.3, 0.65, 0.9
    covariance = [[s * (1 - s), s * (1 - t)], [s * (1 - t), t * (1 - t)]]
    density = multivariate_normal([0, 0], covariance).pdf
    inside = dblquad(lambda y, x: density([x, y]), -z, z, -z, z, epsabs=1e-12)[0]
    got = log_tails(np.array([s, t]), z)
    assert math.exp(got[0]) == pytest.approx(inside, rel=1e-9)
    assert math.exp(got[1]) == pytest.approx(1 - inside, rel=1e-8)


def test_bridge_far_out_between_bonferroni_and_its_largest_term():
    times = grid_of("float8_e5m2").times
    for z in (3.0, 6.0, 9.0):
        each = 2 * ndtr(-z / np.sqrt(times * (1 - times)))
        assert math.log(each.max()) < log_tails(times, z)[1] < math.log(each.sum())


def test_nu_against_its_long_sum():
    for x in (0.1, 0.7, 0.999, 1.0, 2.0, 9.0):
        k = np.arange(1, 400_000)
        long = math.log(2) - 2 * math.log(x) - 2 * (ndtr(-x * np.sqrt(k) / 2) / k).sum()
        assert float(log_nu(np.array(x))) == pytest.approx(long, abs=2e-5)
    assert math.sqrt(2 * math.pi) * OVERSHOOT == pytest.approx(1.4603545088095868, rel=1e-12)  # -zeta(1/2)


def test_first_exit_is_a_density():
    t = np.linspace(1e-6, 40, 400_001)
    for z in (0.5, 1.0, 2.0):
        total = np.trapezoid(discrete_bridge._first_exit(z, t), t)
        assert total == pytest.approx(1.0, abs=2e-4 + math.exp(-(math.pi**2) * 40 / (8 * z * z)))
    weight = meeting_weights(0.2, np.array([0.2, 0.5, 0.8]))
    assert weight[0] == pytest.approx(weight[1], rel=1e-3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [100, 2048, 10**4, 10**6, 10**9])
@pytest.mark.parametrize("d", [0.0975, 0.3])
def test_absurd_values_lie_within_binomial_bounds(dtype, n, d):
    # The largest chance of one edge, and the sum over all; of each a first term and a geometric series.
    t = grid_of(dtype).times
    least, most = [], []
    for side in (t, 1 - t):
        chance = side[np.ceil(n * (side + d)) <= n]
        k = np.ceil(n * (chance + d) - 1e-9)
        term = binom.logpmf(k, n, chance)
        least.append(term)
        most.append(term - np.log1p(-(n - k) / (k + 1) * chance / (1 - chance)))
    lower = np.concatenate(least).max()
    upper = np.logaddexp.reduce(np.concatenate(most))
    got = float(GridKolmogorovNull(n, grid_of(dtype)).logsf(d))
    # Above, counts are taken as real: a tail jumps by theta = d / (t (1 - t)) from one whole count on.
    slack = (5 * d if n > EXACT_UP_TO else 0.0) + 1e-9 * abs(lower) + 1e-6
    assert np.isfinite(got)
    assert lower - slack <= got <= upper + slack


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [8, 2049, 10**6, 10**10])
def test_tails_are_monotone_and_complete(dtype, n):
    z = np.array([1e-9, 0.1, 0.3, 0.6, 1, 1.5, 2.5, 4, 5.9, 6.1, 6.9, 7.1, 9, 30])
    d = z[z < math.sqrt(n)] / math.sqrt(n)
    null = GridKolmogorovNull(n, grid_of(dtype))
    inside, outside = null.logcdf(d), null.logsf(d)
    assert np.all(inside[1:] >= inside[:-1] - 1e-12)
    assert np.all(outside[1:] <= outside[:-1] + 1e-9)
    assert np.all(np.isfinite(inside[z[: d.size] > 0.2]))
    total = np.exp(inside) + np.exp(outside)
    # What lies at d itself is in both.
    assert np.all(total > 1 - 1e-9)
    assert np.all(total < (1.6 if n == 8 else 1 + 1e-9))


def test_mean_and_std():
    null = GridKolmogorovNull(300, grid_of("float8_e5m2"))
    d = np.linspace(0, 0.25, 501)
    above = null.sf(d)
    mean = np.trapezoid(above, d)
    assert null.mean == pytest.approx(mean, rel=0.02)
    assert null.std == pytest.approx(math.sqrt(2 * np.trapezoid(d * above, d) - mean**2), rel=0.05)


def test_arguments():
    with pytest.raises(ArgumentError, match="ascending"):
        Grid(np.array([0.5, 0.4]))
    with pytest.raises(ArgumentError, match="n = 0"):
        GridKolmogorovNull(0, grid_of("float32"))


def test_thinned_edges_keep_their_distance():
    below = np.sort(np.random.default_rng(0).random(5000))
    kept = below[thinned(below, 0.01)]
    assert np.diff(kept, prepend=0.0, append=1.0).min() >= 0.01
    assert kept.size > 80
    assert thinned(np.array([0.001, 0.999]), 0.01).size == 0


@pytest.mark.parametrize("scale", [1.0, 0.13, 5.5])
@pytest.mark.parametrize("dtype", DTYPES)
def test_grids_of_all_formats(dtype, scale):
    kept, grid = kolmogorov_grid(dtype, None, scale)
    assert grid is not None
    assert kept.size == grid.times.size
    assert grid.coarse == dtype.startswith("float8")
