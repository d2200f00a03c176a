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

    assert [run(seed).drift.n for seed in (1, 2)] == [FIRST, 2 * FIRST]
    again = run(2)
    assert again.drift.n == 2 * FIRST
    assert "do not count twice" in again.errors[0].message.replace("does", "do")
    document = json.loads(again.to_json(), parse_constant=pytest.fail)
    jsonschema.Draft202012Validator(schema("validation")).validate(document)
    assert "values over all runs" in str(again)


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
