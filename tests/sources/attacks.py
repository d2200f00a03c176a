"""Damaged and hostile files, one function a defect, each with the words its error must contain."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Attack(NamedTuple):
    make: Callable[[], bytes]
    ending: str
    message: str


ATTACKS: dict[str, Attack] = {}
SAFETENSORS, NPY, NPZ = ".safetensors", ".npy", ".npz"


def attack(ending: str, message: str) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    def register(make: Callable[[], bytes]) -> Callable[[], bytes]:
        ATTACKS[make.__name__] = Attack(make, ending, message)
        return make

    return register


def safetensors_bytes(header: Any, data: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def info(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def npy_bytes(array: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def npy_with_header(text: str | bytes, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    raw = text if isinstance(text, bytes) else text.encode("latin1")
    width = "<H" if version == (1, 0) else "<I"
    return b"\x93NUMPY" + bytes(version) + struct.pack(width, len(raw)) + raw + data


def npz_bytes(
    members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED, force_zip64: bool = False
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as zipped:
        for name, data in members.items():
            description = zipfile.ZipInfo(name)
            description.compress_type = compression
            with zipped.open(description, "w", force_zip64=force_zip64) as member:
                member.write(data)
    return buffer.getvalue()


def noise(count: int = 4096) -> np.ndarray:
    return np.random.default_rng(7).standard_normal(count).astype(np.float32)


# --- safetensors: the prefix and the text -------------------------------------------------------------


@attack(SAFETENSORS, "is empty (0 bytes)")
def safetensors_empty() -> bytes:
    return b""


@attack(SAFETENSORS, "too few for a safetensors file")
def safetensors_seven_bytes() -> bytes:
    return b"\x02\0\0\0\0\0\0"


@attack(SAFETENSORS, "does not fit the file")
def safetensors_header_beyond_file() -> bytes:
    return safetensors_bytes({"x": info()}, bytes(8), length=5000)


@attack(SAFETENSORS, "over the limit of 100000000")
def safetensors_header_of_2_gigabytes() -> bytes:
    return safetensors_bytes({"x": info()}, bytes(8), length=2 << 30)


@attack(SAFETENSORS, "over the limit of 100000000")
def safetensors_header_length_of_all_ones() -> bytes:
    return safetensors_bytes({"x": info()}, bytes(8), length=2**64 - 1)


@attack(SAFETENSORS, "is not UTF-8")
def safetensors_header_not_utf8() -> bytes:
    return safetensors_bytes(b'{"\xff\xfe": 1}')


@attack(SAFETENSORS, "not valid JSON")
def safetensors_header_not_json() -> bytes:
    return safetensors_bytes(b'{"x": }')


@attack(SAFETENSORS, "not valid JSON")
def safetensors_header_of_no_bytes() -> bytes:
    return safetensors_bytes(b"")


@attack(SAFETENSORS, "must be a JSON object, got list")
def safetensors_header_is_a_list() -> bytes:
    return safetensors_bytes(b"[1, 2]")


@attack(SAFETENSORS, "nested too deeply")
def safetensors_header_nested() -> bytes:
    return safetensors_bytes(b'{"x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}")


@attack(SAFETENSORS, "NaN is not JSON")
def safetensors_header_with_nan() -> bytes:
    return safetensors_bytes(b'{"x": {"dtype": "F32", "shape": [NaN], "data_offsets": [0, 8]}}', bytes(8))


@attack(SAFETENSORS, "not valid JSON")
def safetensors_integer_of_10000_digits() -> bytes:
    digits = b"9" * 10_000
    return safetensors_bytes(b'{"x": {"dtype": "F32", "shape": [' + digits + b'], "data_offsets": [0, 8]}}')


@attack(SAFETENSORS, "surrogates not allowed")
def safetensors_key_with_half_a_surrogate() -> bytes:
    return safetensors_bytes(b'{"\\ud800": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}', bytes(8))


@attack(SAFETENSORS, "the name 'x' is repeated")
def safetensors_key_twice() -> bytes:
    one = json.dumps(info()).encode()
    return safetensors_bytes(b'{"x": ' + one + b', "x": ' + one + b"}", bytes(8))


@attack(SAFETENSORS, "the name 'shape' is repeated")
def safetensors_shape_twice() -> bytes:
    text = b'{"x": {"dtype": "F32", "shape": [2], "shape": [1, 2], "data_offsets": [0, 8]}}'
    return safetensors_bytes(text, bytes(8))


@attack(SAFETENSORS, "__metadata__ must map strings to strings")
def safetensors_metadata_number() -> bytes:
    return safetensors_bytes({"__metadata__": {"step": 3}, "x": info()}, bytes(8))


@attack(SAFETENSORS, "__metadata__ must map strings to strings")
def safetensors_metadata_list() -> bytes:
    return safetensors_bytes({"__metadata__": ["a"], "x": info()}, bytes(8))


# --- safetensors: entries -----------------------------------------------------------------------------


@attack(SAFETENSORS, "expected an object with dtype, shape and data_offsets")
def safetensors_entry_is_a_number() -> bytes:
    return safetensors_bytes({"x": 3})


@attack(SAFETENSORS, "expected an object with dtype, shape and data_offsets")
def safetensors_without_dtype() -> bytes:
    return safetensors_bytes({"x": {"shape": [2], "data_offsets": [0, 8]}}, bytes(8))


@attack(SAFETENSORS, "expected an object with dtype, shape and data_offsets")
def safetensors_without_shape() -> bytes:
    return safetensors_bytes({"x": {"dtype": "F32", "data_offsets": [0, 8]}}, bytes(8))


@attack(SAFETENSORS, "expected an object with dtype, shape and data_offsets")
def safetensors_without_offsets() -> bytes:
    return safetensors_bytes({"x": {"dtype": "F32", "shape": [2]}}, bytes(8))


@attack(SAFETENSORS, "the dtype must be a string")
def safetensors_dtype_is_a_list() -> bytes:
    return safetensors_bytes({"x": info(dtype=["F32"])}, bytes(8))


@attack(SAFETENSORS, "the shape must be a list")
def safetensors_shape_is_a_number() -> bytes:
    return safetensors_bytes({"x": info(shape=2)}, bytes(8))


@attack(SAFETENSORS, "must hold non-negative integers")
def safetensors_shape_negative() -> bytes:
    return safetensors_bytes({"x": info(shape=[-1, -2])}, bytes(8))


@attack(SAFETENSORS, "must hold non-negative integers")
def safetensors_shape_of_floats() -> bytes:
    return safetensors_bytes({"x": info(shape=[2.0])}, bytes(8))


@attack(SAFETENSORS, "must hold non-negative integers")
def safetensors_shape_of_booleans() -> bytes:
    return safetensors_bytes({"x": info(shape=[True, 2])}, bytes(8))


@attack(SAFETENSORS, "overflows a 63-bit size")
def safetensors_shape_overflows() -> bytes:
    return safetensors_bytes({"x": info(shape=[2**32, 2**32, 2**32])}, bytes(8))


@attack(SAFETENSORS, "overflows a 63-bit size")
def safetensors_shape_overflows_but_for_a_zero() -> bytes:
    return safetensors_bytes({"x": info(shape=[0, 2**62, 2**62], offsets=[0, 0])})


@attack(SAFETENSORS, "two non-negative integers")
def safetensors_offsets_negative() -> bytes:
    return safetensors_bytes({"x": info(offsets=[-8, 0])}, bytes(8))


@attack(SAFETENSORS, "two non-negative integers")
def safetensors_offsets_of_booleans() -> bytes:
    return safetensors_bytes({"x": info(dtype="U8", shape=[1], offsets=[False, True])}, bytes(1))


@attack(SAFETENSORS, "two non-negative integers")
def safetensors_three_offsets() -> bytes:
    return safetensors_bytes({"x": info(offsets=[0, 4, 8])}, bytes(8))


@attack(SAFETENSORS, "are reversed")
def safetensors_offsets_reversed() -> bytes:
    return safetensors_bytes({"x": info(offsets=[8, 0])}, bytes(8))


@attack(SAFETENSORS, "is 64 bits, but data_offsets span 4 bytes")
def safetensors_size_mismatch() -> bytes:
    return safetensors_bytes({"x": info(offsets=[0, 4])}, bytes(4))


@attack(SAFETENSORS, "is 12 bits, but data_offsets span 2 bytes")
def safetensors_sub_byte_mismatch() -> bytes:
    return safetensors_bytes({"x": info(dtype="F4", shape=[3], offsets=[0, 2])}, bytes(2))


@attack(SAFETENSORS, "the file holds 8; it is cut short")
def safetensors_offsets_out_of_file() -> bytes:
    return safetensors_bytes({"x": info(shape=[2**40], offsets=[0, 2**42])}, bytes(8))


@attack(SAFETENSORS, "it is cut short")
def safetensors_data_truncated() -> bytes:
    return safetensors_bytes({"x": info()}, bytes(7))


@attack(SAFETENSORS, "1 trailing bytes")
def safetensors_trailing_byte() -> bytes:
    return safetensors_bytes({"x": info()}, bytes(9))


@attack(SAFETENSORS, "overlaps the tensor before it")
def safetensors_overlap() -> bytes:
    return safetensors_bytes({"x": info(), "y": info(offsets=[4, 12])}, bytes(12))


@attack(SAFETENSORS, "overlaps the tensor before it")
def safetensors_same_bytes_twice() -> bytes:
    return safetensors_bytes({"x": info(), "y": info()}, bytes(8))


@attack(SAFETENSORS, "leaves a hole before it")
def safetensors_hole() -> bytes:
    return safetensors_bytes({"x": info(), "y": info(offsets=[12, 20])}, bytes(20))


@attack(SAFETENSORS, "leaves a hole before it")
def safetensors_hole_at_the_start() -> bytes:
    return safetensors_bytes({"x": info(offsets=[4, 12])}, bytes(12))


@attack(SAFETENSORS, "leaves a hole before it")
def safetensors_unknown_dtype_beyond_file() -> bytes:
    return safetensors_bytes({"x": info(dtype="F128", offsets=[100, 108])}, bytes(8))


# --- npy ----------------------------------------------------------------------------------------------


@attack(NPY, "does not begin with the .npy signature")
def npy_text() -> bytes:
    return b"0.1 0.2 0.3 0.4\n"


@attack(NPY, "unknown .npy version (none: the file is cut short)")
def npy_signature_alone() -> bytes:
    return b"\x93NUMPY"


@attack(NPY, "unknown .npy version (9.0)")
def npy_version_9() -> bytes:
    return b"\x93NUMPY\x09\x00" + npy_bytes(noise())[8:]


@attack(NPY, "it is cut short")
def npy_cut_in_header() -> bytes:
    return npy_bytes(noise())[:60]


@attack(NPY, "needs 16384 bytes but 16383 follow the header; it is cut short")
def npy_cut_in_data() -> bytes:
    return npy_bytes(noise())[:-1]


@attack(NPY, "bytes follow the array")
def npy_two_arrays_in_one_file() -> bytes:
    return npy_bytes(noise()) * 2


@attack(NPY, "it is cut short")
def npy_header_of_4_gigabytes() -> bytes:
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b"{}"


@attack(NPY, "over the limit of 10000")
def npy_header_of_20000_bytes() -> bytes:
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }" + " " * 20_000
    return npy_with_header(text, bytes(8))


@attack(NPY, "cannot be understood")
def npy_header_nested() -> bytes:
    return npy_with_header("(" * 4000 + ")" * 4000)


@attack(NPY, "cannot be understood")
def npy_header_of_minus_signs() -> bytes:
    return npy_with_header("-" * 9000 + "1")


@attack(NPY, "cannot be understood")
def npy_header_is_code() -> bytes:
    return npy_with_header("{'descr': __import__('os'), 'fortran_order': False, 'shape': (2,)}")


@attack(NPY, "cannot be understood")
def npy_header_without_shape() -> bytes:
    return npy_with_header("{'descr': '<f4', 'fortran_order': False}")


@attack(NPY, "cannot be understood")
def npy_header_with_unknown_dtype() -> bytes:
    return npy_with_header("{'descr': '<q9', 'fortran_order': False, 'shape': (2,)}", bytes(8))


@attack(NPY, "must hold non-negative integers")
def npy_shape_negative() -> bytes:
    return npy_with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -2)}", bytes(8))


@attack(NPY, "must hold non-negative integers")
def npy_shape_of_booleans() -> bytes:
    return npy_with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (True, 2)}", bytes(8))


@attack(NPY, "overflows a 63-bit size")
def npy_shape_overflows() -> bytes:
    return npy_with_header(
        f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**40}, {2**40})}}", bytes(8)
    )


@attack(NPY, "needs pickle; gausscheck never unpickles untrusted data; save it as a float array")
def npy_of_objects() -> bytes:
    return npy_bytes(np.array([1.0, None], dtype=object), allow_pickle=True)


@attack(NPY, "needs pickle")
def npy_of_records_with_objects() -> bytes:
    header = "{'descr': [('a', '<f4'), ('b', '|O')], 'fortran_order': False, 'shape': (2,)}"
    return npy_with_header(header, b"cos\nsystem\n(S'true'\ntR.")


# --- npz ----------------------------------------------------------------------------------------------


@attack(NPZ, "zip archive is damaged")
def npz_cut_short() -> bytes:
    return npz_bytes({"noise.npy": npy_bytes(noise())})[:-40]


@attack(NPZ, "File is not a zip file")
def npz_is_something_else() -> bytes:
    return b"some text, no archive"


@attack(NPZ, "without a .npy array")
def npz_without_members() -> bytes:
    return npz_bytes({})


@attack(NPZ, "is encrypted")
def npz_encrypted() -> bytes:
    raw = bytearray(npz_bytes({"noise.npy": npy_bytes(noise())}))
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


@attack(NPZ, "compression method 12 is not read")
def npz_bzip2() -> bytes:
    return npz_bytes({"noise.npy": npy_bytes(noise())}, zipfile.ZIP_BZIP2)


@attack(NPZ, "does not begin with the .npy signature")
def npz_member_is_text() -> bytes:
    return npz_bytes({"noise.npy": b"0.1 0.2 0.3"})


@attack(NPZ, "bytes follow the array")
def npz_bomb_behind_a_small_header() -> bytes:
    return npz_bytes({"noise.npy": npy_bytes(noise(16)) + bytes(1 << 20)})


@attack(NPZ, "it is cut short")
def npz_header_promises_more_than_the_member() -> bytes:
    return npz_bytes({"noise.npy": npy_bytes(noise())[:-4]})


@attack(NPZ, "packed bytes cannot hold")
def npz_declares_an_impossible_ratio() -> bytes:
    raw = bytearray(npz_bytes({"noise.npy": npy_bytes(noise(16))}))
    directory = raw.index(b"PK\x01\x02")
    raw[22:26] = raw[directory + 24 : directory + 28] = struct.pack("<I", 2**31)
    return bytes(raw)


@attack(NPZ, "packed bytes cannot hold")
def npz_stored_with_two_sizes() -> bytes:
    raw = bytearray(npz_bytes({"noise.npy": npy_bytes(noise(16))}, zipfile.ZIP_STORED))
    directory = raw.index(b"PK\x01\x02")
    raw[directory + 20 : directory + 24] = struct.pack("<I", 200)
    return bytes(raw)


@attack(NPZ, "zip archive is damaged")
def npz_header_bytes_are_no_deflate_stream() -> bytes:
    raw = bytearray(npz_bytes({"noise.npy": npy_bytes(noise(16))}))
    raw[40:60] = b"\xff" * 20
    return bytes(raw)


@attack(NPZ, "zip archive is damaged")
def npz_local_name_differs() -> bytes:
    raw = bytearray(npz_bytes({"noise.npy": npy_bytes(noise(16))}))
    raw[30:35] = b"other"
    return bytes(raw)


@attack(NPZ, "holds 'x' twice")
def npz_key_twice() -> bytes:
    return npz_bytes({"x.npy": npy_bytes(noise(8)), "x": npy_bytes(noise(8))})
