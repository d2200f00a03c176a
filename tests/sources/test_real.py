"""Files of public repositories, where they are at hand: what nobody here wrote."""

from pathlib import Path

import numpy as np
import pytest

from gausscheck.errors import FileFormatError
from gausscheck.sources import expand, open_source
from gausscheck.sources.choose import choose

REAL = Path(__file__).parents[3] / "shared" / "real"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="real tensors are not at hand")


@pytest.mark.parametrize(
    ("name", "chosen", "skipped"),
    [
        ("ltx-noise-seed42.npy", [""], []),
        ("sd-controlnet-t951.npz", ["x_noisy"], ["hint", "timestep", "context"]),
        ("sd-controlnet-t451.npz", ["x_noisy"], ["hint", "timestep", "context"]),
        ("stylegan-projected-w.npz", ["w"], []),
    ],
)
def test_arrays_equal_those_of_numpy(name: str, chosen: list[str], skipped: list[str]) -> None:
    source = open_source(REAL / name)
    taken, left = choose(source)
    assert [e.key for e in taken] == chosen
    assert [e.key for e in left] == skipped
    loaded = np.load(REAL / name, allow_pickle=False)
    for entry in source.entries:
        if entry.testable:
            expected = loaded if entry.key == "" else loaded[entry.key]
            with source.open(entry) as tensor:
                np.testing.assert_array_equal(tensor.values.data, expected)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lfs-pointer.pt", "is a Git LFS pointer"),
        ("sd3-noise-flowgrpo.pt", "is a PyTorch file"),
        ("stable-audio-xT-sigma500.pt", "is a PyTorch file"),
        ("animatediff-video-latents-fp16.pt", "is a PyTorch file"),
    ],
)
def test_files_without_a_reader_are_named(name: str, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        open_source(REAL / name)


def test_the_folder_lists_what_can_be_read() -> None:
    assert {path.suffix for path in expand([REAL])} == {".npy", ".npz"}
