"""Numbers of values as people write them."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click

__all__ = ["Quantity"]

_UNITS = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
_POWER = re.compile(r"(\d{1,6})(?:\^|\*\*)(\d{1,2})")
_DECIMAL = re.compile(r"(\d[\d_]*(?:\.\d+)?(?:[eE]\+?\d{1,2})?)(k|[KMGT]i|[MGT])?")
_MOST = 2**50

if TYPE_CHECKING:
    _Type = click.ParamType[int]
else:  # not generic in older versions of click
    _Type = click.ParamType


class Quantity(_Type):
    """``1000000``, ``1_000_000``, ``1e6``, ``2^20``, ``10M``, ``64Ki``: a whole number from 1 up."""

    name = "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a number."""
        if isinstance(value, int):
            return value
        number = _read(str(value).strip())
        if number is None:
            self.fail(f"{value!r} is no whole number such as 1000000, 1e9, 2^30, 10M or 64Ki", param, ctx)
        if not 1 <= number <= _MOST:
            self.fail(f"{value!r} does not lie between 1 and 2^50", param, ctx)
        return number


def _read(text: str) -> int | None:
    if power := _POWER.fullmatch(text):
        return int(power[1]) ** int(power[2])
    found = _DECIMAL.fullmatch(text)
    unit = (found[2] or "") if found else ""
    if not found or unit not in _UNITS:
        return None
    try:
        number = Decimal(found[1].replace("_", "")) * _UNITS[unit]
    except InvalidOperation:
        return None
    return int(number) if number == number.to_integral_value() else None
