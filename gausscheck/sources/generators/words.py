"""Words that users type: storage formats under all their names, and what a misspelt word meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from gausscheck.errors import ArgumentError
from gausscheck.floats import FORMATS

__all__ = ["ALIASES", "close", "named", "storage_format"]

ALIASES = {
    **dict.fromkeys(("fp64", "f64", "f8", "double"), "float64"),
    **dict.fromkeys(("fp32", "f32", "f4", "float", "single"), "float32"),
    **dict.fromkeys(("fp16", "f16", "half"), "float16"),
    "bf16": "bfloat16",
    **dict.fromkeys(("float8_e4m3", "fp8_e4m3", "fp8_e4m3fn", "f8_e4m3", "f8_e4m3fn"), "float8_e4m3fn"),
    **dict.fromkeys(("fp8_e5m2", "f8_e5m2"), "float8_e5m2"),
    **dict.fromkeys(("fp8_e4m3fnuz", "f8_e4m3fnuz"), "float8_e4m3fnuz"),
    **dict.fromkeys(("fp8_e5m2fnuz", "f8_e5m2fnuz"), "float8_e5m2fnuz"),
}
"""Names of NumPy, torch, C, safetensors and of hardware, in small letters -> key of FORMATS."""


def close(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` of the known word next to `word`, whatever the case, or nothing."""
    lower = {k.lower(): k for k in known}
    found = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    return f"; did you mean {lower[found[0]]!r}?" if found else ""


def named(word: str) -> str:
    """Return the name of the storage format that a word means, or the word in small letters."""
    return ALIASES.get(word.lower(), word.lower())


def storage_format(word: str) -> str:
    """Return the name of the storage format that a word means.

    Raises
    ------
    ArgumentError
        It means none; the message names the next one and all.

    Examples
    --------
    >>> storage_format("BF16"), storage_format("float"), storage_format("float64")
    ('bfloat16', 'float32', 'float64')
    """
    name = named(str(word))
    if name not in FORMATS:
        msg = (
            f"unknown storage format {word!r}{close(str(word), [*FORMATS, *ALIASES]) or '.'} "
            f"Known: {', '.join(FORMATS)}"
        )
        raise ArgumentError(msg)
    return name
