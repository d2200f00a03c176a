"""Law of Anderson and Darling's statistic on cells: enumeration, dense matrices, importance sampling, draws.

False-alarm rate of each test that draws numbers: 1e-8.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammaln
from scipy.stats import binom

from gausscheck.errors import ArgumentError
from gausscheck.nulls.anderson_darling import AndersonDarlingGrid, AndersonDarlingNull
from gausscheck.nulls.base import Grade
from gausscheck.nulls.edges import anderson_darling_grid

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

DTYPES = ("float32", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2")
SIGMAS = 5.8  # of a normal estimate: 1e-8 two-sided


def grid_of(dtype):
    grid = anderson_darling_grid(dtype, None, 1.0)
    assert grid is not None
    return grid


def small_grid(below=(0.1, 0.35, 0.6)):
    below = np.array(below)
    return AndersonDarlingGrid(np.log(below), np.log1p(-below))


def test_mean_and_variance_against_enumeration():
    grid = small_grid()
    n, mean, square = 7, 0.0, 0.0
    for counts in itertools.product(range(n + 1), repeat=3):
        if sum(counts) <= n:
            full = np.array([*counts, n - sum(counts)])
            p = math.exp(gammaln(n + 1) - gammaln(full + 1).sum() + full @ np.log(grid.mass))
            value = grid.value(n, np.cumsum(full)[:-1])
            mean, square = mean + p * value, square + p * value**2
    assert grid.mean == pytest.approx(mean, rel=1e-12)
    assert grid.variance(n) == pytest.approx(square - mean**2, rel=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_eigenvalues_against_the_dense_matrix(dtype):
    grid = grid_of(dtype)
    covariance = np.minimum.outer(grid.below, grid.below) - np.multiply.outer(grid.below, grid.below)
    root = np.sqrt(grid.weight)
    dense = np.linalg.eigvalsh(root[:, None] * covariance * root)[::-1]
    # Edges beyond log odds of 16 are left out: 1e-7 of the mass each side.
    assert grid.eigenvalues[:40] == pytest.approx(dense[:40], rel=1e-6)
    assert grid.eigenvalues.sum() == pytest.approx(grid.mean, abs=2e-6)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_fine_cells_are_near_the_continuous_law(dtype):
    grid, j = grid_of(dtype), np.arange(1, 11)
    # The trapezoid rule in steps h = 0.03 of asinh(log odds) errs by order h^2 j^2 / 12.
    assert grid.eigenvalues[:10] == pytest.approx(1 / (j * (j + 1)), rel=1e-2)
    assert grid.mean == pytest.approx(1.0, abs=3e-4)
    # Var A^2 of n values: 2 (pi^2 - 9) / 3 + (10 - pi^2) / n
    for n in (8, 1000):
        expected = 2 * (math.pi**2 - 9) / 3 + (10 - math.pi**2) / n
        assert grid.variance(n) == pytest.approx(expected, rel=2e-3)


def test_value_is_the_integral():
    grid, rng = grid_of("float16"), np.random.default_rng(3)
    u = np.sort(rng.random(500))
    j = np.arange(1, 501)
    exact = -500 - ((2 * j - 1) * (np.log(u) + np.log1p(-u[::-1]))).sum() / 500
    value = grid.value(500, np.searchsorted(u, grid.below, "right"))
    # Between edges 0.0075 of the mass apart a bridge moves by 0.09: 20 edges' worth of independent errors.
    assert value == pytest.approx(exact, rel=0.03)


def shifted(grid, s):
    """Masses of the law whose log odds are greater by s."""
    r = math.exp(-s)
    mixed = np.concatenate(([r], grid.below + r * np.exp(grid._log_above), [1.0]))
    q = grid.mass * r / (mixed[1:] * mixed[:-1])
    return q / q.sum()


def sampled_log_sf(grid, n, value, seed, draws=4000):
    """Log of P(A^2 >= value) and its standard error, from draws of the two likeliest ways to get there."""
    low, high = 1e-4, 50.0
    for _ in range(60):
        s = math.sqrt(low * high)
        low, high = (s, high) if grid._moved(s)[0] < value / n else (low, s)
    rng, weights = np.random.default_rng(seed), []
    up, down = shifted(grid, low), shifted(grid, -low)
    counted = grid.mass > 1e-290
    ratios = [np.log(np.where(counted, q / np.where(counted, grid.mass, 1.0), 1.0)) for q in (up, down)]
    for q in (up, down):
        counts = rng.multinomial(n, q, size=draws // 2)
        gap = counts.cumsum(axis=1)[:, :-1] / n - grid.below
        reached = n * (gap**2 @ grid.weight) >= value
        log_weight = math.log(2) - np.logaddexp(counts @ ratios[0], counts @ ratios[1])
        weights.append(np.where(reached, log_weight, -np.inf))
    log_weight = np.concatenate(weights)
    top = log_weight.max()
    w = np.exp(log_weight - top)
    return top + math.log(w.mean()), float(w.std() / w.mean()) / math.sqrt(draws)


CASES = [
    ("bfloat16", 50, 14.0),
    ("bfloat16", 1000, 8.0),
    ("bfloat16", 1000, 14.0),
    ("float8_e4m3fn", 50, 30.0),
    ("float8_e4m3fn", 1000, 14.0),
    ("float8_e4m3fn", 10**6, 100_000.0),
    ("float8_e5m2", 50, 14.0),
    ("float8_e5m2", 1000, 300.0),
    ("float8_e5m2", 10**6, 14.0),
    ("float8_e5m2", 10**6, 100_000.0),
]


@pytest.mark.parametrize(("dtype", "n", "value"), CASES)
def test_upper_tail_against_importance_sampling(dtype, n, value):
    # p = 1e-4 .. 1e-43,000
    grid = grid_of(dtype)
    log_p, error = sampled_log_sf(grid, n, value, seed=[5, n])
    accuracy = 0.06 + 1e-5 * value
    assert float(AndersonDarlingNull(n, grid).logsf(value)) == pytest.approx(
        log_p, abs=accuracy + SIGMAS * error
    )


def test_the_limit_law_alone_is_caught(monkeypatch):
    monkeypatch.setattr(AndersonDarlingGrid, "excess_rate", lambda *_: 0.0)
    with pytest.raises(AssertionError):
        test_upper_tail_against_importance_sampling("float8_e5m2", 10**6, 100_000.0)


def test_the_rate_is_the_distance():
    # I(a) = a: both by quadrature for log odds moved by s.
    for s in (0.3, 2.0):
        r = math.exp(-s)

        def density(u, r=r):
            return r / (u + r * (1 - u)) ** 2

        a = quad(lambda u, r=r: u * (1 - u) * ((1 - r) / (u + r * (1 - u))) ** 2, 0, 1)[0]
        rate = quad(lambda u: density(u) * math.log(density(u)), 0, 1)[0]
        assert rate == pytest.approx(a, rel=1e-8)


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 3e-5), ("float16", 3e-5), ("float8_e5m2", 3e-3)])
def test_excess_rate_of_fine_cells_is_small(dtype, bound):
    grid = grid_of(dtype)
    assert abs(grid.excess_rate(0.5)) < bound
    assert grid.excess_rate(1e-12) == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e5m2"])
@pytest.mark.parametrize("value", [0.12, 0.18, 0.3])
def test_lower_tail_of_the_limit_against_importance_sampling(dtype, value):
    # All eigenvalues, shrunk: z_i of variance 1 / (1 + 2 theta lambda_i) with E A^2 = value; p to 1e-6.
    grid = grid_of(dtype)
    eigenvalues = grid.eigenvalues
    low, high = 1e-3, 1e4
    for _ in range(80):
        theta = math.sqrt(low * high)
        fits = (eigenvalues / (1 + 2 * theta * eigenvalues)).sum() > value
        low, high = (theta, high) if fits else (low, theta)
    spread = 1 / (1 + 2 * theta * eigenvalues)
    z = np.random.default_rng(8).standard_normal((20_000, eigenvalues.size))
    a = z**2 @ (spread * eigenvalues)
    weight = np.where(a <= value, np.exp(theta * a + 0.5 * np.log(spread).sum()), 0.0)
    error = weight.std() / weight.mean() / math.sqrt(weight.size)
    got = float(AndersonDarlingNull(10**9, grid).cdf(value))
    assert got == pytest.approx(weight.mean(), rel=SIGMAS * error + 1e-3)


@pytest.mark.parametrize(("dtype", "n"), [("float8_e4m3fn", 100), ("float8_e4m3fn", 1000)])
def test_bulk_against_draws(dtype, n):
    grid, draws = grid_of(dtype), 30_000
    rng = np.random.default_rng([9, n])
    gap = rng.multinomial(n, grid.mass / grid.mass.sum(), size=draws).cumsum(axis=1)[:, :-1] / n - grid.below
    value = np.sort(n * (gap**2 @ grid.weight))
    null = AndersonDarlingNull(n, grid)
    for q in (0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999):
        t = value[int(q * draws)]
        hits, p = int(np.searchsorted(value, t, "right")), float(null.cdf(t))
        # The law itself is right to some percent of p in the lower tail.
        wider = np.clip(p * (1 + np.array([-0.1, 0.1]) * (q < 0.1)), 0, 1)
        assert binom.cdf(hits, draws, wider[0]) > 1e-9
        assert binom.sf(hits - 1, draws, wider[1]) > 1e-9


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [8, 1000, 10**6, 10**10])
def test_tails_are_monotone_and_finite(dtype, n):
    null = AndersonDarlingNull(n, grid_of(dtype))
    value = np.array([1e-5, 0.01, 0.1, 0.5, 1, 2, 8, 30, 100, 1e3, 1e4, 5e4])
    inside, outside = null.logcdf(value), null.logsf(value)
    assert np.all(np.isfinite(inside))
    assert np.all(np.isfinite(outside))
    assert np.all(np.diff(inside) >= 0)
    assert np.all(np.diff(outside) <= 0)
    # n values of the same law: 5.8 % of the largest distance possible
    assert null.grade is (Grade.SADDLEPOINT if n > 8 else Grade.ASYMPTOTIC)


def test_one_value_far_out_adds_its_log_odds():
    grid, n = grid_of("float32"), 10**6
    below = np.rint(n * grid.below).astype(np.int64)
    plain = grid.value(n, below)
    for place in (grid.kept.size - 40, grid.kept.size - 1):
        outlier = np.minimum(below, n - (np.arange(below.size) <= place))
        # One of n beyond the edge: n int n^-2 d(log odds).
        assert 0 <= grid.value(n, outlier) - plain < 2 * grid._odds[place] / n + 1e-3


def test_arguments():
    with pytest.raises(ArgumentError, match="at least one edge"):
        AndersonDarlingGrid(np.array([-np.inf, 0.0]), np.array([0.0, -np.inf]))
    with pytest.raises(ArgumentError, match="n = 0"):
        AndersonDarlingNull(0, small_grid())
    one = small_grid((0.4,))
    # A single edge: A^2 is a binomial variance, chi-square in the limit.
    assert one.eigenvalues == pytest.approx([one.weight[0] * 0.24])
