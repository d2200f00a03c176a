"""Largest relative differences of the losses from plain re-implementations in float64.

    PYTHONPATH=tests python tests/calibration/compare_losses.py

Values and gradients (difference of norms) on correlated values of scale 1.2, mean 0.1, several sizes, stored
and permuted order, in float64, float32, bfloat16 and float16. Low precision is compared with the
re-implementation at the rounded values, in the gradient's own precision.
"""

from __future__ import annotations

import argparse

import torch
from losses import oracles, relatives
from losses.relative_cases import correlated, value_and_gradient

from gausscheck.losses import (
    AutocorrelationLoss,
    CovarianceLoss,
    GaussianityLoss,
    KLLoss,
    KurtosisLoss,
    MomentLoss,
    NormLoss,
    PowerSpectrumLoss,
)

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
SHAPES = ((1, 16, 16), (3, 24, 16), (4, 32, 32))


def weighted(moments, orders):
    """Oracle: sum of moments and 25 P over the given orders of the values."""

    def oracle(x):
        row = x.flatten().numpy()
        value, gradient = 0.0, 0.0
        for n in moments:
            value += oracles.moment_discrepancy(row, n)
            gradient = gradient + oracles.moment_gradient(row, n)
        for share, order in orders:
            part = torch.zeros(row.size, dtype=torch.float64)
            part[order] = torch.from_numpy(oracles.spectrum_gradient(row[order.numpy()]))
            value += share * oracles.spectrum_discrepancy(row[order.numpy()])
            gradient = gradient + share * part.numpy()
        return value, torch.as_tensor(gradient).reshape(x.shape)

    return oracle


def by_autograd(plain):
    def oracle(x):
        value, gradient = value_and_gradient(plain, x)
        return float(value), gradient

    return oracle


def cases(size):
    stored = torch.arange(size)
    fixed = GaussianityLoss(permute="fixed")
    order = fixed.reading.orders(size, 16, torch.device("cpu")).natural()[0]
    yield "MomentLoss 1..8", MomentLoss(orders=range(1, 9)), weighted(range(1, 9), [])
    yield "PowerSpectrumLoss", PowerSpectrumLoss(permute=None), weighted([], [(1.0, stored)])
    yield "GaussianityLoss stored", GaussianityLoss(permute=None), weighted((1, 2), [(25.0, stored)])
    yield "GaussianityLoss permuted", fixed, weighted((1, 2), [(25.0, order)])
    yield "KLLoss", KLLoss(), by_autograd(relatives.kl)
    yield "NormLoss", NormLoss(), by_autograd(relatives.norm)
    yield "KurtosisLoss", KurtosisLoss(), by_autograd(relatives.kurtosis)
    raster = by_autograd(lambda x: relatives.covariance(x.flatten(), []))
    yield "CovarianceLoss raster", CovarianceLoss(shuffles=0), raster
    yield "AutocorrelationLoss", AutocorrelationLoss(), by_autograd(relatives.autocorrelation)


def main() -> None:
    argparse.ArgumentParser(description="differences from plain losses").parse_args()
    torch.set_num_threads(1)
    worst: dict[tuple[str, torch.dtype], list[float]] = {}
    for shape in SHAPES:
        for dtype in DTYPES:
            z = correlated(1, *shape, seed=sum(shape)).to(dtype)
            for name, loss, oracle in cases(z.numel()):
                value, gradient = value_and_gradient(loss, z)
                expected, expected_gradient = oracle(z[0].double())
                kept = worst.setdefault((name, dtype), [0.0, 0.0])
                kept[0] = max(kept[0], abs(value.item() - expected) / abs(expected))
                off = (gradient[0].double() - expected_gradient).norm() / expected_gradient.norm()
                kept[1] = max(kept[1], off.item())
    print(f"{'largest relative difference':<28}" + "".join(f"{str(d)[6:]:>20}" for d in DTYPES))
    print(f"{'':<28}" + "".join(f"{'value':>10}{'gradient':>10}" for _ in DTYPES))
    for name in dict.fromkeys(name for name, _ in worst):
        print(f"{name:<28}" + "".join(f"{v:>10.1e}{g:>10.1e}" for v, g in (worst[name, d] for d in DTYPES)))


if __name__ == "__main__":
    main()
