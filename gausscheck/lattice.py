"""The values a narrow storage format can take, their rounding cells and exact probabilities; detection.

A value drawn from N(0, scale²) and rounded to nearest in such a format lies on a *lattice*, and falls on a
point with the probability of the point's rounding cell. Moments, ties and tails of rounded noise follow
exactly from these probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gausscheck.errors import ArgumentError, DataError
from gausscheck.floats import FloatFormat, decode_table, float_format
from gausscheck.gaussian import LOG_SQRT_TWO_PI, log_upper_tail

__all__ = ["LATTICES", "Lattice", "LatticeCandidates", "detect", "lattice_of_format"]

# Narrowest first: fewest bits, then fewest mantissa bits; a value that fits an early one is named by it.
LATTICES: dict[str, str] = {
    "fp8_e5m2": "float8_e5m2",
    "fp8_e5m2fnuz": "float8_e5m2fnuz",
    "fp8_e4m3": "float8_e4m3fn",
    "fp8_e4m3fnuz": "float8_e4m3fnuz",
    "bf16": "bfloat16",
    "fp16": "float16",
}

_PREFIX = 256  # values looked at first: a float32 value sits on bf16 by chance once in 2**16
_TILE = 2**16
_QUADRATURE_POINTS = 20


def lattice_of_format(name: str) -> str | None:
    """Lattice name (``bf16``) of a storage format's name (``bfloat16``); None for float32 and float64."""
    float_format(name)
    return next((lattice for lattice, dtype in LATTICES.items() if dtype == name), None)


@dataclass(frozen=True)
class Lattice:
    """Finite values of one storage format and their rounding cells.

    Attributes
    ----------
    name : str
        ``bf16``, ``fp16``, ``fp8_e4m3``, ``fp8_e5m2``, ``fp8_e4m3fnuz`` or ``fp8_e5m2fnuz``.
    """

    name: str

    def __post_init__(self) -> None:
        if self.name not in LATTICES:
            msg = f"unknown lattice {self.name!r}; known: {', '.join(LATTICES)}"
            raise ArgumentError(msg)

    @property
    def format(self) -> FloatFormat:
        """The storage format."""
        return float_format(LATTICES[self.name])

    @property
    def points(self) -> NDArray[np.float64]:
        """All distinct finite values, ascending, read-only, shape ``(K,)``; symmetric about 0."""
        return _points(self.name)

    def holds(self, scale: float) -> bool:
        """True where N(0, scale²) stays in range: eight deviations out no value overflows or rounds to 0."""
        smallest = self.points[self.points > 0][0]
        return bool(0.5 * smallest <= 8 * scale <= self.points[-1])

    @property
    def edges(self) -> NDArray[np.float64]:
        """Midpoints between neighbours, shape ``(K - 1,)``; the outermost cells reach to infinity.

        Whether a format saturates or overflows beyond its largest value does not matter for noise of scale
        near 1: that value is at least 240.
        """
        points = self.points
        return points[:-1] + 0.5 * np.diff(points)

    def log_probabilities(self, scale: float = 1.0) -> NDArray[np.float64]:
        """Natural logarithm of the probability of every cell under N(0, scale²).

        Parameters
        ----------
        scale : float
            Standard deviation before rounding, positive.

        Returns
        -------
        numpy.ndarray
            Read-only, shape ``(K,)``, next to `points`. Relative error of each probability below 1e-12, in
            both tails and in the narrowest cells around 0.

        Notes
        -----
        A cell (a, b) with middle m and width w: where ``m w <= 1`` Gauss-Legendre quadrature of the density,
        its exponent written as ``-(x - m)(x + m)/2`` around the middle; elsewhere
        ``log Q(a) + log(1 - Q(b)/Q(a))`` with Q(b)/Q(a) bounded away from 1.
        """
        if not (np.isfinite(scale) and scale > 0):
            msg = f"scale {scale!r} is not a positive number"
            raise ArgumentError(msg)
        return _log_probabilities(self.name, float(scale))

    def moments(self, orders: ArrayLike, scale: float = 1.0) -> NDArray[np.float64]:
        """Exact moments ``E v**k`` of N(0, scale²) values v rounded to this lattice.

        Parameters
        ----------
        orders : array_like of int
            Orders k from 0 to 16; odd ones are 0 by symmetry.
        scale : float
            Standard deviation before rounding.

        Returns
        -------
        numpy.ndarray
            Shape of `orders`.
        """
        k = np.asarray(orders)
        if k.dtype.kind not in "iu" or np.any((k < 0) | (k > 16)):
            msg = f"orders {orders!r} are not integers from 0 to 16"
            raise ArgumentError(msg)
        probability = np.exp(self.log_probabilities(scale))
        reached = (self.points >= 0) & (probability > 0)
        # Units of scale keep powers finite; the positive half alone, so that odd orders vanish exactly.
        point = self.points[reached] / scale
        weight = np.where(point > 0, 2.0, 1.0) * probability[reached]
        moment: NDArray[np.float64] = np.sum(weight * point ** k[..., np.newaxis], axis=-1)
        result: NDArray[np.float64] = np.where(k % 2 == 1, 0.0, moment * np.float64(scale) ** k)
        return result

    def collision_probability(self, scale: float = 1.0) -> float:
        """Probability ``sum p_i**2`` that two independent N(0, scale²) values round to the same point."""
        return float(np.sum(np.exp(2.0 * self.log_probabilities(scale))))

    def round(self, x: ArrayLike) -> NDArray[np.float64]:
        """Round to the nearest point, ties to even; beyond the largest point to that point.

        Parameters
        ----------
        x : array_like of float
            Any shape. NaN and infinities stay.

        Returns
        -------
        numpy.ndarray
            float64, same shape.
        """
        fmt = self.format
        value = np.asarray(x, dtype=np.float64)
        _, exponent = np.frexp(value)
        # frexp's fraction lies in [1/2, 1): the leading bit has weight 2**(exponent - 1).
        quantum = np.maximum(exponent - 1, 1 - fmt.bias) - fmt.mantissa_bits
        rounded = np.ldexp(np.rint(np.ldexp(value, -quantum)), quantum)
        largest = float(self.points[-1])
        rounded = np.clip(rounded, -largest, largest)
        return np.where(np.isfinite(value), rounded, value)

    def contains(self, x: ArrayLike) -> bool:
        """Whether every finite value of `x` is a point of the lattice.

        Parameters
        ----------
        x : array_like of float
            Any shape; non-finite values are ignored, -0 is 0. Vacuously True for an empty array.
        """
        return _contains(self, _float_array(x).ravel())


@dataclass(frozen=True)
class LatticeCandidates:
    """Lattices that all finite values seen so far lie on: a summary, merged by intersection.

    Attributes
    ----------
    names : tuple of str
        Narrowest first; all of :data:`LATTICES` before any value was seen.
    """

    names: tuple[str, ...] = tuple(LATTICES)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(name for name in LATTICES if name in self.names))

    def update(self, x: ArrayLike) -> LatticeCandidates:
        """Candidates left after more values; nearly free for ordinary float32 noise.

        A short stretch is looked at first: ordinary values leave every lattice within it, and the rest is not
        read.
        """
        if not self.names:
            return self
        flat = _float_array(x)
        flat = flat.reshape(-1) if flat.flags.c_contiguous else flat
        head = np.array(flat.flat[:_PREFIX])
        left = tuple(name for name in self.names if _contains(Lattice(name), head))
        if left and flat.size > _PREFIX:
            rest = flat.reshape(-1)
            left = tuple(name for name in left if _contains(Lattice(name), rest))
        return LatticeCandidates(left)

    def merge(self, other: LatticeCandidates) -> LatticeCandidates:
        """Lattices that both sets of values lie on."""
        return LatticeCandidates(tuple(name for name in self.names if name in other.names))


def detect(x: ArrayLike) -> tuple[str, ...]:
    """Name the lattices that every finite value of a wider float array lies on, narrowest first.

    Parameters
    ----------
    x : array_like of float
        Any shape; float32 or float64 (float16 is looked at too).

    Returns
    -------
    tuple of str
        Empty for ordinary float32 values. The first one is meant; wider ones often hold the same values too:
        fp16 holds every bf16 value between 2**-17 and 65,504. A constant or tiny array may lie on many.
    """
    return LatticeCandidates().update(x).names


@cache
def _points(name: str) -> NDArray[np.float64]:
    table = decode_table(LATTICES[name]).astype(np.float64)
    points = np.unique(table[np.isfinite(table)] + 0.0)  # adding 0 makes -0 into 0
    points.flags.writeable = False
    return points


@lru_cache(maxsize=32)
def _log_probabilities(name: str, scale: float) -> NDArray[np.float64]:
    lattice = Lattice(name)
    zero = len(lattice.points) // 2
    upper = lattice.edges[zero:] / scale  # edges above 0, ascending
    low = np.concatenate(([-upper[0]], upper))  # cells of the points 0, v_1, v_2, …
    high = np.concatenate((upper, [np.inf]))
    with np.errstate(over="ignore", invalid="ignore"):
        middle = np.where(np.isinf(high), np.inf, 0.5 * (low + high))
        width = high - low
        narrow = middle * width <= 1.0
    narrow[0] = upper[0] <= 0.5
    half = np.empty_like(low)
    half[narrow] = _log_by_quadrature(middle[narrow], width[narrow])
    wide = ~narrow
    tail_low, tail_high = log_upper_tail(low[wide]), log_upper_tail(high[wide])
    # A cell so far out that both tails are beyond the range of doubles has probability 0, not NaN.
    gone = np.isneginf(tail_low)
    step = np.where(gone, -np.inf, tail_high - np.where(gone, 0.0, tail_low))
    half[wide] = tail_low + np.log1p(-np.exp(step))
    result = np.concatenate((half[:0:-1], half))
    result.flags.writeable = False
    return result


def _log_by_quadrature(middle: NDArray[np.float64], width: NDArray[np.float64]) -> NDArray[np.float64]:
    node, weight = np.polynomial.legendre.leggauss(_QUADRATURE_POINTS)
    offset = 0.5 * width[:, np.newaxis] * node
    relative = np.exp(-0.5 * offset * (2.0 * middle[:, np.newaxis] + offset)) @ (0.5 * weight)
    log_p: NDArray[np.float64] = np.log(width) - 0.5 * middle**2 - LOG_SQRT_TWO_PI + np.log(relative)
    return log_p


def _float_array(x: ArrayLike) -> NDArray[Any]:
    array = np.asarray(x)
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        msg = f"lattices are looked for in float16, float32 and float64 arrays, got {array.dtype}"
        raise DataError(msg)
    if array.dtype.itemsize == 2:
        return array.astype(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _contains(lattice: Lattice, flat: NDArray[Any]) -> bool:
    """Whether all finite values of a 1-d float array are points, in tiles that stay in cache."""
    return all(_tile_contains(lattice, flat[k : k + _TILE]) for k in range(0, flat.size, _TILE))


def _tile_contains(lattice: Lattice, tile: NDArray[Any]) -> bool:
    """Mantissa bits by one OR over the bit patterns; one by one only the values at the ends of the range."""
    fmt = lattice.format
    real = tile.dtype.type
    pattern: NDArray[Any] = tile.view(np.uint32 if tile.dtype.itemsize == 4 else np.uint64)
    # Patterns without their sign are ordered as the magnitudes are.
    magnitude = pattern & pattern.dtype.type(np.iinfo(pattern.dtype).max >> 1)
    largest, least_normal = np.array([lattice.points[-1], 2.0 ** (1 - fmt.bias)], real).view(pattern.dtype)
    if magnitude.max() > largest:
        finite = tile[np.isfinite(tile)]
        return finite.size == 0 or (finite.size < tile.size and _tile_contains(lattice, finite))
    surplus = (1 << (np.finfo(real).nmant - fmt.mantissa_bits)) - 1
    if int(np.bitwise_or.reduce(pattern)) & surplus:
        return False
    if magnitude.min() >= least_normal:
        return True
    small = tile[magnitude < least_normal]
    return bool(np.all(lattice.round(small) == small))
