"""The .npz reader against numpy.load, and archives whose data is damaged behind a sound header."""

import mmap
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources.builders import noise, npy_bytes, npz_bytes

from gausscheck.errors import FileFormatError
from gausscheck.sources import open_source, regions
from gausscheck.sources.npz import NpzSource

ARRAYS = {
    "x_noisy": noise(4096).reshape(1, 4, 32, 32),
    "swapped": noise(100).astype(">f8"),
    "fortran": np.asfortranarray(noise(64).reshape(8, 8)),
    "half": noise(64).astype(np.float16),
    "empty": np.zeros((0, 4), np.float32),
    "scalar": np.float64(2.5),
    "timestep": np.array([951]),
}


def _expect(source: NpzSource, message: str) -> None:
    with pytest.raises(FileFormatError, match=message), source.open(source.entries[0]):
        pass


def _check_all(source: NpzSource) -> None:
    for entry in source.entries:
        array = np.asarray(ARRAYS[entry.key])
        assert entry.shape == array.shape
        assert entry.testable == (array.dtype.kind == "f")
        if entry.testable:
            with source.open(entry) as tensor:
                assert not tensor.values.data.flags.writeable
                np.testing.assert_array_equal(tensor.values.data, array)
                tensor.release()
                np.testing.assert_array_equal(tensor.values.data, array)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("in_memory", [0, 64 << 20], ids=["temporary file", "memory"])
def test_archives_of_numpy_read_back_equal(
    save: object, in_memory: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regions, "IN_MEMORY", in_memory)
    file = tmp_path / "x.npz"
    save(file, **ARRAYS)  # type: ignore[operator]
    source = open_source(file)
    assert source.format == "npz"
    assert [e.key for e in source.entries] == list(ARRAYS)
    _check_all(source)  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == ["x.npz"]


def test_stored_members_are_mapped_and_not_copied(tmp_path: Path) -> None:
    file = tmp_path / "x.npz"
    np.savez(file, x=noise())
    source = open_source(file)
    with source.open(source.entries[0]) as tensor:
        base = tensor.values.data
        while isinstance(base, np.ndarray):
            base = base.base
        assert isinstance(base, memoryview)
        assert isinstance(base.obj, mmap.mmap)


@pytest.mark.parametrize("name", ["x.npz", "x.zip", "x.bin", "no_ending"])
def test_zip64_and_foreign_members_are_read(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    members = {"folder/": b"", "a/noise.npy": npy_bytes(noise()), "readme.txt": b"hello"}
    file.write_bytes(npz_bytes(members, zipfile.ZIP_STORED, force_zip64=True))
    array, text = open_source(file).entries
    assert (array.key, array.shape, array.testable) == ("a/noise", (4096,), True)
    assert (text.key, text.dtype, text.shape, text.testable) == ("readme.txt", "bytes", (5,), False)


def test_archive_behind_a_prefix_maps_the_right_bytes(tmp_path: Path) -> None:
    """Offsets in the directory count from the first local header, not from the start of the file."""
    file = tmp_path / "x.npz"
    inner = npz_bytes({"x.npy": npy_bytes(noise())}, zipfile.ZIP_STORED)
    file.write_bytes(npz_bytes({})[:4] + bytes(96) + inner)
    source = open_source(file)
    with source.open(source.entries[0]) as tensor:
        np.testing.assert_array_equal(tensor.values.data, noise())


def test_objects_spoil_only_their_own_member(tmp_path: Path) -> None:
    file = tmp_path / "x.npz"
    np.savez(file, x=noise(), names=np.array([None, "a"], dtype=object), allow_pickle=True)
    entries = {e.key: e for e in open_source(file).entries}
    assert entries["x"].testable
    assert "never unpickles" in entries["names"].note


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_flipped_bit_in_the_data_is_found_when_opened(compression: int, tmp_path: Path) -> None:
    file = tmp_path / "x.npz"
    raw = bytearray(npz_bytes({"x.npy": npy_bytes(noise())}, compression))
    raw[-4000] ^= 1
    file.write_bytes(raw)
    source = open_source(file)
    with pytest.raises(FileFormatError, match=r"damaged|damage") as caught, source.open(source.entries[0]):
        pass
    assert "x.npy" in str(caught.value)


def test_a_stream_shorter_than_declared_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.npz"
    array = npy_bytes(noise())
    raw = bytearray(npz_bytes({"x.npy": array[:-400]}))
    directory = raw.index(b"PK\x01\x02")
    raw[22:26] = raw[directory + 24 : directory + 28] = len(array).to_bytes(4, "little")
    file.write_bytes(raw)
    source = open_source(file)
    with pytest.raises(FileFormatError, match=r"fewer bytes|Bad CRC"), source.open(source.entries[0]):
        pass


@pytest.fixture
def big_deflated(tmp_path: Path) -> NpzSource:
    """72 MiB of zeros in 70 kB: more than is kept in memory."""
    file = tmp_path / "big.npz"
    np.savez_compressed(file, x=np.zeros(18 << 20, np.float32))
    return NpzSource(file)


def test_large_members_unpack_to_a_nameless_file(
    big_deflated: NpzSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with big_deflated.open(big_deflated.entries[0]) as tensor:
        assert not tensor.values.data[::4096].any()
        assert os.listdir(folder) == []


def test_a_full_disk_is_told_before_unpacking(
    big_deflated: NpzSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1 << 20})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    _expect(big_deflated, r"needs 75497472 bytes .* has 1048576 free; set TMPDIR")


def test_a_disk_that_fills_up_while_unpacking_is_told(
    big_deflated: NpzSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000_001, hard))
    try:
        _expect(big_deflated, r"cannot be unpacked to a temporary file \(File too large\); set TMPDIR")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(folder) == []


@pytest.mark.parametrize("in_memory", [0, 64 << 20], ids=["temporary file", "memory"])
def test_unpacking_stops_at_the_promised_size(in_memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "IN_MEMORY", in_memory)
    pieces = iter([b"0123456789"] * 10)
    with pytest.raises(FileFormatError, match="file: unpacks to more bytes than the 25"):
        regions.spool(pieces, 25, "file")
    assert len(list(pieces)) == 7
    with pytest.raises(FileFormatError, match="file: unpacks to fewer bytes than the 25"):
        regions.spool([b"0123456789"], 25, "file")


def test_no_temporary_folder_is_told(big_deflated: NpzSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent/folder")
    _expect(big_deflated, "No such file or directory.*; set TMPDIR")


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    compressed=st.booleans(),
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=3),
    cut=st.one_of(st.just(0), st.integers(0, 300)),
)
def test_changed_bytes_raise_or_leave_the_values_whole(
    tmp_path_factory: pytest.TempPathFactory, compressed: bool, changes: list[tuple[int, int]], cut: int
) -> None:
    members = {"x.npy": npy_bytes(noise(16)), "y.npy": npy_bytes(noise(8))}
    raw = bytearray(npz_bytes(members, zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED))
    for position, value in changes:
        raw[position % len(raw)] = value
    file = tmp_path_factory.getbasetemp() / "mutated.npz"
    file.write_bytes(raw[: len(raw) - cut])
    try:
        source = NpzSource(file)
        for entry in source.entries:
            if entry.testable:
                with source.open(entry) as tensor:
                    # The checksum covers the array header too: what passes it is what was written.
                    assert tensor.values.data.tobytes() in {noise(16).tobytes(), noise(8).tobytes()}
    except FileFormatError:
        return
