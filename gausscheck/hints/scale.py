"""Scales that have a name: latents before or after scaling, noise times sigma, mixtures."""

from __future__ import annotations

from collections.abc import Iterator

from gausscheck.hints.evidence import Evidence

__all__ = ["NOISE_SCALES", "SCALE_FACTORS", "scale"]

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

NOISE_SCALES: dict[float, str] = {
    14.6146: "init_noise_sigma of Euler schedulers of SD and SDXL",
    80.0: "sigma_max of EDM",
    500.0: "sigma_max of Stable Audio",
    1000.0: "sigma_max of a thousand training steps",
    0.5: "noise at half scale",
    1 / 1.77: "noise divided by a latent standard deviation of 1.77",
}
"""Scales at which noise is handed on, and by which mistakes."""

# Relative difference below which a scale is taken for a known one: latents are only roughly of unit scale.
_NEAR = 0.02
_LEAST_MIX = 0.68  # two equal parts of unit variance leave 0.707


def scale(seen: Evidence) -> Iterator[str]:
    """Name the scale, where it is wrong as a whole."""
    found = seen.first("moment", scope="pooled", order=2)
    if found is None or found.effect is None:
        return
    value = found.effect.value
    named = False
    for model, factor in SCALE_FACTORS.items():
        for known, when in ((1 / factor, "before"), (factor, "after")):
            other = f"{factor:g}" if when == "after" else f"1/{factor:g}"
            # Near 1 a scale says little; images have any.
            clear = abs(known - 1) > (0.3 if seen.structured else 2 * _NEAR)
            if abs(value / known - 1) < _NEAR and clear:
                named = True
                yield f"scale {value:.4g} is close to {other}: noise or latents of {model} {when} scaling?"
    for known, name in NOISE_SCALES.items():
        if abs(value / known - 1) < _NEAR and seen.normal_shape:
            named = True
            yield f"scale {value:.4g} is close to {known:.4g}: {name}? try --reference scale={known:.6g}"
    if not named and _LEAST_MIX < value < 1 - _NEAR and seen.normal_shape and not seen.structured:
        # w and 1 - w of two independent noises: w^2 + (1 - w)^2 = value^2
        weight = 0.5 - 0.5 * max(2 * value**2 - 1, 0.0) ** 0.5
        yield (
            f"scale {value:.4g} with a normal shape: linear interpolation of two noises (weights "
            f"{weight:.2f} and {1 - weight:.2f}) loses this much; divide by the root of their squares' sum"
        )
