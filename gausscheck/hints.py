"""From findings to likely causes, in plain words; each hint names the finding that backs it."""

from __future__ import annotations

from collections.abc import Sequence

from gausscheck.finding import Finding

__all__ = ["SCALE_FACTORS", "hints"]

SCALE_FACTORS: dict[str, float] = {
    "SD1.x and SD2.x": 0.18215,
    "SDXL": 0.13025,
    "SD3": 1.5305,
    "FLUX.1": 0.3611,
    "HunyuanVideo": 0.476986,
    "CogVideoX": 1.15258,
}
"""Factors by which pipelines multiply the latents of their autoencoders."""

# Relative difference below which a scale is taken for a known one: latents are only roughly of unit scale.
_NEAR = 0.02


def hints(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Likely causes of what failed.

    Parameters
    ----------
    findings : sequence of Finding
        Judged.

    Returns
    -------
    tuple of str
        Empty where nothing failed or nothing known fits.
    """
    failed = [f for f in findings if f.verdict == "fail"]
    lines: list[str] = []
    for finding in failed:
        effect = finding.effect
        if effect is not None and effect.name == "scale" and finding.scope == "pooled":
            lines += _scale(effect.value)
    for finding in failed:
        if finding.statistic == "power_spectrum" and finding.view == "stored" and finding.tail == "lower":
            lines.append(
                "the power spectrum is flatter than that of noise: was it optimised against a spectral loss?"
            )
            break
    return tuple(dict.fromkeys(lines))


def _scale(value: float) -> list[str]:
    lines = []
    for model, factor in SCALE_FACTORS.items():
        for scale, when in ((1 / factor, "before"), (factor, "after")):
            other = f"{factor:g}" if when == "after" else f"1/{factor:g}"
            if abs(value / scale - 1) < _NEAR and abs(scale - 1) > 2 * _NEAR:
                lines.append(
                    f"scale {value:.4g} is close to {other}: noise or latents of {model} {when} scaling?"
                )
    return lines
