"""The validation of a generator: looks at doubling sizes, fresh values for what is suspect, one budget."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, BinaryIO

from gausscheck.errors import ArgumentError, DataError, GausscheckError
from gausscheck.interrupts import unbroken
from gausscheck.looking import SEED_BITS, Run
from gausscheck.merging import about
from gausscheck.replay import replay
from gausscheck.report import ReportError
from gausscheck.sources.generators import open_generator
from gausscheck.spending import plan
from gausscheck.streaming import SAMPLE, Stream
from gausscheck.validation import Validation, Watcher
from gausscheck.version import __version__

if TYPE_CHECKING:
    from gausscheck.drift import Drift
    from gausscheck.drift.seeds import Seeds

__all__ = ["validate"]

_MOST_STREAMS = 1024
_LEAST = 8


def validate(
    source: Any,
    *,
    n: int = 2**27,
    budget: float = 1e-6,
    seed: int | None = None,
    streams: int = 1,
    sample: int = SAMPLE,
    battery: str = "generator",
    dtype: str | None = None,
    reference: str = "standard",
    lattice: str = "auto",
    tolerance: Mapping[str, float] | None = None,
    reader: BinaryIO | None = None,
    first: int = 0,
    drift: str | PathLike[str] | None = None,
    keep: Callable[[Stream], None] | None = None,
    progress: Watcher | None = None,
) -> Validation:
    """Test whether a generator gives iid N(0, 1) values, at a declared rate of false alarms.

    Memory is bounded. Looks are taken at doubling sizes, and the run ends at the first that fails for
    certain. Of a look that is only suspect, fresh values decide; :mod:`gausscheck.spending` has the rule and
    its proof.

    Parameters
    ----------
    source : str, callable, iterable or generator object
        As for :func:`gausscheck.sources.generators.open_generator`: ``"numpy:PCG64"``,
        ``"torch:cpu:float32"``, ``"module:callable"``, ``"-"`` with a `reader`, a callable …
    n : int
        Values in all, over all streams; rounded up to whole samples.
    budget : float
        Probability that a correct generator fails, at most.
    seed : int, optional
        Of the run; a fresh one by default. It is told in the result.
    streams : int
        Draws side by side, from the seeds ``seed, seed + 1, …``, whose dependence is tested too.
    sample : int
        Values of a stream that make a sample: lags up to half of it are seen.
    battery, reference, lattice, tolerance
        As in :func:`gausscheck.audit`.
    dtype : str, optional
        Storage format of raw values from a `reader`.
    reader : binary file, optional
        What ``"-"`` reads.
    first : int
        Number of the first sample, for a part of a larger run.
    drift : path, optional
        State of a :class:`gausscheck.Drift`, to which this run's evidence is added once.
    keep : callable, optional
        Takes the stream of stage 1 at the end, to save it.
    progress : callable, optional
        Called with a :class:`gausscheck.validation.Pulse` after each block and each look.

    Returns
    -------
    Validation
        Also where the source failed midway, or Ctrl-C was pressed: with what was seen until then.

    Raises
    ------
    ArgumentError
        An option that cannot be used.
    DataError
        The source gave nothing that could be tested.

    Examples
    --------
    >>> import gausscheck as gc
    >>> gc.validate("numpy:PCG64", n=2**17, seed=1).verdict
    'pass'
    """
    n, streams = _whole("n", n, _LEAST), _whole("streams", streams, 1)
    seed = secrets.randbits(SEED_BITS) if seed is None else _whole("seed", seed, 0)
    if streams > _MOST_STREAMS:
        msg = f"streams must be an integer from 1 to {_MOST_STREAMS}, got {streams}"
        raise ArgumentError(msg)
    length = min(_whole("sample", sample, _LEAST), max(-(-n // streams), _LEAST))
    planned = plan(n, budget, streams=streams, sample=length)
    if drift is not None and tolerance:
        msg = "drift gathers evidence against N(0, 1) itself and knows no tolerance; leave one of both out"
        raise ArgumentError(msg)
    opened = open_generator(source, dtype=dtype, reader=reader)
    if streams > 1 and not opened.reseeds:
        msg = f"{opened.name} takes no seed and cannot be drawn as {streams} streams; use streams=1"
        raise ArgumentError(msg)
    asked = {"battery": battery, "reference": reference, "lattice": lattice, "tolerance": tolerance or None}
    form = {"sample": length} if streams == 1 else {"layout": "b c w"}
    run = Run(
        opened,
        planned,
        seed=seed,
        streams=streams,
        sample=length,
        options={**asked, **form},
        first=first,
        progress=progress,
    )
    run.stream.about = about(opened.name, seed if opened.reseeds else None, streams)
    # Whatever is wrong with the state is said before anything is drawn.
    seeds = ((seed, seed + streams),) if opened.reseeds else ()
    state = None if drift is None else _state(drift, opened.name, reference, seeds)
    run.go()
    with unbroken():
        if drift is not None and state is not None:
            state = _accumulated(state, drift, run, seeds)
        if keep is not None:
            keep(run.stream)
    told = {**asked, "n": planned.sizes[-1], "seed": seed, "budget": budget, "streams": streams}
    told |= {"sample": sample, "dtype": dtype, "first": first}
    return Validation(
        version=__version__,
        source=opened.name,
        report=run.report,
        looks=tuple(run.looks),
        confirmations=tuple(run.confirmations),
        budget=budget,
        suspicion=planned.suspicion,
        seed=seed,
        streams=streams,
        n=run.looks[-1].n,
        planned=planned.sizes[-1],
        caught_at=run.caught_at,
        replay=replay(opened.name, told, typed=isinstance(source, str)),
        elapsed_s=round(run.elapsed_s, 6),
        errors=tuple(run.errors),
        notes=tuple(run.notes),
        interrupted=run.interrupted,
        drift=state,
    )


def _whole(name: str, value: Any, least: int) -> int:
    """Check a whole number; 1e9 is one."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = least - 1
    if isinstance(value, (bool, str)) or number != value or number < least:
        msg = f"{name} must be an integer from {least} up, got {value!r}"
        raise ArgumentError(msg)
    return number


def _state(path: str | PathLike[str], name: str, reference: str, seeds: Seeds) -> Drift:
    from gausscheck.drift import Drift
    from gausscheck.drift.seeds import with_seeds

    # The stream has checked the reference.
    scale = 1.0 if reference == "standard" else float(reference.partition("=")[2])
    state = Drift.load_or_new(path, source=name, scale=scale)
    try:
        with_seeds(state.seeds, seeds)
    except DataError as error:
        msg = f"{fspath(path)}: {error}"
        raise ArgumentError(msg) from None
    return state


def _accumulated(state: Drift, path: str | PathLike[str], run: Run, seeds: Seeds) -> Drift:
    """Add the evidence of a run once, and write it down; what goes wrong is an error of the run."""
    kept = run.stream.kept()
    if kept is None or kept.pooled is None:
        return state
    tensor = run.looks[-1].report.tensors[0]
    try:
        rounded = tensor.lattice or tensor.dtype
        state = state.update(kept.pooled, label=f"seed {run.seed}", dtype=rounded, seeds=seeds)
        state.save(path)
    except (GausscheckError, OSError) as error:
        run.errors.append(ReportError(fspath(path), str(error)))
    return state
