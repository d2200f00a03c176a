"""Damaged and hostile .npy and .npz files, one function a defect."""

import struct
import zipfile

import numpy as np
from sources.builders import NPY, NPZ, attack, noise, npy_bytes, npy_with_header, npz_bytes

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


@attack(NPZ, "is encrypted; save the arrays without a password")
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


@attack(NPZ, "of an archive of")
def npz_member_larger_than_the_archive() -> bytes:
    raw = bytearray(npz_bytes({"noise.npy": npy_bytes(noise(16))}, zipfile.ZIP_STORED))
    directory = raw.index(b"PK\x01\x02")
    raw[directory + 20 : directory + 28] = struct.pack("<II", 10**6, 10**6)
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


@attack(NPZ, "does not begin with the .npy signature")
def npz_second_member_is_empty() -> bytes:
    return npz_bytes({"x.npy": npy_bytes(noise(8)), "y.npy": b""})


@attack(NPZ, "holds 'x' twice")
def npz_key_twice() -> bytes:
    return npz_bytes({"x.npy": npy_bytes(noise(8)), "x": npy_bytes(noise(8))})
