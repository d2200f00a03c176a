import pytest
from laws.cases import ENGINES


@pytest.fixture(params=list(ENGINES))
def engine(request):
    return ENGINES[request.param]


@pytest.fixture(params=list(ENGINES))
def only_engine(request, monkeypatch):
    """Every reduction by this engine, whatever its size."""
    chosen = ENGINES[request.param]
    for module in ("gausscheck.gather", "gausscheck.catalogue.base"):
        monkeypatch.setattr(f"{module}.select", lambda *_args, **_options: chosen)
    return chosen
