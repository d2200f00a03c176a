"""Seeds that evidence was drawn from: none counts twice."""

from __future__ import annotations

from gausscheck.errors import DataError

__all__ = ["Seeds", "with_seeds"]

Seeds = tuple[tuple[int, int], ...]
"""Ranges of seeds, each with its first and the one beyond its last, ascending, none touching another."""


def with_seeds(held: Seeds, more: Seeds) -> Seeds:
    """All seeds of both.

    Raises
    ------
    DataError
        A seed is in both: its values would count twice. Names it.
    """
    joint: list[tuple[int, int]] = []
    for first, beyond in sorted((*held, *more)):
        if joint and joint[-1][1] > first:
            msg = (
                f"values from seed {first} count already in this evidence, and do not count twice; draw from "
                "seeds of your own for each run: the next ones, or a fresh one by default"
            )
            raise DataError(msg)
        if joint and joint[-1][1] == first:
            joint[-1] = (joint[-1][0], beyond)
        else:
            joint.append((first, beyond))
    return tuple(joint)
