"""Raw values from a binary stream, such as standard input."""

from __future__ import annotations

from typing import Any

import numpy as np

from gausscheck.arrays import Values
from gausscheck.errors import ArgumentError, GeneratorError
from gausscheck.floats import FORMATS, float_format
from gausscheck.sources.generators.base import Draw, GeneratorSource, Start
from gausscheck.sources.generators.blocks import checked_count, nothing

__all__ = ["from_reader"]


def from_reader(reader: Any, dtype: str | None) -> GeneratorSource:
    """Little-endian values of a format, one after another, without a header, until the end of the stream.

    Raises
    ------
    ArgumentError
        Without a type or a stream, of a stream of text, and of a terminal.
    """
    if dtype is None:
        known = ", ".join(FORMATS)
        msg = f"raw values on standard input have no type; name it with --dtype (dtype= in Python): {known}"
        raise ArgumentError(msg)
    if reader is None:
        msg = "'-' reads raw values from a binary stream; pass one, as in reader=sys.stdin.buffer"
        raise ArgumentError(msg)
    if not hasattr(reader, "readinto"):
        what = type(reader).__name__
        msg = f"raw values are read from a binary stream, got a {what} without readinto; pass its .buffer"
        raise ArgumentError(msg)
    if getattr(reader, "isatty", bool)():
        msg = "standard input is a terminal; pipe a generator into it: ./generator | gausscheck validate - …"
        raise ArgumentError(msg)
    draw = _ReaderDraw(reader, dtype)

    def begin(_: Start) -> Draw:
        return draw

    return GeneratorSource("-", float_format(dtype).name, False, begin)


class _ReaderDraw:
    """Reads straight into the result, no more than is asked for."""

    def __init__(self, reader: Any, dtype: str) -> None:
        self._reader, self._dtype = reader, dtype
        self._given = 0
        self._failure: GeneratorError | None = None
        self.ended = False

    def take(self, n: int) -> Values:
        """See :class:`~gausscheck.sources.generators.base.Draw`."""
        n = checked_count(n)
        if self._failure is not None and n:
            raise self._failure
        if self.ended:
            return nothing(self._dtype)
        result = np.empty(n, float_format(self._dtype).container)
        width = result.itemsize
        whole, rest = divmod(self._fill(result.view(np.uint8)), width)
        if whole < n and self._failure is None:
            self.ended = not rest
        if rest:
            msg = (
                f"standard input stopped within a value: {rest} of the {width} bytes of a {self._dtype} are "
                f"left over after {self._given + whole:,} whole values; check dtype, and that the generator "
                "was not cut short"
            )
            self._failure = GeneratorError(msg)
        if self._failure is not None and not whole:
            raise self._failure
        self._given += whole
        return Values(result[:whole], self._dtype)

    def _fill(self, octets: Any) -> int:
        """Read until the buffer is full or nothing more comes; return the number of bytes."""
        view, done = memoryview(octets), 0
        while done < len(view):
            try:
                count = self._reader.readinto(view[done:])
            except (OSError, ValueError) as error:
                msg = f"standard input could not be read after {self._given:,} values: {error}"
                self._failure = GeneratorError(msg)
                self._failure.__cause__ = error
                break
            if count is None:
                msg = "standard input does not wait for values (it is set to non-blocking); pipe it plainly"
                self._failure = GeneratorError(msg)
                break
            if count == 0:
                break
            done += count
        return done
