"""Damaged and hostile files of torch.save: nothing of them runs, and what is wrong is said."""

import gzip
import pickle
import random
import resource
import tarfile
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sources.builders import npz_bytes

from gausscheck import audit_files
from gausscheck.errors import FileFormatError, GausscheckError
from gausscheck.sources import open_source
from gausscheck.sources.torch_file import stored_bytes

torch = pytest.importorskip("torch")
from sources.torch_files import (  # noqa: E402
    HEAD,
    Call,
    crafted,
    crafted_legacy,
    legacy,
    pickled,
    rebuilt,
    saved,
    system,
    with_attributes,
)

LATENTS = {"latents": torch.arange(12.0).reshape(3, 4), "mask": [torch.ones(2), 5]}


def refused(folder: Path, data: bytes, *parts: str, name: str = "file.pt") -> str:
    file = folder / name
    file.write_bytes(data)
    with pytest.raises(FileFormatError) as caught:
        open_source(file)
    message = str(caught.value)
    for part in (str(file), *parts):
        assert part in message
    assert "\x1b" not in message
    assert "weights_only" not in message, "torch's advice on loading unsafely"
    assert len(message) < 600
    return message


@pytest.mark.parametrize("kind", ["zip", "legacy", "plain pickle", "bare data.pkl"])
def test_code_in_a_file_does_not_run(kind: str, tmp_path: Path) -> None:
    sentinel = tmp_path / "sentinel"
    content = {"latents": torch.zeros(9), "x": system(f"touch '{sentinel}'")}
    if kind == "plain pickle":
        refused(tmp_path, pickle.dumps(content["x"]), "a Python pickle, not written by torch.save")
    elif kind == "bare data.pkl":
        refused(tmp_path, crafted(content["x"]), "needs the code 'posix.system'", "runs no code from files")
    else:
        data = {"zip": saved, "legacy": legacy}[kind](content)
        refused(tmp_path, data, "needs the code 'posix.system'", "runs no code from files", "safetensors")
    assert not sentinel.exists()
    # The weapon is loaded: plain unpickling fires it.
    pickle.loads(pickle.dumps(content["x"]))
    assert sentinel.exists()


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (lambda: np.zeros(3), ["_reconstruct", "torch.from_numpy"]),
        (lambda: torch.nn.Linear(2, 2), ["'torch.nn.modules.linear.Linear'", "torch.save(tensor, PATH)"]),
        (lambda: Call(eval, "1"), ["'eval'"]),
        (lambda: Path("x"), ["'pathlib.PosixPath'"]),
    ],
)
@pytest.mark.parametrize("write_as", [saved, legacy])
def test_what_needs_code_is_named(content: Any, parts: list[str], write_as: Any, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        # torch cannot save the source of a class beside it in the older format.
        warnings.simplefilter("ignore")
        data = write_as({"x": content()})
    refused(tmp_path, data, "needs the code", *parts)


def test_a_name_of_code_may_hold_anything(tmp_path: Path) -> None:
    refused(tmp_path, crafted(b"\x80\x02ca b\nc\x1b[31m d\n."), "needs the code 'a b.c d'")
    refused(tmp_path, crafted(b"\x80\x02cos\nx y\n."), "needs the code 'os.x y'")
    refused(tmp_path, crafted(b"\x80\x02cm\n" + b"n" * 9999 + b"\n."), "needs the code 'm.nnn")


def _torchscript() -> bytes:
    members = {"m/data.pkl": b"", "m/constants.pkl": b"", "m/code/m.py": b""}
    return npz_bytes(members, zipfile.ZIP_STORED)


def _packed() -> bytes:
    members = {"a/data.pkl": pickled(rebuilt(2, (2,), (1,))), "a/data/0": bytes(8)}
    return npz_bytes(members, zipfile.ZIP_DEFLATED)


def _tar(member: str) -> bytes:
    import io

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(member))
    return buffer.getvalue()


FOREIGN: dict[str, tuple[Callable[[], bytes], list[str]]] = {
    "torchscript": (_torchscript, ["a TorchScript archive", "runs no code", "torch.save(tensor, PATH)"]),
    "packed": (_packed, ["is compressed", "save it anew with torch.save"]),
    "tar": (lambda: _tar("sys_info"), ["PyTorch file of the tar format", "0.1.10"]),
    "other tar": (lambda: _tar("x"), ["is a tar archive"]),
    "gzip": (lambda: gzip.compress(saved(LATENTS)), ["gzip-compressed", "gunzip"]),
    "protocol 4": (lambda: saved(LATENTS, pickle_protocol=4), ["operation 0x95", "pickle_protocol"]),
    "legacy, protocol 4": (
        lambda: saved(LATENTS, pickle_protocol=4, _use_new_zipfile_serialization=False),
        ["operation 0x95", "pickle_protocol"],
    ),
    "empty": (lambda: b"", ["is empty (0 bytes)"]),
    "cut zip": (lambda: saved(LATENTS)[:900], ["zip archive is damaged", "it is cut short"]),
    "cut legacy": (lambda: legacy(LATENTS)[:-4], ["torch cannot read it", "write it anew"]),
    "magic alone": (lambda: HEAD, ["torch cannot read it (EOFError)"]),
    "text": (lambda: b"hello world", ["of no known format", ".pt"]),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_readable_file_is_named(name: str, tmp_path: Path) -> None:
    make, parts = FOREIGN[name]
    refused(tmp_path, make(), *parts)


def test_torch_would_judge_a_safetensors_by_its_name(tmp_path: Path) -> None:
    refused(tmp_path, saved(LATENTS), "is a PyTorch file", "rename it", name="x.safetensors")


def test_a_real_torchscript_archive_is_known(tmp_path: Path) -> None:
    file = tmp_path / "script.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(torch.nn.Identity()), file)
    with pytest.raises(FileFormatError, match="a TorchScript archive"):
        open_source(file)


def _laughs() -> list[Any]:
    """Thirty lists of twice the one before: a billion leaves to whoever does not look."""
    node: list[Any] = [torch.zeros(3)]
    for _ in range(30):
        node = [node, node]
    return node


def test_shared_and_cyclic_containers_are_walked_once(tmp_path: Path) -> None:
    file = tmp_path / "x.pt"
    file.write_bytes(saved(_laughs()))
    entries = open_source(file).entries
    assert len(entries) == 31
    assert entries[0].key == ".".join("0" * 31)
    assert entries[-1].note == "the same list as '0'"
    loop: dict[str, Any] = {"latents": torch.zeros(3)}
    loop["self"] = [loop]
    file.write_bytes(saved(loop))
    assert [(e.key, e.note) for e in open_source(file).entries] == [
        ("latents", ""),
        ("self.0", "the same dict as ''"),
    ]


def test_nesting_without_end_is_refused(tmp_path: Path) -> None:
    depth = 100_000
    refused(
        tmp_path, crafted(b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."), "nested more than 100 deep"
    )


def test_names_that_collide_are_refused(tmp_path: Path) -> None:
    content = {"a.b": torch.zeros(3), "a": {"b": torch.zeros(3)}}
    refused(tmp_path, saved(content), "two values are called 'a.b'", "rename one")
    refused(tmp_path, saved({(1,): 1, (2,): 2, "x": torch.zeros(1)}), "two values are called '(tuple)'")


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    text = pickled({"ab?": rebuilt(1, (1,), (1,))}).replace(b"\x03\0\0\0ab?", b"\x03\0\0\0\xed\xa0\x80")
    refused(tmp_path, crafted(text, bytes(4)), "is no valid text")


def test_methods_that_a_file_overrides_are_not_called(tmp_path: Path) -> None:
    """A file may set attributes on tensors and ordered dicts; none of them is used."""
    names = ["detach", "stride", "storage_offset", "untyped_storage", "numel", "element_size", "is_neg"]
    tensor = with_attributes(rebuilt(9, (9,), (1,)), dict.fromkeys([*names, "cpu", "numpy", "view"], 5))
    content = OrderedDict(latents=tensor)
    content.items = content.keys = content.values = 5  # type: ignore[assignment,method-assign]
    file = tmp_path / "x.pt"

    # Its own items() cannot pickle it any more.
    class Plain(OrderedDict):
        def __reduce__(self) -> Any:
            return OrderedDict, ([],), vars(content), None, iter([("latents", tensor)])

    file.write_bytes(crafted(Plain(), np.arange(9, dtype=np.float32).tobytes()))
    loaded = torch.load(file, weights_only=True)
    assert (loaded.items, loaded["latents"].detach) == (5, 5), "the file does what the test is about"
    source = open_source(file)
    with source.open(source.entries[0]) as opened:
        np.testing.assert_array_equal(opened.values.data, np.arange(9))


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (lambda: rebuilt(4, (2,), (-1,), 1), []),
        (lambda: rebuilt(4, (2,), (1,), -1), []),
        (lambda: rebuilt(4, (5,), (1,)), ["torch cannot read it"]),
        (lambda: rebuilt(4, (2, 2), (2**61, 2**61)), []),
        (lambda: rebuilt(4, (2**62, 4), (1, 1)), []),
        (lambda: rebuilt(10**12, (10**12,), (1,)), []),
        (lambda: rebuilt(-4, (4,), (1,)), []),
        (lambda: Call(torch.Tensor, 10**7), ["claims 40000000 bytes of a file of"]),
        (lambda: Call(bytearray, 10**15), []),
    ],
)
def test_sizes_that_the_file_does_not_hold_are_refused(
    content: Any, parts: list[str], tmp_path: Path
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(tmp_path, crafted({"latents": content()}, bytes(16)), *parts)
    # Kilobytes; nothing of the size claimed was filled.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000


@pytest.mark.parametrize(
    ("offset", "stride", "address"),
    [(0, (-1,), 8), (-1, (1,), 8), (1, (1,), 8), (0, (2,), 8), (2**63 - 1, (1,), 8), (0, (1,), 0)],
)
def test_a_tensor_that_torch_let_through_is_measured_again(
    offset: int, stride: tuple[int, ...], address: int
) -> None:
    """Torch refuses all of these today, so that no file can show it: four float32 of 16 stored bytes."""

    def tensor(offset: int, stride: tuple[int, ...], address: int) -> Any:
        storage = SimpleNamespace(nbytes=lambda: 16, data_ptr=lambda: address)
        return SimpleNamespace(
            untyped_storage=lambda: storage,
            storage_offset=lambda: offset,
            stride=lambda: stride,
            element_size=lambda: 4,
        )

    assert stored_bytes(tensor(0, (1,), 8), (4,), "x.pt", 500) == 16
    with pytest.raises(FileFormatError, match=r"x\.pt: reaches to byte -?\d+ of 16 stored ones"):
        stored_bytes(tensor(offset, stride, address), (4,), "x.pt", 500)


@pytest.mark.parametrize("count", [5, 10**7, 10**13, -1, 2**62])
def test_a_legacy_file_that_lies_about_its_storage_is_refused(count: int, tmp_path: Path) -> None:
    file = tmp_path / "good.pt"
    file.write_bytes(crafted_legacy(rebuilt(4, (4,), (1,)), 4, bytes(16)))
    assert open_source(file).entries[0].shape == (4,)
    for claimed, shape in [(count, (4,)), (4, (abs(count) + 4,))]:
        refused(tmp_path, crafted_legacy(rebuilt(claimed, shape, (1,)), 4, bytes(16)))


def _read_all(file: Path) -> str:
    """Read whatever can be read; give the error, if any. An exception of any other kind ends the test."""
    try:
        source = open_source(file)
        for entry in source.entries:
            if entry.testable:
                with source.open(entry) as tensor:
                    tensor.values.decode()
    except GausscheckError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("write_as", [saved, legacy])
def test_files_cut_anywhere(write_as: Any, tmp_path: Path) -> None:
    whole = write_as(LATENTS)
    file = tmp_path / "x.pt"
    for end in [*range(0, len(whole), 11), *range(len(whole) - 40, len(whole))]:
        file.write_bytes(whole[:end])
        assert _read_all(file).startswith(f"{file}: "), end


@pytest.mark.parametrize("write_as", [saved, legacy])
def test_files_with_a_flipped_bit(write_as: Any, tmp_path: Path) -> None:
    whole = write_as(LATENTS)
    draw = random.Random(11)
    file = tmp_path / "x.pt"
    outcomes = []
    for _ in range(800):
        place, bit = draw.randrange(len(whole)), draw.randrange(8)
        flipped = bytearray(whole)
        flipped[place] ^= 1 << bit
        file.write_bytes(flipped)
        outcomes.append(_read_all(file))
    errors = [outcome for outcome in outcomes if outcome]
    assert 0 < len(errors) < len(outcomes)
    assert all(error.startswith(f"{file}: ") for error in errors)
    advice = ("weights_only", "Weights only", "add_safe_globals", "\x1b", "\n")
    assert not [error for error in errors if any(word in error for word in advice)]
    assert max(map(len, errors)) < 600


def test_an_audit_lists_refusals_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "bad.pt").write_bytes(saved({"x": np.zeros(3)}))
    (tmp_path / "good.pt").write_bytes(saved(torch.zeros(64)))
    report = audit_files(tmp_path, permutations=0)
    assert [Path(t.path).name for t in report.tensors] == ["good.pt"]
    (error,) = report.errors
    assert "runs no code from files" in error.message
