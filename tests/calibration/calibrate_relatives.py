"""Laws of the relatives of the Gaussianity loss against simulation: mean, standard deviation, tails.

Run ``python tests/calibration/calibrate_relatives.py [draws]`` (20,000 draws, about half an hour on one
core); seeds are fixed. Columns: mean and standard deviation observed over stated, less one, and observed
frequency of each tail over nominal probability, less one; standard errors in brackets.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from gausscheck.losses import AutocorrelationLoss, CovarianceLoss, KLLoss, KurtosisLoss, NormLoss
from gausscheck.losses.base import Loss
from gausscheck.nulls.base import Null
from gausscheck.nulls.quantile import quantile

SHAPES = ((4, 32, 32), (4, 128, 128))
CASES: tuple[tuple[str, Callable[[torch.Generator], Loss]], ...] = (
    ("kl", lambda g: KLLoss()),
    ("norm", lambda g: NormLoss()),
    ("kurtosis", lambda g: KurtosisLoss()),
    ("autocorrelation", lambda g: AutocorrelationLoss()),
    ("autocorrelation, rescale", lambda g: AutocorrelationLoss(rescale=True)),
    ("autocorrelation, random", lambda g: AutocorrelationLoss(random_lag=True, generator=g)),
    ("covariance, S = 0", lambda g: CovarianceLoss(shuffles=0)),
    ("covariance, S = 10", lambda g: CovarianceLoss(shuffles=10, generator=g)),
    ("covariance, k = 16, S = 10", lambda g: CovarianceLoss(k=16, shuffles=10, generator=g)),
    ("covariance, S = 100", lambda g: CovarianceLoss(generator=g)),
)
_VALUES = 1 << 20


def simulated(loss: Loss, shape: tuple[int, ...], draws: int, seed: int) -> NDArray[np.float64]:
    """Statistic of `draws` samples of N(0, 1) values."""
    generator = torch.Generator().manual_seed(seed)
    size = int(np.prod(shape))
    # Lags and shuffles are drawn once a call: with one sample a call, samples are independent.
    batch = max(1, _VALUES // size) if not isinstance(loss, AutocorrelationLoss) or not loss.random_lag else 1
    out = []
    with torch.no_grad():
        for start in range(0, draws, batch):
            z = torch.randn((min(batch, draws - start), *shape), generator=generator)
            out.append(loss.statistics_of(z)[:, 0].double().numpy())
    return np.concatenate(out)


def row(null: Null, values: NDArray[np.float64]) -> list[str]:
    """Cells of one line; a tail that the law does not have (an atom there) is left out."""
    n = values.size
    centred = values - values.mean()
    spread = float(values.std())
    error = np.sqrt(max(float((centred**4).mean()) / spread**4 - 1, 0.0) / n) / 2
    cells = [
        f"{values.mean() / null.mean - 1:+.4f}({spread / null.mean / np.sqrt(n):.4f})",
        f"{spread / null.std - 1:+.4f}({error:.4f})",
    ]
    for p in (1e-2, 1e-3):
        for upper in (True, False):
            t = quantile(null, 1 - p if upper else p)
            stated = float((null.sf if upper else null.cdf)(t))
            if not 0.9 * p < stated < 1.1 * p:
                cells.append("atom")
                continue
            observed = float(((values > t) if upper else (values < t)).mean())
            cells.append(f"{observed / p - 1:+.3f}({np.sqrt(1 / (p * n)):.3f})")
    return cells


def main(draws: int = 20_000) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    names = ("mean", "sd", "upper 1e-2", "lower 1e-2", "upper 1e-3", "lower 1e-3")
    print(f"{draws} draws a line")
    print(f"{'loss':28s} {'shape':>12s} " + " ".join(f"{name:>16s}" for name in names))
    for shape in SHAPES:
        for number, (name, make) in enumerate(CASES):
            generator = torch.Generator().manual_seed(1000 + number)
            loss = make(generator)
            values = simulated(loss, shape, draws, seed=number)
            null = loss.of_shape(shape).terms[0].null(int(np.prod(shape)))
            cells = row(null, values)
            size = "x".join(map(str, shape))
            print(f"{name:28s} {size:>12s} " + " ".join(f"{cell:>16s}" for cell in cells), flush=True)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
