"""Validation of generators: looks, fresh values, seeds, and what can go wrong on the way.

Good sources have fixed seeds. Budgets are 1e-8 where a pass is expected, so that another seed would do.
"""

import json
import math
import os
import shlex
import signal
import subprocess
import sys
import threading

import jsonschema
import numpy as np
import pytest

import gausscheck as gc
from gausscheck import looking
from gausscheck.errors import ArgumentError, DataError
from gausscheck.interrupts import unbroken
from gausscheck.looking import confirmation_seed
from gausscheck.schema import schema

FIRST = 2**16


def noise(seed):
    """A seeded factory of good noise."""
    rng = np.random.default_rng(seed)
    return lambda size: rng.standard_normal(size, dtype=np.float32)


class Wrapped:
    """A seeded factory that counts what it gave, so that it can misbehave at a place."""

    def __init__(self, change):
        self.change = change

    def __call__(self, seed):
        draw, given = noise(seed), 0

        def take(size):
            nonlocal given
            values = draw(size)
            place = np.arange(given, given + size)
            given += size
            return self.change(seed, place, values)

        return take


def with_scale_of(z):
    """Values whose mean square is `z` standard errors above 1, exactly."""

    def change(values):
        target = math.sqrt(1 + z * math.sqrt(2 / values.size))
        return (values * (target / np.sqrt(np.mean(values.astype(np.float64) ** 2)))).astype(np.float32)

    return change


def blocks(arrays):
    """A source that takes no seed."""
    return iter(arrays)


def suspect_first(bad_seeds):
    """The first 65,536 values of some seeds have a mean square 5 standard errors off: p = 6e-7 by itself.

    About 4e-6 adjusted for the other tests: suspect at budget 1e-6, and no certain failure. The next 65,536
    make up for most of it, so that the second look sees 1.4 standard errors. Samples of 8,192 values see 1.8
    each.
    """

    def change(seed, place, values):
        for number, z in enumerate((5.0, -3.0)):
            inside = place // FIRST == number
            if seed in bad_seeds and inside.any():
                assert inside.sum() == FIRST, "values of a look are asked for together"
                values[inside] = with_scale_of(z)(values[inside])
        return values

    return Wrapped(change)


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


def test_nan_is_a_failure():
    def change(_, place, values):
        values[place == 100_000] = np.nan
        return values

    result = gc.validate(Wrapped(change), n=2**20, seed=1)
    assert (result.verdict, result.caught_at, result.looks[-1].statistic) == ("fail", 2**17, "nonfinite")
    assert result.looks[-1].log_p == -math.inf
    assert result.confirmations == ()
    json.loads(result.to_json(), parse_constant=pytest.fail)


def test_a_constant_is_a_failure():
    result = gc.validate(lambda size: np.zeros(size, np.float32), n=2**20, seed=1)
    assert (result.verdict, result.caught_at) == ("fail", FIRST)


def then(error, *pieces):
    """A source without seeds that gives some values and raises."""
    yield from pieces
    raise error


def test_an_error_midway_loses_nothing():
    good = noise(1)
    source = then(RuntimeError("the device is gone"), *(good(FIRST) for _ in range(3)))
    result = gc.validate(source, n=2**18, seed=1, budget=1e-8)
    (problem,) = result.errors
    assert "the device is gone" in problem.message
    assert (result.verdict, result.passed) == ("suspect", False)
    # The last look was due at 131,072, the next at 262,144; what came between counts.
    assert result.n == result.report.tensors[0].n == 3 * FIRST


def test_an_error_after_a_defect_is_a_failure():
    def change(_, place, values):
        if place[0] > 0:
            raise RuntimeError("the device is gone")
        return 1.5 * values

    result = gc.validate(Wrapped(change), n=2**24, seed=1)
    assert result.verdict == "fail"


def test_an_error_at_once_is_an_error():
    def broken(size):
        raise RuntimeError("no device")

    with pytest.raises(gc.GausscheckError, match="no device"):
        gc.validate(broken, n=2**17)


def test_a_short_source_says_so():
    good = noise(1)
    result = gc.validate(blocks([good(100_000), good(50_000)]), n=2**20, seed=1, budget=1e-8)
    assert result.verdict == "pass"
    assert [k.n for k in result.looks] == [2**16, 2**17]
    assert any("ended after 150,000 of 1,048,576 values" in note for note in result.notes)


def test_a_source_too_short_to_tell_is_an_error():
    result = gc.validate(blocks([noise(1)(5000)]), n=2**20, seed=1, budget=1e-8)
    assert result.n == 5000
    assert "5,000 values" in result.errors[0].message
    assert (result.verdict, result.passed) == ("suspect", False)


def test_few_values_are_enough_where_few_are_asked():
    result = gc.validate(blocks([noise(1)(5000)]), n=5000, seed=1, budget=1e-8)
    assert (result.n, result.verdict, result.errors) == (5000, "pass", ())


@pytest.mark.parametrize("pieces", [[], [np.zeros(3, np.float32)]])
def test_a_source_of_nothing(pieces):
    with pytest.raises(DataError, match="at least 8"):
        gc.validate(blocks(pieces), n=2**17)


def test_an_interrupt_tells_what_was_seen_since_the_last_look(monkeypatch):
    monkeypatch.setattr(looking, "BLOCK", FIRST)
    good = noise(1)
    source = then(KeyboardInterrupt, *(good(FIRST) for _ in range(3)))
    result = gc.validate(source, n=2**18, seed=1, budget=1e-8)
    assert (result.interrupted, result.verdict) == (True, "pass")
    assert [k.n for k in result.looks] == [FIRST, 2 * FIRST, 3 * FIRST]
    assert any("interrupted after 196,608 of 262,144" in note for note in result.notes)


def test_an_interrupt_after_a_look_looks_no_more():
    result = gc.validate(then(KeyboardInterrupt, noise(1)(FIRST)), n=2**18, seed=1, budget=1e-8)
    assert (result.interrupted, [k.n for k in result.looks]) == (True, [FIRST])


def test_an_interrupt_before_anything_came():
    with pytest.raises(KeyboardInterrupt):
        gc.validate(then(KeyboardInterrupt), n=2**17)


def test_an_interrupt_while_fresh_values_are_drawn_leaves_the_look_suspect():
    def change(seed, place, values):
        if seed != 7:
            raise KeyboardInterrupt
        return suspect_first({7}).change(seed, place, values)

    result = gc.validate(Wrapped(change), n=2**17, seed=7)
    assert (result.interrupted, result.verdict, len(result.undecided)) == (True, "suspect", 1)


def test_unbroken_work_is_finished_first():
    done = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - what is inside must go on
        with unbroken():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("after the signal")
        done.append("after the block")
    assert done == ["after the signal"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_unbroken_work_in_another_thread():
    done = []

    def work():
        with unbroken():
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]


def test_progress_is_told(refuted):
    _, pulses = refuted
    looks = [p.look for p in pulses if p.look is not None]
    assert [(k.stage, k.n) for k in looks] == [(1, 2**16), (2, 2**20), (1, 2**17)]
    assert [p.done for p in pulses if p.stage == 1] == [2**16, 2**16, 2**17, 2**17]
    assert {p.n for p in pulses if p.stage == 2} == {2**20}
    assert all(p.rate > 0 for p in pulses)
    assert pulses[-1].log_p == min(k.log_p for k in looks if k.stage == 1)
    assert pulses[-1].statistic == "moment 2"


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 4}, "n must be an integer from 8 up, got 4"),
        ({"n": 1.5}, "n must be an integer from 8 up, got 1.5"),
        ({"n": "1e9"}, "n must be an integer"),
        ({"n": math.inf}, "n must be an integer"),
        ({"streams": 0}, "streams must be an integer from 1 up"),
        ({"streams": 2000}, "streams must be an integer from 1 to 1024"),
        ({"seed": -1}, "seed must be an integer from 0 up"),
        ({"seed": True}, "seed must be an integer from 0 up"),
        ({"budget": 0}, "budget must lie between 0 and 1"),
        ({"sample": 4}, "sample must be an integer from 8 up"),
        ({"battery": "none"}, "unknown battery 'none'"),
        ({"reference": "scale=x"}, "reference must be"),
        ({"lattice": "bf17"}, "unknown lattice"),
        ({"first": -1}, "first must be an integer from 0 up"),
    ],
)
def test_options_that_cannot_be_used(options, message):
    with pytest.raises(ArgumentError, match=message):
        gc.validate("numpy:PCG64", **options)


def test_a_count_may_be_written_as_a_float():
    assert gc.validate("numpy:PCG64", n=1e4, seed=1).n == 10_000


def test_a_lattice_that_the_values_leave_midway_keeps_what_was_seen():
    def change(_, place, values):
        rounded = (values.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
        return np.where(place < FIRST, rounded, values)

    result = gc.validate(Wrapped(change), n=2**18, seed=1, lattice="bf16")
    assert result.n == FIRST
    (problem,) = result.errors
    assert "do not lie on the lattice bf16" in problem.message
