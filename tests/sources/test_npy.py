"""The .npy reader against numpy.load."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sources.builders import noise, npy_bytes, npy_with_header

from gausscheck.errors import FileFormatError
from gausscheck.sources import open_source
from gausscheck.sources.npy import NpySource

FLOAT_TYPES = st.sampled_from(["<f2", "<f4", "<f8", ">f2", ">f4", ">f8"])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    array=FLOAT_TYPES.flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))),
    fortran=st.booleans(),
    version=st.sampled_from([(1, 0), (2, 0), (3, 0)]),
)
def test_floats_read_back_equal(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, fortran: bool, version: tuple[int, int]
) -> None:
    array = np.asfortranarray(array) if fortran else array
    file = tmp_path_factory.getbasetemp() / "array.npy"
    with file.open("wb") as out:
        np.lib.format.write_array(out, array, version=version)
    source = open_source(file)
    (entry,) = source.entries
    assert (source.format, entry.key, entry.shape, entry.testable) == ("npy", "", array.shape, True)
    assert entry.dtype == array.dtype.newbyteorder("=").name
    with source.open(entry) as tensor:
        data = tensor.values.data
        assert data.dtype.isnative
        assert not data.flags.writeable
        np.testing.assert_array_equal(data, array)
        assert data.astype(array.dtype).tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("array", "dtype", "note"),
    [
        (np.arange(4), "int64", "integers"),
        (np.arange(4, dtype=np.uint8), "uint8", "integers"),
        (np.ones(3, bool), "bool", "booleans"),
        (np.ones(3, np.complex64), "complex64", "complex"),
        (np.zeros(2, [("a", "f4"), ("ü", "i8")]), "structured", "structured array"),
        (np.array(["ab"]), "str64", "text"),
        (np.zeros(2, "V2"), "void16", "bfloat16 loses its type"),
        (np.zeros(2, "V1"), "void8", "float8 loses its type"),
        (np.zeros(2, "M8[s]"), "datetime64[s]", "unknown type"),
    ],
)
@pytest.mark.filterwarnings("ignore:Stored array in format")
def test_other_types_are_listed_with_a_reason(
    array: np.ndarray, dtype: str, note: str, tmp_path: Path
) -> None:
    file = tmp_path / "x.npy"
    np.save(file, array)
    (entry,) = open_source(file).entries
    assert (entry.dtype, entry.shape, entry.nbytes, entry.testable) == (
        dtype,
        array.shape,
        array.nbytes,
        False,
    )
    assert note in entry.note


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="long double is float64 here")
def test_extended_precision_is_not_testable(tmp_path: Path) -> None:
    file = tmp_path / "x.npy"
    np.save(file, np.ones(3, np.longdouble))
    (entry,) = open_source(file).entries
    assert "save it as float64" in entry.note


def test_header_of_python_2_is_read_without_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "old.npy"
    file.write_bytes(
        npy_with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2L,), }\n", bytes(8))
    )
    assert open_source(file).entries[0].shape == (2,)


def test_unpickling_never_happens(tmp_path: Path) -> None:
    marker = tmp_path / "marker"

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return marker.write_text, ("boom",)

    file = tmp_path / "x.npy"
    np.save(file, np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(FileFormatError, match="never unpickles"):
        open_source(file)
    assert not marker.exists()
    np.load(file, allow_pickle=True)
    assert marker.exists(), "the file would have done harm"


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    changes=st.lists(st.tuples(st.integers(0, 140), st.integers(0, 255)), min_size=1, max_size=3),
    kept=st.one_of(st.just(10**6), st.integers(0, 200)),
)
def test_changed_bytes_raise_or_stay_in_bounds(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], kept: int
) -> None:
    raw = bytearray(npy_bytes(noise(32).reshape(4, 8)))
    for position, value in changes:
        raw[position] = value
    file = tmp_path_factory.getbasetemp() / "mutated.npy"
    file.write_bytes(raw[:kept])
    try:
        source = NpySource(file)
    except FileFormatError:
        return
    (entry,) = source.entries
    assert entry.nbytes <= len(raw)
    if entry.testable:
        with source.open(entry) as tensor:
            stored = np.sort(np.frombuffer(tensor.values.data.tobytes(), np.uint8))
            np.testing.assert_array_equal(
                stored, np.sort(np.frombuffer(raw[len(raw) - entry.nbytes :], np.uint8))
            )
