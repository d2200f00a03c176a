"""Differentiable Gaussianity losses in torch, each with its null distribution."""

from gausscheck.losses.descent import descend
from gausscheck.losses.gaussianity import (
    GaussianityLoss,
    MomentLoss,
    PowerSpectrumLoss,
    gaussianity_loss,
    moment_loss,
    power_spectrum_loss,
)
from gausscheck.losses.trajectory import Record, Trajectory

__all__ = [
    "GaussianityLoss",
    "MomentLoss",
    "PowerSpectrumLoss",
    "Record",
    "Trajectory",
    "descend",
    "gaussianity_loss",
    "moment_loss",
    "power_spectrum_loss",
]
