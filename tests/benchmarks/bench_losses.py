"""Speed of the losses: forward and backward on one thread, as ratios to peers and limits, in one run.

    python tests/benchmarks/bench_losses.py            # a few minutes
    python tests/benchmarks/bench_losses.py --quick    # seconds, for a smoke test: figures mean little

The unit is torch's ``irfft(rfft(x))`` of the same size. Beside it: a limit, ``ifft(fft(z))`` of half as many
complex values; GaussianityLoss written naively under autograd; with torch alone and with the compiled passes;
a batch of 16 against 16 single calls; the covariance loss. Best of several rounds of each, all sides taking
turns, processor time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

import torch
from timing import best

from gausscheck.engines import NO_NUMBA
from gausscheck.losses import CovarianceLoss, GaussianityLoss

MEAN = 0.886226925452758


def naive(x: torch.Tensor) -> torch.Tensor:
    """One sample of the loss as one would write it down, with torch's own derivatives."""
    size = x.numel()
    r = torch.fft.rfft(x[torch.randperm(size)])[1 : (size - 1) // 2 + 1].abs() / size**0.5
    full = r.numel() // 16 * 16
    groups = torch.cat([r[:full].view(-1, 16).mean(1), r[full:].mean().view(1)])
    power = (groups - MEAN).abs().mean()
    return x.mean().abs() + ((x * x).mean().sqrt() - 1).abs() + 25 * power


def job(loss, z, repeats):
    def run():
        for _ in range(repeats):
            z.grad = None
            loss(z).backward()

    return run


def transforms(size, repeats):
    x = torch.randn(size)
    z = torch.view_as_complex(torch.randn(size // 2, 2))

    def long():
        for _ in range(repeats):
            torch.fft.irfft(torch.fft.rfft(x))

    def half():
        for _ in range(repeats):
            torch.fft.ifft(torch.fft.fft(z))

    return long, half


def line(what: str, ratios: dict[str, float]) -> None:
    print(f"{what:<44}" + "  ".join(f"{value:7.3f} x {peer}" for peer, value in ratios.items()), flush=True)


def measure(name: str, sizes: list[int], rounds: int) -> None:
    ours = GaussianityLoss(generator=torch.Generator().manual_seed(0))
    stored = GaussianityLoss(permute=None)
    for size in sizes:
        repeats = max(1, 2**20 // size)
        z = torch.randn(1, size, requires_grad=True)
        flat = torch.randn(size, requires_grad=True)
        jobs = [*transforms(size, repeats), job(naive, flat, repeats), job(ours, z, repeats)]
        unit, half, plain, fast, order = best(*jobs, job(stored, z, repeats), rounds=rounds)
        print(f"# {name}, D = {size}: irfft(rfft(x)) takes {unit / repeats * 1e3:.3f} ms")
        line(f"{name}: GaussianityLoss {size}", {"unit": fast / unit, "limit": fast / half})
        line(f"{name}: naive autograd {size}", {"unit": plain / unit, "ours": plain / fast})
        line(f"{name}: GaussianityLoss stored order {size}", {"unit": order / unit})


def measure_batch(name: str, size: int, rounds: int) -> None:
    loss = GaussianityLoss(generator=torch.Generator().manual_seed(0))
    single = torch.randn(1, size, requires_grad=True)
    batch = torch.randn(16, size, requires_grad=True)
    alone, together = best(job(loss, single, 16), job(loss, batch, 1), rounds=rounds)
    line(f"{name}: batch of 16 x {size}", {"16 single calls": together / alone})


def measure_covariance(name: str, size: int, rounds: int) -> None:
    z = torch.randn(1, size, requires_grad=True)
    covariance = CovarianceLoss(generator=torch.Generator().manual_seed(0))
    ours = GaussianityLoss(generator=torch.Generator().manual_seed(0))
    slow, fast = best(job(covariance, z, 1), job(ours, z, 1), rounds=rounds)
    line(f"{name}: CovarianceLoss, 100 shuffles, {size}", {"GaussianityLoss": slow / fast})


def main() -> None:
    parser = argparse.ArgumentParser(description="speed of the losses")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--alone", action="store_true", help="torch alone, without compiled passes")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if options.alone:
        os.environ[NO_NUMBA] = "1"
    name = "torch" if options.alone else "numba"
    sizes, rounds = ([4096], 2) if options.quick else ([16384, 65536, 1048576], 15)
    measure(name, sizes, rounds)
    size = sizes[0] if options.quick else sizes[1]
    measure_batch(name, size, rounds)
    measure_covariance(name, size, min(rounds, 5))
    if not options.alone:
        again = [sys.executable, __file__, "--alone", *(["--quick"] if options.quick else [])]
        subprocess.run(again, check=True)


if __name__ == "__main__":
    main()
