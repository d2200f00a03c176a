"""Several draws of a generator side by side, as blocks of samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gausscheck.arrays import Values
from gausscheck.errors import DataError
from gausscheck.sources.generators import Draw

__all__ = ["Drawing"]


class Drawing:
    """Blocks of samples from draws that run side by side.

    Parameters
    ----------
    draws : sequence of Draw
        One a stream.
    sample : int
        Values of one stream in a sample.

    Attributes
    ----------
    ended : bool
        A draw has ended: nothing more comes.
    """

    def __init__(self, draws: Sequence[Draw], sample: int) -> None:
        self._draws = tuple(draws)
        self._sample = sample
        self.ended = False

    def take(self, samples: int) -> Values:
        """Return the next samples: ``(samples * sample,)`` of one draw, else ``(samples, draws, sample)``.

        Fewer, perhaps none, where a draw has ended, or failed and will say so at the next call; streams are
        then cut to whole samples of the shortest.

        Raises
        ------
        DataError
            Draws of different storage formats.
        """
        sample = self._sample
        parts = [draw.take(samples * sample) for draw in self._draws]
        self.ended = any(draw.ended for draw in self._draws)
        first = parts[0]
        if len(parts) == 1:
            return first
        whole = min(part.size for part in parts) // sample
        together = _empty(first.data, (whole, len(parts), sample))
        for k, part in enumerate(parts):
            if part.dtype != first.dtype:
                msg = f"stream {k} gives {part.dtype} values and stream 0 gives {first.dtype}"
                raise DataError(msg)
            together[:, k] = part.data[: whole * sample].reshape(whole, sample)
        return first.like(together)


def _empty(like: Any, shape: tuple[int, ...]) -> Any:
    return np.empty(shape, like.dtype) if isinstance(like, np.ndarray) else like.new_empty(shape)
