"""The losses again, in plain NumPy float64, written from the formulas alone."""

from __future__ import annotations

import math

import numpy as np

EXACT = math.sqrt(math.pi) / 2


def double_factorial(n):
    return math.prod(range(n, 0, -2)) if n > 0 else 1


def moment_discrepancy(x, n):
    target = 0.0 if n % 2 else double_factorial(n - 1) ** (1 / n)
    return abs(abs(np.mean(x**n)) ** (1 / n) - target)


def moment_gradient(x, n):
    """By hand: d/dx_j of ``| |m|^(1/n) - c |`` is sign * (1/n)|m|^(1/n - 1) sign(m) * n x^(n-1) / D."""
    m = np.mean(x**n)
    target = 0.0 if n % 2 else double_factorial(n - 1) ** (1 / n)
    outer = np.sign(abs(m) ** (1 / n) - target) * abs(m) ** (1 / n - 1) * np.sign(m)
    return outer * x ** (n - 1) / x.size


def waves(k, d):
    # Whole turns are taken out in integers: the angle of k j / d would lose digits otherwise.
    return np.exp(-2j * np.pi * (np.outer(k, np.arange(d)) % d) / d)


def spectrum_discrepancy(x, block=16, mu=EXACT):
    """Frequency by frequency, from the definition of the transform."""
    d = x.size
    k = np.arange(1, (d - 1) // 2 + 1)
    amplitude = np.abs(waves(k, d) @ x) / math.sqrt(d)
    groups = [amplitude[i : i + block].mean() for i in range(0, k.size, block)]
    return np.mean(np.abs(np.array(groups) - mu))


def spectrum_gradient(x, block=16, mu=EXACT):
    d = x.size
    k = np.arange(1, (d - 1) // 2 + 1)
    wave = waves(k, d)
    spectrum = wave @ x
    amplitude = np.abs(spectrum) / math.sqrt(d)
    starts = range(0, k.size, block)
    weight = np.concatenate(
        [
            np.full(len(g := amplitude[i : i + block]), np.sign(g.mean() - mu) / (len(starts) * len(g)))
            for i in starts
        ]
    )
    phase = spectrum / np.abs(spectrum)
    return np.real((weight * phase) @ wave.conj()) / math.sqrt(d)
