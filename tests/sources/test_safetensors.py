"""The header reader against the safetensors package, and against files with random bytes changed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources.builders import info, safetensors_bytes

from gausscheck.errors import ArgumentError, DataError, FileFormatError
from gausscheck.floats import FORMATS
from gausscheck.sources import open_source
from gausscheck.sources.safetensors import DTYPES, SafetensorsSource

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

FLOATS = {
    "float64": torch.float64,
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float8_e4m3fn": torch.float8_e4m3fn,
    "float8_e5m2": torch.float8_e5m2,
    "float8_e4m3fnuz": torch.float8_e4m3fnuz,
    "float8_e5m2fnuz": torch.float8_e5m2fnuz,
}
OTHERS = {
    "int8": torch.int8,
    "uint8": torch.uint8,
    "int16": torch.int16,
    "int32": torch.int32,
    "int64": torch.int64,
    "bool": torch.bool,
    "complex64": torch.complex64,
}
SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(lambda k: k != "__metadata__")


def _random_bits(shape: tuple[int, ...], dtype: Any, seed: int) -> Any:
    """Every bit pattern is as likely: NaN payloads, infinities and denormals too."""
    width = torch.empty((), dtype=dtype).element_size()
    count = int(np.prod(shape, dtype=np.int64))
    raw = np.random.default_rng(seed).integers(0, 256, count * width, dtype=np.uint8)
    if dtype is torch.bool:
        return torch.from_numpy(raw % 2 == 1).reshape(shape)
    return torch.from_numpy(raw).view(dtype).reshape(shape) if count else torch.empty(shape, dtype=dtype)


def test_the_formats_of_floats_are_all_covered() -> None:
    assert set(FLOATS) == set(FORMATS)
    assert set(FORMATS) <= {name for name, _ in DTYPES.values()}


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    plan=st.dictionaries(KEYS, st.tuples(st.sampled_from([*FLOATS, *OTHERS]), SHAPES), max_size=6),
    metadata=st.dictionaries(KEYS, st.text(st.characters(exclude_categories=["Cs"])), max_size=3),
    seed=st.integers(0, 2**32),
)
def test_files_of_the_safetensors_package_read_back_equal(
    tmp_path_factory: pytest.TempPathFactory, plan: Any, metadata: Any, seed: int
) -> None:
    tensors = {key: _random_bits(shape, (FLOATS | OTHERS)[name], seed) for key, (name, shape) in plan.items()}
    file = tmp_path_factory.getbasetemp() / "roundtrip.safetensors"
    # safetensors 0.8 writes broken JSON for no tensors with empty metadata: {},"__metadata__":{}}
    safetensors_torch.save_file(tensors, file, metadata=metadata or None)
    source = open_source(file)
    assert source.format == "safetensors"
    assert source.metadata == metadata
    assert {e.key: (e.dtype, e.shape) for e in source.entries} == plan
    for entry in source.entries:
        tensor = tensors[entry.key]
        assert entry.nbytes == tensor.numel() * tensor.element_size()
        assert entry.testable == (entry.dtype in FLOATS)
        assert bool(entry.note) != entry.testable
        if entry.testable:
            with source.open(entry) as opened:
                values = opened.values
                assert values.dtype == entry.dtype
                assert values.shape == entry.shape
                assert values.data.tobytes() == bytes(tensor.untyped_storage())
                assert not values.data.flags.writeable
                decoded = values.decode(np.float64)
                np.testing.assert_array_equal(decoded, tensor.to(torch.float64).numpy())


def _valid_file() -> bytes:
    header = {
        "__metadata__": {"prompt": "a cat"},
        "latent": info("F32", [2, 3], [0, 24]),
        "half": info("BF16", [5], [24, 34]),
        "empty": info("F16", [0, 3], [34, 34]),
        "byte": info("F8_E4M3", [3], [34, 37]),
        "scalar": info("F64", [], [37, 45]),
        "count": info("I64", [1], [45, 53]),
    }
    return safetensors_bytes(header, bytes(range(53)))


MUTATION = st.tuples(
    st.sampled_from(["set", "insert", "delete", "cut"]), st.integers(0, 700), st.integers(0, 255)
)
# Bytes that keep the JSON whole more often than blind ones do.
TYPED = st.tuples(st.just("set"), st.integers(8, 500), st.sampled_from(b'0123456789-[]{},:" eEFIUB'))


def _mutate(raw: bytes, changes: list[tuple[str, int, int]]) -> bytes:
    data = bytearray(raw)
    for what, position, value in changes:
        at = position % (len(data) + 1)
        if what == "set" and at < len(data):
            data[at] = value
        elif what == "insert":
            data.insert(at, value)
        elif what == "delete":
            del data[at : at + 1]
        elif what == "cut":
            del data[at:]
    return bytes(data)


@settings(max_examples=800, deadline=None, derandomize=True)
@given(changes=st.lists(st.one_of(MUTATION, TYPED, TYPED), min_size=1, max_size=3))
def test_changed_bytes_raise_or_stay_in_bounds(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, int, int]]
) -> None:
    raw = _mutate(_valid_file(), changes)
    file = tmp_path_factory.getbasetemp() / "mutated.safetensors"
    file.write_bytes(raw)
    try:
        source = SafetensorsSource(file)
    except FileFormatError:
        return
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    for entry in source.entries:
        if not entry.testable:
            continue
        begin, end = header[entry.key]["data_offsets"]
        assert 0 <= begin <= end <= len(raw) - 8 - length
        with source.open(entry) as tensor:
            assert tensor.values.data.tobytes() == raw[8 + length + begin : 8 + length + end]


def test_mutations_reach_both_outcomes(tmp_path: Path) -> None:
    """The property above would be idle if nearly all mutations were refused, or none."""
    rng = np.random.default_rng(3)
    raw, file = _valid_file(), tmp_path / "mutated.safetensors"
    refused = 0
    for _ in range(200):
        file.write_bytes(_mutate(raw, [("set", int(rng.integers(8, len(raw))), int(rng.integers(256)))]))
        try:
            SafetensorsSource(file)
        except FileFormatError:
            refused += 1
    assert 20 < refused < 180


def test_sub_byte_and_scale_types_are_listed_but_not_testable(tmp_path: Path) -> None:
    file = tmp_path / "mx.safetensors"
    header = {
        "weights": info("F4", [3, 4], [0, 6]),
        "wide": info("F6_E2M3", [4], [6, 9]),
        "other": info("F6_E3M2", [8], [9, 15]),
        "scales": info("F8_E8M0", [2], [15, 17]),
    }
    file.write_bytes(safetensors_bytes(header, bytes(17)))
    entries = {e.key: e for e in open_source(file).entries}
    assert {k: (e.dtype, e.nbytes, e.testable) for k, e in entries.items()} == {
        "weights": ("float4_e2m1", 6, False),
        "wide": ("float6_e2m3", 3, False),
        "other": ("float6_e3m2", 6, False),
        "scales": ("float8_e8m0", 2, False),
    }
    assert "sub-byte" in entries["weights"].note
    assert "block scales" in entries["scales"].note


@pytest.mark.parametrize("dtype", ["F128", "float32", "bool"])
def test_unknown_dtype_spoils_only_its_own_entry(dtype: str, tmp_path: Path) -> None:
    file = tmp_path / "new.safetensors"
    file.write_bytes(
        safetensors_bytes({"new": info(dtype, [9], [0, 5]), "x": info(offsets=[5, 13])}, bytes(13))
    )
    new, x = open_source(file).entries
    assert not new.testable
    assert f"unknown type {dtype!r}" in new.note
    assert x.testable


def test_unaligned_data_reads_right(tmp_path: Path) -> None:
    file = tmp_path / "odd.safetensors"
    values = np.random.default_rng(0).standard_normal(1000)
    header = {"odd": info("U8", [3], [0, 3]), "x": info("F64", [1000], [3, 8003])}
    file.write_bytes(safetensors_bytes(header, b"abc" + values.tobytes()))
    source = open_source(file)
    with source.open(source.entry("x")) as tensor:
        np.testing.assert_array_equal(tensor.values.data, values)


def test_too_many_axes_are_noted(tmp_path: Path) -> None:
    file = tmp_path / "deep.safetensors"
    file.write_bytes(safetensors_bytes({"x": info(shape=[1] * 70 + [2])}, bytes(8)))
    (entry,) = open_source(file).entries
    assert not entry.testable
    assert "71 axes" in entry.note


def test_views_outlive_the_with_block_and_the_source(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(safetensors_bytes({"x": info()}, np.array([1.5, -2.0], "<f4").tobytes()))
    source = open_source(file)
    with source.open(source.entries[0]) as tensor:
        view = tensor.values.data[::-1]
        tensor.release()
    file.unlink()
    del source
    assert view.tolist() == [-2.0, 1.5]
    with pytest.raises(ArgumentError, match="closed"):
        _ = tensor.values


def test_an_exception_inside_the_with_block_passes_through(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(safetensors_bytes({"x": info()}, bytes(8)))
    source = open_source(file)
    with pytest.raises(ZeroDivisionError), source.open(source.entries[0]):
        raise ZeroDivisionError


def test_opening_what_cannot_be_tested_says_why(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(safetensors_bytes({"ids": info("I64", [1])}, bytes(8)))
    source = open_source(file)
    with (
        pytest.raises(DataError, match=r"'ids' \(int64 \[1\]\) cannot be tested: integers"),
        source.open(source.entries[0]),
    ):
        pass
    with pytest.raises(ArgumentError, match=r"no tensor 'y'; it holds:\s+'ids'  int64 \[1\]"):
        source.entry("y")


def test_a_file_changed_after_its_header_was_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(safetensors_bytes({"x": info()}, bytes(8)))
    source = open_source(file)
    file.write_bytes(file.read_bytes()[:-4])
    with (
        pytest.raises(FileFormatError, match="changed since its header was read"),
        source.open(source.entries[0]),
    ):
        pass
    file.unlink()
    with pytest.raises(FileFormatError, match="does not exist"), source.open(source.entries[0]):
        pass
