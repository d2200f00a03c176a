"""The benchmark of validations: what it measures, says and writes."""

from pathlib import Path

import pytest
from zoo.streams import CLAIMS


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import bench_validate

    return bench_validate


def test_a_bad_and_a_good_generator(bench):
    bad = bench.measure("positive", n=2**18, seed=1, budget=1e-6)
    assert (bad["caught_at"], bad["n"]) == (2**16, 2**16)
    good = bench.measure("numpy:PCG64", n=2**16, seed=1, budget=1e-8)
    assert (good["caught_at"], good["claimed"]) == (None, [])
    assert bench.surprises([bad, good]) == []
    _, _, first, second = bench.table([good, bad])
    assert first.startswith("| `positive` | 1 | 2^16 | 2^16 | ")
    assert second.startswith("| `numpy:PCG64` | 1 | passes 6.55e+04 |  |  | ")


def test_what_is_not_as_expected_is_said(bench):
    record = {"name": "x", "n": 2**20, "predicted": 2**17, "streams": 1, "claimed": ["moment"]}
    late = {**record, "caught_at": 2**18, "statistic": "moment 2"}
    missed = {**record, "caught_at": None, "statistic": ""}
    other = {**record, "caught_at": 2**17, "statistic": "heaps"}
    false = {**record, "claimed": [], "caught_at": 2**17, "statistic": "heaps"}
    found = bench.surprises([late, missed, other, false])
    assert [line.split(" ", 1)[1][:12] for line in found] == [
        "caught at 26",
        "not caught w",
        "caught by he",
        "a good gener",
    ]


@pytest.mark.parametrize(
    ("values", "streams", "look"), [(2000, 1, 2**16), (65537, 1, 2**17), (2**18, 4, 2**18)]
)
def test_the_look_that_holds_so_many_values(bench, values, streams, look):
    assert bench.doubling(values, streams) == look


def test_a_period_shows_behind_its_end(bench):
    assert bench.predicted(CLAIMS["period_2_20"]) == 2**20 + 1
    assert bench.predicted(CLAIMS["fork_copies"]) == 4 * 2**16


def test_the_page_gets_its_table(bench):
    text = f"before\n\n{bench.BEGIN}\nold\n{bench.END}\n\nafter\n"
    new = bench.page(text, [])
    assert new.startswith("before")
    assert new.endswith("after\n")
    assert "old" not in new
    assert bench.page(new, []) == new
