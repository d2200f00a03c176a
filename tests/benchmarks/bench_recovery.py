"""What each loss makes of samples with structure, and of noise: the tables of docs/losses_recovery.md.

    python tests/benchmarks/bench_recovery.py            # D = 65,536: a few minutes
    python tests/benchmarks/bench_recovery.py --docs     # the same, written to the page
    python tests/benchmarks/bench_recovery.py --quick    # seconds, for a smoke test: figures mean little

One seed, one thread. Times are for scale: they are of whole descents on a machine with other work.
"""

from __future__ import annotations

import argparse
import math
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import gausscheck
from gausscheck.losses import (
    AutocorrelationLoss,
    CovarianceLoss,
    GaussianityLoss,
    KLLoss,
    KurtosisLoss,
    NormLoss,
    descend,
)
from gausscheck.losses.base import Loss
from gausscheck.losses.weighted import Losses

PAGE = Path(__file__).parents[2] / "docs/losses_recovery.md"
RAYLEIGH = math.sqrt(math.pi) / 2


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class NoiseAndNorm(GaussianityLoss):
    """The ablation: the published loss with a spectrum that knows nothing of the sample but its scale.

    In place of P there is its mean over noise of the sample's scale s, the mean of |s A - mu| with A the mean
    of 16 amplitudes, nearly normal; and a gradient of Gaussian noise of the norm of P's, ``1 / sqrt(D)``.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__(power_weight=0.0, permute=None)
        self.source = generator

    def per_sample(self, rows: Tensor) -> Tensor:
        scale = rows.square().mean(dim=1).sqrt()
        sd, shift = scale * math.sqrt((1 - RAYLEIGH**2) / 16), (scale - 1) * RAYLEIGH
        law = math.sqrt(2 / math.pi) * sd * torch.exp(-0.5 * (shift / sd) ** 2)
        law = law + shift * torch.erf(shift / (sd * math.sqrt(2)))
        noise = torch.randn(rows.shape, generator=self.source, dtype=rows.dtype)
        push = (noise * rows).sum(dim=1) / rows.shape[1]
        # A value of 0 with the gradient of the noise.
        return super().per_sample(rows) + 25 * (law + push - push.detach())


@dataclass(frozen=True)
class Method:
    """A loss, made anew for each run, and how it is followed."""

    name: str
    make: Callable[[], Losses]
    settings: tuple[dict[str, Any], ...]
    steps: int = 100


def sgd(lr: float, clip: float = 0.01, **more: Any) -> dict[str, Any]:
    return {"optimizer": "sgd", "lr": lr, "clip": clip, **more}


def adam(lr: float) -> dict[str, Any]:
    return {"optimizer": "adam", "lr": lr, "clip": None}


def paper(**options: Any) -> Callable[[], Loss]:
    """The published loss or a variant, its permutations from the same seed each time."""
    drawn = options.get("permute", "fresh") in ("fresh", "mix")
    return lambda: GaussianityLoss(**options, **({"generator": seeded(1)} if drawn else {}))


def methods(size: int) -> list[Method]:
    both = (sgd(1000), adam(0.3))
    # For a loss in standard deviations: a step of at most 4 % of the norm of noise in the long run.
    careful = round(0.04 * math.sqrt(size), 2)
    gentle = sgd(0.1, careful)
    jittered = {**gentle, "jitter": 0.1, "generator_seed": 3}

    sweep = (sgd(50), sgd(200), sgd(500), sgd(1000), adam(0.03), adam(0.1), adam(0.3))
    typical = {"aim": "typical", "orders": (1, 2, 3, 4)}
    return [
        Method("published loss", paper(), sweep),
        Method("noise and norm control", lambda: NoiseAndNorm(seeded(1)), both),
        Method("stored order", paper(permute=None), both),
        Method("mixed order", paper(permute="mix"), both),
        Method("typical, stored, orders 1 2", paper(permute=None, aim="typical"), (gentle,)),
        Method("typical, mix, orders 1-4", paper(permute="mix", **typical), (gentle, jittered)),
        Method("KL", KLLoss, both),
        Method("norm", NormLoss, both),
        Method("kurtosis", KurtosisLoss, both),
        Method("KL + autocorrelation", lambda: [KLLoss(), AutocorrelationLoss()], both),
        Method("covariance, S = 100", lambda: CovarianceLoss(generator=seeded(1)), both),
    ]


def starts(shape: tuple[int, int, int]) -> dict[str, Tensor]:
    """Samples with structure, of mean 0 and variance about 1, shape (1, channels, height, width)."""
    channels, height, width = shape
    board = checker(shape)
    noise = torch.randn((1, *shape), generator=seeded(5))
    values = torch.randn(noise.numel(), generator=seeded(7)).sort().values
    row, column = torch.fft.fftfreq(height)[:, None], torch.fft.fftfreq(width)
    # A Gaussian blur with a standard deviation of a sixteenth of the height.
    blur = torch.exp(-0.5 * (row**2 + column**2) * (2 * math.pi * height / 16) ** 2)
    blurred = torch.fft.ifft2(torch.fft.fft2(torch.randn((1, *shape), generator=seeded(6))) * blur).real
    return {
        "±1 checkerboard": board,
        "0.7 checkerboard + 0.7 noise": math.sqrt(0.5) * (board + noise),
        "sorted normals": values.reshape(1, channels, height, width),
        "smooth field": (blurred - blurred.mean()) / blurred.std(),
    }


def checker(shape: tuple[int, int, int]) -> Tensor:
    channels, height, width = shape
    parity = torch.arange(height)[:, None] + torch.arange(width)
    return ((-1.0) ** parity).expand(1, channels, height, width).clone()


def measured(z: Tensor, start: Tensor, board: Tensor) -> list[str]:
    """Columns from the checkerboard's projection to the cosine to the start."""
    x = z.double().flatten()
    size = x.numel()
    projection = float(x @ board.double().flatten()) / math.sqrt(size)
    ordinates = (torch.fft.rfft(x).abs() ** 2 / size)[1:-1]
    stored = GaussianityLoss(orders=(), permute=None)
    null = stored.terms[0].null(size)
    score = (float(stored.statistics_of(z)[0, 0]) - null.mean) / null.std
    spread = float(x.std(unbiased=False))
    kurtosis = float((x - x.mean()).pow(4).mean()) / spread**4
    rank = torch.special.ndtr(x.sort().values)
    steps = torch.arange(size, dtype=torch.float64) / size
    distance = max(float((rank - steps).max()), float((steps + 1 / size - rank).max()))
    cosine = float(torch.nn.functional.cosine_similarity(x, start.double().flatten(), dim=0))
    return [
        f"{projection:.1f}",
        number(float(ordinates.max())),
        number(score),
        f"{spread:.3f}",
        number(kurtosis),
        f"{distance * math.sqrt(size):.2f}",
        f"{cosine:.3f}",
    ]


def number(x: float) -> str:
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.1f}" if abs(x) >= 10 else f"{x:.2f}"


def words(setting: dict[str, Any]) -> str:
    text = f"{'Nesterov' if setting['optimizer'] == 'sgd' else 'Adam'} {setting['lr']:g}"
    text += f", clip {setting['clip']:g}" if setting["clip"] is not None else ""
    return text + (f", jitter {setting['jitter']:g}" if "jitter" in setting else "")


def verdict(z: Tensor) -> str:
    report = gausscheck.audit(z.numpy())
    return report.verdict if report.verdict == "pass" else f"{report.verdict}: {report.findings[0].label}"


def followed(
    z: Tensor, make: Callable[[], Losses], setting: dict[str, Any], steps: int
) -> tuple[Tensor, float, float]:
    """Result, cosine that noise would leave, milliseconds a step."""
    options = {k: v for k, v in setting.items() if k != "generator_seed"}
    if "generator_seed" in setting:
        options["generator"] = seeded(setting["generator_seed"])
    descend(z, make(), steps=1, **{**options, "jitter": 0.0, "generator": None})  # laws, compiled code
    began = time.perf_counter()
    run = descend(z, make(), steps=steps, every=steps, **options)
    spent = (time.perf_counter() - began) / steps * 1e3
    return run.z, float(run.resampling_cosine[-1, 0]), spent


COLUMNS = (
    "loss", "optimiser", "checker", "largest ordinate", "P stored, sd", "std", "kurtosis", "KS", "cosine",
    "cosine of noise", "ms", "audit",
)  # fmt: skip


def row(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


def recovery(shape: tuple[int, int, int], quick: bool) -> Iterator[str]:
    """A table for each start."""
    board = checker(shape)
    size = board.numel()
    for name, z in list(starts(shape).items())[: 2 if quick else None]:
        yield f"\n### {name}\n"
        yield row(COLUMNS)
        yield row(["---"] * len(COLUMNS))
        yield row(["(start)", "", *measured(z, z, board), "", "", verdict(z)])
        drawn = torch.randn(z.shape, generator=seeded(8))
        yield row(["(a fresh draw)", "", *measured(drawn, z, board), "", "", verdict(drawn)])
        for method in methods(size):
            for setting in method.settings:
                steps = 2 if quick else method.steps
                end, law, spent = followed(z, method.make, setting, steps)
                cells = [*measured(end, z, board), f"{law:.3f}", f"{spent:.1f}", verdict(end)]
                yield row([method.name, words(setting), *cells])


NOISE_COLUMNS = ("aim", "order", "optimiser", "P stored, sd", "std", "kurtosis", "KS", "cosine", "audit")


def from_noise(shape: tuple[int, int, int], steps: int) -> Iterator[str]:
    """Where noise ends up under each aim."""
    z = torch.randn((1, *shape), generator=seeded(8))
    board, gentle = checker(shape), round(0.04 * math.sqrt(z.numel()), 2)
    yield row(NOISE_COLUMNS)
    yield row(["---"] * len(NOISE_COLUMNS))
    yield row(["(start)", "", "", *measured(z, z, board)[2:], verdict(z)])
    for setting in (sgd(0.1, gentle), sgd(1.0), sgd(1000)):
        for aim in ("typical", "zero"):
            for permute in (None, "mix"):
                end, _, _ = followed(z, paper(aim=aim, permute=permute), setting, steps)
                cells = [*measured(end, z, board)[2:], verdict(end)]
                yield row([aim, "stored" if permute is None else permute, words(setting), *cells])


LAST_COLUMNS = ("start", "orders", "in every range", *COLUMNS[2:9], "audit")


def to_the_end(shape: tuple[int, int, int], steps: int) -> Iterator[str]:
    """What the typical aim makes of structure in its own time."""
    board, gentle = checker(shape), round(0.04 * math.sqrt(math.prod(shape)), 2)
    yield row(LAST_COLUMNS)
    yield row(["---"] * len(LAST_COLUMNS))
    for name, z in starts(shape).items():
        for orders in ((1, 2, 3, 4), (1, 2, 3, 4, 6, 8)):
            loss = GaussianityLoss(aim="typical", permute="mix", orders=orders, generator=seeded(1))
            setting = {**sgd(0.1, gentle), "jitter": 0.1, "generator": seeded(2)}
            end = descend(z, loss, steps=steps, every=steps, **setting).z
            inside = "yes" if loss.report(end).typical else "no"
            yield row([name, words_of(orders), inside, *measured(end, z, board), verdict(end)])


def words_of(orders: tuple[int, ...]) -> str:
    return " ".join(map(str, orders))


def page(quick: bool) -> Iterator[str]:
    shape = (4, 16, 16) if quick else (4, 128, 128)
    size, steps = math.prod(shape), 3 if quick else 300
    yield "# What the losses make of structure, and of noise\n"
    yield "Made by `python tests/benchmarks/bench_recovery.py --docs`.\n"
    yield (
        f"{shape[0]} x {shape[1]} x {shape[2]} = {size:,} float32 values, one seed, one run, one thread of\n"
        f"a shared {platform.machine()} machine; torch {torch.__version__}, NumPy {np.__version__}. Times "
        "are for scale\nonly. What the figures mean for the choice of a loss: [losses](losses.md).\n"
    )
    level = math.log(size / 2) + 0.58
    yield "Columns, and what noise has there:\n"
    yield (
        "* checker: projection on the ±1 checkerboard; N(0, 1).\n"
        f"* largest ordinate of the periodogram, `|xhat_k|^2 / D`; about {level:.0f}, above "
        f"{math.log(size / 2) + 4.6:.0f} once in a hundred.\n"
        "* P stored: the power-spectrum discrepancy in stored order, in standard deviations of its null.\n"
        f"* std: 1 ± {math.sqrt(0.5 / size):.4f}. Kurtosis: 3 ± {math.sqrt(24 / size):.3f}.\n"
        "* KS: `sqrt(D)` times the Kolmogorov distance from N(0, 1); above 1.36 once in twenty.\n"
        "* cosine to the start; *of noise*: what it would be, had every gradient been noise of its length.\n"
        "* ms: milliseconds a step. Audit: verdict of `gausscheck.audit` and its most surprising finding.\n"
    )
    yield f"## Starts with structure, {2 if quick else 100} steps\n"
    yield (
        "*Noise and norm control* is the published loss with Gaussian noise in place of the gradient of its\n"
        "spectrum, but for the pull on the scale. It knows nothing of order or structure."
    )
    yield from recovery(shape, quick)
    yield f"\n## From noise, {steps} steps without a reward\n"
    yield from from_noise(shape, steps)
    steps = 3 if quick else 400
    yield f"\n## Typical, mixed order, jitter 0.1, {steps} steps\n"
    yield from to_the_end(shape, steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--docs", action="store_true", help=f"write docs/{PAGE.name} too")
    chosen = parser.parse_args()
    if chosen.quick and chosen.docs:
        parser.error("--docs writes the page of the full run; leave out --quick")
    torch.set_num_threads(1)
    lines = []
    for line in page(chosen.quick):
        print(line, flush=True)
        lines.append(line)
    if chosen.docs:
        PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
