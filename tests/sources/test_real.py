"""Files of public repositories, where they are at hand: what nobody here wrote."""

from pathlib import Path

import numpy as np
import pytest

from gausscheck import audit_files
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
    ("name", "dtype", "shape", "verdict"),
    [
        ("sd3-noise-flowgrpo.pt", "float32", (16, 64, 64), "pass"),
        # Noise times 500, and latents of a film: the scale of the one, everything of the other.
        ("stable-audio-xT-sigma500.pt", "float32", (1, 64, 128), "fail"),
        ("animatediff-video-latents-fp16.pt", "float16", (1, 4, 16, 64, 64), "fail"),
    ],
)
def test_torch_files_are_read_and_judged(name: str, dtype: str, shape: tuple[int, ...], verdict: str) -> None:
    torch = pytest.importorskip("torch")
    source = open_source(REAL / name)
    (entry,) = source.entries
    assert (entry.key, entry.dtype, entry.shape) == ("", dtype, shape)
    with source.open(entry) as tensor:
        loaded = torch.load(REAL / name, map_location="cpu", weights_only=True)
        np.testing.assert_array_equal(tensor.values.data, loaded.numpy())
    assert audit_files(REAL / name, permutations=0).verdict == verdict


def test_noise_of_a_known_scale_passes() -> None:
    pytest.importorskip("torch")
    report = audit_files(REAL / "stable-audio-xT-sigma500.pt", reference="scale=500", permutations=0)
    assert report.verdict == "pass"


def test_a_pointer_to_a_file_elsewhere_is_named() -> None:
    with pytest.raises(FileFormatError, match="is a Git LFS pointer"):
        open_source(REAL / "lfs-pointer.pt")


def test_the_folder_lists_what_can_be_read() -> None:
    assert {path.suffix for path in expand([REAL])} == {".npy", ".npz", ".pt"}
