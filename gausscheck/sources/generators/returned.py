"""What a generator of the user's returned or yielded: values to keep, or a clear refusal."""

from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gausscheck.arrays import TensorValues, Values, as_values
from gausscheck.errors import DataError, GeneratorError

__all__ = ["called", "is_array", "owned", "seen"]

_OURS = str(Path(__file__).parents[2]) + os.sep
_PYTHON = sysconfig.get_path("stdlib") + os.sep  # site-packages may be a folder in there


def called(function: Callable[[], Any], *, name: str, doing: str) -> Any:
    """Call what the user wrote; what it raises becomes the cause of an error that names it.

    Raises
    ------
    GeneratorError
        Whatever it raised but StopIteration, which the caller takes as the end. SystemExit too: a module
        that ends the process as it is imported must not look like one that passed.
    """
    try:
        return function()
    except (StopIteration, GeneratorError):
        raise
    except (Exception, SystemExit) as error:
        told = str(error).strip()
        msg = (
            f"{name} raised {type(error).__name__}{f': {told}' if told else ''} when {doing}{_place(error)}; "
            "correct the generator"
        )
        raise GeneratorError(msg) from error


def _place(error: BaseException) -> str:
    """Say in which line an error was raised: the last that is neither Python's nor ours.

    Nor of an installed package, unless the generator itself is one.
    """
    raised = traceback.extract_tb(error.__traceback__)
    # What is no file: frozen modules, and sources of Cython's that were not installed.
    frames = [f for f in raised if not f.filename.startswith(_OURS) and Path(f.filename).is_file()]
    own = [f for f in frames if "site-packages" not in f.filename and not f.filename.startswith(_PYTHON)]
    packages = [f for f in frames if "site-packages" in f.filename]
    return "".join(f", in {f.filename}, line {f.lineno}" for f in (own or packages)[-1:])


def is_array(x: Any) -> bool:
    """Tell arrays, tensors, numbers, lists and None, which are results, from what could give some."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(x, torch.Tensor):
        return True
    return (
        x is None
        or isinstance(x, (Values, list, tuple, float, int, complex, str, bytes))
        or (hasattr(x, "__array__") and not isinstance(x, type))
    )


def seen(x: Any, *, name: str, verb: str) -> Values:
    """Values of what was returned, 1-d, perhaps a view of it.

    Raises
    ------
    GeneratorError
        For None, a single number, a ragged list, integers, and whatever else cannot be tested.
    """
    if x is None:
        msg = f"{name} {verb} None: expected an array of float values; does its function lack a return?"
        raise GeneratorError(msg)
    if isinstance(x, (list, tuple)):
        try:
            x = np.asarray(x)
        except (ValueError, TypeError) as error:
            what = f"a {type(x).__name__} that makes no array ({error})"
            msg = f"{name} {verb} {what}; expected an array of float values"
            raise GeneratorError(msg) from error
    if "int" in str(getattr(x, "dtype", "")) and not isinstance(x, Values):
        msg = (
            f"{name} {verb} integers ({x.dtype}); expected floats: convert them to the values they stand for"
        )
        raise GeneratorError(msg)
    if np.ndim(x) == 0 if not hasattr(x, "shape") else len(x.shape) == 0:
        msg = f"{name} {verb} a single {type(x).__name__}; expected an array of float values"
        raise GeneratorError(msg)
    try:
        values = as_values(x)
    except DataError as error:
        msg = f"{name} {verb} what cannot be tested: {error}"
        raise GeneratorError(msg) from error
    return values.like(values.data.reshape(-1))


def owned(values: Values) -> Values:
    """Copy of values, which the generator may overwrite later."""
    if isinstance(values, TensorValues):
        return values.like(values.data.clone())
    return values.like(values.data.copy())
