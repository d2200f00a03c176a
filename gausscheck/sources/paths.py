"""From what the user named (files, folders, patterns) to the files to open."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from gausscheck.errors import ArgumentError, FileFormatError
from gausscheck.sources.sharded import INDEX_ENDING, shard_paths

__all__ = ["ENDINGS", "expand"]

ENDINGS = (".safetensors", ".latent", ".npy", ".npz", ".pt", ".pth", INDEX_ENDING)


_PathLike = str | os.PathLike[str]


def expand(
    paths: Iterable[_PathLike], *, on_error: Callable[[_PathLike, Exception], None] | None = None
) -> list[Path]:
    """List the files that `paths` stand for.

    Parameters
    ----------
    paths : iterable of path-like
        Files, taken as they are; folders, searched recursively for the :data:`ENDINGS`; glob patterns
        (``*``, ``?``, ``[...]``, ``**``) that no file bears as its name. Where a folder or pattern brings a
        ``*.safetensors.index.json``, its shards are left out.
    on_error : callable, optional
        Told of each path that stands for nothing, with the error, which is then not raised.

    Returns
    -------
    list of pathlib.Path
        Sorted; a file reached on several ways is listed once.

    Raises
    ------
    ArgumentError
        If `paths` is empty, or a folder or pattern yields nothing.
    FileFormatError
        If a file does not exist, or a folder cannot be read.
    """
    given = list(paths)
    if not given:
        msg = "no path was given; pass files, folders or patterns"
        raise ArgumentError(msg)
    explicit: list[Path] = []
    found: list[Path] = []
    for path in given:
        try:
            files, by_name = _resolve(path)
        except (ArgumentError, OSError) as error:
            if on_error is None:
                raise
            on_error(path, error)
        else:
            (explicit if by_name else found).extend(files)
    return _unique([*explicit, *_without_shards(found)])


def _resolve(named: _PathLike) -> tuple[list[Path], bool]:
    """Return the files behind one argument, and whether it named them itself."""
    # Path("") is the working folder, which an unset shell variable must not stand for.
    if os.fspath(named) == "":
        msg = "an empty path was given; pass files, folders or patterns"
        raise ArgumentError(msg)
    path = Path(named)
    if _is_dir(path):
        return _search(path), False
    if os.path.lexists(path):
        return [path], True
    if glob.has_magic(str(path)):
        matches = [Path(match) for match in glob.glob(str(path), recursive=True)]
        if not matches:
            msg = f"the pattern {str(path)!r} matches no file (from {Path.cwd()})"
            raise ArgumentError(msg)
        # As if the shell had expanded the pattern: a folder that it matches is searched.
        return [f for match in matches for f in (_search(match) if _is_dir(match) else [match])], False
    msg = f"{path}: does not exist; check the path (from {Path.cwd()})"
    raise FileFormatError(msg)


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror or error})"
        raise FileFormatError(msg) from error


def _search(folder: Path) -> list[Path]:
    files = list(_walk(folder))
    if not files:
        wanted = ", ".join("*" + ending for ending in ENDINGS)
        msg = f"{folder}: no tensor files in this folder or below; looked for {wanted}"
        raise ArgumentError(msg)
    return files


def _walk(folder: Path) -> Iterator[Path]:
    seen: set[tuple[int, int]] = set()
    pending = [folder]
    while pending:
        here = pending.pop()
        try:
            status = here.stat()
            # Folders are known by device and inode: a link back to a parent is not entered again.
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            children = sorted(here.iterdir())
        except OSError as error:
            msg = f"{here}: the folder cannot be read ({error.strerror or error})"
            raise FileFormatError(msg) from error
        for child in children:
            if _is_dir(child):
                pending.append(child)
            elif child.name.lower().endswith(ENDINGS):
                yield child


def _without_shards(files: list[Path]) -> list[Path]:
    shards: set[str] = set()
    for path in files:
        if path.name.lower().endswith(INDEX_ENDING):
            try:
                shards.update(os.path.realpath(shard) for shard in shard_paths(path))
            except FileFormatError:
                # A broken index stays in the list, where opening it reports the error; its shards stay too.
                continue
    return [path for path in files if os.path.realpath(path) not in shards]


def _unique(files: list[Path]) -> list[Path]:
    kept: dict[str, Path] = {}
    for path in sorted(files):
        kept.setdefault(os.path.realpath(path), path)
    return list(kept.values())
