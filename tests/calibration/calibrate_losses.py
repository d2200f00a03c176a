"""Values of the losses against their stated laws: mean, deviation, and how often each tail is really entered.

Run ``python tests/calibration/calibrate_losses.py`` (about six minutes on one core), or with the name of
a file to keep the statistics in and to read them from later; seeds are fixed and printed. Every loss is
computed from the same draws.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gausscheck.losses.base import Loss
from gausscheck.losses.gaussianity import GaussianityLoss, MomentLoss, PowerSpectrumLoss
from gausscheck.nulls.base import Null
from gausscheck.nulls.quantile import quantile

ORDERS = (1, 2, 3, 4)
DRAWS = {4_096: 200_000, 65_536: 60_000}
LEVELS = (1e-1, 1e-2, 1e-3)
COLUMNS = {"moment": 0, "stored": 4, "fresh 1": 5, "fresh 4": 6}
_BATCH = 64


def losses() -> dict[str, Loss]:
    """What is calibrated, by name."""
    every: dict[str, Loss] = {f"moments {orders}": MomentLoss(orders=orders) for orders in ((1,), (2,), (3,))}
    every |= {f"moments {orders}": MomentLoss(orders=orders) for orders in ((4,), (1, 2))}
    for aim in ("zero", "typical"):
        mark = "" if aim == "zero" else ", typical"
        if not mark:
            every["spectrum stored"] = PowerSpectrumLoss(permute=None)
            every["spectrum fresh 1"] = PowerSpectrumLoss()
            every["spectrum fresh 4"] = PowerSpectrumLoss(permutations=4)
        every[f"gaussianity{mark}"] = GaussianityLoss(aim=aim)
        every[f"gaussianity mix{mark}"] = GaussianityLoss(permute="mix", aim=aim)
        every[f"gaussianity {ORDERS}{mark}"] = GaussianityLoss(orders=ORDERS, aim=aim)
        every[f"gaussianity {ORDERS} mix{mark}"] = GaussianityLoss(orders=ORDERS, permute="mix", aim=aim)
    every["gaussianity fresh 4"] = GaussianityLoss(permutations=4)
    return every


def draw(n: int, repeats: int, seed: int) -> NDArray[np.float64]:
    """Moments 1 to 4 and P stored, permuted once, and averaged over 4 permutations: (repeats, 7)."""
    values = torch.Generator().manual_seed(seed)
    orders = torch.Generator().manual_seed(seed + 1)
    both = GaussianityLoss(orders=ORDERS, permute="mix", generator=orders)
    four = PowerSpectrumLoss(permutations=4, generator=orders)
    out = np.empty((repeats, 7))
    with torch.no_grad():
        for start in range(0, repeats, _BATCH):
            rows = torch.randn(min(_BATCH, repeats - start), n, generator=values)
            drawn = torch.cat([both.statistics_of(rows), four.statistics_of(rows)], dim=1)
            out[start : start + _BATCH] = drawn.double().numpy()
    return out


def values_of(loss: Loss, n: int, statistics: NDArray[np.float64]) -> NDArray[np.float64]:
    """The loss of each draw."""
    columns = []
    for term in loss.terms:
        order, permutations = getattr(term, "order", None), getattr(term, "permutations", None)
        view = "stored" if permutations is None else f"fresh {permutations}"
        columns.append(order - 1 if order else COLUMNS[view])
    return loss.score.loss(torch.from_numpy(statistics[:, columns]), n).numpy()


def tail(null: Null, values: NDArray[np.float64], p: float, *, upper: bool) -> str:
    """Observed tail frequency over nominal, less one, with its standard error and z."""
    if not upper and float(null.logcdf(1e-9 * null.std)) > np.log(p):
        return "atom"
    t = quantile(null, 1 - p if upper else p)
    rate = float(np.mean(values > t) if upper else np.mean(values < t))
    error = np.sqrt(p * (1 - p) / values.size)
    return f"{rate / p - 1:+.3f}({error / p:.3f}){(rate - p) / error:+.1f}"


def row(null: Null, values: NDArray[np.float64]) -> str:
    """Mean, deviation and tails."""
    error = values.std() / np.sqrt(values.size)
    centred = (values - values.mean()) ** 2
    spread = centred.std() / np.sqrt(values.size) / (2 * values.std())
    cells = [
        f"{values.mean():.6g} {null.mean:.6g} {(values.mean() - null.mean) / error:+.1f}",
        f"{values.std():.5g} {null.std:.5g} {(values.std() - null.std) / spread:+.1f}",
    ]
    cells = [f"{cell:>24s}" for cell in cells]
    cells += [f"{tail(null, values, p, upper=upper):>20s}" for upper in (True, False) for p in LEVELS]
    return " ".join(cells)


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    kept = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if kept is not None and kept.exists():
        with np.load(kept) as file:
            drawn = {int(name): file[name] for name in file.files}
    else:
        drawn = {n: draw(n, repeats, seed=n) for n, repeats in DRAWS.items()}
        if kept is not None:
            np.savez(kept, **{str(n): array for n, array in drawn.items()})
    print("# python tests/calibration/calibrate_losses.py: value and law of each loss. Mean and deviation:")
    print("# drawn, stated, z. Tails: observed frequency / nominal - 1 (standard error) z; none at an atom")
    names = [f"{side} {p:g}" for side in ("upper", "lower") for p in LEVELS]
    for n, statistics in drawn.items():
        print(f"\nn = {n}, {statistics.shape[0]} draws, seeds {n} (values) and {n + 1} (permutations)")
        print(f"{'':36s} {'mean, stated, z':>24s} {'deviation, stated, z':>24s} ", end="")
        print(" ".join(f"{name:>20s}" for name in names))
        for name, loss in losses().items():
            print(f"{name:36s} {row(loss.null(n), values_of(loss, n, statistics))}", flush=True)


if __name__ == "__main__":
    main()
