"""Validation of generators: looks, fresh values, seeds, streams, what is told.

Good sources have fixed seeds. Budgets are 1e-8 where a pass is expected, so that another seed would do.
"""

import json
import math
import shlex
import subprocess
import sys

import jsonschema
import numpy as np
import pytest
from validation.noises import FIRST, Wrapped, blocks, noise, suspect_first, then, with_scale_of

import gausscheck as gc
from gausscheck.errors import ArgumentError
from gausscheck.looking import confirmation_seed
from gausscheck.schema import schema


def test_good_noise_passes():
    result = gc.validate("numpy:PCG64", n=2**18, seed=1, budget=1e-8)
    assert (result.verdict, result.passed, bool(result)) == ("pass", True, True)
    assert [k.n for k in result.looks] == [2**16, 2**17, 2**18]
    assert (result.n, result.planned, result.caught_at) == (2**18, 2**18, None)
    assert (result.confirmations, result.errors, result.notes) == ((), (), ())
    assert {(k.stage, k.seed, k.verdict) for k in result.looks} == {(1, 1, "pass")}
    assert result.report.tensors[0].name == "numpy:PCG64"


def test_the_report_is_the_audit_of_the_same_values():
    result = gc.validate(noise, n=2**17, seed=3)
    values = noise(3)(2**17).reshape(-1, FIRST)
    same = gc.audit(values, layout="b w", battery="generator", alpha=result.looks[-1].level)
    ours, theirs = result.report.tensors[0].to_dict(), same.tensors[0].to_dict()
    assert [f["statistic"] for f in ours["findings"]] == [f["statistic"] for f in theirs["findings"]]
    for a, b in zip(ours["findings"], theirs["findings"], strict=True):
        # Sums in another order: rounding of float64 over 2**17 values.
        assert a["value"] == pytest.approx(b["value"], rel=1e-9, abs=1e-9), a["statistic"]


@pytest.mark.parametrize("begins_at", [0, 2**16, 2**17])
def test_a_defect_ends_the_run_at_the_look_that_sees_it(begins_at):
    def change(_, place, values):
        values[place >= begins_at] *= 1.5
        return values

    result = gc.validate(Wrapped(change), n=2**20, seed=1)
    assert result.verdict == "fail"
    assert not result.passed
    assert result.caught_at == result.looks[-1].n == result.n == max(2 * begins_at, FIRST)
    assert result.looks[-1].statistic in ("moment 2", "moment 4", "tail_count")
    assert [k.verdict for k in result.looks[:-1]] == ["pass"] * (len(result.looks) - 1)
    assert result.confirmations == ()


def doubtful(**options):
    return gc.validate(suspect_first({7}), n=2**17, seed=7, sample=2**13, **options)


@pytest.fixture(scope="module")
def refuted():
    """A run whose first look is suspect by chance, and what it told on the way."""
    pulses = []
    return doubtful(progress=pulses.append), pulses


def test_a_suspect_look_that_fresh_values_refute(refuted):
    result, _ = refuted
    first, second = result.looks
    assert (first.verdict, first.statistic) == ("suspect", "moment 2")
    assert first.level <= first.p_value < result.suspicion
    (fresh,) = result.confirmations
    assert (fresh.stage, fresh.decides, fresh.n, fresh.verdict) == (2, FIRST, 16 * FIRST, "pass")
    assert fresh.seed == confirmation_seed(7, 1) != 7
    assert fresh.level == pytest.approx(math.sqrt(1e-6 / 2))
    assert (second.n, second.verdict) == (2**17, "pass")
    assert (result.verdict, result.caught_at, result.undecided) == ("pass", None, ())


def test_a_suspect_look_that_fresh_values_confirm():
    def change(seed, place, values):
        values = suspect_first({7}).change(seed, place, values)
        # Twenty standard errors in 2**20 values, one in a look's 65,536.
        return values if seed == 7 else values * np.float32(1 + 20 / math.sqrt(2**21))

    result = gc.validate(Wrapped(change), n=2**18, seed=7)
    (look,), (fresh,) = result.looks, result.confirmations
    assert (look.verdict, fresh.verdict, fresh.decides) == ("suspect", "fail", FIRST)
    assert fresh.statistic == "moment 2"
    assert (result.verdict, result.caught_at, result.n) == ("fail", FIRST, FIRST)
    text = str(result)
    assert "fresh values" in text
    assert str(fresh.seed) in text


def test_fresh_values_of_a_source_without_seeds_are_those_that_come_next():
    good = noise(1)
    pieces = [with_scale_of(5.0)(good(FIRST)), good(16 * FIRST), with_scale_of(-3.0)(good(FIRST)), good(8)]
    result = gc.validate(blocks(pieces), n=2**17, seed=1, sample=2**13)
    assert [k.verdict for k in result.looks] == ["suspect", "pass"]
    assert [(c.n, c.seed, c.verdict) for c in result.confirmations] == [(16 * FIRST, None, "pass")]
    assert "the source takes no seed: what is told as replay draws other values" in result.notes
    # Stage 1 went on where stage 2 had ended.
    seen = np.concatenate([pieces[0], pieces[2]]).reshape(-1, 2**13)
    again = gc.audit(seen, layout="b w", battery="generator")
    means = [next(f.value for f in r.findings if f.label == "moment 1") for r in (result.report, again)]
    assert means[0] == pytest.approx(means[1], abs=1e-12)


def test_a_suspect_look_without_fresh_values_stays_suspect():
    good = noise(1)
    result = gc.validate(blocks([with_scale_of(5.0)(good(FIRST)), good(1000)]), n=2**17, seed=1)
    assert (result.verdict, result.caught_at, len(result.undecided)) == ("suspect", None, 1)
    assert any("undecided" in note and "1,000 came" in note for note in result.notes)


def test_the_same_seed_is_the_same_run(refuted):
    runs = [refuted[0].to_dict(), doubtful().to_dict()]
    for run in runs:
        for part in (run, run["report"], *(c["report"] for c in run["confirmations"])):
            part.pop("elapsed_s")
    assert runs[0] == runs[1]


def test_a_fresh_seed_is_told():
    seeds = {gc.validate(noise, n=1024).seed for _ in range(3)}
    assert len(seeds) == 3  # equal ones: 1.4e-9


def test_the_command_that_is_told_does_the_same_again():
    result = gc.validate("numpy:SFC64", n=2**17, streams=2, battery="quick", budget=1e-4)
    assert result.replay.startswith("gausscheck validate numpy:SFC64 --n 131072 --seed ")
    words = shlex.split(result.replay)[1:]
    command = [sys.executable, "-W", "error", "-m", "gausscheck_cli", *words, "--format", "json"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    again = json.loads(done.stdout)
    for key in ("seed", "n", "budget", "streams", "verdict", "looks", "replay"):
        assert again[key] == result.to_dict()[key], key


def test_a_callable_is_told_as_a_line_of_python():
    result = gc.validate(noise, n=8192, seed=4, reference="scale=1.0")
    name, rest = result.replay.removeprefix("gausscheck.validate(").split(",", 1)
    assert name.endswith("noise")
    assert rest == " n=8192, seed=4, budget=1e-06, reference='scale=1.0')"


def test_streams_from_near_seeds():
    result = gc.validate("numpy:PCG64", n=2**18, seed=1, streams=4, budget=1e-8)
    assert (result.verdict, result.streams, result.n) == ("pass", 4, 2**18)
    assert result.report.tensors[0].layout == "b c w"
    assert result.report.tensors[0].shape == (1, 4, FIRST)


@pytest.mark.parametrize(
    ("worker", "statistic"),
    [(lambda seed: noise(seed // 2), "duplicates"), (lambda seed: noise(0), "duplicates")],
    ids=["pairs", "all"],
)
def test_workers_that_share_a_seed(worker, statistic):
    result = gc.validate(worker, n=2**18, seed=2, streams=4)
    assert result.verdict == "fail"
    assert any(f.statistic == statistic and f.verdict == "fail" for f in result.report.findings)


def test_streams_need_seeds():
    with pytest.raises(ArgumentError, match="takes no seed"):
        gc.validate(blocks([np.zeros(8)]), streams=2)


def test_what_is_tolerated_is_neither_failed_nor_suspect():
    slightly = Wrapped(lambda _, place, values: values * np.float32(1.01))
    options = {"n": 2**19, "seed": 1}
    assert gc.validate(slightly, **options).verdict == "fail"
    result = gc.validate(slightly, **options, tolerance={"scale": 0.02})
    assert result.verdict == "pass"
    assert {k.verdict for k in result.looks} == {"pass"}
    assert result.confirmations == ()
    assert "tolerance={'scale': 0.02}" in result.replay
    wider = Wrapped(lambda _, place, values: values * np.float32(1.04))
    assert gc.validate(wider, **options, tolerance={"scale": 0.02}).verdict == "fail"


def test_progress_is_told(refuted):
    _, pulses = refuted
    looks = [p.look for p in pulses if p.look is not None]
    assert [(k.stage, k.n) for k in looks] == [(1, 2**16), (2, 2**20), (1, 2**17)]
    assert [p.done for p in pulses if p.stage == 1] == [2**16, 2**16, 2**17, 2**17]
    assert {p.n for p in pulses if p.stage == 2} == {2**20}
    assert all(p.rate > 0 for p in pulses)
    assert pulses[-1].log_p == min(k.log_p for k in looks if k.stage == 1)
    assert pulses[-1].statistic == "moment 2"


def test_the_stream_can_be_kept(tmp_path):
    path = tmp_path / "a.gcs"
    result = gc.validate("numpy:PCG64", n=2**17, seed=5, keep=lambda stream: stream.save(path))
    again = gc.Stream.load(path)
    assert again.n == result.n
    assert again.about == {"source": "numpy:PCG64", "seeds": "5-5"}


def test_results_follow_the_schema(refuted):
    validator = jsonschema.Draft202012Validator(schema("validation"))
    validator.check_schema(schema("validation"))
    for result in (
        refuted[0],
        gc.validate(then(KeyboardInterrupt, noise(1)(FIRST)), n=2**18, seed=1),
        gc.validate(blocks([noise(1)(5000)]), n=2**20),
    ):
        document = json.loads(result.to_json(), parse_constant=pytest.fail)
        validator.validate(document)
        for spoil in ({"verdict": "maybe"}, {"schema": "gausscheck/1"}, {"looks": []}, {"more": 1}):
            assert not validator.is_valid({**document, **spoil}), spoil
        document["report"]["tensors"][0].pop("layout")
        assert not validator.is_valid(document)
