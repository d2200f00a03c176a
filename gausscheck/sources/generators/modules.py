"""What ``module:callable`` names."""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Any

from gausscheck.errors import ArgumentError, GeneratorError
from gausscheck.sources.generators.builtin import GENERATORS
from gausscheck.sources.generators.returned import called
from gausscheck.sources.generators.words import close
from gausscheck.sources.paths import ENDINGS

__all__ = ["named"]

_SHARD = ".gcs"


def named(spec: str) -> Any:
    """Import what ``module:name`` or ``package.module:name.attribute`` stands for.

    The module is looked for in the current directory first, as ``python -m`` does; `sys.path` is as before
    afterwards.

    Raises
    ------
    ArgumentError
        No such module or attribute; the message names what comes close. A file.
    GeneratorError
        The module raised while it was imported.
    """
    module_name, colon, path = spec.partition(":")
    if told := _file(spec):
        raise ArgumentError(told)
    if not colon or not module_name or not path:
        msg = (
            f"unknown generator {spec!r}{close(spec, GENERATORS) or '.'} Expected module:callable, - for raw "
            f"values on standard input, or one of {', '.join(GENERATORS)}"
        )
        raise ArgumentError(msg)
    if module_name.endswith(".py") or "/" in module_name or os.sep in module_name:
        stem = os.path.basename(module_name).removesuffix(".py")
        msg = (
            f"{spec}: {module_name!r} is a path; name the module and start in its folder, as in {stem}:{path}"
        )
        raise ArgumentError(msg)
    found: Any = _module(spec, module_name)
    so_far = module_name
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            what = "module" if isinstance(found, ModuleType) else "object"
            file = getattr(found, "__file__", None)
            public = [name for name in dir(found) if not name.startswith("_")]
            msg = (
                f"{spec}: the {what} {so_far!r}{f' ({file})' if file else ''} has no {part!r}"
                f"{close(part, public) or '; check the spelling'}"
            )
            raise ArgumentError(msg) from error
        so_far += f".{part}"
    return found


def _file(spec: str) -> str:
    """Say what to do with the path of a file or folder; empty for what is none."""
    named_like_one = ":" not in spec and spec.lower().endswith((*ENDINGS, _SHARD))
    if not named_like_one and not os.path.exists(spec):
        return ""
    if spec.lower().endswith(_SHARD):
        return (
            f"{spec}: is a shard, what a validation kept; make a report of it with: gausscheck merge {spec}"
        )
    if spec.endswith(".py"):
        stem = os.path.basename(spec).removesuffix(".py")
        return f"{spec}: is a file; name a callable in it and start in its folder, as in {stem}:draw"
    return (
        f"{spec}: is a path, and a validation draws from a generator; test the values of files with: "
        f"gausscheck audit {spec}"
    )


def _module(spec: str, name: str) -> ModuleType:
    here = os.getcwd()
    importlib.invalidate_caches()
    sys.path.insert(0, here)
    try:
        return called(
            lambda: importlib.import_module(name), name=spec, doing=f"the module {name!r} was imported"
        )
    except GeneratorError as error:
        cause = error.__cause__
        # Without the module itself, or a package that it is said to be in; not what it imports in its turn.
        if isinstance(cause, ModuleNotFoundError) and f"{name}.".startswith(f"{cause.name}."):
            msg = (
                f"{spec}: no module named {cause.name!r} in {here} or on Python's path"
                f"{close(spec, GENERATORS)}"
            )
            raise ArgumentError(msg) from cause
        raise
    finally:
        # By value: the module may have put paths of its own in front.
        if here in sys.path:
            sys.path.remove(here)
