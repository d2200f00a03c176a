"""Shards of one big run, from many machines, to one stream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from pathlib import Path

from gausscheck.errors import ArgumentError, FileFormatError
from gausscheck.floats import FORMATS
from gausscheck.sources.generators.builtin import FAMILIES
from gausscheck.sources.generators.words import named
from gausscheck.sources.sniff import identify
from gausscheck.streaming import Stream

__all__ = ["about", "merge_shards"]

_SOURCE, _SEEDS = "source", "seeds"


def about(source: str, seed: int | None, streams: int) -> dict[str, str]:
    """Return what a shard remembers of its run; no seed where the source takes none.

    Examples
    --------
    >>> about("numpy:PCG64", 5, 8)
    {'source': 'numpy:PCG64', 'seeds': '5-12'}
    """
    kept = {_SOURCE: source}
    return kept if seed is None else kept | {_SEEDS: f"{seed}-{seed + streams - 1}"}


def merge_shards(paths: Iterable[str | PathLike[str]]) -> Stream:
    """Stream of all shards together; what it is about names every source and all seeds.

    Parameters
    ----------
    paths : iterable of path
        Files that :meth:`gausscheck.Stream.save` wrote. None of them is changed.

    Raises
    ------
    FileFormatError
        Missing, no shard, damaged, cut short, or of another version.
    ArgumentError
        Two that do not belong together, both named: of different sources, batteries, shapes, storage formats
        or references; the same one twice; drawn by one source from the same seed.
    """
    total: Stream | None = None
    start = ""
    seen: list[tuple[str, Mapping[str, str]]] = []
    for path in [fspath(path) for path in paths]:
        shard = _loaded(path)
        told = dict(shard.about)
        for other, known in seen:
            _check_source(path, told, other, known)
        if total is None:
            total, start = shard, path
        else:
            try:
                total = total.merge(shard)
            except ArgumentError as error:
                msg = f"{path}: does not belong to {start} and what was merged with it: {error}"
                raise ArgumentError(msg) from error
        for other, known in seen:
            _check_seeds(path, told, other, known)
        seen.append((path, told))
        total.about = {key: joined for key in (_SOURCE, _SEEDS) if (joined := _joined(key, seen))}
    if total is None:
        msg = "there are no shards to merge"
        raise ArgumentError(msg)
    return total


def _joined(key: str, seen: Iterable[tuple[str, Mapping[str, str]]]) -> str:
    words = [word for _, told in seen for word in told.get(key, "").split()]
    return " ".join(dict.fromkeys(words))


def _loaded(path: str) -> Stream:
    try:
        return Stream.load(path)
    except FileFormatError as error:
        kind = _other_kind(path)
        if not kind:
            raise
        msg = (
            f"{path}: is a .{kind} file of values, not a shard; test the values with: gausscheck audit {path}"
        )
        raise FileFormatError(msg) from error


def _other_kind(path: str) -> str:
    """Name the format of a file of values that is told by its first bytes, and of no other file."""
    try:
        kind = identify(Path(path))
    except FileFormatError:
        # What is wrong with it has been said by who tried to load it as a shard.
        return ""
    return {"npy": "npy", "npz": "npz", "torch": "pt"}.get(kind, "")


def _generator(source: str) -> str:
    """Name of a source without the number of a device and the type, which say nothing of the recipe.

    Examples
    --------
    >>> _generator("torch:cuda:1:bfloat16"), _generator("numpy:PCG64"), _generator("mine:draw")
    ('torch:cuda', 'numpy:PCG64', 'mine:draw')
    """
    family, *rest = source.split(":")
    if family not in FAMILIES:
        return source
    return ":".join([family, *(part for part in rest if not (part.isdecimal() or named(part) in FORMATS))])


def _check_source(path: str, told: Mapping[str, str], other: str, known: Mapping[str, str]) -> None:
    """Raise where two shards are known to come of different generators."""
    mine, theirs = told.get(_SOURCE, ""), known.get(_SOURCE, "")
    if mine and theirs and _generator(mine) != _generator(theirs):
        msg = (
            f"{path}: was drawn by {mine}, and {other} by {theirs}: these are no parts of one run; merge the "
            "shards of each source by themselves"
        )
        raise ArgumentError(msg)


def _check_seeds(path: str, told: Mapping[str, str], other: str, known: Mapping[str, str]) -> None:
    """Raise where two shards hold the same values."""
    if _generator(told.get(_SOURCE, "")) != _generator(known.get(_SOURCE, "")):
        return
    for a, b in _ranges(told):
        for c, d in _ranges(known):
            if a <= d and c <= b:
                msg = (
                    f"{path} (seeds {a} to {b}) and {other} (seeds {c} to {d}) were drawn by {told[_SOURCE]} "
                    "from the same seed: they hold the same values; draw each from a seed of its own"
                )
                raise ArgumentError(msg)


def _ranges(told: Mapping[str, str]) -> list[tuple[int, int]]:
    pairs = [word.partition("-") for word in told.get(_SEEDS, "").split()]
    return [(int(low), int(high)) for low, _, high in pairs if low.isdigit() and high.isdigit()]
