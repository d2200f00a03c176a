"""The audit: a source and a battery in, a report out. The only orchestrator."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from os import PathLike, fspath
from typing import Any

from gausscheck.across import Across
from gausscheck.arrays import as_values
from gausscheck.decide import cauchy
from gausscheck.errors import GausscheckError
from gausscheck.examine import examine
from gausscheck.options import Options, Progress, options
from gausscheck.report import Report, ReportError, TensorReport, tensor_name
from gausscheck.sources import Source, TensorEntry, expand, open_source
from gausscheck.sources.choose import choose
from gausscheck.version import __version__

__all__ = ["audit", "audit_files"]


def audit(
    x: Any,
    *,
    layout: str | None = None,
    battery: str = "standard",
    reference: str = "standard",
    lattice: str = "auto",
    permutations: int = 4,
    seed: int = 0,
    alpha: float = 1e-6,
    tolerance: Mapping[str, float] | None = None,
    integers: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Test whether an array is iid N(0, 1) noise.

    Parameters
    ----------
    x : array_like
        NumPy array, torch tensor, or anything with ``__array__``; any float dtype, any shape. A tensor on a
        device such as CUDA is audited there; its permuted power spectrum draws other permutations.
    layout : str, optional
        Axis letters ``b`` sample, ``c`` channel, ``t h w`` time and space, such as ``"b w c"``. By default
        from the number of axes: ``w``, ``b w``, ``c h w``, ``b c h w``, ``b c t h w``.
    battery : str
        ``quick``, ``standard`` or ``thorough``.
    reference : str
        ``standard``: N(0, 1). ``scale=S``: N(0, S²) with S known.
    lattice : str
        ``auto``: values that were rounded through bf16, fp16 or fp8 (by dtype, or found in a wider one) are
        tested against N(0, 1) rounded alike. Otherwise the lattice's name, or ``none``.
    permutations : int
        Random permutations of the permuted power spectrum; 0 leaves it out.
    seed : int
        Of the permutations; recorded in the report.
    alpha : float
        Level of the verdict ``fail``, for each tensor, over all its tests.
    tolerance : mapping, optional
        Effect name to the size that still passes, such as ``{"scale": 0.01}``.
    integers : bool
        Accept integer arrays.
    progress : callable, optional
        ``(name, values done, values in all)``.

    Returns
    -------
    Report

    Raises
    ------
    DataError
        Empty, fewer than 8 values, or not floats.
    ArgumentError
        An option that cannot be used.

    Examples
    --------
    >>> import numpy as np, gausscheck as gc
    >>> gc.audit(np.random.default_rng(0).standard_normal((4, 64, 64))).verdict
    'pass'
    """
    start = time.perf_counter()
    chosen = options(
        layout=layout,
        battery_name=battery,
        reference=reference,
        lattice=lattice,
        permutations=permutations,
        seed=seed,
        alpha=alpha,
        tolerance=tolerance,
        progress=progress,
    )
    tensor = examine(as_values(x, integers=integers), chosen)
    return _report([tensor], chosen, start)


def audit_files(
    paths: Iterable[str | PathLike[str]] | str | PathLike[str],
    *,
    keys: Sequence[str] | str = (),
    layout: str | None = None,
    battery: str = "standard",
    reference: str = "standard",
    lattice: str = "auto",
    permutations: int = 4,
    seed: int = 0,
    alpha: float = 1e-6,
    tolerance: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Audit the noise-like tensors of files, each with a verdict of its own.

    Parameters
    ----------
    paths : path or iterable of paths
        Files, folders or patterns: safetensors, npy, npz, pt (with torch).
    keys : str or sequence of str
        Names or patterns of the tensors to take; by default those named like latents or noise.
    layout, battery, reference, lattice, permutations, seed, alpha, tolerance, progress
        As in :func:`audit`.

    Returns
    -------
    Report
        What could not be audited is listed under ``errors`` and does not stop the rest; tensors that are not
        noise (masks, embeddings, integers) are skipped and listed under ``notes``.

    Raises
    ------
    ArgumentError
        An option that cannot be used.
    """
    start = time.perf_counter()
    chosen = options(
        layout=layout,
        battery_name=battery,
        reference=reference,
        lattice=lattice,
        permutations=permutations,
        seed=seed,
        alpha=alpha,
        tolerance=tolerance,
        progress=progress,
    )
    given = [paths] if isinstance(paths, (str, PathLike)) else list(paths)
    keys = [keys] if isinstance(keys, str) else list(keys)
    tensors: list[TensorReport] = []
    errors: list[ReportError] = []
    notes: list[str] = []

    def unread(path: str | PathLike[str], error: Exception, key: str = "") -> None:
        errors.append(ReportError(fspath(path), str(error) or type(error).__name__, key))

    across = Across()
    for path in expand(given, on_error=unread) if given else []:
        try:
            source = open_source(path)
            entries, skipped = choose(source, keys)
        except (GausscheckError, OSError) as error:
            unread(path, error)
            continue
        notes += [f"{tensor_name(str(source.path), e.key)}: skipped, {e.note}" for e in skipped]
        for entry in entries:
            try:
                tensors.append(_audit_entry(source, entry, chosen, across))
            except (GausscheckError, OSError) as error:
                unread(path, error, entry.key)
    return _report(tensors, chosen, start, errors=errors, notes=notes, across=across)


def _audit_entry(source: Source, entry: TensorEntry, chosen: Options, across: Across) -> TensorReport:
    path = str(source.path)
    with source.open(entry) as tensor:
        return examine(
            tensor.values,
            chosen,
            path=path,
            key=entry.key,
            release=tensor.release,
            keep=partial(across.take, tensor_name(path, entry.key)),
        )


def _report(
    tensors: Sequence[TensorReport],
    chosen: Options,
    start: float,
    *,
    errors: Iterable[ReportError] = (),
    notes: Iterable[str] = (),
    across: Across | None = None,
) -> Report:
    shared = () if across is None else across.compare(chosen.alpha, chosen.scale)
    return Report(
        version=__version__,
        alpha=chosen.alpha,
        battery=chosen.battery.name,
        seed=chosen.seed,
        elapsed_s=round(time.perf_counter() - start, 6),
        tensors=tuple(tensors),
        log_p=cauchy([*(t.log_p for t in tensors), *(s.log_p for s in shared)]),
        errors=tuple(errors),
        notes=tuple(notes),
        shared=shared,
    )
