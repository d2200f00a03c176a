"""What a file is, told by its first bytes; its ending is asked only when they say nothing."""

from __future__ import annotations

from pathlib import Path

from gausscheck.errors import FileFormatError
from gausscheck.sources.npy import MAGIC as NPY_MAGIC
from gausscheck.sources.npz import archive, is_array_member
from gausscheck.sources.regions import opened
from gausscheck.sources.torch_load import LEGACY_MAGIC, is_torch_archive

__all__ = ["identify"]

_HEAD = 512
_CONVERT = "convert it to .safetensors or .npy"
_UNPACK = "unpack it first"

# (offset, signature, what it is, what to do). Earlier rows win.
_FOREIGN = (
    (
        0,
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer, not the data itself",
        "fetch the data with `git lfs pull`",
    ),
    *(
        (
            0,
            bytes([0x80, protocol]),
            "a Python pickle, not written by torch.save",
            f"gausscheck does not unpickle; {_CONVERT}",
        )
        for protocol in range(2, 6)
    ),
    (0, b"\x1f\x8b", "gzip-compressed data", "unpack it first (gunzip)"),
    (0, b"BZh", "bzip2-compressed data", _UNPACK),
    (0, b"\xfd7zXZ\x00", "xz-compressed data", _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "zstd-compressed data", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file", f"{_CONVERT} (h5py)"),
    (0, b"PAR1", "a Parquet file", f"{_CONVERT} (pyarrow)"),
    (0, b"ARROW1", "an Arrow file", f"{_CONVERT} (pyarrow)"),
    (0, b"GGUF", "a GGUF file", _CONVERT),
    (0, b"SQLite format 3\x00", "an SQLite database", _CONVERT),
    (0, b"MATLAB 5.0", "a MATLAB file", f"{_CONVERT} (scipy.io.loadmat)"),
    (0, b"SIMPLE  =", "a FITS image", _CONVERT),
    (0, b"II*\x00", "a TIFF image", _CONVERT),
    (0, b"MM\x00*", "a TIFF image", _CONVERT),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image", "pass the latent or noise tensor, not the picture"),
    (0, b"\xff\xd8\xff", "a JPEG image", "pass the latent or noise tensor, not the picture"),
    (0, b"GIF8", "a GIF image", "pass the latent or noise tensor, not the picture"),
    (0, b"RIFF", "a RIFF file (WebP, WAV or AVI)", "pass the latent or noise tensor itself"),
    (0, b"%PDF", "a PDF document", "pass a tensor file"),
    (0, b"<!DOCTYPE", "an HTML page, perhaps a failed download", "download the file again"),
    (0, b"<!doctype", "an HTML page, perhaps a failed download", "download the file again"),
    (0, b"<html", "an HTML page, perhaps a failed download", "download the file again"),
)
_BY_ENDING = {
    ".safetensors": "safetensors",
    ".latent": "safetensors",
    ".npy": "npy",
    ".npz": "npz",
    ".json": "safetensors-index",
}


def identify(path: Path) -> str:
    """Name the reader for a file.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    str
        ``safetensors``, ``safetensors-index``, ``npy``, ``npz`` or ``torch``.

    Raises
    ------
    FileFormatError
        If there is no reader for it; the message names the format found and what to do.
    """
    with opened(path) as file:
        head = file.read(_HEAD)
    if not head:
        msg = f"{path}: the file is empty (0 bytes); it was never written, write it anew"
        raise FileFormatError(msg)
    if _is_safetensors(head):
        return "safetensors"
    if head.startswith(NPY_MAGIC):
        return "npy"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _identify_zip(path)
    if _is_legacy_torch(head):
        return "torch"
    if _is_torch_tar(head):
        msg = (
            f"{path}: is a PyTorch file of the tar format, written before PyTorch 0.1.10; "
            "load it with torch and save it anew with torch.save"
        )
        raise FileFormatError(msg)
    for offset, signature, what, advice in _FOREIGN:
        if head.startswith(signature, offset):
            msg = f"{path}: is {what}; {advice}"
            raise FileFormatError(msg)
    # What begins like nothing known is read as its ending claims, for the reader to say what is wrong.
    if path.suffix.lower() in _BY_ENDING:
        return _BY_ENDING[path.suffix.lower()]
    if head.lstrip().startswith(b"{"):
        msg = f"{path}: is JSON text, not a tensor file; pass the file that holds the values"
        raise FileFormatError(msg)
    msg = (
        f"{path}: is of no known format (it begins with the bytes {head[:8].hex(' ')}); "
        "gausscheck reads .safetensors, .latent, .npy, .npz, .pt, .pth and *.safetensors.index.json"
    )
    raise FileFormatError(msg)


def _is_safetensors(head: bytes) -> bool:
    # Headers are limited to 100 MB, so that the upper half of the 8-byte length is zero.
    return head[4:9] == b"\0\0\0\0{"


def _is_legacy_torch(head: bytes) -> bool:
    # Protocols from 4 on put a frame of 9 bytes before the number.
    return head[:1] == b"\x80" and head.find(LEGACY_MAGIC, 0, 32) in (2, 11)


def _is_torch_tar(head: bytes) -> bool:
    first = head[:100].partition(b"\0")[0]
    return head[257:262] == b"ustar" and first in (b"sys_info", b"pickle", b"tensors", b"storages")


def _identify_zip(path: Path) -> str:
    with opened(path) as file, archive(file, str(path)) as zipped:
        names = zipped.namelist()
    if any(is_array_member(name) for name in names):
        return "npz"
    if is_torch_archive(names):
        return "torch"
    msg = f"{path}: is a zip archive of {len(names)} files without a .npy array or a torch pickle; {_CONVERT}"
    raise FileFormatError(msg)
