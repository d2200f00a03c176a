"""The file of a drift state: one small JSON object with a checksum, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from gausscheck.drift.compensated import Pair
from gausscheck.drift.state import Drift
from gausscheck.errors import DataError, FileFormatError
from gausscheck.sources.regions import opened
from gausscheck.writing import write_whole

__all__ = ["FORMAT", "read_drift", "write_drift"]

FORMAT = "gausscheck/drift/1"
"""Name and version. A version has one e-process: the widths of `nulls.evidence` belong to it."""

_LARGEST = 2**22  # seeds of some 50,000 runs
_KINDS: dict[str, type] = {
    "source": str,
    "scale": float,
    "dtype": str,
    "n": int,
    "total": list,
    "squares": list,
    "runs": int,
    "label": str,
    "max_log_e": float,
    "peak": str,
    "last": list,
    "seeds": list,
}
# Logarithms may differ in their last places from machine to machine.
_LOG_ROUNDING = 1e-9


def write_drift(path: str | os.PathLike[str], drift: Drift) -> None:
    """Write a state; doubles are written so that they are read back bit by bit.

    Raises
    ------
    OSError
        Whatever the system says (disk full, no permission); the old content stays.
    """
    content = {"format": FORMAT, **{name: getattr(drift, name) for name in _KINDS}}
    whole = {**content, "sha256": _checksum(content)}
    write_whole(Path(path), (json.dumps(whole, indent=1, allow_nan=False) + "\n").encode())


def read_drift(path: str | os.PathLike[str]) -> Drift:
    """Read a state and check all of it.

    Raises
    ------
    FileFormatError
        Missing, damaged, of another format or version, or with numbers that no values have.
    """
    with opened(Path(path)) as file:
        data = file.read(_LARGEST + 1)
    try:
        return _state(_content(data))
    # Deep nesting ends the parser by a RecursionError; a text that is no UTF-8 is a ValueError.
    except (DataError, ValueError, RecursionError) as error:
        msg = (
            f"{os.fspath(path)}: no evidence can be read from it ({error}). It is left as it is: "
            "restore it, or name another file to begin anew"
        )
        raise FileFormatError(msg) from error


def _content(data: bytes) -> dict[str, Any]:
    """The object in a file, its checksum checked and taken off."""
    if len(data) > _LARGEST:
        msg = f"it has more than {_LARGEST} bytes"
        raise DataError(msg)
    content = json.loads(data.decode(), parse_constant=_no_number, object_pairs_hook=_unique)
    if not isinstance(content, dict) or "format" not in content:
        msg = "it does not say its format"
        raise DataError(msg)
    if content["format"] != FORMAT:
        msg = f"its format is {content['format']!r:.80}, expected {FORMAT!r}"
        raise DataError(msg)
    told = content.pop("sha256", None)
    if told != _checksum(content):
        msg = "its checksum does not fit, it was damaged or edited"
        raise DataError(msg)
    return content


def _state(content: Mapping[str, Any]) -> Drift:
    if set(content) != {"format", *_KINDS}:
        msg = f"it has other fields than {', '.join(_KINDS)}"
        raise DataError(msg)
    # type() and not isinstance: true is no count.
    wrong = [name for name, kind in _KINDS.items() if type(content[name]) is not kind]
    lists = (("total", (float,) * 2), ("squares", (float,) * 2), ("last", (int, float, float)))
    wrong += [name for name, kinds in lists if name not in wrong and tuple(map(type, content[name])) != kinds]
    if "seeds" not in wrong and not all(map(_is_range, content["seeds"])):
        wrong.append("seeds")
    if wrong:
        msg = f"{wrong[0]} is {content[wrong[0]]!r:.80}, which it cannot be"
        raise DataError(msg)
    fields = {name: content[name] for name in _KINDS}
    fields |= {"total": Pair(*content["total"]), "squares": Pair(*content["squares"])}
    fields |= {"last": tuple(content["last"]), "seeds": tuple(map(tuple, content["seeds"]))}
    drift = Drift(**fields)
    if drift.log_e > drift.max_log_e + _LOG_ROUNDING * (1 + drift.max_log_e):
        msg = "its largest log e is below the present one"
        raise DataError(msg)
    return drift


def _is_range(seeds: Any) -> bool:
    return (
        isinstance(seeds, list) and [type(seed) for seed in seeds] == [int, int] and 0 <= seeds[0] < seeds[1]
    )


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _no_number(name: str) -> NoReturn:
    msg = f"{name} is no number"
    raise DataError(msg)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "a field stands in it twice"
        raise DataError(msg)
    return found
