"""From findings to likely causes, in plain words; each hint is backed by a finding that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gausscheck.hints.dependence import dependence
from gausscheck.hints.evidence import Evidence
from gausscheck.hints.fields import Fields
from gausscheck.hints.marginal import marginal
from gausscheck.hints.peaks import peaks
from gausscheck.hints.place import place
from gausscheck.hints.scale import NOISE_SCALES, SCALE_FACTORS, SHIFTS, scale
from gausscheck.hints.size import size
from gausscheck.hints.spectrum import spectrum

__all__ = ["NOISE_SCALES", "SCALE_FACTORS", "SHIFTS", "Evidence", "hints"]

_RULES: tuple[Callable[[Evidence, Fields], Iterator[str]], ...] = (
    size,
    dependence,
    marginal,
    scale,
    spectrum,
    peaks,
    place,
)


def hints(seen: Evidence) -> tuple[str, ...]:
    """Likely causes of what failed, the most to the point first.

    Parameters
    ----------
    seen : Evidence

    Returns
    -------
    tuple of str
        Empty where nothing failed or nothing known fits.
    """
    if not seen.failed or seen.fails("constant"):
        # Of one value, repeated, the finding says all.
        return ()
    fields = Fields(seen)
    return tuple(dict.fromkeys(line for rule in _RULES for line in rule(seen, fields)))
