"""The relatives again, as their published code reads: one sample, plain torch, loops."""

from __future__ import annotations

import math

import numpy as np
import torch


def kl(x):
    mean = x.mean()
    variance = ((x - mean) ** 2).mean()
    return variance + mean**2 - 1 - torch.log(variance)


def norm(x):
    r = torch.linalg.norm(x)
    return 0.5 * r**2 - (x.numel() - 1) * torch.log(r)


def kurtosis(x):
    return ((x**4).mean() - 3).abs()


def bounds(rows):
    m, k = rows.shape
    mean = torch.norm(rows.mean(dim=0))
    scaled = rows / np.sqrt(m)
    gap = scaled.T @ scaled - torch.eye(k, dtype=rows.dtype)
    spectral = torch.linalg.matrix_norm(gap, ord=2)
    log_mean = torch.clamp(-(m * mean**2) / 2 / k, max=-math.log(2))
    over = torch.clamp(torch.sqrt(1 + spectral) - 1 - math.sqrt(k / m), min=0)
    log_covariance = torch.clamp(-m * over**2 / 2, max=-math.log(2))
    return log_mean + log_covariance


def covariance(x, orders, k=4):
    """`orders`: for each shuffle the position of every value of the rows, in turn."""
    m = x.numel() // k
    total = bounds(x[: m * k].view(m, k))
    if len(orders):
        total = total + sum(bounds(x[order[: m * k]].view(m, k)) for order in orders) / len(orders)
    return -total


def autocorrelation(x, scale=1.0):
    """`x`: (channels, height, width), even sides."""
    total = 0.0
    for plane in x:
        level = plane
        while True:
            total = total + (level * torch.roll(level, 1, 0)).mean() ** 2
            total = total + (level * torch.roll(level, 1, 1)).mean() ** 2
            if min(level.shape) <= 8:
                break
            quarters = [level[a::2, b::2] for a in (0, 1) for b in (0, 1)]
            level = scale * sum(quarters) / 4
    return total
