"""Noise of a diffusion pipeline. Two of these functions are wrong."""

import numpy as np


def latents(batch, rng):
    """Noise to start from."""
    return rng.standard_normal((batch, 4, 32, 32), dtype=np.float32)


def enlarged(batch, rng):
    """Noise drawn at half the size, to save time."""
    small = rng.standard_normal((batch, 4, 16, 16), dtype=np.float32)
    return small.repeat(2, axis=-1).repeat(2, axis=-2)


def values(size, rng):
    """Any number of values."""
    return rng.standard_normal(size, dtype=np.float32)


def cheap_values(size, rng):
    """Box and Muller's method on 8-bit integers, to save time."""
    radius, angle = rng.integers(256, size=(2, size)) / 256
    return np.sqrt(-2 * np.log(1 - radius)) * np.cos(2 * np.pi * angle)
