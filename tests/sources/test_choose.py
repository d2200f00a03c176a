"""Which tensors are tested unasked, which when asked for, and what the errors say."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gausscheck.errors import ArgumentError, DataError
from gausscheck.sources.base import Source, Tensor, TensorEntry, make_entry
from gausscheck.sources.choose import choose
from gausscheck.sources.kinds import guess_kind
from gausscheck.sources.names import is_noise_name, skip_reason, words

F32, SHAPE = "float32", (4, 64, 64)


class Listing(Source):
    """A source of entries alone."""

    format = "listing"

    @contextmanager
    def open(self, entry: TensorEntry) -> Iterator[Tensor]:
        raise NotImplementedError

    def _load(self, entry: TensorEntry) -> Tensor:
        raise NotImplementedError


def listing(*rows: str | tuple[str, str] | tuple[str, str, tuple[int, ...]]) -> Listing:
    path = Path("file.npz")
    full = [(row, F32, SHAPE) if isinstance(row, str) else (*row, SHAPE)[:3] for row in rows]
    return Listing(path, [make_entry(path, key, dtype, shape, 0) for key, dtype, shape in full])


def pick(source: Listing, *keys: str) -> tuple[list[str], dict[str, str]]:
    chosen, skipped = choose(source, keys)
    assert len(chosen) + len(skipped) == len(source.entries)
    return [e.key for e in chosen], {e.key: e.note for e in skipped}


@pytest.mark.parametrize(
    "key",
    [
        *("latent", "latents", "latent_tensor", "noise", "eps", "z", "zT", "z_T", "x_T", "xT", "x_noisy"),
        *("init_noise", "samples", "sample", "latents_64x64", "latents_flipped", "latents_flipped_64x64"),
        *("noise_pred", "init_latents", "latents_16x64x64_bfloat16", "Latents", "INIT_NOISE", "initNoise"),
        *(
            "first_frame_latent",
            "audio_latent",
            "model.noise",
            "step/0/eps",
            "z0",
            "latents2",
            "noise-3",
            "zt",
        ),
    ],
)
def test_names_of_noise(key: str) -> None:
    assert is_noise_name(key)
    assert skip_reason(key) == ""


@pytest.mark.parametrize(
    "key",
    [
        *(
            "",
            "w",
            "zero",
            "zoom",
            "x",
            "x_0",
            "x_start",
            "t",
            "weights",
            "denoiser.weight",
            "sigma",
        ),
        *(
            "latent_ids",
            "latent_image_ids",
            "latents_mean",
            "latents_std",
            "noise_level",
            "sample_rate",
            "epsom",
        ),
        *("noise.scale", "latent_format_version_0", "noise_refiner.0.attn.weight", "plates", "late"),
    ],
)
def test_names_that_are_not_noise(key: str) -> None:
    assert not is_noise_name(key)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("zero_mask", "a mask"),
        ("noise_mask", "a mask"),
        ("text_latent_ids", "text conditioning"),
        ("te1_out", "a text embedding"),
        ("clip_fea", "a CLIP embedding"),
        ("prompt_embeds", "an embedding"),
        ("original_size_64x64", "an image size"),
        ("crop_ltrb", "crop coordinates"),
        ("f_indices_latent", "frame indices"),
        ("num_frames", "a frame count"),
        ("timestep", "time steps"),
        ("hint", "a control image"),
        ("context", "conditioning context"),
        ("moments_flip", "posterior moments"),
        ("latent", ""),
        ("clipped", ""),
        ("texture", ""),
        ("masked", ""),
        ("original", ""),
        ("frames_num", ""),
    ],
)
def test_names_to_skip(key: str, reason: str) -> None:
    assert skip_reason(key).startswith(reason)
    assert bool(skip_reason(key)) == bool(reason)


def test_words_split_at_separators_digits_and_changes_of_case() -> None:
    assert words("latents_64x64") == ("latents", "64", "x", "64")
    assert words("initNoise") == ("init", "noise")
    assert words("model.x_T/zT") == ("model", "x", "t", "z", "t")
    assert words("CLIPText-te2") == ("clip", "text", "te", "2")


def test_all_tensors_named_like_noise_are_taken() -> None:
    source = listing("x_noisy", "hint", ("timestep", "int64"), "context", "noise_pred", "pos")
    chosen, notes = pick(source)
    assert chosen == ["x_noisy", "noise_pred"]
    assert notes == {
        "hint": "a control image",
        "timestep": "integers, not floats",
        "context": "conditioning context",
        "pos": "not named like noise",
    }


def test_the_only_float_tensor_is_taken_whatever_its_name() -> None:
    assert pick(listing("w"))[0] == ["w"]
    assert pick(listing("tensor", ("ids", "int64"), "alpha_mask"))[0] == ["tensor"]
    assert pick(listing(""))[0] == [""]


def test_empty_markers_and_single_values_are_left_out() -> None:
    chosen, notes = pick(
        listing("latent_tensor", ("latent_format_version_0", F32, (0,)), ("noise_x", F32, ()))
    )
    assert chosen == ["latent_tensor"]
    assert notes == {"latent_format_version_0": "empty, no values", "noise_x": "a single value"}


def test_several_unnamed_tensors_need_a_key() -> None:
    with pytest.raises(DataError) as caught:
        choose(listing("a", ("b", "float16", (3, 2)), ("c", "int8"), "te_out"))
    text = str(caught.value)
    assert "file.npz: cannot tell which of 3 float tensors is the noise; name it with --key KEY" in text
    assert "'a'  float32 [4, 64, 64]" in text
    assert "'b'  float16 [3, 2]" in text
    assert "'te_out': a text embedding" in text
    assert "'c'" not in text


def test_moments_are_skipped_unless_named() -> None:
    source = listing("moments", "moments_flip")
    with pytest.raises(
        DataError, match=r"'moments': posterior moments \(mean and log-variance\), not a sample"
    ):
        choose(source)
    assert pick(source, "moments")[0] == ["moments"]


def test_long_lists_are_cut() -> None:
    with pytest.raises(DataError, match=r"and 180 more") as caught:
        choose(listing(*(f"layer.{i}.weight" for i in range(200))))
    assert len(str(caught.value)) < 2000


def test_nothing_to_test_lists_the_reasons() -> None:
    with pytest.raises(DataError, match=r"no float tensor.*\n  'a'  int64 \[4, 64, 64\]: integers"):
        choose(listing(("a", "int64"), ("b", "bool")))
    with pytest.raises(DataError, match="holds no tensors"):
        choose(listing())


def test_keys_are_names_or_patterns() -> None:
    source = listing("a.x", "a.y", "b.x", ("a.n", "int64"), "q[1]")
    assert pick(source, "a.*") == (
        ["a.x", "a.y"],
        {"b.x": "not asked for", "a.n": "integers, not floats", "q[1]": "not asked for"},
    )
    assert pick(source, "b.x", "*.x")[0] == ["a.x", "b.x"]
    assert pick(source, "q[1]")[0] == ["q[1]"]
    assert pick(listing(""), "*")[0] == [""]


def test_a_key_that_matches_nothing_names_the_nearest() -> None:
    with pytest.raises(
        ArgumentError, match=r"no tensor matches --key 'latnets'; did you mean 'latents'\?"
    ) as caught:
        choose(listing("latents", "hint"), ["latents", "latnets"])
    assert "'hint'  float32 [4, 64, 64]" in str(caught.value)
    with pytest.raises(ArgumentError, match=r"--key 'qqq'\. It holds:"):
        choose(listing("latents", "hint"), ["qqq"])
    with pytest.raises(ArgumentError, match="one unnamed array, omit --key"):
        choose(listing(""), ["noise"])


def test_a_key_that_cannot_be_tested_says_why() -> None:
    with pytest.raises(
        DataError, match=r"--key 'n' names nothing that can be tested: 'n' \(int64 .*\): integers"
    ):
        choose(listing("latents", ("n", "int64")), ["n"])


@pytest.mark.parametrize(
    ("key", "metadata", "kind"),
    [
        ("latent_tensor", {}, "ComfyUI latent"),
        ("latent_format_version_0", {}, "ComfyUI format marker"),
        ("latents_16x64x64_bfloat16", {"architecture": "wan"}, "musubi-tuner cache"),
        ("latents_image_1x60x104_float16", {}, "musubi-tuner cache"),
        ("latents_64x96", {}, "kohya cache"),
        ("latents_flipped_64x96", {}, "kohya cache"),
        ("latent", {"latent_space_version": "2"}, "ai-toolkit cache"),
        ("moments", {}, "posterior moments"),
        ("init_noise", {}, "initial or inverted noise"),
        ("x_T", {}, "initial or inverted noise"),
        ("zT", {}, "initial or inverted noise"),
        ("noise", {}, "noise"),
        ("x_noisy", {}, "noisy latents"),
        ("packed_latents", {}, "packed latents"),
        ("latents", {}, "latents"),
        ("clip_fea", {}, "a CLIP embedding"),
        ("weight", {}, ""),
        ("", {}, ""),
    ],
)
def test_kinds(key: str, metadata: dict[str, str], kind: str) -> None:
    guess = guess_kind(make_entry(Path("f"), key, F32, SHAPE, 0), metadata)
    assert guess.startswith(kind)
    assert bool(guess) == bool(kind)
