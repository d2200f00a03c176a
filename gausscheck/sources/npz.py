"""Reader of ``.npz`` archives: stored members are mapped in place, deflated ones unpacked when opened.

Every size is known before a byte is unpacked: the member's .npy header must describe exactly the size that
the archive declares, and deflate cannot expand by more than 1032 to 1 (zlib, technical details).
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gausscheck.errors import FileFormatError
from gausscheck.sources.base import Source, Tensor, TensorEntry, make_entry
from gausscheck.sources.npy import MAGIC, ArrayHeader, array_entry, array_tensor, read_header
from gausscheck.sources.regions import CHUNK, Region, Stamp, map_region, opened, spool

__all__ = ["NpzSource", "archive", "is_array_member"]

_LOCAL_HEADER = 30
_ENCRYPTED = 0x1
_MAX_DEFLATE_RATIO = 1032
# What zipfile and zlib raise on damaged archives, besides BadZipFile.
_BAD_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    KeyError,
)


@dataclass(frozen=True)
class _Member:
    info: zipfile.ZipInfo
    header: ArrayHeader


@contextmanager
def archive(file: BinaryIO, where: str) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive; damage found inside the block becomes a :class:`FileFormatError`."""
    try:
        with zipfile.ZipFile(file) as opened_archive:
            yield opened_archive
    except FileFormatError:
        raise
    except (*_BAD_ZIP, OSError) as error:
        # zipfile looks for the directory at the end alone, and says so of files that begin as archives.
        end = ": its end is missing, it is cut short" if "not a zip file" in str(error) else ""
        msg = f"{where}: the zip archive is damaged ({error!s:.200}{end}); write the file anew"
        raise FileFormatError(msg) from error


def is_array_member(name: str) -> bool:
    """Tell whether a member of an archive is named like an array."""
    return name.endswith(".npy")


class NpzSource(Source):
    """A ``.npz`` archive.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Raises
    ------
    FileFormatError
        If it is no zip archive, or a member is damaged, encrypted, or lies about its size.
    """

    format = "npz"

    def __init__(self, path: Path) -> None:
        self._members: dict[str, _Member] = {}
        entries: dict[str, TensorEntry] = {}
        with opened(path) as file:
            self._stamp = Stamp.of(file)
            with archive(file, str(path)) as zipped:
                for info in zipped.infolist():
                    if info.filename.endswith("/"):
                        continue
                    key = info.filename.removesuffix(".npy")
                    if key in entries:
                        msg = f"{path}: the archive holds {key!r:.200} twice; write the file anew"
                        raise FileFormatError(msg)
                    entries[key] = self._entry(path, zipped, info, key)
        super().__init__(path, list(entries.values()))

    def _entry(self, path: Path, zipped: zipfile.ZipFile, info: zipfile.ZipInfo, key: str) -> TensorEntry:
        where = f"{path}: member {info.filename!r:.200}"
        _check_member(info, self._stamp.size, where)
        if not is_array_member(info.filename):
            with zipped.open(info) as member:
                if member.read(len(MAGIC)) != MAGIC:
                    return make_entry(path, key, "bytes", (info.file_size,), info.file_size)
        with zipped.open(info) as member:
            header = read_header(member, info.file_size, where)
        self._members[key] = _Member(info, header)
        return array_entry(path, key, header)

    def _load(self, entry: TensorEntry) -> Tensor:
        info, header = self._members[entry.key].info, self._members[entry.key].header
        where = f"{self.path}: member {info.filename!r}"
        with opened(self.path, self._stamp) as file:
            if info.compress_type == zipfile.ZIP_STORED:
                region = _map_stored(file, info, header, where)
            else:
                region = _unpack(file, info, header, where)
        return array_tensor(region, header, where)


def _check_member(info: zipfile.ZipInfo, archive_size: int, where: str) -> None:
    if info.flag_bits & _ENCRYPTED:
        msg = f"{where}: is encrypted; save the arrays without a password"
        raise FileFormatError(msg)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        msg = f"{where}: compression method {info.compress_type} is not read; save with np.savez"
        raise FileFormatError(msg)
    if info.compress_size > archive_size:
        msg = f"{where}: claims {info.compress_size} bytes of an archive of {archive_size}; it is cut short"
        raise FileFormatError(msg)
    stored = info.compress_type == zipfile.ZIP_STORED
    limit = info.compress_size * (1 if stored else _MAX_DEFLATE_RATIO)
    if info.file_size > limit or (stored and info.file_size != info.compress_size):
        msg = (
            f"{where}: declares {info.file_size} bytes, which {info.compress_size} packed bytes cannot hold; "
            "the file is damaged or hostile"
        )
        raise FileFormatError(msg)


def _map_stored(file: BinaryIO, info: zipfile.ZipInfo, header: ArrayHeader, where: str) -> Region:
    # Only the local header tells its own length: its extra field may differ from the directory's.
    file.seek(info.header_offset)
    local = file.read(_LOCAL_HEADER)
    name_length = int.from_bytes(local[26:28], "little")
    extra_length = int.from_bytes(local[28:30], "little")
    start = info.header_offset + _LOCAL_HEADER + name_length + extra_length
    whole = map_region(file, start, info.file_size, where)
    checksum = 0
    for piece in whole.chunks():
        checksum = zlib.crc32(piece, checksum)
    whole.close()
    if checksum != info.CRC:
        msg = f"{where}: bad CRC-32 checksum; the file is damaged, write it anew"
        raise FileFormatError(msg)
    return map_region(file, start + header.data_start, header.nbytes, where)


def _unpack(file: BinaryIO, info: zipfile.ZipInfo, header: ArrayHeader, where: str) -> Region:
    with archive(file, where) as zipped, zipped.open(info) as member:
        member.read(header.data_start)
        # The checksum is verified by zipfile when the last byte has been read.
        return spool(iter(lambda: member.read(CHUNK), b""), header.nbytes, where)
