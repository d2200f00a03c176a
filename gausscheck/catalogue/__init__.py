"""The catalogue: every module of this folder that defines ``STATISTIC`` is one statistic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from pkgutil import iter_modules

from gausscheck.catalogue.base import Statistic
from gausscheck.errors import ArgumentError

__all__ = ["Catalogue", "Statistic", "statistics"]


class Catalogue(Mapping[str, Statistic]):
    """Read-only mapping from name to statistic, filled from the folder when first asked."""

    @cached_property
    def _all(self) -> dict[str, Statistic]:
        modules = (import_module(f"{__name__}.{m.name}") for m in iter_modules(__path__) if m.name != "base")
        found: list[Statistic] = [module.STATISTIC for module in modules]
        return {s.name: s for s in sorted(found, key=lambda s: (s.family, s.name))}

    def __getitem__(self, name: str) -> Statistic:
        try:
            return self._all[name]
        except KeyError:
            msg = f"unknown statistic {name!r}; known: {', '.join(self._all)}"
            raise UnknownStatisticError(msg) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, name: object) -> bool:
        return name in self._all


class UnknownStatisticError(ArgumentError, KeyError):
    """A name that is not in the catalogue; the message lists all names."""

    __str__ = ArgumentError.__str__


statistics = Catalogue()
