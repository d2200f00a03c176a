"""Generators: sources of any number of values, each run from a seed.

:func:`open_generator` takes a name, a callable, an iterator or a generator object. A
:class:`GeneratorSource` is started from a seed, and the :class:`Draw` that comes of it gives the same values
however they are taken. ``docs/generators.md`` shows every form.
"""

from __future__ import annotations

from gausscheck.sources.generators.base import BLOCK, Draw, GeneratorSource
from gausscheck.sources.generators.builtin import GENERATORS
from gausscheck.sources.generators.opening import open_generator

__all__ = ["BLOCK", "GENERATORS", "Draw", "GeneratorSource", "open_generator"]
