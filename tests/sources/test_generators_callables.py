"""Callables, factories, iterators and generator objects: each form, and each way to get it wrong."""

import functools
import itertools

import numpy as np
import pytest
import torch

from gausscheck.arrays import Values
from gausscheck.errors import ArgumentError, GeneratorError
from gausscheck.sources.generators import BLOCK, open_generator
from gausscheck.sources.generators.base import FIRST_CALL, Start

N = 50


def taken(source, seed=5, n=N, **options):
    return open_generator(source, **options).start(seed).take(n).decode(np.float64)


def plain(seed=5, n=N):
    return np.random.default_rng(seed).standard_normal(n)


# Each form; all give the values of default_rng(5), or say below what they give.


def by_seed(seed):
    rng = np.random.default_rng(seed)
    return lambda size: 1.0 * rng.standard_normal(size)


def by_seed_as_iterator(seed):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((k, 2)) for k in itertools.count(1))


class Loader:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def __iter__(self):
        return iter([self.rng.standard_normal(60)])


def generator_function(seed):
    rng = np.random.default_rng(seed)
    while True:
        yield rng.standard_normal(7)


def sized_generator_function(size, seed):
    rng = np.random.default_rng(seed)
    while True:
        yield rng.standard_normal(size)


def by_rng(size, rng):
    return rng.standard_normal(size)


def by_shape(shape, *, rng=None):
    assert shape == (FIRST_CALL,)
    return rng.standard_normal(shape)


def by_random_state(size=None, random_state=None):
    return random_state.standard_normal(size)


def by_numpy_generator(n, generator: np.random.Generator):
    return generator.standard_normal(n)


def positional(size, rng, /):
    return rng.standard_normal(size)


def rng_alone(rng):
    return rng.standard_normal((5, 2))


class Sampler:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def __call__(self, count):
        return self.rng.standard_normal(count)


class Normal:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def normal(self, loc=0.0, scale=1.0, size=None):
        return self.rng.normal(loc, scale, size)


class Yields:
    def __call__(self, seed):
        yield from generator_function(seed)


FORMS = {
    "seeded factory of a callable": by_seed,
    "seeded factory of an iterator": by_seed_as_iterator,
    "seeded factory of an iterable": Loader,
    "seeded factory of a bit generator": np.random.PCG64,
    "class of a callable": Sampler,
    "class with normal": Normal,
    "class with standard_normal": np.random.default_rng,
    "generator function": generator_function,
    "generator function with a size": sized_generator_function,
    "generator method": Yields(),
    "rng": by_rng,
    "shape and rng": by_shape,
    "random_state": by_random_state,
    "annotated": by_numpy_generator,
    "positional": positional,
    "rng alone": rng_alone,
    "partial": functools.partial(by_rng),
    "bound by keyword": functools.partial(
        lambda size, scale, rng: scale * rng.standard_normal(size), scale=1.0
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_that_take_a_seed(form):
    opened = open_generator(FORMS[form])
    assert opened.reseeds
    # NumPy's own generators make float32 where nothing is asked for.
    single = form in ("seeded factory of a bit generator", "class with standard_normal")
    kind = np.float32 if single else np.float64
    expected = np.random.default_rng(5).standard_normal(N, dtype=kind)
    for _ in range(2):
        np.testing.assert_array_equal(opened.start(5).take(N).data, expected)
    assert not np.array_equal(opened.start(6).take(N).data, expected)


def test_a_class_of_bit_generators():
    opened = open_generator(np.random.SFC64, dtype="float64")
    np.testing.assert_array_equal(
        opened.start(5).take(N).data, np.random.Generator(np.random.SFC64(5)).standard_normal(N)
    )


def test_the_legacy_generator():
    np.testing.assert_array_equal(
        taken("numpy.random:RandomState"), np.random.RandomState(5).standard_normal(N)
    )


def test_a_seed_for_each_call():
    seen = []

    def f(size, seed):
        seen.append(seed)
        return np.random.RandomState(seed).standard_normal(size)

    got = taken(f, n=FIRST_CALL + N)
    assert seen == [Start(5).call_seed(0), Start(5).call_seed(1)]
    second = np.random.RandomState(seen[1]).standard_normal(FIRST_CALL)
    np.testing.assert_array_equal(got[FIRST_CALL:], second[:N])
    # Two streams of one validation.
    seen.clear()
    for k in range(2):
        open_generator(f).start(5, stream=k, streams=2).take(1)
    assert seen == [Start(5, k).call_seed(0) for k in range(2)]
    assert len(set(seen)) == 2


def test_an_array_for_each_seed():
    """A function of a seed that returns arrays of its own size, as of latents, gets seed after seed."""
    seen = []

    def latents(seed):
        seen.append(seed)
        return np.random.default_rng(seed).standard_normal((4, 8, 8))

    got = taken(latents, n=600)
    assert seen == [5, *(Start(5).call_seed(k) for k in range(3))]
    np.testing.assert_array_equal(got[:256], plain(seen[1], 256))


def test_torch_generators_are_passed_on():
    def f(size, generator):
        return torch.randn(size, generator=generator, dtype=torch.bfloat16)

    def annotated(size, rng: "torch.Generator"):
        return torch.randn(size, generator=rng, dtype=torch.bfloat16)

    expected = torch.randn(FIRST_CALL, generator=torch.Generator().manual_seed(5), dtype=torch.bfloat16)[:N]
    for function in (f, annotated):
        got = open_generator(function).start(5).take(N)
        assert got.dtype == "bfloat16"
        np.testing.assert_array_equal(got.decode(), expected.double().numpy())


def test_tensors_with_gradients_and_strides():
    def f(size):
        return torch.ones(2 * size, requires_grad=True)[::2]

    assert taken(f).tolist() == [1.0] * N


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, ">f4"])
def test_types_of_numpy(dtype):
    kind = {np.longdouble: "float64", ">f4": "float32"}.get(dtype) or np.dtype(dtype).name
    got = open_generator(lambda size: np.full(size, 0.5, dtype)).start(1).take(3)
    assert (got.dtype, got.data.tolist()) == (kind, [0.5] * 3)


def test_codes():
    got = open_generator(lambda size: Values(np.full(size, 0x3FC0, np.uint16), "bfloat16")).start(1).take(3)
    assert got.decode().tolist() == [1.5] * 3


# Forms that keep a state of their own


STATEFUL = {
    "callable": lambda rng: lambda size: 1.0 * rng.standard_normal(size),
    "bound method": lambda rng: rng.standard_normal,
    "without an argument": lambda rng: lambda: rng.standard_normal(7),
    "star": lambda rng: lambda *sizes: rng.standard_normal(sizes),
    "iterator": lambda rng: iter([rng.standard_normal(30) for _ in range(3)]),
    "list of arrays": lambda rng: [rng.standard_normal(30) for _ in range(3)],
    "iterable": lambda _: Loader(5),
    "factory of nothing": lambda rng: lambda: (rng.standard_normal(3) for _ in range(20)),
    "object with normal": lambda _: Normal(5),
}


@pytest.mark.parametrize("form", STATEFUL)
def test_forms_that_take_no_seed_go_on(form):
    opened = open_generator(STATEFUL[form](np.random.default_rng(5)))
    assert not opened.reseeds
    assert opened.dtype is None
    parts = [opened.start(seed).take(N // 2).data for seed in (1, 2)]
    np.testing.assert_array_equal(np.concatenate(parts), plain())
    with pytest.raises(ArgumentError, match=r"takes no seed.*cannot be drawn as 3 streams"):
        opened.start(1, streams=3)


def test_a_builtin_without_a_signature():
    torch.manual_seed(5)
    expected = torch.randn(FIRST_CALL)[:N].numpy()
    torch.manual_seed(5)
    np.testing.assert_array_equal(open_generator(torch.randn).start(1).take(N).data, expected)


@pytest.mark.parametrize("dtype", [None, "float32", "float64"])
def test_generator_objects(dtype):
    kind = dtype or "float32"
    expected = np.random.default_rng(5).standard_normal(N, dtype=np.dtype(kind).type)
    for source in (np.random.default_rng(5), np.random.PCG64(5)):
        opened = open_generator(source, dtype=dtype)
        assert (opened.dtype, opened.reseeds) == (kind, False)
        np.testing.assert_array_equal(opened.start(1).take(N).data, expected)
    generator = torch.Generator().manual_seed(5)
    opened = open_generator(generator, dtype=dtype)
    assert (opened.name, opened.dtype, opened.reseeds) == ("Generator", kind, False)
    plain = torch.randn(BLOCK, generator=torch.Generator().manual_seed(5), dtype=getattr(torch, kind))
    np.testing.assert_array_equal(opened.start(1).take(N).data, plain[:N].numpy())


def test_an_iterator_that_is_large_is_not_copied_whole():
    x = np.zeros(5 * BLOCK, np.float32)
    draw = open_generator(iter([x])).start(1)
    assert draw.take(3).data.base.size == BLOCK


def test_a_callable_may_end():
    parts = iter([np.zeros(7), np.zeros(3)])
    draw = open_generator(lambda: next(parts)).start(1)
    assert (draw.take(20).size, draw.ended) == (10, True)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (by_seed, f"{__name__}.by_seed"),
        (Sampler, f"{__name__}.Sampler"),
        (Sampler(1), "Sampler"),
        (iter([]), "list_iterator"),
        (np.random.default_rng(1), "Generator"),
    ],
)
def test_names(source, name):
    assert open_generator(source).name == name


# What goes wrong


def raising(size):
    raise KeyError("x")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            raising,
            rf"raising raised KeyError: 'x' when asked for 65,536 values, in {__file__}, line \d+; c",
        ),
        (lambda size: None, r"returned None: .* lack a return"),
        (lambda size: 0.5, "returned a single float"),
        (lambda size: np.float32(0.5), "returned a single float32"),
        (lambda size: torch.tensor(0.5), "returned a single Tensor"),
        (lambda size: "text", "returned a single str"),
        (lambda size: [[1.0], [1.0, 2.0]], "returned a list that makes no array"),
        (
            lambda size: np.zeros(size - 1),
            r"returned 65,535 values \(shape \(65535,\)\) when asked for 65,536 values",
        ),
        (lambda size: np.zeros((size, 2)), r"returned 131,072 values \(shape \(65536, 2\)\)"),
        (lambda size: np.zeros(0), "returned 0 values"),
        (lambda size: np.zeros(size, int), r"returned integers \(int64\); expected floats"),
        (lambda size: torch.zeros(size, dtype=torch.uint8), r"returned integers \(torch.uint8\)"),
        (lambda size: [0] * size, r"returned integers \(int64\)"),
        (
            lambda size: np.zeros(size, bool),
            "returned what cannot be tested: cannot test values of type bool",
        ),
        (lambda size: np.zeros(size, complex), "returned what cannot be tested.*complex"),
        (lambda size: np.ma.masked_less(np.arange(size) + 0.0, 5), "masked array hides values"),
        (lambda size: iter([]), "returned a list_iterator when asked for .*; expected an array"),
        (lambda seed: object(), "returned a object, which gives no values"),
        (
            lambda: lambda: lambda: lambda: lambda: lambda: lambda: 1,
            "a callable that returned a callable, 5 times",
        ),
        (lambda seed: iter([1.5]), "yielded a single float"),
        (lambda seed: iter([None]), "yielded None"),
        (lambda: np.zeros(0), "returned an empty array 1,000 times in a row"),
    ],
)
def test_what_a_callable_must_not_return(function, message):
    opened = open_generator(function)
    with pytest.raises(GeneratorError, match=message):
        opened.start(1).take(3)


def test_what_was_raised_is_the_cause():
    with pytest.raises(GeneratorError) as caught:
        open_generator(raising).start(1).take(1)
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_factory_that_raises():
    def factory(seed):
        raise OSError("no such device")

    with pytest.raises(GeneratorError, match="raised OSError: no such device when called") as caught:
        open_generator(factory).start(1)
    assert isinstance(caught.value.__cause__, OSError)


def test_ctrl_c_goes_through():
    def interrupted(size):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_generator(interrupted).start(1).take(1)


@pytest.mark.parametrize(
    ("function", "wants"),
    [
        (lambda batch: 0, "batch"),
        (lambda size, device: 0, "device"),
        (lambda seed, *, steps: 0, "steps"),
        (lambda x, y: 0, "x, y"),
    ],
)
def test_parameters_that_are_not_understood(function, wants):
    with pytest.raises(ArgumentError, match=rf"\(.*\): cannot tell what to pass for {wants}\. .*wrap it"):
        open_generator(function)


def test_a_torch_generator_without_torch(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(ArgumentError, match="torch is not installed; name the parameter rng"):
        open_generator(lambda size, generator: 0).start(1).take(1)
