"""How values are looked at before a statistic: as stored, or randomly permuted.

A uniformly random permutation of a sample makes every statistic a function of its multiset of values: it is
blind to order by construction, already with one permutation and for any number of them. More permutations
only take out the randomness of the draw. What is left to see is the scale and the spikes of the values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.engines import Engine
from gausscheck.engines.base import GOLDEN, mix
from gausscheck.needs import SpectrumNeed

__all__ = ["permutation_keys", "spectrum_values"]


def permutation_keys(seed: int, permutation: int, number: NDArray[np.int64]) -> NDArray[np.uint64]:
    """64-bit keys of the permutations of the samples with these numbers.

    A key depends on the seed, the number of the permutation and the sample's own number alone, so that chunks
    of any size give the same result. It is the SplitMix64 output function of a counter.
    """
    start = np.random.SeedSequence([seed, permutation]).generate_state(1, np.uint64)
    return mix(start + (np.asarray(number).astype(np.uint64) + np.uint64(1)) * np.uint64(GOLDEN))


def spectrum_values(
    engine: Engine,
    x: Any,
    need: SpectrumNeed,
    *,
    seed: int = 0,
    number: NDArray[np.int64] | None = None,
    scale: float = 1.0,
) -> NDArray[np.float64]:
    """Power-spectrum discrepancy of each row of `x`, shape (samples, D).

    Parameters
    ----------
    engine : Engine
    x : numpy.ndarray or torch.Tensor
        Values as the engine decodes them; **overwritten** by a permutation of themselves in the permuted
        view.
    need : SpectrumNeed
        Block, centre and view.
    seed : int
        Of the permutations.
    number : numpy.ndarray, optional
        Number of each row among all samples; 0, 1, … by default.
    scale : float
        Standard deviation under H0.
    """
    if need.permutations is None:
        return engine.power_spectrum(x, need.block, need.mu, scale)
    number = np.arange(x.shape[0]) if number is None else number
    total = np.zeros(x.shape[0])
    for r in range(need.permutations):
        # Shuffling what is already shuffled, with a fresh key, is again uniform and independent.
        engine.shuffle(x, permutation_keys(seed, r, number))
        total += engine.power_spectrum(x, need.block, need.mu, scale)
    return total / need.permutations
