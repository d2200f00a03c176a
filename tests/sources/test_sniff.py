"""Content decides before the ending; a format without a reader is named, with what to do."""

import gzip
import io
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from sources.builders import info, noise, npy_bytes, npz_bytes, safetensors_bytes

from gausscheck.errors import FileFormatError
from gausscheck.sources import open_source

ENDINGS = [".safetensors", ".latent", ".npy", ".npz", ".pt", ".safetensors.index.json", ".bin", ""]
GOOD = {
    "safetensors": safetensors_bytes({"noise": info()}, bytes(8)),
    "npy": npy_bytes(noise(8)),
    "npz": npz_bytes({"noise.npy": npy_bytes(noise(8))}),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", GOOD)
def test_a_wrong_ending_does_not_mislead(kind: str, ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"file{ending}"
    file.write_bytes(GOOD[kind])
    source = open_source(str(file))
    assert (source.format, source.path, len(source.entries)) == (kind, file, 1)


def test_safetensors_whose_length_looks_like_another_signature(tmp_path: Path) -> None:
    """The first bytes are a number and may be anything: here 0x8b1f, the signature of gzip."""
    file = tmp_path / "x.safetensors"
    header = safetensors_bytes({"noise": info()})[8:]
    file.write_bytes((0x8B1F).to_bytes(8, "little") + header.ljust(0x8B1F) + bytes(8))
    assert open_source(file).entries[0].key == "noise"


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    return buffer.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 134218908\n"
FOREIGN = {
    "lfs": (lambda: LFS, ["Git LFS pointer", "git lfs pull"]),
    "pickle": (lambda: pickle.dumps([1.0]), ["a Python pickle", "does not unpickle", "convert it to"]),
    "pickle 2": (lambda: pickle.dumps([1.0], 2), ["a Python pickle"]),
    "gzip": (lambda: gzip.compress(b"x" * 99), ["gzip-compressed", "gunzip"]),
    "tar": (_tar, ["a tar archive", "unpack it first"]),
    "hdf5": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(100), ["an HDF5 file", "h5py"]),
    "png": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(100), ["a PNG image", "not the picture"]),
    "html": (lambda: b"<!DOCTYPE html><html>404</html>", ["an HTML page", "download the file again"]),
    "zip": (lambda: npz_bytes({"a.txt": b"hello"}), ["zip archive of 1 files without a .npy array"]),
    "json": (lambda: b'  {"a": 1}', ["is JSON text"]),
    "unknown": (lambda: b"\x01\x02garbage", ["no known format", "01 02 67", ".safetensors, .latent, .npy"]),
    "empty": (lambda: b"", ["is empty (0 bytes)"]),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("ending", [".pt", ".ckpt"])
def test_formats_without_a_reader_are_named(name: str, ending: str, tmp_path: Path) -> None:
    make, parts = FOREIGN[name]
    file = tmp_path / f"file{ending}"
    file.write_bytes(make())
    with pytest.raises(FileFormatError) as caught:
        open_source(file)
    for part in [*parts, str(file)]:
        assert part in str(caught.value)


@pytest.mark.parametrize("ending", [".safetensors", ".npy", ".npz"])
def test_an_lfs_pointer_is_named_whatever_its_ending(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"file{ending}"
    file.write_bytes(LFS)
    with pytest.raises(FileFormatError, match="Git LFS pointer"):
        open_source(file)


def test_text_called_npy_or_safetensors_is_told_by_the_reader(tmp_path: Path) -> None:
    file = tmp_path / "x.npy"
    np.savetxt(file, noise(8))
    with pytest.raises(FileFormatError, match=r"does not begin with the \.npy signature"):
        open_source(file)
    other = file.rename(tmp_path / "x.latent")
    with pytest.raises(FileFormatError, match="not a safetensors file, or it is damaged"):
        open_source(other)


def test_missing_folders_pipes_and_broken_links(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="does not exist; check the path"):
        open_source(tmp_path / "gone.npy")
    with pytest.raises(FileFormatError, match="is a directory"):
        open_source(tmp_path)
    (tmp_path / "link.npy").symlink_to(tmp_path / "gone.npy")
    with pytest.raises(FileFormatError, match="link to a missing file"):
        open_source(tmp_path / "link.npy")
    os.mkfifo(tmp_path / "pipe.npy")
    with pytest.raises(FileFormatError, match="not a regular file"):
        open_source(tmp_path / "pipe.npy")
    with pytest.raises(FileFormatError, match="no file name"):
        open_source("a\0b.npy")
    (tmp_path / "loop.npy").symlink_to(tmp_path / "loop.npy")
    with pytest.raises(FileFormatError, match="cannot be read"):
        open_source(tmp_path / "loop.npy")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="rights do not bind this user")
def test_a_file_without_the_right_to_read(tmp_path: Path) -> None:
    file = tmp_path / "x.npy"
    file.write_bytes(GOOD["npy"])
    file.chmod(0)
    with pytest.raises(FileFormatError, match="permission denied"):
        open_source(file)
