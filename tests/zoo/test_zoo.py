"""The zoo: recipes are reproducible, of the shape asked for, and have the fault that they state."""

from __future__ import annotations

import math
import re
from functools import cache

import numpy as np
import pytest
from scipy.special import erfinv
from scipy.stats import t
from zoo import ZOO
from zoo.measure import AT_MOST, MEASURES
from zoo.tools import FORMATS, inverse_normal, rounded

from gausscheck.lattice import Lattice

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

N = 2**14
DRAWS = 40
# A measured mean may be off by so many of its standard errors: two-sided 1e-9 for each quantity.
SIGMAS = float(t.isf(0.5e-9, DRAWS - 1))
# Quantities that a recipe fixes exactly are off by the rounding to float32 alone: 2**-24 of values up to 6.
ROUNDING = 2e-6
# The inverse of the normal law is good to 1e-6 (below): times the largest x * density, 0.24, and n.
COARSER = {"kolmogorov_distance": 1e-6 * 0.25 * N}

FAMILIES = {"moments", "marginal", "spectrum", "dependence", "none"}
STATISTICS = {
    *("moment", "hermite", "power_spectrum", "spectral_flatness", "cumulative_periodogram", "spectral_peak"),
    *("band_power", "autocorrelation", "anderson_darling", "kolmogorov", "max_abs", "tail_count", "heaps"),
    *("channel_correlation", "sample_correlation", "duplicates"),
}


def _generator(name: str, draw: int) -> np.random.Generator:
    return np.random.default_rng([list(ZOO).index(name), draw])


def _draw(name: str, draw: int = 0):
    return ZOO[name].make(ZOO[name].shape(N), _generator(name, draw))


@cache
def _clean(shape):
    return [np.random.default_rng([7, k]).standard_normal(shape) for k in range(DRAWS)]


def _contradictions(name: str, tensors) -> list[str]:
    """What the tensors have to say against the truth stated."""
    lines = []
    measured = {key: np.array([MEASURES[key](x) for x in tensors]) for key in ZOO[name].truth}
    for key, truth in ZOO[name].truth.items():
        values = measured[key]
        exact = COARSER.get(key, ROUNDING) * max(1.0, abs(truth))
        if key in AT_MOST:
            wrong = values.max() > truth + exact
        else:
            error = values.std(ddof=1) / math.sqrt(len(values))
            wrong = abs(values.mean() - truth) > SIGMAS * error + exact
        if wrong:
            lines.append(
                f"{key}: stated {truth:.6g}, measured {values.mean():.6g}, at most {values.max():.6g}"
            )
    return lines


def test_entries_are_complete():
    for name, defect in ZOO.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert defect.title
        assert defect.story
        assert defect.source
        assert defect.family in FAMILIES
        assert set(defect.statistics) <= STATISTICS, name
        assert bool(defect.statistics) == (defect.family != "none"), name
        assert defect.truth, name
        assert "|" not in defect.title + defect.story + defect.source, "a table is made of them"
        assert not (defect.hint and not defect.fault), name
    assert len({d.title for d in ZOO.values()}) == len(ZOO)


def test_names_are_distinct_on_all_pages():
    import zoo

    assert sum(len(page.DEFECTS) for page in zoo._PAGES) == len(ZOO)


@pytest.mark.parametrize("name", ZOO)
def test_reproducible_and_of_the_shape_asked_for(name):
    defect = ZOO[name]
    samples = defect.samples
    for shape in (defect.shape(2**12), (samples, 6, 10, 14), (samples, 256)):
        if len(shape) == 2 and set(defect.needs) & set("ch"):
            with pytest.raises(ValueError, match=f"{name}: shape .* has no length along"):
                defect.make(shape, _generator(name, 0))
            continue
        x, again, other = (defect.make(shape, _generator(name, k)) for k in (0, 0, 1))
        assert x.shape == shape
        assert x.dtype == np.float32
        assert np.isfinite(x).all()
        np.testing.assert_array_equal(x, again)
        assert not np.array_equal(x, other)


@pytest.mark.parametrize("name", ZOO)
def test_truth(name):
    assert _contradictions(name, [_draw(name, k).astype(np.float64) for k in range(DRAWS)]) == []


@pytest.mark.parametrize("name", [n for n, d in ZOO.items() if d.family != "none"])
def test_truth_is_not_that_of_clean_noise(name):
    assert _contradictions(name, _clean(ZOO[name].shape(N)))


def test_shapes():
    clean, odd = ZOO["clean"], ZOO["odd_sample"]
    assert clean.shape(2**14) == (1, 4, 64, 64)
    assert clean.shape(2**18) == (1, 16, 128, 128)
    assert ZOO["doubled_batch"].shape(2**18) == (16, 4, 64, 64)
    for defect in (clean, odd):
        assert all(math.prod(defect.shape(2**k)) == 2**k for k in range(6, 25))
        with pytest.raises(ValueError, match="power of two"):
            defect.shape(1000)
    with pytest.raises(ValueError, match="neither"):
        clean.make((4, 4, 4), _generator("clean", 0))
    with pytest.raises(ValueError, match="along b"):
        ZOO["doubled_batch"].make((1, 4, 8, 8), _generator("clean", 0))


def test_the_inverse_of_the_normal_law():
    x = np.concatenate([np.linspace(-0.999, 0.999, 10_000), 1.0 - 2.0 ** -np.arange(8.0, 26.0)])
    np.testing.assert_allclose(inverse_normal(x), math.sqrt(2.0) * erfinv(x), rtol=1e-6)


@pytest.mark.parametrize("name", FORMATS)
def test_rounding_is_that_of_the_lattices(name):
    x = np.random.default_rng(5).standard_normal(100_000) * 2.0
    np.testing.assert_array_equal(rounded(x, name), Lattice(name).round(x))
