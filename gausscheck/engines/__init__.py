"""How data is reduced to summaries: plain NumPy (the oracle), fused Numba kernels, torch on a device."""

from __future__ import annotations

import os
from importlib import import_module

from gausscheck.engines.base import Engine

__all__ = ["NO_NUMBA", "NUMBA_PAYS", "Engine", "select"]

NO_NUMBA = "GAUSSCHECK_NO_NUMBA"
"""Environment variable: ``1`` keeps every reduction in NumPy."""

NUMBA_PAYS = 2**21
"""Values read from which on Numba is used.

Its start takes 0.39 s once its kernels are cached; in that time the NumPy engine passes over 1.4e7 values or
permutes 2.8e6 (measured with ``tests/benchmarks/bench_pass.py``).
"""


def select(size: int, threads: int | None = None, *, device: str | None = None) -> Engine:
    """Engine for a piece of work, by its size and place, so that the same call always takes the same road.

    Parameters
    ----------
    size : int
        Number of values that will be read, over all the passes of the work.
    threads : int, optional
        Threads to work on; all CPUs that this process may use by default.
    device : str, optional
        Where the values live, as :attr:`gausscheck.arrays.Values.device` says; None for the memory of NumPy.

    Returns
    -------
    Engine
        Torch for values on a device.
        NumPy below ``NUMBA_PAYS`` values, where the start of Numba costs more than it saves; NumPy too where
        Numba cannot be imported or the environment says ``GAUSSCHECK_NO_NUMBA=1``.
    """
    if device is not None:
        from gausscheck.engines.torch.engine import TorchEngine

        return TorchEngine()
    workers = _available_threads() if threads is None else threads
    if size < NUMBA_PAYS or os.environ.get(NO_NUMBA) == "1" or not _numba_works():
        from gausscheck.engines.numpy import NumpyEngine

        return NumpyEngine(workers)
    from gausscheck.engines.numba import NumbaEngine

    return NumbaEngine(workers)


def _numba_works() -> bool:
    try:
        import_module("numba")
    except ImportError:
        return False
    return True


def _available_threads() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
