"""Law: the catalogue is complete and speaks for itself; public names are what the package says."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

import pytest

import gausscheck as gc
from gausscheck.battery import BATTERIES, battery

FOLDER = Path(inspect.getfile(import_module("gausscheck.catalogue"))).parent
FAMILIES = {"moments", "marginal", "spectrum", "dependence", "validity"}


def test_the_folder_is_the_catalogue():
    files = {p.stem for p in FOLDER.glob("*.py")} - {"__init__", "base"}
    assert set(gc.statistics) == files
    assert len(gc.statistics) == len(files)


@pytest.mark.parametrize("name", list(gc.statistics))
def test_every_statistic_explains_itself(name):
    statistic = gc.statistics[name]
    assert statistic.name == name
    assert statistic.family in FAMILIES
    for text in (
        statistic.title,
        statistic.formula,
        statistic.null_text,
        statistic.sees,
        statistic.blind,
        statistic.reference,
    ):
        assert len(text) > 3
    assert statistic.n_min >= 1
    assert statistic.check() == dict(statistic.parameters)


def test_the_permuted_view_says_that_it_is_blind_to_order():
    import gausscheck.views

    assert "blind to order by construction" in gc.statistics["power_spectrum"].blind
    assert "blind to order by construction" in " ".join(gausscheck.views.__doc__.split())


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("moment", {"order": 0}, "1 to 8"),
        ("moment", {"order": 9}, "1 to 8"),
        ("moment", {"order": 2.0}, "integer"),
        ("hermite", {"order": True}, "integer"),
        ("moment", {"block": 3}, "no parameter 'block'.*order"),
        ("power_spectrum", {"block": 0}, "block"),
        ("power_spectrum", {"permutations": 0}, "permutations"),
        ("power_spectrum", {"mu": "mean"}, "mu"),
        ("nonfinite", {"order": 1}, "no parameter"),
    ],
)
def test_parameters_are_checked(name, parameters, message):
    with pytest.raises(gc.ArgumentError, match=message):
        gc.statistics[name].null(n=1000, **parameters)


def test_an_unknown_statistic_lists_the_known_ones():
    with pytest.raises(KeyError, match=r"unknown statistic 'moments'; known: .*moment"):
        gc.statistics["moments"]


@pytest.mark.parametrize("name", list(gc.statistics))
def test_too_few_values_are_refused(name):
    statistic = gc.statistics[name]
    if statistic.n_min > 1:
        with pytest.raises(gc.ArgumentError, match=f"at least {statistic.n_min} values"):
            statistic.null(n=statistic.n_min - 1)


def test_public_names():
    assert gc.__all__ == sorted(gc.__all__)
    for name in gc.__all__:
        assert getattr(gc, name) is not None
        assert name in dir(gc)
    assert len(gc.__all__) <= 20
    with pytest.raises(AttributeError, match="no attribute 'audits'"):
        _ = gc.audits


def test_batteries_grow():
    sizes = [len(BATTERIES[name].probes) for name in ("quick", "standard", "thorough")]
    assert sizes == sorted(set(sizes))
    for table in BATTERIES.values():
        assert table.purpose
        for probe in table.probes:
            assert probe.statistic in gc.statistics
            assert probe.purpose
            assert probe.cost >= 0
    assert all(p.view == "stored" for p in battery("standard", 0).probes)
