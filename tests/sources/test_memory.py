"""Opening reads no data; walking a file in chunks keeps no more than a chunk resident."""

import mmap
import os
from pathlib import Path

import numpy as np
import pytest
from sources.builders import info, npy_with_header, safetensors_bytes

from gausscheck.sources import open_source

STATM = Path("/proc/self/statm")
MIB = 1 << 20
needs_statm = pytest.mark.skipif(not STATM.exists(), reason="needs /proc/self")


def _resident() -> int:
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _sparse(path: Path, head: bytes, nbytes: int) -> Path:
    with path.open("wb") as out:
        out.write(head)
        out.truncate(len(head) + nbytes)
    return path


def _files(folder: Path, count: int) -> list[Path]:
    """A safetensors and a .npy file of `count` float32 zeros each, which take no room on disk."""
    header = safetensors_bytes({"noise": info("F32", [count], [0, 4 * count])})
    array = npy_with_header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({count},)}}")
    return [
        _sparse(folder / "x.safetensors", header, 4 * count),
        _sparse(folder / "x.npy", array, 4 * count),
    ]


@needs_statm
def test_opening_a_file_of_4_gigabytes_reads_only_its_header(tmp_path: Path) -> None:
    for file in _files(tmp_path, 1 << 30):
        before = _resident()
        read_before = _bytes_read()
        source = open_source(file)
        with source.open(source.entries[0]) as tensor:
            assert tensor.values.shape == (1 << 30,)
        assert _resident() - before < 8 * MIB
        assert _bytes_read() - read_before < MIB


def _bytes_read() -> int:
    """Bytes that this process asked the system for (mapped pages are told by the resident size)."""
    return int(Path("/proc/self/io").read_text().split()[1])


@needs_statm
@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="pages cannot be released here")
@pytest.mark.parametrize("ending", [".safetensors", ".npy"])
def test_release_bounds_resident_memory(ending: str, tmp_path: Path) -> None:
    total, chunk = 256 * MIB, 8 * MIB
    file = next(f for f in _files(tmp_path, total // 4) if f.suffix == ending)
    source = open_source(file)
    peaks = {}
    for release in (True, False):
        before = peak = _resident()
        with source.open(source.entries[0]) as tensor:
            data = tensor.values.data
            for begin in range(0, data.size, chunk // 4):
                assert not np.any(data[begin : begin + chunk // 4])
                peak = max(peak, _resident())
                if release:
                    tensor.release()
            assert data[-1] == 0.0
        peaks[release] = peak - before
    # One chunk, one byte a value for np.any, and room for what the interpreter itself allocates.
    assert peaks[True] < chunk + chunk // 4 + 8 * MIB
    assert peaks[False] > total // 2, "without release the whole file should have been resident"


@needs_statm
def test_a_big_endian_file_is_swapped_in_pieces(tmp_path: Path) -> None:
    """Above 64 MiB the swapped copy lives in a file: memory holds neither of the two."""
    count = 18 * MIB
    head = npy_with_header(f"{{'descr': '>f4', 'fortran_order': False, 'shape': ({count},)}}")
    source = open_source(_sparse(tmp_path / "x.npy", head, 4 * count))
    before = _resident()
    with source.open(source.entries[0]) as tensor:
        assert _resident() - before < 16 * MIB
        assert tensor.values.data[-1] == 0.0
