"""Assertions on generators: what they draw, what they say of looks and fresh values, and what can go wrong.

Seeds are fixed. A good generator fails an assertion here with probability 1e-8.
"""

from dataclasses import replace

import numpy as np
import pytest

import gausscheck as gc
from gausscheck import checking, validating
from gausscheck.checking import DRAWN, check, is_generator
from gausscheck.errors import GeneratorError

N = 2**13


def good(size, rng):
    return rng.standard_normal(size)


def wide(size, rng):
    return 1.3 * rng.standard_normal(size)


@pytest.mark.parametrize(
    "source", [good, "numpy:PCG64", lambda size, seed: good(size, np.random.default_rng(seed))]
)
def test_good_generators_pass(source):
    report = gc.assert_gaussian(source, n=N, seed=1, alpha=1e-8)
    assert report.verdict == "pass"
    assert report.tensors[0].n == N


def test_iterators_of_arrays_are_drawn_from():
    def arrays(rng):
        while True:
            yield rng.standard_normal((4, 100))

    assert gc.assert_gaussian(arrays(np.random.default_rng(2)), n=N, alpha=1e-8).tensors[0].n == N


def test_a_bad_one_is_told_by_name_with_its_looks_and_a_replay():
    with pytest.raises(gc.GaussianityError, match=r"^[\w.]+\.wide is not N\(0, 1\): scale 1\.") as caught:
        gc.assert_gaussian(wide, seed=5)
    lines = str(caught.value).split("\n")
    (looks,) = (line for line in lines if line.startswith("  looks "))
    assert looks.split("failed at ")[1].startswith("65,536 values: moment 2, p = ")
    (replay,) = (line.split(maxsplit=1)[1] for line in lines if line.startswith("  replay "))
    assert replay == f"gausscheck.validate({__name__}.wide, n={DRAWN}, seed=5, budget=1e-06)"
    again = eval(replay.replace(f"{__name__}.", ""), {"gausscheck": gc, "wide": wide})
    assert again.caught_at == caught.value.report.tensors[0].n == 2**16
    assert [f.log_p for f in again.report.findings] == [f.log_p for f in caught.value.report.findings]


def test_a_fresh_seed_is_named():
    seeds = set()
    for _ in range(2):
        with pytest.raises(gc.GaussianityError) as caught:
            gc.assert_gaussian(wide, n=N)
        seeds.add(str(caught.value).split("seed=")[1].split(",")[0])
    # Two of 2**31 are the same with probability 5e-10.
    assert len(seeds) == 2


SUSPECT = 0  # a seed with which it is suspect; of the first eight, five are


def slightly_wide(size, rng):
    """The variance is five standard errors off at the first look, twenty in sixteen times as many values."""
    return (1 + 2.5 * (2 / N) ** 0.5) * rng.standard_normal(size)


def test_fresh_values_decide_and_both_stages_are_told():
    checked = check(slightly_wide, alpha=1e-6, n=N, seed=SUSPECT)
    lines = str(checked.error()).split("\n")
    at = next(i for i, line in enumerate(lines) if line.startswith("  looks "))
    assert lines[at].split(maxsplit=1)[1].startswith("suspect at 8,192 values: moment 2, p = ")
    assert lines[at + 1].strip().startswith("rejected on 131,072 fresh values: ")
    # The numbers are those of the values that were rejected, not of those that were only suspect.
    assert checked.report.tensors[0].n == 16 * N
    assert (checked.n, checked.verdict, checked.seed) == (17 * N, "fail", SUSPECT)


@pytest.fixture(scope="module")
def result():
    return validating.validate(good, n=N, seed=3, budget=1e-8)


def test_what_is_not_confirmed_passes(result):
    """The look is made suspect by hand, for of a good generator it is one run in a thousand."""
    (look,) = result.looks
    fresh = replace(look, stage=2, n=16 * N, decides=N, seed=99)
    doubted = replace(result, looks=(replace(look, verdict="suspect"),), confirmations=(fresh,))
    assert checking._history(doubted).split("\n")[1].startswith("not confirmed by 131,072 fresh values: ")
    assert checking._deciding(doubted) is result.report
    assert doubted.verdict == "pass"


def test_a_generator_that_raises_is_an_error():
    def broken(size, rng):
        raise KeyError("weights")

    with pytest.raises(GeneratorError, match="broken raised KeyError: 'weights'"):
        gc.assert_gaussian(broken, n=N)


def test_an_error_after_some_values_is_no_pass():
    """Good noise for the first look, then trouble."""

    def arrays(rng):
        yield rng.standard_normal(2**16)
        raise OSError("disk gone")

    with pytest.raises(GeneratorError, match=r"could not be checked: .*disk gone.* \(after 65,536 values\)"):
        gc.assert_gaussian(arrays(np.random.default_rng(4)), n=2**18, alpha=1e-8)


def test_ctrl_c_is_not_swallowed(result, monkeypatch):
    monkeypatch.setattr(validating, "validate", lambda *_, **__: replace(result, interrupted=True))
    with pytest.raises(KeyboardInterrupt):
        gc.assert_gaussian(good)


def test_what_is_a_generator():
    arrays = [np.zeros(3), [1.0], (1.0,), 1.0, None, np.float32(1)]
    sources = ["numpy:PCG64", good, iter([]), (x for x in arrays), np.random.default_rng(0).standard_normal]
    assert not any(map(is_generator, arrays))
    assert all(map(is_generator, sources))
