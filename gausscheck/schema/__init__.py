"""The JSON Schema of reports, as data of the package."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

__all__ = ["schema"]


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) that :meth:`gausscheck.Report.to_json` follows.

    Examples
    --------
    >>> from gausscheck.schema import schema
    >>> schema()["properties"]["schema"]
    {'const': 'gausscheck/1'}
    """
    text = resources.files(__name__).joinpath("report.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
