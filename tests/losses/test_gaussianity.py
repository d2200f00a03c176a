"""Values and gradients of the moment and spectrum losses against formulas written out in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from losses import oracles

torch = pytest.importorskip("torch")

from gausscheck.engines.torch.orders import fresh_orders, given_orders  # noqa: E402
from gausscheck.engines.torch.reduction import Recipe, Reduction, plain_statistics  # noqa: E402
from gausscheck.errors import ArgumentError  # noqa: E402
from gausscheck.losses import (  # noqa: E402  # noqa: E402
    GaussianityLoss,
    MomentLoss,
    PowerSpectrumLoss,
    gaussianity_loss,
    moment_loss,
    power_spectrum_loss,
)

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

EPS = {torch.float32: 2.0**-23, torch.float64: 2.0**-52}
# 64 and 2304 = 48 * 48 are cut into short transforms; 333 and 100 are not.
SIZES = (64, 100, 333, 2304)


def sample(size, seed=0, rows=1, dtype=torch.float64):
    draws = np.random.default_rng(seed).normal(0.1, 1.2, (rows, size))
    return torch.tensor(draws, dtype=dtype)


def value_and_gradient(loss, x):
    x = x.clone().requires_grad_()
    value = loss(x)
    (gradient,) = torch.autograd.grad(value, x)
    return value.item(), gradient.double().numpy()


def close(found, expected, eps, size):
    (value, gradient), (expected, expected_gradient) = found, expected
    # A transform of D values loses about log2(D) roundings, a sum of D as many; 16 is for the steps beside.
    bound = 16 * np.log2(size) * eps
    assert value == pytest.approx(expected, rel=bound, abs=bound)
    assert np.linalg.norm(gradient - expected_gradient) <= bound * np.linalg.norm(expected_gradient)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("order", range(1, 9))
def test_a_moment_is_its_formula(order, dtype):
    x = sample(500, seed=order, dtype=dtype)
    row = x[0].double().numpy()
    expected = oracles.moment_discrepancy(row, order), oracles.moment_gradient(row, order)
    value, gradient = value_and_gradient(MomentLoss(orders=(order,)), x)
    # A power of order n multiplies the rounding of x by n, a root near its target magnifies the difference.
    close((value, gradient), expected, EPS[dtype] * 4 * order, 500)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("block", "mu"), [(16, "exact"), (16, "paper"), (4, 0.8), (5, "exact")])
@pytest.mark.parametrize("size", SIZES)
def test_the_stored_spectrum_is_its_formula(size, block, mu, dtype):
    x = sample(size, dtype=dtype)
    number = {"exact": oracles.EXACT, "paper": 0.875}.get(mu, mu)
    row = x[0].double().numpy()
    expected = (
        oracles.spectrum_discrepancy(row, block, number),
        oracles.spectrum_gradient(row, block, number),
    )
    loss = PowerSpectrumLoss(permute=None, block=block, mu=mu)
    close(value_and_gradient(loss, x), expected, EPS[dtype], size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("permute", ["fixed", "fresh", "mix"])
def test_the_composite_is_the_sum_of_its_formulas(size, permute):
    x = sample(size)
    kwargs = {"generator": torch.Generator().manual_seed(3)} if permute != "fixed" else {"seed": 4}
    loss = GaussianityLoss(permute=permute, permutations=2, moment_weight=3.0, **kwargs)
    value, gradient = value_and_gradient(loss, x)
    if permute != "fixed":
        loss.reading.generator.manual_seed(3)
    orders = loss.reading.orders(size, 16, x.device).natural().numpy()
    assert orders.shape == (2, size)
    row = x[0].numpy()
    expected, expected_gradient = 0.0, np.zeros(size)
    for n in (1, 2):
        expected += 3 * oracles.moment_discrepancy(row, n)
        expected_gradient += 3 * oracles.moment_gradient(row, n)
    share = 12.5 if permute == "mix" else 25.0
    for order in orders:
        expected += share / 2 * oracles.spectrum_discrepancy(row[order])
        expected_gradient[order] += share / 2 * oracles.spectrum_gradient(row[order])
    if permute == "mix":
        expected += share * oracles.spectrum_discrepancy(row)
        expected_gradient += share * oracles.spectrum_gradient(row)
    close((value, gradient), (expected, expected_gradient), EPS[torch.float64], size)


@pytest.mark.parametrize("aim", ["zero", "typical"])
@pytest.mark.parametrize("size", [64, 100])
def test_gradcheck(size, aim):
    loss = GaussianityLoss(
        orders=(1, 2, 3, 4, 6), permute="fixed", aim=aim, power_weight=1.0, reduction="none"
    )
    x = sample(size, seed=8).requires_grad_()
    assert torch.autograd.gradcheck(loss, (x,), eps=1e-6, atol=1e-6)
    assert torch.autograd.gradgradcheck(loss, (x,), eps=1e-6, atol=1e-4, rtol=1e-3, fast_mode=True)


@pytest.mark.parametrize("order", [3, 5, 7])
def test_the_root_of_an_odd_moment_is_safe_at_zero(order):
    half = torch.linspace(0.1, 2.0, 50, dtype=torch.float64)
    x = torch.cat([half, -half])[None].requires_grad_()
    loss = MomentLoss(orders=(order,))
    (gradient,) = torch.autograd.grad(loss(x), x)
    assert torch.isfinite(gradient).all()
    # On either side of the chord's end the value and the slope follow the stated rule.
    term, safe = loss.terms[0], 1e-3 * np.sqrt(oracles.double_factorial(2 * order - 1) / 100)
    inside = torch.tensor([-0.5, 0.5], dtype=torch.float64) * safe
    assert torch.allclose(term.discrepancy(inside, 100), inside.abs() * safe ** (1 / order - 1))
    assert torch.allclose(term.slope(inside, 100), inside.sign() * safe ** (1 / order - 1))
    outside = torch.tensor([2 * safe], dtype=torch.float64)
    assert torch.allclose(term.discrepancy(outside, 100), outside.pow(1 / order))


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("size", [64, 333, 2304])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_road_gives_the_same(size, rows, dtype, monkeypatch):
    """Compiled passes, short transforms, long transforms and plain autograd."""
    from gausscheck.engines.torch import orders as orders_module
    from gausscheck.engines.torch import spectrum as spectrum_module

    recipe = Recipe(orders=(1, 2, 4), views=("stored", "permuted"))
    x = sample(size, rows=rows, dtype=dtype)
    natural = torch.stack([torch.randperm(size, generator=torch.Generator().manual_seed(s)) for s in (0, 1)])
    slopes = torch.tensor([[0.5, -1.0, 0.25, 2.0, -3.0]], dtype=dtype).expand(rows, -1)
    tracked = x.clone().requires_grad_()
    plain = plain_statistics(tracked, recipe, given_orders(natural, block=16))
    (expected,) = torch.autograd.grad((plain * slopes).sum(), tracked)

    def check():
        reduction = Reduction(x, recipe, given_orders(natural, block=16), wanted=True)
        gradient = reduction.gradient(slopes)
        bound = 16 * np.log2(size) * EPS[dtype]
        assert torch.allclose(reduction.statistics, plain, rtol=bound, atol=bound)
        assert (gradient - expected).norm() <= bound * expected.norm()
        alone = Reduction(x, recipe, given_orders(natural, block=16), wanted=False)
        assert torch.allclose(alone.statistics, plain, rtol=bound, atol=bound)

    check()
    for module in (orders_module, spectrum_module):
        monkeypatch.setattr(module, "numba_at_hand", lambda device: False)
    check()
    for module in (orders_module, spectrum_module):
        monkeypatch.setattr(module, "cpu_split", lambda size, block, device: None)
    check()


def test_permutations_are_permutations_and_uniform():
    device = torch.device("cpu")
    counts = np.zeros((24, 24))
    generator = torch.Generator().manual_seed(0)
    # Where 0 and 1 of 64 go, in 64/… coarse cells: a chi-square test with false-alarm rate 1e-9.
    for _ in range(2000):
        drawn = fresh_orders(64, 1, block=2, device=device, generator=generator).natural()[0]
        assert torch.equal(drawn.sort().values, torch.arange(64))
        at = torch.argsort(drawn)
        counts[int(at[0]) * 24 // 64, int(at[1]) * 24 // 64] += 1
    from scipy.special import gammaincc

    cell = np.bincount(np.arange(64) * 24 // 64, minlength=24) / 64
    expected = 2000 * np.outer(cell, cell)
    coarse = counts.reshape(8, 3, 8, 3).sum((1, 3)), expected.reshape(8, 3, 8, 3).sum((1, 3))
    chi2 = float(((coarse[0] - coarse[1]) ** 2 / coarse[1]).sum())
    assert gammaincc(63 / 2, chi2 / 2) > 1e-9


def test_defaults_are_those_of_the_paper():
    loss = GaussianityLoss()
    assert [(t.name, t.weight) for t in loss.terms] == [
        ("moment 1", 1.0),
        ("moment 2", 1.0),
        ("power_spectrum permuted", 25.0),
    ]
    assert (loss.block, loss.reading.permute, loss.reading.permutations, loss.aim) == (16, "fresh", 1, "zero")
    assert GaussianityLoss(aim="typical").power_weight == 1.0
    assert [t.weight for t in GaussianityLoss(permute="mix").terms] == [1.0, 1.0, 12.5, 12.5]
    assert GaussianityLoss(moment_weight=0.0).terms == PowerSpectrumLoss().terms[:0] + tuple(
        t for t in GaussianityLoss().terms if t.name.startswith("power")
    )


def test_function_twins():
    x = sample(500, rows=2)
    assert torch.equal(moment_loss(x, orders=(1, 4)), MomentLoss(orders=(1, 4))(x))
    assert torch.equal(power_spectrum_loss(x, permute=None), PowerSpectrumLoss(permute=None)(x))
    a, b = (torch.Generator().manual_seed(5) for _ in range(2))
    assert torch.equal(gaussianity_loss(x, generator=a), GaussianityLoss(generator=b)(x))


def test_the_spectrum_gradient_has_constant_norm_and_scale_is_radial():
    for scale in (0.3, 1.0, 5.0):
        x = sample(4096) * scale
        _, gradient = value_and_gradient(PowerSpectrumLoss(permute="fresh"), x)
        # |grad P| = sqrt(sum_k w_k^2 / 2) with w = 1/(m G): 1/sqrt(D) but for the short last group.
        weights = np.concatenate([np.full(16, 1 / 16)] * 127 + [np.full(15, 1 / 15)]) / 128
        expected = np.sqrt((weights**2).sum() / 2)
        assert np.linalg.norm(gradient) == pytest.approx(expected, rel=1e-9)
        assert expected == pytest.approx(1 / 64, rel=2e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"orders": (0,)},
        {"orders": (9,)},
        {"orders": (1, 1)},
        {"orders": 3},
        {"orders": (True,)},
        {"orders": (), "power_weight": 0.0},
        {"moment_weight": -1.0},
        {"power_weight": -1.0},
        {"power_weight": float("nan")},
        {"power_weight": float("inf")},
        {"block": 0},
        {"block": 2.5},
        {"mu": "median"},
        {"mu": -1.0},
        {"mu": None},
        {"permute": "random"},
        {"permute": False},
        {"permutations": 0},
        {"seed": -1},
        {"generator": 3},
        {"permute": None, "generator": "made"},
        {"aim": "perfect"},
        {"reduction": "median"},
        {"central": 1.0},
        {"central": True},
    ],
)
def test_bad_options_are_errors_before_any_work(options):
    if options.get("generator") == "made":
        options = {**options, "generator": torch.Generator()}
    with pytest.raises(ArgumentError) as caught:
        GaussianityLoss(**options)
    name = next(k for k in ("generator", *options) if k in options)
    assert str(caught.value)
    assert name.rstrip("s") in str(caught.value)


def test_unknown_options_are_errors():
    with pytest.raises(TypeError, match="lambda_power"):
        GaussianityLoss(lambda_power=25)


@pytest.mark.parametrize("order", range(1, 9))
def test_an_interval_is_where_the_discrepancy_is_at_most_the_level(order):
    term, n = MomentLoss(orders=(order,)).terms[0], 4096
    for level in (1e-4, 0.01, 0.3, 2.0):
        low, high = term.interval(level, n)
        for edge in (low, high):
            if np.isfinite(edge):
                found = term.discrepancy(torch.tensor(edge, dtype=torch.float64), n).item()
                assert found == pytest.approx(level, rel=1e-12)
    assert term.interval(-0.1, n) == (np.inf, -np.inf)
