"""The zoo: recipes of noise with a known fault, and of noise without one."""

from __future__ import annotations

from zoo import (
    batches,
    fields,
    generators,
    good,
    marginals,
    optimised,
    patterns,
    pipelines,
    scales,
    storage,
)
from zoo.defect import Defect

__all__ = ["ZOO", "Defect"]

_PAGES = (
    scales,
    marginals,
    generators,
    storage,
    fields,
    patterns,
    batches,
    pipelines,
    optimised,
    good,
)

ZOO: dict[str, Defect] = {defect.name: defect for page in _PAGES for defect in page.DEFECTS}
"""Name -> recipe, in a stable order, noise without fault last."""
