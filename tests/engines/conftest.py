"""Engines under one law: those that draw the same permutations, and all of them."""

import pytest
from engines.tensors import OnArrays

from gausscheck.engines.numba import NumbaEngine
from gausscheck.engines.numpy import NumpyEngine

ENGINES = {"numpy": NumpyEngine, "numba": NumbaEngine, "numba-2-threads": lambda: NumbaEngine(2)}


@pytest.fixture(params=[*ENGINES, "torch"])
def engine(request):
    return ENGINES.get(request.param, OnArrays)()


@pytest.fixture(params=list(ENGINES))
def host_engine(request):
    """An engine that permutes by Fisher-Yates, in NumPy's memory."""
    return ENGINES[request.param]()


@pytest.fixture
def on_device(monkeypatch):
    """No tensor is read by NumPy: each stays where it is."""
    monkeypatch.setattr("gausscheck.arrays.READ_BY_NUMPY", frozenset())
