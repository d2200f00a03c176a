"""The relatives of the Gaussianity loss by name, and samples to try them on. Needs torch."""

from __future__ import annotations

import torch

from gausscheck.losses import AutocorrelationLoss, CovarianceLoss, KLLoss, KurtosisLoss, NormLoss

LOSSES = {
    "kl": KLLoss,
    "norm": NormLoss,
    "norm from minimum": lambda **o: NormLoss(from_minimum=True, **o),
    "kurtosis": KurtosisLoss,
    "kurtosis squared": lambda **o: KurtosisLoss(squared=True, **o),
    "raster": lambda **o: CovarianceLoss(shuffles=0, **o),
    "covariance": lambda **o: CovarianceLoss(shuffles=3, **o),
    "autocorrelation": AutocorrelationLoss,
    "autocorrelation rescaled": lambda **o: AutocorrelationLoss(rescale=True, **o),
    "autocorrelation random": lambda **o: AutocorrelationLoss(random_lag=True, **o),
    "typical kl": lambda **o: KLLoss(aim="typical", **o),
    "typical norm": lambda **o: NormLoss(aim="typical", **o),
    "typical covariance": lambda **o: CovarianceLoss(shuffles=3, aim="typical", **o),
    "typical autocorrelation": lambda **o: AutocorrelationLoss(aim="typical", **o),
}
DETERMINED = tuple(
    name for name in LOSSES if name not in ("covariance", "autocorrelation random", "typical covariance")
)
SMOOTH = ("kl", "norm from minimum", "kurtosis", "kurtosis squared", "raster", "autocorrelation")
EPS = {torch.float32: 2.0**-23, torch.float64: 2.0**-52}
SHAPE = (4, 16, 32)


def noise(*shape, seed=0, dtype=torch.float32, mean=0.1, std=1.2):
    return (mean + std * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))).to(dtype)


def correlated(*shape, seed=0, dtype=torch.float64):
    """Neighbours correlated, so that no bound of the covariance loss is clamped in stored order."""
    z = noise(*shape, seed=seed, dtype=dtype)
    return (z + 0.7 * z.roll(1, -1) + 0.3 * z.roll(1, -2)).contiguous()


def value_and_gradient(loss, z):
    z = z.detach().clone().requires_grad_()
    value = loss(z)
    (gradient,) = torch.autograd.grad(value, z)
    return value.detach(), gradient
