"""``torch.load`` for files that nobody vouches for: restricted unpickler, memory map, errors that say why.

The restricted unpickler (``weights_only=True``) builds tensors and plain containers and calls nothing else.
What it refuses is refused here; there is no weaker way in.

Source: :mod:`torch.serialization` and :mod:`torch._weights_only_unpickler`.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gausscheck.errors import FileFormatError, GausscheckError
from gausscheck.sources.npz import archive
from gausscheck.sources.regions import opened

__all__ = ["LEGACY_MAGIC", "guarded", "import_torch", "is_torch_archive", "load"]

# The number that a file of the format before PyTorch 1.6 begins with, as pickle writes it.
LEGACY_MAGIC = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_SAVE_PLAIN = "save the plain tensor anew with torch.save(tensor, PATH), or as safetensors"

# How torch names what a pickle asks for, in the errors of its restricted unpickler.
_NEEDS_CODE = (
    re.compile(r"GLOBAL (.+?) was not an allowed global"),
    re.compile(r"unsupported GLOBAL (.+?) whose module .+ is blocked"),
    re.compile(r"Unsupported class (.+)"),  # torch 2.2 and 2.3
    re.compile(r"reduce for unrecognized function (.+)"),
    re.compile(r"allowlisted via `add_safe_globals`,? but got (.+)"),
    re.compile(r"``(\S+)`` (?:and \S+ )?must be imported"),
)
_UNKNOWN_OPERATION = re.compile(r"Unsupported operand (\d+)")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def is_torch_archive(names: list[str]) -> bool:
    """Tell whether a zip archive with members of these names is a file of ``torch.save``."""
    return any(name == "data.pkl" or name.endswith("/data.pkl") for name in names)


def import_torch(path: Path) -> Any:
    """Import torch, or say what to install to read the file at `path`."""
    try:
        import torch
    except (ImportError, OSError) as error:
        msg = (
            f"{path}: is a PyTorch file; reading it needs torch, which cannot be imported "
            f"({_reason(error)}); install it with: pip install 'gausscheck[torch]'"
        )
        raise FileFormatError(msg) from error
    return torch


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Silence torch's warnings; whatever it raises inside becomes a :class:`FileFormatError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except GausscheckError:
        raise
    # A damaged file can make torch raise anything, from AssertionError to struct.error.
    except Exception as error:
        raise FileFormatError(_explain(path, error)) from error


def load(path: Path) -> Any:
    """Load what ``torch.save`` wrote: tensors in nested dicts, lists and tuples, and plain values.

    Parameters
    ----------
    path : pathlib.Path
        The file. The storages of a zip archive are mapped, those of the older format read.

    Raises
    ------
    FileFormatError
        If the file is damaged, is a TorchScript program, needs code to be loaded, or torch is missing.
    """
    with opened(path) as file:
        zipped = file.read(2) == b"PK"
    if path.name.endswith(".safetensors"):
        # torch.load would judge it by its name.
        msg = f"{path}: is a PyTorch file, not a safetensors file; rename it to end in .pt"
        raise FileFormatError(msg)
    if zipped:
        _check_archive(path)
    torch = import_torch(path)
    with guarded(path):
        if zipped:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return torch.load(path, map_location="cpu", weights_only=True)


def _check_archive(path: Path) -> None:
    with opened(path) as file, archive(file, str(path)) as zipped:
        members = zipped.infolist()
    if any(info.filename.rpartition("/")[2] == "constants.pkl" for info in members):
        msg = (
            f"{path}: is a TorchScript archive, a program with its weights, and gausscheck runs no code from "
            f"files; {_SAVE_PLAIN}"
        )
        raise FileFormatError(msg)
    # A map of packed bytes would show them as values.
    packed = next((info for info in members if info.compress_type != zipfile.ZIP_STORED), None)
    if packed is not None:
        msg = (
            f"{path}: its member {packed.filename!r:.200} is compressed, so that values cannot be mapped; it "
            "was packed by another program than torch; load it with torch and save it anew with torch.save"
        )
        raise FileFormatError(msg)


def _explain(path: Path, error: Exception) -> str:
    text = _ESCAPES.sub("", str(error))
    for pattern in _NEEDS_CODE:
        if match := pattern.search(text):
            name = match[1].rstrip(".")
            from_numpy = " (torch.from_numpy makes one of an array)" if name.startswith("numpy") else ""
            return (
                f"{path}: needs the code {name[:200]!r} to be loaded, and gausscheck runs no code from "
                f"files; {_SAVE_PLAIN}{from_numpy}"
            )
    if match := _UNKNOWN_OPERATION.search(text):
        return (
            f"{path}: holds the pickle operation {int(match[1]):#04x}, which safe loading does not know; "
            "it was saved with a pickle_protocol other than torch's own, or is damaged; "
            "save it anew with torch.save"
        )
    return (
        f"{path}: torch cannot read it ({_reason(error)}); "
        "it is damaged, or written by a newer torch than the one installed; write it anew"
    )


def _reason(error: Exception) -> str:
    """First line of what torch says, without its advice on loading files unsafely."""
    text = _ESCAPES.sub("", str(error)).rpartition("WeightsUnpickler error:")[2].strip()
    line = text.splitlines()[0] if text else ""
    return f"{type(error).__name__}: {line:.200}" if line else type(error).__name__
