"""Validations that add to the evidence of runs before."""

import json

import jsonschema
import pytest
from validation.noises import FIRST, Wrapped, with_scale_of

import gausscheck as gc
from gausscheck.errors import ArgumentError
from gausscheck.schema import schema


def test_evidence_gathers_over_runs(tmp_path):
    path = tmp_path / "drift.json"

    def run(seed):
        return gc.validate("numpy:PCG64", n=FIRST, seed=seed, drift=path, budget=1e-8)

    runs = [run(seed) for seed in (1, 2)]
    assert [r.drift.n for r in runs] == [FIRST, 2 * FIRST]
    document = json.loads(runs[1].to_json(), parse_constant=pytest.fail)
    jsonschema.Draft202012Validator(schema("validation")).validate(document)
    assert "values over all runs" in str(runs[1])


@pytest.mark.parametrize(("seed", "streams"), [(7, 1), (4, 4), (6, 2), (0, 16)])
def test_no_seed_counts_twice(tmp_path, seed, streams):
    """Neighbouring runs of several streams would share all but one of them."""
    path = tmp_path / "drift.json"
    before = gc.validate("numpy:PCG64", n=2 * FIRST, seed=7, streams=2, drift=path).drift
    assert before.seeds == ((7, 9),)

    def never(_pulse):
        raise AssertionError

    with pytest.raises(ArgumentError, match=r"drift\.json: values from seed 7 count already"):
        gc.validate("numpy:PCG64", n=FIRST, seed=seed, streams=streams, drift=path, progress=never)
    assert gc.Drift.load(path) == before
    assert gc.validate("numpy:PCG64", n=FIRST, seed=9, drift=path).drift.seeds == ((7, 10),)


def test_evidence_knows_no_tolerance(tmp_path):
    with pytest.raises(ArgumentError, match="leave one of both out"):
        gc.validate("numpy:PCG64", n=FIRST, drift=tmp_path / "d.json", tolerance={"scale": 0.01})


def test_evidence_against_a_generator_fails_it(tmp_path):
    """Six runs, each 3.3 standard errors off, pass alone; together they are 8 off."""

    def change(_, place, values):
        inside = place < 8192
        values[inside] = with_scale_of(3.3)(values[inside])
        return values

    source = Wrapped(change)
    results = [gc.validate(source, n=8192, seed=s, drift=tmp_path / "d.json") for s in range(6)]
    assert [r.caught_at for r in results] == [None] * 6
    assert (results[0].verdict, results[-1].verdict) == ("pass", "fail")


def test_the_state_of_another_source_is_refused_before_anything_is_drawn(tmp_path):
    gc.validate("numpy:PCG64", n=FIRST, seed=1, drift=tmp_path / "d.json")

    def never(size):
        raise AssertionError

    with pytest.raises(ArgumentError, match="PCG64"):
        gc.validate(never, drift=tmp_path / "d.json")
