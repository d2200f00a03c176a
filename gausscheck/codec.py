"""Summaries as plain trees and arrays, and back: no code is ever read, every type is checked."""

from __future__ import annotations

import math
import re
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.errors import DataError
from gausscheck.gathered import Gathered
from gausscheck.needs import (
    ChannelGramNeed,
    CountsNeed,
    FieldsNeed,
    OnePassNeed,
    RepeatsNeed,
    SampleGramNeed,
    SpectrumNeed,
)
from gausscheck.summaries.counts import Counts
from gausscheck.summaries.extremes import Extremes
from gausscheck.summaries.fields import BandExtremes, FieldSpectra, Peak
from gausscheck.summaries.gram import Correlated, Gram, OpenGroup, SampleGram, on_host
from gausscheck.summaries.moments import Moments
from gausscheck.summaries.nonfinite import Nonfinite
from gausscheck.summaries.onepass import OnePass
from gausscheck.summaries.repeats import Repeats, Units, ValueSketch
from gausscheck.summaries.samples import SampleValues

__all__ = ["decode", "encode"]

_KNOWN: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        BandExtremes,
        ChannelGramNeed,
        Correlated,
        Counts,
        CountsNeed,
        Extremes,
        FieldSpectra,
        FieldsNeed,
        Gathered,
        Gram,
        Moments,
        Nonfinite,
        OnePass,
        OnePassNeed,
        OpenGroup,
        Peak,
        Repeats,
        RepeatsNeed,
        SampleGram,
        SampleGramNeed,
        SampleValues,
        SpectrumNeed,
        Units,
        ValueSketch,
    )
}
_DEEPEST = 32


def encode(value: Any, arrays: list[NDArray[Any]]) -> Any:
    """Tree of JSON's own types; arrays are put into `arrays` and referred to by number.

    Parameters
    ----------
    value : object
        Numbers, text, None, tuples, dictionaries, arrays, and the summaries and needs known here.
    arrays : list of numpy.ndarray
        Grows.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if hasattr(value, "cpu"):
        value = on_host(value)  # a tensor on a device
    if isinstance(value, (np.ndarray, np.generic)):
        arrays.append(np.asarray(value))
        return {"array": len(arrays) - 1}
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, tuple):
        return [encode(item, arrays) for item in value]
    if isinstance(value, dict):
        return {"items": [[encode(k, arrays), encode(v, arrays)] for k, v in value.items()]}
    if is_dataclass(value) and type(value).__name__ in _KNOWN:
        held = {f.name: encode(getattr(value, f.name), arrays) for f in fields(value)}
        return {"is": type(value).__name__, "with": held}
    msg = f"cannot keep a {type(value).__name__}"
    raise DataError(msg)


def decode(tree: Any, arrays: list[NDArray[Any]], depth: int = 0) -> Any:
    """What :func:`encode` made a tree of.

    Raises
    ------
    DataError
        For whatever it cannot have made: unknown kinds, missing or wrongly typed parts.
    """
    if depth > _DEEPEST:
        msg = "it is nested too deeply"
        raise DataError(msg)
    if tree is None or isinstance(tree, (bool, str, int, float)):
        return tree
    if isinstance(tree, list):
        return tuple(decode(item, arrays, depth + 1) for item in tree)
    if isinstance(tree, dict):
        if tree.keys() == {"array"} and type(tree["array"]) is int and 0 <= tree["array"] < len(arrays):
            return arrays[tree["array"]]
        if tree.keys() == {"float"} and tree["float"] in ("inf", "-inf", "nan"):
            return float(tree["float"])
        if tree.keys() == {"items"} and isinstance(tree["items"], list):
            return dict(_pair(item, arrays, depth) for item in tree["items"])
        if tree.keys() == {"is", "with"} and tree["is"] in _KNOWN and isinstance(tree["with"], dict):
            return _made(_KNOWN[tree["is"]], tree["with"], arrays, depth)
    msg = f"it holds {str(tree)[:80]!r}, which is no summary"
    raise DataError(msg)


def _pair(item: Any, arrays: list[NDArray[Any]], depth: int) -> tuple[Any, Any]:
    if not isinstance(item, list) or len(item) != 2:
        msg = "an item of a table is no pair"
        raise DataError(msg)
    key = decode(item[0], arrays, depth + 1)
    try:
        hash(key)
    except TypeError:
        msg = "a key of a table is no key"
        raise DataError(msg) from None
    return key, decode(item[1], arrays, depth + 1)


def _made(kind: type, held: dict[str, Any], arrays: list[NDArray[Any]], depth: int) -> Any:
    wanted = {f.name: str(f.type) for f in fields(kind)}
    if held.keys() != wanted.keys():
        msg = f"a {kind.__name__} has {sorted(held)}, expected {sorted(wanted)}"
        raise DataError(msg)
    values = {name: decode(item, arrays, depth + 1) for name, item in held.items()}
    # Merging leaves scalars of NumPy where there were numbers.
    values = {
        name: value.item() if wanted[name] in ("int", "float") and _is_scalar(value) else value
        for name, value in values.items()
    }
    for name, value in values.items():
        if not _fits(value, wanted[name]):
            msg = f"{kind.__name__}.{name} is a {type(value).__name__}, expected {wanted[name]}"
            raise DataError(msg)
    return kind(**values)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim == 0


def _fits(value: Any, annotation: str) -> bool:
    """Whether a value is what the annotation of a field says, and what it holds, too."""
    options = annotation.split(" | ")
    if value is None:
        return "None" in options or annotation == "Any"
    first = options[0]
    if array := re.fullmatch(r"NDArray\[np\.(\w+)\]", first):
        return isinstance(value, np.ndarray) and value.dtype.name == array[1]
    if first in _KNOWN:
        return type(value) is _KNOWN[first]
    if table := re.fullmatch(r"dict\[(\w+), (\w+)\]", first):
        # Keys of other kinds are compared with those that are wanted by whoever loads them.
        key = table[1] if table[1] in (*_KNOWN, "int", "str") else "Any"
        return isinstance(value, dict) and all(_fits(k, key) and _fits(v, table[2]) for k, v in value.items())
    if row := re.fullmatch(r"tuple\[(\w+), \.\.\.\]", first):
        return isinstance(value, tuple) and all(_fits(item, row[1]) for item in value)
    if first.startswith("tuple["):
        kinds = first[len("tuple[") : -1].split(", ")
        return isinstance(value, tuple) and len(value) == len(kinds) and all(map(_fits, value, kinds))
    if first == "float":
        return type(value) in (int, float)
    return first == "Any" or type(value).__name__ == first
