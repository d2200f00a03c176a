"""What a descent takes and refuses, and that it neither waits for the device nor touches its start."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from gausscheck.errors import ArgumentError, DataError  # noqa: E402
from gausscheck.losses import AutocorrelationLoss, GaussianityLoss, MomentLoss, descend  # noqa: E402

SIZE = 256


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def sample(*shape, seed=0, dtype=torch.float64):
    return (1.3 * torch.randn(shape, generator=seeded(seed), dtype=torch.float64) + 0.2).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_start_is_not_touched_and_the_result_is_like_it(dtype):
    z = sample(2, 3, SIZE, dtype=dtype).requires_grad_()
    before = z.detach().clone()
    run = descend(z, GaussianityLoss(permute=None), lr=1.0, steps=30)
    assert torch.equal(z.detach(), before)
    assert z.grad is None
    assert (run.z.dtype, run.z.shape, run.z.requires_grad) == (dtype, z.shape, False)
    # Steps of a hundredth, far below a bfloat16 rounding, add up.
    assert run.losses["GaussianityLoss"][-1, 0] < run.losses["GaussianityLoss"][0, 0]


def test_sixteen_bits_follow_the_path_of_thirty_two():
    z = sample(1, SIZE, dtype=torch.bfloat16)
    loss = MomentLoss()
    low, high = (descend(x, loss, lr=1.0, steps=40).z.float() for x in (z, z.float()))
    # A rounding of 2^-9 of each value, twice: of the sample that the loss sees and of the result.
    assert (low - high).norm() <= 2 * 2.0**-9 * high.norm()
    assert (low - high).norm() < 0.2 * (high - z.float()).norm()


def test_a_loss_of_images_gets_their_shape():
    z = sample(2, 3, 16, 16)
    run = descend(z, AutocorrelationLoss(), lr=1.0, steps=20)
    expected = AutocorrelationLoss(reduction="none")(run.z).numpy()
    np.testing.assert_allclose(run.losses["AutocorrelationLoss"][-1], expected, rtol=1e-12)
    assert (expected < run.losses["AutocorrelationLoss"][0]).all()


def test_one_axis_is_one_sample():
    z = sample(SIZE)
    run = descend(z, MomentLoss(), lr=1.0, steps=3, reward=lambda x: x.mean())
    assert run.z.shape == z.shape
    assert run.reward.shape == (2, 1)


def test_it_works_where_gradients_are_off():
    z = sample(1, SIZE)
    expected = descend(z, MomentLoss(), lr=1.0, steps=3).z
    with torch.no_grad():
        assert torch.equal(descend(z, MomentLoss(), lr=1.0, steps=3).z, expected)
    with torch.inference_mode():
        assert torch.equal(descend(z.clone(), MomentLoss(), lr=1.0, steps=3).z, expected)


class NoWaiting(TorchDispatchMode):
    """Fails when a value is taken from a tensor."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function is torch.ops.aten._local_scalar_dense.default:
            raise AssertionError("a value was read on the host")
        return function(*args, **(kwargs or {}))


def test_between_records_nothing_waits_for_the_device():
    z, rewards = sample(2, SIZE), 0
    mode = NoWaiting()

    def reward(x):
        # Entered after the first record, left before the last: 9 whole steps between.
        nonlocal rewards
        rewards += 1
        if rewards == 2:
            mode.__enter__()
        if rewards == 11:
            mode.__exit__(None, None, None)
        return x.mean(dim=1)

    loss = GaussianityLoss(aim="typical", generator=seeded(0))
    run = descend(z, loss, reward=reward, lr=1.0, steps=10, every=10)
    assert rewards == 11
    assert run.steps.tolist() == [0, 10]
    with pytest.raises(AssertionError), NoWaiting():
        sample(1).item()


GOOD = {"lr": 1.0, "steps": 2}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"optimizer": "lbfgs"}, "optimizer='lbfgs'"),
        ({"lr": -1.0}, "lr=-1.0"),
        ({"lr": float("nan")}, "lr=nan"),
        ({"lr": "1"}, "lr='1'"),
        ({"momentum": 1.0}, "momentum=1.0"),
        ({"clip": 0.0}, "clip=0.0"),
        ({"weight": -1.0}, "weight=-1.0"),
        ({"steps": 0}, "steps=0"),
        ({"every": 2.5}, "every=2.5"),
        ({"jitter": 1.0}, "jitter=1.0"),
        ({"generator": seeded(0)}, "without jitter"),
        ({"jitter": 0.1, "generator": 3}, "torch.Generator"),
        ({"rescale": 1}, "rescale=1"),
        ({"reward": 3}, "reward=3"),
        ({"stop_when_typical": True, "reward": lambda x: x.mean(1)}, "with a reward"),
        ({"reward": lambda x: x.mean()}, r"shape \(\).*shape \(2,\)"),
        ({"reward": lambda x: x.mean(1, keepdim=True)}, r"shape \(2, 1\)"),
        ({"reward": lambda x: 1.0}, "a float"),
        ({"reward": lambda x: x.detach().mean(1)}, "not differentiable"),
        ({"reward": lambda x: torch.zeros(2, requires_grad=True) * 1}, "not differentiable"),
        ({"losses": []}, "losses="),
        ({"losses": "moments"}, "losses='moments'"),
        ({"losses": [torch.nn.MSELoss()]}, "MSELoss"),
        ({"losses": [(MomentLoss(), -1.0)]}, "weight of MomentLoss"),
    ],
)
def test_what_cannot_be_used_is_named(change, words):
    given = {"losses": MomentLoss(), **GOOD, **change}
    losses = given.pop("losses")
    with pytest.raises(ArgumentError, match=words):
        descend(sample(2, SIZE), losses, **given)


@pytest.mark.parametrize(
    ("z", "words"),
    [
        (torch.ones(2, SIZE, dtype=torch.int64), "int64"),
        (torch.zeros(0, SIZE), "empty"),
        (torch.zeros(2, 3), "too few"),
        (np.zeros((2, SIZE)), "ndarray"),
        (torch.full((2, SIZE), math.nan), "512 of 512 values are NaN"),
    ],
)
def test_a_start_that_cannot_be_used_is_named(z, words):
    with pytest.raises(DataError, match=words):
        descend(z, MomentLoss(), **GOOD)


def test_a_reward_that_is_not_finite_at_the_start_is_an_error():
    with pytest.raises(DataError, match="for sample 1 "):
        descend(sample(2, SIZE), MomentLoss(), reward=lambda x: x.mean(1) / torch.tensor([1.0, 0.0]), **GOOD)


def test_a_reward_that_breaks_ends_the_descent():
    def reward(x):
        # Rises until the mean passes 0.3; there it ends.
        return -(0.3 - x.mean(1)).sqrt()

    z = torch.zeros(1, SIZE).double()
    run = descend(z, MomentLoss(), reward=reward, weight=0.0, lr=100.0, steps=100, every=5)
    assert run.stopped == "nonfinite"
    assert run.steps[-1] < 100
    assert torch.isfinite(run.z).all()


def test_a_sample_that_leaves_the_range_of_its_dtype_ends_the_descent():
    z = sample(1, SIZE, dtype=torch.float16)
    run = descend(z, MomentLoss(), reward=lambda x: x.float().sum(1), lr=1e6, clip=None, weight=0.0)
    assert run.stopped == "nonfinite"
    assert len(run.records) == 2


def test_a_loss_that_runs_away_ends_the_descent():
    z = sample(1, SIZE, dtype=torch.float16)
    run = descend(z, MomentLoss(orders=(4,)), lr=1e6, clip=None, steps=30)
    assert run.stopped == "nonfinite"


def test_what_a_reward_keeps_is_its_own():
    z, kept = sample(1, SIZE), []

    def reward(x):
        kept.append(x.detach())
        gain = x.mean(dim=1)
        x.data.zero_()
        return gain

    copies = descend(z, MomentLoss(), reward=reward, lr=1.0, steps=5)
    clean = descend(z, MomentLoss(), reward=lambda x: x.mean(dim=1), lr=1.0, steps=5)
    assert torch.equal(copies.z, clean.z)
    assert len(kept) == 6


def test_a_reward_is_climbed_and_a_loss_holds_it_back():
    """A bright latent under the moments: more reward than at the start, less than without them."""
    z = torch.randn(4, 1024, generator=seeded(0))
    options = {"reward": lambda x: x.mean(1), "lr": 10.0, "steps": 60}
    free = descend(z, MomentLoss(), weight=0.0, **options)
    held = descend(z, MomentLoss(aim="typical"), weight=2.0, **options)
    assert (free.reward[-1] > free.reward[0] + 1).all()
    assert (held.reward[-1] < free.reward[-1] - 1).all()
    # Directed steps: the cosine is far below that of noise.
    assert (free.cosine[-1] < free.resampling_cosine[-1] - 0.05).all()
