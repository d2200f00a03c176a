"""Which tensors of a file are to be tested."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import replace

from gausscheck.errors import ArgumentError, DataError
from gausscheck.sources.base import Source, TensorEntry, describe
from gausscheck.sources.names import is_noise_name, skip_reason

__all__ = ["choose"]


def choose(
    source: Source, keys: Sequence[str] = ()
) -> tuple[tuple[TensorEntry, ...], tuple[TensorEntry, ...]]:
    """Split the tensors of a file into those to test and those left out.

    Parameters
    ----------
    source : Source
        The file.
    keys : sequence of str
        Names or glob patterns of the tensors wanted. Without any, tensors named like noise or latents are
        taken; or, when no name says so, the only float tensor.

    Returns
    -------
    chosen : tuple of TensorEntry
        In file order, at least one.
    skipped : tuple of TensorEntry
        The others; the note of each says why it was left out.

    Raises
    ------
    ArgumentError
        If a key matches nothing.
    DataError
        If nothing can be tested, a key names what cannot be tested, or the choice is not clear.
    """
    if source.metadata.get("format", "").startswith("gausscheck/shard/"):
        msg = (
            f"{source.path}: is a shard, what a validation kept, and no file of values; make a report of it "
            f"with: gausscheck merge {source.path}"
        )
        raise DataError(msg)
    picked = _named(source, keys) if keys else _by_rule(source)
    reason = "not asked for" if keys else "not named like noise"
    chosen = tuple(entry for entry in source.entries if entry.key in picked)
    skipped = tuple(
        replace(entry, note=_why_skipped(entry) or reason)
        for entry in source.entries
        if entry.key not in picked
    )
    return chosen, skipped


def _why_skipped(entry: TensorEntry) -> str:
    """Say what keeps a tensor from being taken unasked, or ``""``."""
    if entry.note:
        return entry.note
    # ComfyUI marks the version of its latents by an empty float tensor.
    if entry.size == 0:
        return "empty, no values"
    return skip_reason(entry.key) or ("a single value" if entry.size == 1 else "")


def _by_rule(source: Source) -> set[str]:
    if not any(entry.testable for entry in source.entries):
        raise DataError(_nothing_testable(source))
    if len(source.entries) == 1 and source.entries[0].key == "":
        return {""}
    candidates = [entry.key for entry in source.entries if not _why_skipped(entry)]
    noise = {key for key in candidates if is_noise_name(key)}
    if noise:
        return noise
    if len(candidates) == 1:
        return set(candidates)
    floats = [entry for entry in source.entries if entry.testable]
    reasons = "".join(f"\n  {e.key!r}: {_why_skipped(e)}" for e in floats[:20] if _why_skipped(e))
    msg = (
        f"{source.path}: cannot tell which of {len(floats)} float tensors is the noise; "
        f"name it with --key KEY (keys= in Python):\n{describe(floats)}"
    )
    if reasons:
        msg += f"\nNot taken unasked:{reasons}"
    raise DataError(msg)


def _nothing_testable(source: Source) -> str:
    if not source.entries:
        return f"{source.path}: holds no tensors; there is nothing to test"
    why = "\n".join(f"  {e.key!r}  {e.dtype} {list(e.shape)}: {e.note}" for e in source.entries[:20])
    return f"{source.path}: holds no float tensor that can be tested:\n{why}"


def _named(source: Source, keys: Iterable[str]) -> set[str]:
    picked: set[str] = set()
    for key in keys:
        exact = [entry for entry in source.entries if entry.key == key]
        matches = exact or [e for e in source.entries if fnmatch.fnmatchcase(e.key, key)]
        if not matches:
            raise ArgumentError(_no_match(source, key))
        testable = {entry.key for entry in matches if entry.testable}
        if not testable:
            why = "; ".join(f"{e.key!r} ({e.dtype} {list(e.shape)}): {e.note}" for e in matches[:5])
            msg = f"{source.path}: --key {key!r} names nothing that can be tested: {why}"
            raise DataError(msg)
        picked |= testable
    return picked


def _no_match(source: Source, key: str) -> str:
    names = [entry.key for entry in source.entries]
    if names == [""]:
        return f"{source.path}: no tensor matches --key {key!r}; the file holds one unnamed array, omit --key"
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    return f"{source.path}: no tensor matches --key {key!r}{hint} It holds:\n{describe(source.entries)}"
