"""Verdict and hints on files of public repositories, where they are at hand: what nobody here wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gausscheck import audit_files

REAL = Path(__file__).parents[3] / "shared" / "real"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="real tensors are not at hand")

# file, tensor -> verdict, part of its one hint, None where it gets none
TRUTH = [
    ("sd3-noise-flowgrpo.pt", "", "pass", None),
    ("ltx-noise-seed42.npy", "", "pass", None),
    ("stable-audio-xT-sigma500.pt", "", "fail", "scale=500"),
    ("animatediff-video-latents-fp16.pt", "", "fail", "latents of images"),
    ("sd-controlnet-t951.npz", "x_noisy", "pass", None),
    # Half of the steps are done: an image shows in the noise, whose scale and law are ordinary.
    ("sd-controlnet-t451.npz", "x_noisy", "fail", "partial denoising"),
    ("sd-controlnet-t951.npz", "hint", "fail", "exactly 0"),
    ("stylegan-projected-w.npz", "w", "fail", "17 of 18 rows are bit-identical copies"),
]


def _report(*names: str, keys: tuple[str, ...] = (), **options: Any) -> Any:
    if any(name.endswith(".pt") for name in names):
        pytest.importorskip("torch")
    return audit_files([REAL / name for name in names], keys=keys, permutations=0, **options)


@pytest.mark.parametrize(("name", "key", "verdict", "hint"), TRUTH)
def test_verdict_and_hint(name: str, key: str, verdict: str, hint: str | None) -> None:
    (tensor,) = _report(name, keys=(key,) if key else ()).tensors
    assert (tensor.key, tensor.verdict) == (key, verdict)
    if hint is None:
        assert tensor.hints == ()
    else:
        (line,) = tensor.hints
        assert hint in line


def test_copies_count_once() -> None:
    (tensor,) = _report("stylegan-projected-w.npz").tensors
    assert (tensor.n, tensor.n_effective) == (9216, 512)


def test_a_known_scale_leaves_nothing_to_say() -> None:
    report = _report("stable-audio-xT-sigma500.pt", reference="scale=500")
    assert (report.verdict, report.tensors[0].hints) == ("pass", ())


def test_files_that_share_their_noise() -> None:
    report = _report("sd3-noise-flowgrpo.pt", "ltx-noise-seed42.npy")
    assert {tensor.verdict for tensor in report.tensors} == {"pass"}
    assert report.verdict == "fail"
    (shared,) = report.shared
    # Known of these two files: one stream of a generator, begun two draws apart.
    assert (shared.kind, shared.count, shared.verdict) == ("value", 24579, "fail")


def test_a_pointer_is_no_tensor() -> None:
    report = _report("lfs-pointer.pt")
    assert report.tensors == ()
    (error,) = report.errors
    assert "Git LFS pointer" in error.message
