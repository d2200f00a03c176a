"""The JSON Schemas of results, as data of the package."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any, Literal

from gausscheck.errors import ArgumentError

__all__ = ["schema"]

_OF = ("report", "validation")


def schema(of: Literal["report", "validation"] = "report") -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) that results follow.

    Parameters
    ----------
    of : str
        ``report``: what :meth:`gausscheck.Report.to_json` gives; ``validation``: what that of
        :class:`gausscheck.Validation` gives, with the schema of reports inside.

    Examples
    --------
    >>> from gausscheck.schema import schema
    >>> schema()["properties"]["schema"]
    {'const': 'gausscheck/1'}
    >>> schema("validation")["properties"]["schema"]
    {'const': 'gausscheck/validation/1'}
    """
    if of not in _OF:
        msg = f"there is no schema of {of!r}; known: {', '.join(_OF)}"
        raise ArgumentError(msg)
    loaded = _load(of)
    if of == "validation":
        loaded["$defs"]["report"] = _load("report")
    return loaded


def _load(name: str) -> dict[str, Any]:
    text = resources.files(__name__).joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
