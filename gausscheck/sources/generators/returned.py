"""What a generator of the user's returned or yielded: values to keep, or a clear refusal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from gausscheck.arrays import TensorValues, Values, as_values
from gausscheck.errors import DataError, GeneratorError

__all__ = ["called", "is_array", "owned", "seen"]


def called(function: Callable[[], Any], *, name: str, doing: str) -> Any:
    """Call what the user wrote; what it raises becomes the cause of an error that names it.

    Raises
    ------
    GeneratorError
        Whatever it raised but StopIteration, which the caller takes as the end.
    """
    try:
        return function()
    except (StopIteration, GeneratorError):
        raise
    except Exception as error:
        told = str(error).strip()
        msg = (
            f"{name} raised {type(error).__name__}{f': {told}' if told else ''} when {doing}; "
            "correct the generator, the error that it raised is the cause of this one"
        )
        raise GeneratorError(msg) from error


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
