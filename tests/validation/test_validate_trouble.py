"""Validations that something goes wrong with: values, sources, interrupts, options."""

import io
import json
import math
import os
import signal
import threading

import numpy as np
import pytest
from validation.noises import FIRST, Wrapped, blocks, noise, suspect_first, then

import gausscheck as gc
from gausscheck import looking
from gausscheck.errors import ArgumentError, DataError
from gausscheck.interrupts import unbroken


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

    with pytest.raises(gc.GeneratorError, match="no device") as caught:
        gc.validate(broken, n=2**17)
    assert isinstance(caught.value.__cause__, RuntimeError)


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


def test_any_bytes_are_values():
    # Signalling NaN and numbers beyond float32 are no reason for a warning, which would end this test.
    raw = np.random.default_rng(1).bytes(8 * FIRST)
    for dtype in ("float32", "float64", "float16"):
        assert gc.validate("-", reader=io.BytesIO(raw), dtype=dtype, n=FIRST).verdict == "fail"


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
    fresh = []

    def change(seed, place, values):
        # Of another seed the first values only show that it is heeded.
        if seed != 7 and fresh.append(seed) is None and len(fresh) > 1:
            raise KeyboardInterrupt
        return suspect_first({7}).change(seed, place, values)

    result = gc.validate(Wrapped(change), n=2**17, seed=7)
    assert (result.interrupted, result.verdict, len(result.undecided)) == (True, "suspect", 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_unbroken_work_is_finished_first(number):
    former = signal.signal(number, signal.default_int_handler)
    done = []
    try:
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - what is inside must go on
            with unbroken():
                os.kill(os.getpid(), number)
                done.append("after the signal")
            done.append("after the block")
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, former)
    assert done == ["after the signal"]


def test_unbroken_work_in_another_thread():
    done = []

    def work():
        with unbroken():
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]


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
