"""The verbs that every engine has, and the definitions that they share."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gausscheck.arrays import Values
from gausscheck.engines.ordinates import LEAST_ORDINATE, Ordinates
from gausscheck.errors import ArgumentError, DataError
from gausscheck.lattice import LatticeCandidates
from gausscheck.summaries import Counts, OnePass
from gausscheck.summaries.frequency import FrequencyBins

__all__ = [
    "GOLDEN",
    "MIX_FIRST",
    "MIX_SECOND",
    "RAYLEIGH_MEAN",
    "Engine",
    "checked_decode",
    "checked_rows",
    "checked_shuffle",
    "checked_spectrum",
    "mix",
]

RAYLEIGH_MEAN = sqrt(pi) / 2.0
"""Mean of ``|xhat_k| / sqrt(D)`` for N(0, 1) values: Rayleigh with E r² = 1."""

# SplitMix64 (Steele, Lea, Flood 2014): Weyl increment and the two multipliers of its output function.
GOLDEN = 0x9E3779B97F4A7C15
MIX_FIRST = 0xBF58476D1CE4E5B9
MIX_SECOND = 0x94D049BB133111EB

_LONGEST_SHUFFLE = 2**32


def mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Output function of SplitMix64, modulo 2**64."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(MIX_FIRST)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(MIX_SECOND)
    return z ^ (z >> np.uint64(31))


@runtime_checkable
class Engine(Protocol):
    """How data is reduced. Values have shape ``(B, D)``: B samples of D values.

    Decoded values are arrays of NumPy; those of the torch engine are tensors on the device of the values, and
    an array of decoded values means such a tensor there. Summaries are arrays of NumPy always.

    Attributes
    ----------
    name : str
        ``numpy``, ``numba`` or ``torch``.
    """

    name: str

    def one_pass(self, values: Values) -> OnePass:
        """Power sums, extremes and non-finite tally of each sample, in one pass.

        Parameters
        ----------
        values : Values
            Any format, strides, read-only or not; shape ``(B, D)``, zero sizes allowed.

        Returns
        -------
        OnePass
            Leading shape ``(B,)``; float64 accumulation. The same for any number of threads.
        """
        ...

    def counts(self, values: Values) -> Counts:
        """Occurrences of every bit pattern of an 8- or 16-bit format, all samples together.

        float32 values are counted by the upper 16 bits of their pattern, float64 values likewise once rounded
        to float32; see :class:`~gausscheck.summaries.counts.Counts`.
        """
        ...

    def lattices(self, values: Values, candidates: LatticeCandidates) -> LatticeCandidates:
        """Lattices among `candidates` that all finite values lie on too.

        Parameters
        ----------
        values : Values
            float32 or float64.
        candidates : LatticeCandidates
            What is left after the values seen before.
        """
        ...

    def decode(self, values: Values, dtype: DTypeLike = np.float32) -> Any:
        """Values as float32 or float64, shape ``(B, D)``, in fresh, writeable, C-contiguous memory.

        float64 values beyond the range of float32 become infinite where float32 is asked for.
        """
        ...

    def shuffle(self, x: Any, keys: NDArray[np.uint64]) -> None:
        """Permute each row of `x` in place, uniformly, independently, and reproducibly from its key.

        Parameters
        ----------
        x : numpy.ndarray of float32 or float64
            Writeable, shape ``(B, D)``, D at most 2**32.
        keys : numpy.ndarray of uint64
            Shape ``(B,)``: the seed of each row. Equal keys give equal permutations.

        Notes
        -----
        Fisher-Yates: for i = 1..D-1 exchange x_i with x_j, j uniform on 0..i. With ``mix`` the output
        function of SplitMix64 and g its increment, ``h_i = mix(mix(key + g) + (i + 1) g)``,
        ``j = floor(h_i (i + 1) / 2**64)``: the probability of each j is off by less than (i + 1)/2**64 of
        itself. The NumPy and Numba engines make the same permutation, bit for bit. The torch engine sorts by
        ``h_i`` instead (:func:`gausscheck.engines.torch.shuffle.hashed_order`): as uniform, another draw.
        """
        ...

    def power_spectrum(
        self, x: Any, block: int = 16, mu: float = RAYLEIGH_MEAN, scale: float = 1.0
    ) -> NDArray[np.float64]:
        """Batched power-spectrum discrepancy of each row.

        Parameters
        ----------
        x : numpy.ndarray of float32 or float64
            Shape ``(B, D)``, D at least 3.
        block : int
            Consecutive ordinates averaged together.
        mu : float
            What a mean is compared with; by default the exact mean of one ordinate.
        scale : float
            Standard deviation of the values under H0.

        Returns
        -------
        numpy.ndarray
            ``P = mean_g |mean_{k in g} r_k - mu|``, shape ``(B,)``: r_k = |rfft(x)_k| / (sqrt(D) scale) for
            k = 1..ceil(D/2) - 1 (without DC and Nyquist), groups g of `block` consecutive k, the last short
            one kept.
            NaN or infinite where the row is.
        """
        ...

    def ordinates(
        self,
        x: Any,
        bins: FrequencyBins,
        channel: NDArray[np.int64],
        channels: int,
        *,
        scale: float = 1.0,
        least: float = LEAST_ORDINATE,
    ) -> Ordinates:
        """Periodograms ``I = |rfftn(x)|^2 / (D scale^2)`` of fields, reduced.

        Parameters
        ----------
        x : numpy.ndarray of float32 or float64
            Finite fields, shape ``(F, *bins.shape)``, C-contiguous.
        bins : FrequencyBins
            Of their shape.
        channel : numpy.ndarray of int64
            Row of the result's `power` that each field is added to, shape ``(F,)``.
        channels : int
            Rows of `power`.
        scale : float
            Standard deviation of the values under H0.
        least : float
            Ordinates below this share of the mean over all bins of their field count as that much in
            logarithms.
        """
        ...

    def hashes(self, values: Values, length: int) -> NDArray[np.uint64]:
        """Hash of each block of `length` consecutive values of a row; the last block may be shorter.

        Parameters
        ----------
        values : Values
            Any format; by bit pattern, but that both zeros are equal.
        length : int
            From 1 up.

        Returns
        -------
        numpy.ndarray of uint64
            ``sum_i m(pattern_i) c**i`` modulo 2**64 over the values of a block, shape
            ``(B, ceil(D / length))``; how such hashes combine is told in :mod:`gausscheck.engines.hashes`.
            The same, bit for bit, from all engines.
        """
        ...

    def runs(
        self, values: Values, length: int, halvings: int
    ) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
        """Windows of `length` consecutive values of a row; a fraction ``2**-halvings`` is kept, by hash.

        Parameters
        ----------
        values : Values
            Any format; by bit pattern, but that both zeros are equal.
        length : int
            From 4 up; rows may be shorter and have no window then.
        halvings : int
            From 0 to 63.

        Returns
        -------
        hashes : numpy.ndarray of uint64
            ``mix`` of what :meth:`hashes` gives of each window, where that is below ``2**(64 - halvings)``.
            Windows of fewer than 4 different values are left out (:mod:`gausscheck.engines.runs`).
        row, place : numpy.ndarray of int64
            Where each window starts; row after row, in stored order. The same, bit for bit, from all engines.
        """
        ...

    def bottom(self, values: Values, halvings: int) -> NDArray[np.float64]:
        """Values of a fixed fraction ``2**-halvings`` of all float32 numbers, chosen by hash.

        Parameters
        ----------
        values : Values
            float32 or float64.
        halvings : int
            From 0 (all values) to 32.

        Returns
        -------
        numpy.ndarray of float64
            The values whose float32 pattern, mixed, is below ``2**(32 - halvings)``, row after row in stored
            order; 0 for -0. Whether a value is chosen depends on the value alone: repeats stay together, and
            what two tensors share shows in their fractions.
        """
        ...


def checked_rows(values: Values) -> Values:
    """`values` if it has two axes, else :class:`~gausscheck.errors.ArgumentError`."""
    if values.data.ndim != 2:
        msg = f"an engine takes values of shape (B, D), got shape {values.shape}"
        raise ArgumentError(msg)
    return values


def checked_decode(dtype: DTypeLike) -> np.dtype[Any]:
    """float32 or float64 as a dtype."""
    wanted = np.dtype(dtype)
    if wanted not in (np.dtype(np.float32), np.dtype(np.float64)):
        msg = f"values are decoded to float32 or float64, not to {wanted}"
        raise ArgumentError(msg)
    return wanted


def _checked_floats(x: Any, verb: str) -> None:
    found = str(x.dtype).removeprefix("torch.")
    if x.ndim != 2 or found not in ("float32", "float64"):
        msg = f"{verb} takes float32 or float64 of shape (B, D), got {found} of shape {tuple(x.shape)}"
        raise ArgumentError(msg)


def checked_shuffle(x: Any, keys: NDArray[np.uint64], *, writeable: bool = True) -> None:
    """Raise unless `x` and `keys` can be shuffled as :meth:`Engine.shuffle` says."""
    _checked_floats(x, "shuffle")
    shape = tuple(x.shape)
    if not writeable:
        msg = "shuffle works in place, but the array is read-only; pass a copy"
        raise ArgumentError(msg)
    if keys.dtype != np.dtype(np.uint64) or keys.shape != shape[:1]:
        msg = f"shuffle of shape {shape} takes one uint64 key a row, got {keys.dtype} of shape {keys.shape}"
        raise ArgumentError(msg)
    if shape[1] > _LONGEST_SHUFFLE:
        msg = f"a sample of {shape[1]} values is too long to permute (2**32 at most); split it into samples"
        raise DataError(msg)


def checked_spectrum(x: Any, block: int, scale: float) -> int:
    """Number of ordinates ceil(D/2) - 1; raise unless the arguments fit :meth:`Engine.power_spectrum`."""
    _checked_floats(x, "power_spectrum")
    size = int(x.shape[1])
    if size < 3:
        msg = f"a power spectrum needs at least 3 values a sample, got {size}"
        raise DataError(msg)
    if block < 1:
        msg = f"block {block} is not a positive number of ordinates"
        raise ArgumentError(msg)
    if not (np.isfinite(scale) and scale > 0):
        msg = f"scale {scale!r} is not a positive number"
        raise ArgumentError(msg)
    return (size - 1) // 2
