"""Damaged and hostile safetensors files, one function a defect."""

import json

from sources.builders import SAFETENSORS, attack, info, safetensors_bytes

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
