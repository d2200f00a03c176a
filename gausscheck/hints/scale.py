"""Scales and means that have a name: latents before or after scaling, noise times sigma, mixtures."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gausscheck.hints.evidence import Evidence, plain
from gausscheck.hints.fields import Fields
from gausscheck.wording import resolved

__all__ = ["NOISE_SCALES", "SCALE_FACTORS", "SHIFTS", "scale"]

SCALE_FACTORS: dict[str, float] = {
    "SD1.x and SD2.x": 0.18215,
    "SDXL": 0.13025,
    "SD3": 1.5305,
    "FLUX.1": 0.3611,
    "HunyuanVideo": 0.476986,
    "HunyuanVideo 1.5": 1.03682,
    "CogVideoX": 1.15258,
    "Allegro": 0.13,
}
"""Factors by which pipelines multiply the latents of their autoencoders."""

SHIFTS: dict[str, float] = {"SD3": 0.0609, "FLUX.1": 0.1159}
"""What pipelines subtract from the latents of their autoencoders before they scale them."""

NOISE_SCALES: dict[float, str] = {
    14.6146: "init_noise_sigma of Euler schedulers of SD and SDXL",
    80.0: "sigma_max of EDM",
    500.0: "sigma_max of Stable Audio",
    1000.0: "sigma_max of a thousand training steps",
    0.5: "noise at half scale, as latents of Playground 2.5 are halved, or reduced by averaging 2×2 values",
    1 / 1.77: "noise divided by a latent standard deviation of 1.77",
}
"""Scales at which noise is handed on, and by which mistakes."""

_SURE = 4.0  # standard errors
_ROUND = 0.002  # relative; factors are given in few digits, and generators are not perfect
_LATENTS = 0.05  # of latents, whose scale is only roughly that of their training set
_FAR = 1.5  # latents as far from unit scale as this, or as its inverse, tell by their scale
_LEAST_MIX = 0.69  # two equal parts of unit variance leave 0.707
_MOST_MIX = 0.97  # 0.97 and 0.03


def scale(seen: Evidence, fields: Fields) -> Iterator[str]:
    """Name the scale and the mean, where they are wrong as a whole."""
    if seen.copies is not None or seen.few_levels:
        return
    plainly = seen.normal_shape and not fields.structured and not fields.own_means and not seen.zeros
    plainly = plainly and fields.odd_channel is None
    plainly = plainly and not seen.fails("duplicates", unit="value")
    if seen.fails("moment", scope="pooled", order=2):
        if plainly:
            yield from _of_noise(seen)
        elif fields.coloured and fields.own_means:
            yield from _of_latents(seen)
    if plainly and seen.fails("moment", scope="pooled", order=1):
        yield from _of_mean(seen)


def _of_noise(seen: Evidence) -> Iterator[str]:
    value = seen.spread * seen.scale
    near = _SURE / math.sqrt(2 * seen.n) + _ROUND
    shown = resolved(value, value / math.sqrt(2 * seen.n))
    if abs(seen.spread - 1) < near:
        # The mean square is off because the mean is.
        return
    models = _models(value, near, least=_SURE * near)
    if models:
        lost = "; or variance was lost, by interpolation, averaging or an inversion"
        mixed = _LEAST_MIX < seen.spread < _MOST_MIX
        yield (
            f"scale {shown} is close to {models}: noise in units of the autoencoder, before or after "
            f"the pipeline's scaling{lost if mixed else ''}"
        )
    sources = [(s, name) for s, name in NOISE_SCALES.items() if abs(value / s - 1) < near]
    for known, name in sources:
        yield f"scale {shown} is close to {known:.6g}: {name}; try --reference scale={known:.6g}"
    if models or sources:
        return
    only = f"normal in shape and white, but of scale {shown}"
    if _LEAST_MIX < seen.spread < _MOST_MIX:
        # w and 1 - w of two independent noises: w^2 + (1 - w)^2 = spread^2
        weight = 0.5 - 0.5 * math.sqrt(max(2 * seen.spread**2 - 1, 0.0))
        yield (
            f"{only}: variance was lost, by linear interpolation of two noises (of weights {weight:.2f} and "
            f"{1 - weight:.2f}), by averaging, or by an inversion; divide by the scale"
        )
    else:
        yield f"{only}: only the scale is wrong; --reference scale={value:.6g} tests the rest"


def _of_latents(seen: Evidence) -> Iterator[str]:
    value = seen.spread * seen.scale
    if not value > 0 or 1 / _FAR < value < _FAR:
        return
    models = _models(value, _LATENTS, least=0.0)
    if models:
        yield (
            f"scale {plain(value)} is close to {models}: latents in units of the autoencoder, "
            "not multiplied by the scale factor of the model"
        )


def _models(value: float, near: float, *, least: float) -> str:
    """Models whose scale factor, or its inverse, is that near, the nearest first."""
    found = []
    for model, factor in SCALE_FACTORS.items():
        for known, text in ((1 / factor, f"1/{factor:g}"), (factor, f"{factor:g}")):
            off = abs(value / known - 1)
            if off < near and abs(known - 1) > least:
                found.append((off, f"{text} of {model}"))
    return " and ".join(text for _, text in sorted(found))


def _of_mean(seen: Evidence) -> Iterator[str]:
    mean, error = seen.mean * seen.scale, seen.spread * seen.scale / math.sqrt(seen.n)
    if abs(mean) < _SURE * error:
        # Large because the scale is.
        return
    name = next(
        (m for m, s in SHIFTS.items() if abs(abs(mean) - s) < _SURE * error and error < 0.1 * s), None
    )
    if name is not None:
        yield (
            f"the mean is {plain(mean)}, close to the shift {SHIFTS[name]:g} of {name}: the shift of the "
            "autoencoder was not taken off, or taken off twice"
        )
    else:
        yield f"all values are shifted by {plain(mean)}: a generator or a normalisation with a bias"
