import pytest

from gausscheck.engines.numba import NumbaEngine
from gausscheck.engines.numpy import NumpyEngine

ENGINES = {"numpy": NumpyEngine(), "numba": NumbaEngine(1), "numba-2-threads": NumbaEngine(2)}


@pytest.fixture(params=list(ENGINES))
def engine(request):
    return ENGINES[request.param]
