"""Sources that take a seed and make no use of it."""

import itertools

import numpy as np
import pytest
import torch
from validation.noises import FIRST, noise

import gausscheck as gc
from gausscheck import looking
from gausscheck.looking import confirmation_seed


def same(size):
    return np.random.default_rng(0).standard_normal(size, dtype=np.float32)


def with_seed(size, seed):
    return same(size)


def with_rng(size, rng):
    return same(size)


def with_torch(size, generator):
    return torch.randn(size, generator=torch.Generator().manual_seed(0))


def factory(seed):
    return noise(0)


def generator_function(seed):
    draw = noise(0)
    while True:
        yield draw(1000)


def sized_generator_function(size, rng):
    draw = noise(0)
    while True:
        yield draw(size)


def latents(seed):
    return same((4, 16, 16))


def iterator(seed):
    draw = noise(0)
    return (draw(1000) for _ in itertools.count())


class Sampler:
    def __init__(self, seed):
        self.draw = noise(0)

    def __call__(self, size):
        return self.draw(size)


@pytest.mark.parametrize(
    "source",
    [
        with_seed,
        with_rng,
        with_torch,
        factory,
        generator_function,
        sized_generator_function,
        latents,
        iterator,
        Sampler,
    ],
)
def test_a_seed_that_is_not_made_use_of_is_an_error(source):
    other = confirmation_seed(1, 1)
    message = (
        rf"{source.__name__} takes a seed and gives the same [\d,]+ values for the seeds 1 and {other}: "
    )
    with pytest.raises(gc.GeneratorError, match=message + "make use of the seed; or, .* leave the parameter"):
        gc.validate(source, n=FIRST, seed=1)


def test_the_same_values_at_every_call_are_found_at_the_second_look():
    result = gc.validate(same, n=2**20, seed=1)
    assert (result.verdict, result.caught_at) == ("fail", 2 * FIRST)
    failed = {f.statistic for f in result.report.findings if f.verdict == "fail"}
    assert {"sample_correlation", "duplicates"} & failed


def test_one_small_call_more_compares_seeds():
    asked = []

    def draw(size, seed):
        asked.append((size, seed))
        return np.random.default_rng(seed).standard_normal(size, dtype=np.float32)

    assert gc.validate(draw, n=FIRST, seed=1, budget=1e-8).passed
    assert [size for size, _ in asked] == [FIRST, FIRST]
    assert len({seed for _, seed in asked}) == 2


def test_a_constant_is_no_matter_of_seeds():
    result = gc.validate(lambda size, seed: np.zeros(size, np.float32), n=FIRST, seed=1)
    assert result.verdict == "fail"


def test_streams_that_are_alike_are_found_by_the_battery():
    result = gc.validate(factory, n=2 * FIRST, seed=1, streams=2)
    assert (result.verdict, result.looks[-1].statistic) == ("fail", "channel_correlation")


def test_names_that_are_built_in_are_drawn_once(monkeypatch):
    started = []
    opened = looking.GeneratorSource.start

    def start(self, seed, **streams):
        started.append(seed)
        return opened(self, seed, **streams)

    monkeypatch.setattr(looking.GeneratorSource, "start", start)
    for name in ("numpy:PCG64", "torch:cpu"):
        started.clear()
        assert gc.validate(name, n=FIRST, seed=1, budget=1e-8).passed
        assert started == [1]
