"""Bytes behind an array: a mapped stretch of a file, or an unpacked copy in memory or a nameless file."""

from __future__ import annotations

import mmap
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np
from numpy.typing import NDArray

from gausscheck.errors import FileFormatError

__all__ = ["CHUNK", "IN_MEMORY", "Region", "Stamp", "map_region", "opened", "spool"]

CHUNK = 1 << 20
IN_MEMORY = 64 << 20
_OTHER_DISK = "set TMPDIR to a larger disk, or save the file uncompressed"


@dataclass(frozen=True)
class Stamp:
    """Identity of a file's content when its header was read, to notice a change before data is mapped."""

    size: int
    modified_ns: int
    inode: int

    @classmethod
    def of(cls, file: BinaryIO) -> Stamp:
        """Take the stamp of an open file."""
        status = os.fstat(file.fileno())
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)


@contextmanager
def opened(path: Path, stamp: Stamp | None = None) -> Iterator[BinaryIO]:
    """Open a regular file for reading; what the system refuses becomes a :class:`FileFormatError`.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    stamp : Stamp, optional
        What the file was like when its header was read; a difference is an error.
    """
    try:
        _require_regular(path)
        with path.open("rb") as file:
            if stamp is not None and Stamp.of(file) != stamp:
                msg = f"{path}: changed since its header was read; wait until it is written, then try again"
                raise FileFormatError(msg)
            yield file
    except FileFormatError:
        raise
    except FileNotFoundError as error:
        broken = path.is_symlink()
        what = "is a link to a missing file" if broken else "does not exist"
        msg = f"{path}: {what}; check the path (from {Path.cwd()})"
        raise FileFormatError(msg) from error
    except PermissionError as error:
        msg = f"{path}: permission denied; check the rights of the file and its folder"
        raise FileFormatError(msg) from error
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror or error})"
        raise FileFormatError(msg) from error


def _require_regular(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except ValueError as error:
        msg = f"{str(path)!r}: is no file name ({error})"
        raise FileFormatError(msg) from error
    if stat.S_ISDIR(mode):
        msg = f"{path}: is a directory; expected a file"
        raise FileFormatError(msg)
    # A pipe would block on opening, and a device has no size to check a header against.
    if not stat.S_ISREG(mode):
        msg = f"{path}: is not a regular file (a pipe, socket or device); save the data to a file first"
        raise FileFormatError(msg)


class Region:
    """A stretch of bytes that arrays can look at without copying.

    Parameters
    ----------
    buffer : mmap.mmap or memoryview
        Read-only bytes.
    start, nbytes : int
        The stretch within `buffer`.
    """

    def __init__(self, buffer: mmap.mmap | memoryview, start: int, nbytes: int) -> None:
        self._buffer: mmap.mmap | memoryview | None = buffer
        self._start = start
        self.nbytes = nbytes

    def array(
        self, dtype: np.dtype[Any], shape: tuple[int, ...], order: Literal["C", "F"] = "C"
    ) -> NDArray[Any]:
        """Return a read-only view of the whole region; its bytes need not be aligned."""
        if self.nbytes == 0:
            empty: NDArray[Any] = np.empty(shape, dtype)
            empty.flags.writeable = False
            return empty
        count = self.nbytes // dtype.itemsize
        assert self._buffer is not None, "the region is closed"
        flat: NDArray[Any] = np.frombuffer(self._buffer, dtype, count, self._start)
        return flat.reshape(shape, order=order)

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """Copy the region out, `size` bytes at a time, never holding more than one piece."""
        assert self._buffer is not None, "the region is closed"
        stop = self._start + self.nbytes
        for begin in range(self._start, stop, size):
            yield bytes(self._buffer[begin : min(begin + size, stop)])
            self.release()

    def release(self) -> None:
        """Drop mapped pages from resident memory where the system can; nothing to do for bytes in memory."""
        if isinstance(self._buffer, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            self._buffer.madvise(mmap.MADV_DONTNEED)

    def close(self) -> None:
        """Unmap, or leave that to the last view that is still alive."""
        self.release()
        buffer, self._buffer = self._buffer, None
        if isinstance(buffer, mmap.mmap):
            # With a view alive the map must stay; the view owns a reference and unmaps when it dies.
            with suppress(BufferError):
                buffer.close()


def _empty() -> Region:
    return Region(memoryview(b""), 0, 0)


def map_region(file: BinaryIO, start: int, nbytes: int, where: str) -> Region:
    """Map ``file[start : start + nbytes]`` read-only; the file may be closed afterwards.

    Raises
    ------
    FileFormatError
        If the stretch does not lie within the file, or the system cannot map it.
    """
    size = os.fstat(file.fileno()).st_size
    if not 0 <= start <= start + nbytes <= size:
        msg = (
            f"{where}: bytes {start} to {start + nbytes} are outside the {size} of the file; it is cut short"
        )
        raise FileFormatError(msg)
    if nbytes == 0:
        return _empty()
    slack = start % mmap.ALLOCATIONGRANULARITY
    try:
        buffer = mmap.mmap(file.fileno(), slack + nbytes, access=mmap.ACCESS_READ, offset=start - slack)
    except (OSError, ValueError, OverflowError) as error:
        msg = f"{where}: {nbytes} bytes cannot be memory-mapped ({error}); copy the file to a local disk"
        raise FileFormatError(msg) from error
    return Region(buffer, slack, nbytes)


def spool(pieces: Iterable[bytes], nbytes: int, where: str) -> Region:
    """Keep `pieces` in memory up to 64 MiB in all, else in a nameless temporary file that is mapped.

    Parameters
    ----------
    pieces : iterable of bytes
        Their lengths must add up to `nbytes`; it is stopped as soon as they exceed it.
    nbytes : int
        Expected size.
    where : str
        File and tensor, for messages.

    Raises
    ------
    FileFormatError
        If the size is another, or the temporary folder is full.
    """
    if nbytes <= IN_MEMORY:
        held = bytearray(nbytes)
        done = 0
        for piece in _measured(pieces, nbytes, where):
            held[done : done + len(piece)] = piece
            done += len(piece)
        return Region(memoryview(held).toreadonly(), 0, nbytes)
    with _temporary(nbytes, where) as file:
        # The pieces raise errors of their own: only the writing may be blamed on the temporary folder.
        for piece in _measured(pieces, nbytes, where):
            _write(file, piece, where)
        return map_region(file, 0, nbytes, where)


@contextmanager
def _temporary(nbytes: int, where: str) -> Iterator[BinaryIO]:
    """Open a file that has no name, so that nothing is left behind, where `nbytes` fit."""
    with ExitStack() as stack:
        try:
            folder = tempfile.gettempdir()
            free = shutil.disk_usage(folder).free
            if free >= nbytes:
                # Unbuffered, so that a full disk shows when writing and not again when closing.
                file = stack.enter_context(tempfile.TemporaryFile(buffering=0, dir=folder))
        except OSError as error:
            raise _disk_error(where, error) from error
        if free < nbytes:
            msg = f"{where}: needs {nbytes} bytes uncompressed but {folder} has {free} free; {_OTHER_DISK}"
            raise FileFormatError(msg)
        yield cast(BinaryIO, file)


def _write(file: BinaryIO, piece: bytes, where: str) -> None:
    rest = memoryview(piece)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise _disk_error(where, error) from error


def _disk_error(where: str, error: OSError) -> FileFormatError:
    reason = error.strerror or error
    return FileFormatError(f"{where}: cannot be unpacked to a temporary file ({reason}); {_OTHER_DISK}")


def _measured(pieces: Iterable[bytes], nbytes: int, where: str) -> Iterator[bytes]:
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > nbytes:
            break
        yield piece
    if total != nbytes:
        more = "more" if total > nbytes else "fewer"
        msg = f"{where}: unpacks to {more} bytes than the {nbytes} its header promises; the file is damaged"
        raise FileFormatError(msg)
