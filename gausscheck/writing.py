"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

__all__ = ["cannot_write", "write_whole"]


def cannot_write(path: Path) -> str:
    """Say why `path` could not be written, before any work is done for it; ``""`` where it could."""
    target = Path(os.path.realpath(path))
    folder = target.parent
    try:
        if target.is_dir():
            return f"{path}: is a folder"
        if target.exists() and not target.is_file():
            return f"{path}: is not a regular file"
        if not folder.is_dir():
            return f"{path}: there is no folder {folder}"
    except OSError as error:
        return f"{path}: {error.strerror or error}"
    # A folder, not the file, must allow writing: the file is replaced.
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"{path}: its folder cannot be written to"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that readers see the old content or the new, never a part.

    Parameters
    ----------
    path : pathlib.Path
        Replaced if it exists, its permissions kept; a link is followed.
    data : bytes
        Content.

    Raises
    ------
    OSError
        Whatever the system says (disk full, no permission); nothing is left behind.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        # Replacing it would turn a device or a pipe into a file.
        msg = "is not a regular file"
        raise OSError(errno.EINVAL, msg, str(path))
    temporary = target.with_name(f".gausscheck-{secrets.token_hex(8)}.tmp")
    try:
        descriptor = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666
        )
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
