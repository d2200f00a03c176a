"""Differentiable Gaussianity losses in torch, each with its null distribution."""

from gausscheck.losses.autocorrelation import AutocorrelationLoss, autocorrelation_loss
from gausscheck.losses.covariance import CovarianceLoss, covariance_loss
from gausscheck.losses.descent import descend
from gausscheck.losses.gaussianity import (
    GaussianityLoss,
    MomentLoss,
    PowerSpectrumLoss,
    gaussianity_loss,
    moment_loss,
    power_spectrum_loss,
)
from gausscheck.losses.kl import KLLoss, kl_loss
from gausscheck.losses.kurtosis import KurtosisLoss, kurtosis_loss
from gausscheck.losses.norm import NormLoss, norm_loss
from gausscheck.losses.trajectory import Record, Trajectory

__all__ = [
    "AutocorrelationLoss",
    "CovarianceLoss",
    "GaussianityLoss",
    "KLLoss",
    "KurtosisLoss",
    "MomentLoss",
    "NormLoss",
    "PowerSpectrumLoss",
    "Record",
    "Trajectory",
    "autocorrelation_loss",
    "covariance_loss",
    "descend",
    "gaussianity_loss",
    "kl_loss",
    "kurtosis_loss",
    "moment_loss",
    "norm_loss",
    "power_spectrum_loss",
]
