"""Differentiable Gaussianity losses in torch, each with its null distribution."""

from gausscheck.losses.gaussianity import (
    GaussianityLoss,
    MomentLoss,
    PowerSpectrumLoss,
    gaussianity_loss,
    moment_loss,
    power_spectrum_loss,
)

__all__ = [
    "GaussianityLoss",
    "MomentLoss",
    "PowerSpectrumLoss",
    "gaussianity_loss",
    "moment_loss",
    "power_spectrum_loss",
]
