"""What recipes share: uniforms of few bits, the inverse of the normal law, rounding, coloured fields."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Float = NDArray[np.float64]

# Giles (2010), "Approximating the erfinv function": single precision, as XLA and CUDA have it; highest power
# first, in w - 2.5 below w = 5 and in sqrt(w) - 3 above, where w = -log(1 - x^2).
_CENTRE = (
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)
_TAIL = (
    -0.000200214257,
    0.000100950558,
    0.00134934322,
    -0.00367342844,
    0.00573950773,
    -0.0076224613,
    0.00943887047,
    1.00167406,
    2.83297682,
)

FORMATS: dict[str, tuple[int, int, float]] = {
    "bf16": (7, -126, 3.3895313892515355e38),
    "fp16": (10, -14, 65504.0),
    "fp8_e4m3": (3, -6, 448.0),
    "fp8_e5m2": (2, -14, 57344.0),
}
"""Bits of the mantissa, exponent of the least normal number, largest number."""


def normal(shape: tuple[int, ...] | int, rng: Rng) -> Float:
    """Independent N(0, 1) values."""
    return rng.standard_normal(shape)


def uniform_bits(shape: tuple[int, ...] | int, rng: Rng, bits: int) -> Float:
    """Uniform values in [0, 1) on a grid of step 2**-bits."""
    return np.ldexp(rng.integers(0, 2**bits, shape).astype(np.float64), -bits)


def box_muller(u: NDArray[Any], v: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Two normal values from u in (0, 1] (the radius) and v (the angle)."""
    radius = np.sqrt(-2.0 * np.log(u))
    return radius * np.cos(2.0 * np.pi * v), radius * np.sin(2.0 * np.pi * v)


def paired(shape: tuple[int, ...], u: NDArray[Any], v: NDArray[Any]) -> NDArray[Any]:
    """Both outputs of :func:`box_muller` of 1-d arrays, side by side, as many as `shape` holds."""
    pair = np.stack(box_muller(u, v), axis=1)
    return pair.reshape(-1)[: int(np.prod(shape))].reshape(shape)


def inverse_normal(x: NDArray[Any]) -> Float:
    """The value whose probability of being exceeded in modulus is 1 - |x|, with the sign of x in (-1, 1)."""
    w = -np.log1p(-np.square(x, dtype=np.float64))
    centre = np.polyval(_CENTRE, np.minimum(w, 5.0) - 2.5)
    tail = np.polyval(_TAIL, np.sqrt(np.maximum(w, 5.0)) - 3.0)
    result: Float = np.sqrt(2.0) * x * np.where(w < 5.0, centre, tail)
    return result


def rounded(x: NDArray[np.floating], name: str) -> Float:
    """Rounded to a storage format, ties to even; `name` in :data:`FORMATS`."""
    bits, least, largest = FORMATS[name]
    _, exponent = np.frexp(np.asarray(x, dtype=np.float64))
    quantum = np.maximum(exponent - 1, least) - bits
    return np.clip(np.ldexp(np.rint(np.ldexp(x, -quantum)), quantum), -largest, largest)


def standardised(x: Float) -> Float:
    """Every plane brought to mean 0 and standard deviation 1."""
    x = x - x.mean(axis=(-2, -1), keepdims=True)
    return x / x.std(axis=(-2, -1), keepdims=True)


def frequencies(shape: tuple[int, ...]) -> Float:
    """Radial frequency of each bin of ``rfft2``, cycles a pixel."""
    return np.hypot(np.fft.fftfreq(shape[-2])[:, np.newaxis], np.fft.rfftfreq(shape[-1]))


def filtered(x: Float, gain: Float) -> Float:
    """Each plane times `gain` in the frequency domain."""
    return np.fft.irfft2(np.fft.rfft2(x) * gain, s=x.shape[-2:])


def coloured(shape: tuple[int, ...], rng: Rng, slope: float) -> Float:
    """Fields with power f**slope, every plane of mean 0 and standard deviation 1."""
    f = frequencies(shape)
    gain = np.where(f > 0, f, 1.0) ** (slope / 2)
    gain[0, 0] = 0.0
    return standardised(filtered(normal(shape, rng), gain))


def blurred(shape: tuple[int, ...], rng: Rng, width: float) -> Float:
    """Noise under a Gaussian kernel of standard deviation `width` pixels, of variance 1 in expectation.

    Its correlation at a distance of d pixels is exp(-d^2 / (4 width^2)).
    """
    h, w = (np.exp(-0.5 * (2.0 * np.pi * width * np.fft.fftfreq(size)) ** 2) for size in shape[-2:])
    gain = np.outer(h / np.sqrt(np.mean(h**2)), w / np.sqrt(np.mean(w**2)))
    return filtered(normal(shape, rng), gain[:, : shape[-1] // 2 + 1])


def mixed(x: Float, pattern: Float, power: float) -> Float:
    """Noise and a pattern of unit power in such parts that the power of the sum is 1."""
    return np.sqrt(1.0 - power) * x + np.sqrt(power) * pattern


def enlarged(x: Float, factor: int, axis: int) -> Float:
    """Bilinear interpolation along one axis, periodic, pixel centres aligned as image libraries do."""
    if x.shape[axis] == 1:
        return np.repeat(x, factor, axis)
    phase = (np.arange(factor) + 0.5) / factor - 0.5
    before, after = np.roll(x, 1, axis), np.roll(x, -1, axis)
    parts = [(1.0 - abs(t)) * x + abs(t) * (after if t > 0 else before) for t in phase]
    shape = list(x.shape)
    shape[axis] *= factor
    return np.stack(parts, axis=axis % x.ndim + 1).reshape(shape)


def enlargement_covariance(factor: int, lag: int) -> float:
    """Covariance at `lag` pixels, averaged over the pixels, of white noise after :func:`enlarged`."""
    d = np.arange(-2 * factor, 2 * factor) + (0.5 if factor % 2 == 0 else 0.0)

    def weight(distance: Float) -> Float:
        return np.maximum(0.0, 1.0 - np.abs(distance) / factor)

    return float(np.sum(weight(d) * weight(d + lag)) / factor)
