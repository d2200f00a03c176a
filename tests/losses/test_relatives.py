"""KL, norm, kurtosis, covariance, autocorrelation losses: published values, gradients, relations."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from losses import relatives  # noqa: E402
from losses.relative_cases import (  # noqa: E402
    EPS,
    LOSSES,
    SHAPE,
    SMOOTH,
    correlated,
    noise,
    value_and_gradient,
)

from gausscheck.engines.torch import orders as orders_module  # noqa: E402
from gausscheck.engines.torch.spectral_norm import spectral_norm  # noqa: E402
from gausscheck.errors import ArgumentError  # noqa: E402
from gausscheck.losses import (  # noqa: E402
    AutocorrelationLoss,
    CovarianceLoss,
    MomentLoss,
    PowerSpectrumLoss,
    covariance_loss,
    kl_loss,
    kurtosis_loss,
    norm_loss,
)
from gausscheck.losses import covariance as covariance_module  # noqa: E402
from gausscheck.losses import reading as reading_module  # noqa: E402
from gausscheck.losses.norm import norm_minimum  # noqa: E402

ORACLES = {
    "kl": relatives.kl,
    "norm": relatives.norm,
    "norm from minimum": lambda x: relatives.norm(x) - norm_minimum(x.numel()),
    "kurtosis": relatives.kurtosis,
    "kurtosis squared": lambda x: relatives.kurtosis(x) ** 2,
    "raster": lambda x: relatives.covariance(x.flatten(), []),
    "autocorrelation": relatives.autocorrelation,
    "autocorrelation rescaled": lambda x: relatives.autocorrelation(x, scale=2.0),
}


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_value_and_gradient_are_those_of_the_published_code(name, dtype):
    z = correlated(1, *SHAPE, dtype=dtype)
    expected, expected_gradient = value_and_gradient(lambda x: ORACLES[name](x[0]), z.double())
    value, gradient = value_and_gradient(LOSSES[name](), z)
    # Sums of 2,048 values of one sign lose up to 11 roundings; the differences taken here (v - 1 - log v,
    # m4 - 3, sqrt(1 + M2) - 1) magnify them by less than 20 at this sample.
    bound = 16 * 11 * EPS[dtype]
    # The published norm is a difference of numbers about its minimum.
    room = abs(norm_minimum(2048)) * bound if name == "norm from minimum" else 0.0
    assert abs(float(value) - float(expected)) <= bound * abs(float(expected)) + room * (
        dtype == torch.float64
    )
    assert (gradient - expected_gradient).norm() <= bound * expected_gradient.norm()


@pytest.mark.parametrize("k", [2, 4, 5, 16])
@pytest.mark.parametrize("chunk", [1 << 19, 3 * 2048])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_covariance_with_shuffles_is_the_published_loop(k, chunk, dtype, monkeypatch):
    """With the same permutations; 2,048 values are no multiple of 5; groups of 3 shuffles and of all."""
    size, rows = 2048, 2048 // k
    positions = torch.stack(
        [torch.randperm(size, generator=torch.Generator().manual_seed(s)) for s in range(7)]
    )
    handed = []

    def given(n, count, *, block, device, generator=None):
        start = sum(handed)
        handed.append(count)
        assert n == size
        return orders_module.Orders(positions[start : start + count], None)

    monkeypatch.setattr(reading_module, "fresh_orders", given)
    monkeypatch.setattr(covariance_module, "_AT_ONCE_CPU", chunk)
    # A mean and correlation large enough that all four bounds are active.
    z = correlated(1, size // 16, 16, dtype=dtype)
    natural = [p[: rows * k].view(k, rows).T.flatten() for p in positions]
    expected, expected_gradient = value_and_gradient(
        lambda x: relatives.covariance(x.flatten(), natural, k), z.double()
    )
    value, gradient = value_and_gradient(CovarianceLoss(k=k, shuffles=7), z)
    assert handed == ([7] if chunk > 2048 * 7 else [3, 3, 1])
    bound = 16 * 11 * EPS[dtype]
    assert float(value) == pytest.approx(float(expected), rel=bound)
    assert (gradient - expected_gradient).norm() <= bound * expected_gradient.norm()


def test_random_lags_pair_values_at_one_lag(monkeypatch):
    lags = iter([3, 5])
    monkeypatch.setattr(torch, "randint", lambda *a, **k: torch.tensor([next(lags) - 1]))
    z = correlated(1, 2, 8, 12)
    expected = sum(
        (p * torch.roll(p, 3, 0)).mean() ** 2 + (p * torch.roll(p, 5, 1)).mean() ** 2 for p in z[0]
    )
    assert torch.allclose(AutocorrelationLoss(random_lag=True)(z), expected, rtol=1e-14)


def test_random_lags_stay_below_half_the_side():
    """Lag 0 and half the side would pair values with themselves: a wave of lag 1 would show."""
    z = torch.zeros(1, 8, 8, dtype=torch.float64)
    z[0, 0, 0] = 8.0
    loss = AutocorrelationLoss(random_lag=True, generator=torch.Generator().manual_seed(0))
    # One large value meets itself at lag 0 only. 200 draws of 1..3: 0 would come with 1/4 each.
    assert all(float(loss(z)) == 0.0 for _ in range(200))


@pytest.mark.parametrize("name", SMOOTH)
def test_gradcheck(name):
    z = correlated(2, 8, 12, seed=3).requires_grad_()
    loss = LOSSES[name](reduction="none")
    assert torch.autograd.gradcheck(loss, (z,), eps=1e-6, atol=1e-6)
    if name != "raster":
        assert torch.autograd.gradgradcheck(loss, (z,), eps=1e-6, atol=1e-4, rtol=1e-3)


def test_a_second_derivative_of_the_covariance_loss_is_an_error():
    z = correlated(1, 8, 12).requires_grad_()
    with pytest.raises(ArgumentError, match="second derivative"):
        torch.autograd.grad(CovarianceLoss(shuffles=2)(z), z, create_graph=True)


@pytest.mark.parametrize("k", [2, 3, 4, 16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_spectral_norm_and_its_slope(k, dtype):
    draws = torch.randn(100, k, k, generator=torch.Generator().manual_seed(k), dtype=torch.float64)
    a = (0.03 * (draws + draws.mT)).to(dtype)
    values, vectors = torch.linalg.eigh(a.double())
    largest = values.abs().argmax(dim=1, keepdim=True)
    top = values.gather(1, largest)[:, 0]
    vector = vectors.gather(2, largest[:, None].expand(-1, k, 1))[:, :, 0]
    norm, slope = spectral_norm(a)
    # The Frobenius norm of a matrix is at most sqrt(k) times its spectral norm; 28 or 56 squarings.
    assert torch.allclose(norm.double(), top.abs(), rtol=8 * k * EPS[dtype])
    gap = torch.sort(values.abs(), dim=1).values
    gap = (gap[:, -1] - gap[:, -2]) / gap[:, -1]
    expected = top.sign()[:, None, None] * vector[:, :, None] * vector[:, None, :]
    # An eigenvector is known to a rounding over the gap.
    assert ((slope - expected).flatten(1).norm(dim=1) * gap).max() <= 8 * k * EPS[dtype]
    zero, flat = spectral_norm(torch.zeros(1, k, k, dtype=dtype))
    assert float(zero) == 0
    assert not flat.any()
    equal = torch.diag(torch.tensor([2.0, -2.0] + [1.0] * (k - 2), dtype=dtype))[None]
    assert float(spectral_norm(equal)[0]) == pytest.approx(2.0, rel=8 * k * EPS[dtype])


def test_kl_is_the_square_of_the_moment_discrepancies_near_its_optimum():
    """KL = L_1^2 + 2 L_2^2 up to third order: twice nearer, the difference is 8 times smaller."""
    z = noise(1, 4096, seed=1, dtype=torch.float64, mean=0.0, std=1.0)
    z = (z - z.mean()) / z.std(correction=0)
    gaps = []
    for step in (0.02, 0.01):
        near = step + (1 + step) * z
        first, second = (float(MomentLoss(orders=(n,))(near)) for n in (1, 2))
        value = float(kl_loss(near))
        gaps.append(abs(value - first**2 - 2 * second**2))
        assert value == pytest.approx(first**2 + 2 * second**2, rel=3 * step)
    assert gaps[0] / gaps[1] == pytest.approx(8, rel=0.05)


def test_norm_is_the_second_moment_as_the_sample_grows():
    """Value above the minimum over D L_2^2, and the place of the optimum."""
    for size in (256, 4096, 65536):
        z = noise(1, size, dtype=torch.float64, mean=0.0, std=1.0)
        off = 20 / math.sqrt(size)
        z = z / z.square().mean().sqrt() * (1 + off)
        second = float(MomentLoss(orders=(2,))(z))
        ratio = float(norm_loss(z, from_minimum=True)) / (size * second**2)
        # (r - sqrt(D-1))^2 (1 - (r/sqrt(D) - 1)/3 + …) against (r - sqrt(D))^2, 1/(2 sqrt(D)) apart.
        assert ratio == pytest.approx(1, abs=off / 3 + 1 / 20)
        best = z / z.norm() * math.sqrt(size - 1)
        value, gradient = value_and_gradient(lambda x: norm_loss(x, from_minimum=True), best)
        # A rounding of r^2/(D - 1) counts half of D times its square, and once in each component.
        assert abs(float(value)) <= size * (64 * EPS[torch.float64]) ** 2
        assert gradient.norm() <= 64 * EPS[torch.float64] * best.norm()
        assert float(MomentLoss(orders=(2,))(best)) == pytest.approx(0.5 / size, rel=1 / size)


def test_kurtosis_is_the_fourth_moment():
    z = noise(1, 4096, dtype=torch.float64, mean=0.0, std=1.0)
    z = z * (3 / z.pow(4).mean()) ** 0.25
    for step in (1e-2, 1e-3):
        for side in (-1, 1):
            near = z * (1 + side * step)
            ratio = float(kurtosis_loss(near)) / float(MomentLoss(orders=(4,))(near))
            # |m4 - 3| = 3 ((1 + step)^4 - 1) over L_4 = 3^(1/4) step, whose ratio moves by 3/2 step.
            assert ratio == pytest.approx(4 * 3**0.75, rel=1.6 * step)
    a, b = (value_and_gradient(f, z * 1.01)[1] for f in (kurtosis_loss, MomentLoss(orders=(4,))))
    assert torch.allclose(a / a.norm(), b / b.norm(), rtol=1e-10)


def flat_sample(size, seed=0):
    """In every group of 16 frequencies amplitudes of mean sqrt(pi)/2 and mean square 1, phases random."""
    rng = np.random.default_rng(seed)
    count = (size - 1) // 2
    mean = math.sqrt(math.pi) / 2
    sign = np.where(np.arange(count) % 2 == 0, 1, -1)
    # A last short group of an odd number of amplitudes has the mean alone.
    amplitude = mean + sign * math.sqrt(1 - mean**2)
    amplitude[count - count % 16 :] = mean
    spectrum = np.zeros(size // 2 + 1, dtype=complex)
    spectrum[1 : count + 1] = amplitude * np.exp(2j * np.pi * rng.random(count))
    spectrum[-1] = 1.0
    return torch.tensor(np.fft.irfft(spectrum * math.sqrt(size), size))[None]


def test_covariance_and_spectrum_share_an_optimum():
    """Wiener-Khinchin: the covariance of rows, on average over all offsets, is the transform of |X|^2 / D."""
    z = correlated(1, 64, 64).flatten(1)
    size, k = 4096, 8
    windows = torch.stack([z[0].roll(-j) for j in range(k)])
    power = torch.fft.rfft(z[0]).abs().square() / size
    lags = torch.fft.irfft(power, n=size)[:k]
    toeplitz = lags[(torch.arange(k)[:, None] - torch.arange(k)).abs()]
    assert torch.allclose(windows @ windows.T / size, toeplitz, rtol=1e-10, atol=1e-12)
    # Of a flat spectrum that is the identity, but for its blind spot, the mean, which is 0 here.
    flat = flat_sample(size)
    windows = torch.stack([flat[0].roll(-j) for j in range(k)])
    # The 15 amplitudes of the last short group and the alternation in each group leave a few thousandths.
    assert torch.allclose(windows @ windows.T / size, torch.eye(k, dtype=torch.float64), atol=16 / size)
    assert float(PowerSpectrumLoss(permute=None)(flat)) <= 1e-12
    # Both bounds at log 2: the least value, with a gradient of 0.
    value, gradient = value_and_gradient(CovarianceLoss(k=k, shuffles=0), flat)
    assert float(value) == pytest.approx(2 * math.log(2), rel=1e-12)
    assert not gradient.any()
    # Off it, both rise.
    near = flat + 0.3 * flat.roll(1, 1)
    assert float(PowerSpectrumLoss(permute=None)(near)) > 0.1
    assert float(covariance_loss(near, shuffles=0)) > 4
