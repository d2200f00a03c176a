"""The descent is the optimiser that it says, sample by sample, and its records say what it did."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gausscheck  # noqa: E402
from gausscheck.losses import GaussianityLoss, MomentLoss, PowerSpectrumLoss, descend  # noqa: E402
from gausscheck.losses.stepping import Adam, Nesterov  # noqa: E402

SIZE = 256


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def sample(*shape, seed=0, dtype=torch.float64):
    return (1.3 * torch.randn(shape, generator=seeded(seed), dtype=torch.float64) + 0.2).to(dtype)


@pytest.mark.parametrize(
    ("mine", "torchs"),
    [
        (Nesterov(0.3, 0.9), lambda p: torch.optim.SGD([p], lr=0.3, momentum=0.9, nesterov=True)),
        (Nesterov(0.3, 0.0), lambda p: torch.optim.SGD([p], lr=0.3)),
        (Adam(0.3, 0.9), lambda p: torch.optim.Adam([p], lr=0.3)),
        (Adam(0.3, 0.5), lambda p: torch.optim.Adam([p], lr=0.3, betas=(0.5, 0.999))),
    ],
)
def test_a_step_is_that_of_torch(mine, torchs):
    gradients = torch.randn(20, 2, SIZE, generator=seeded(1), dtype=torch.float64)
    theirs = torch.nn.Parameter(torch.ones(2, SIZE, dtype=torch.float64))
    optimiser = torchs(theirs)
    x = theirs.detach().clone()
    for gradient in gradients:
        theirs.grad = gradient.clone()
        optimiser.step()
        x += mine.step(gradient)
    # Twenty steps of a few roundings each, of numbers of order 10.
    torch.testing.assert_close(x, theirs.detach(), rtol=0, atol=20 * 10 * 2.0**-50)


@pytest.mark.parametrize("stepper", [Nesterov(0.3, 0.9), Adam(0.3, 0.9), Adam(0.3, 0.0)])
def test_the_parts_of_an_impulse_are_what_a_gradient_has_moved_by(stepper):
    """By linearity: the displacement with and without one gradient, over what it moves in the long run."""
    kind, steps = type(stepper), 7
    gradients = torch.randn(steps, 1, SIZE, generator=seeded(2), dtype=torch.float64)
    for s in range(steps):
        moved = []
        for factor in (1.0, 0.0):
            fresh = kind(stepper.lr, stepper.momentum)
            total = torch.zeros(1, SIZE, dtype=torch.float64)
            for t, gradient in enumerate(gradients):
                used = gradient * (factor if t == s else 1.0)
                if kind is Adam:
                    # The root is not linear: hold it.
                    fresh._second = torch.ones(1, SIZE, dtype=torch.float64)
                    fresh._root = lambda: torch.ones(1, SIZE, dtype=torch.float64)
                    fresh._first = torch.zeros_like(used) if fresh._first is None else fresh._first
                total += fresh.step(used)
                if t == s and factor:
                    impulse = fresh.impulse(used)
            moved.append(total)
        length = torch.linalg.vector_norm(moved[0] - moved[1]).item()
        assert length / impulse.sqrt().item() == pytest.approx(stepper.parts(steps)[s], rel=1e-12)


def plain(z, gradient_of, *, lr, momentum, clip, steps):
    """The loop of the paper for one sample, with torch.optim and torch's own clipping."""
    x = torch.nn.Parameter(z.clone())
    optimiser = torch.optim.SGD([x], lr=lr, momentum=momentum, nesterov=momentum > 0)
    for _ in range(steps):
        x.grad = gradient_of(x.detach())
        torch.nn.utils.clip_grad_norm_([x], clip)
        optimiser.step()
    return x.detach()


def slope(function, x):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(function(x), x)[0]


@pytest.mark.parametrize("clip", [0.01, 1e6])
def test_a_descent_is_the_loop_of_the_paper(clip):
    """Rescaling and clipping by sample, with a reward, against a loop over samples."""
    z, target = sample(3, SIZE), sample(SIZE, seed=5)
    loss = PowerSpectrumLoss(permute=None)

    def gradient_of(x):
        push, pull = slope(lambda y: (y[0] * target).sum() / SIZE, x), slope(loss, x)
        return 2.0 * push.norm() / pull.norm() * pull - push

    run = descend(
        z,
        [(loss, 3.0)],
        reward=lambda x: x @ target / SIZE,
        weight=2.0,
        lr=5.0,
        clip=clip,
        steps=10,
        every=3,
    )
    for b in range(3):
        expected = plain(z[b : b + 1], gradient_of, lr=5.0, momentum=0.9, clip=clip, steps=10)
        # clip_grad_norm_ divides by the norm plus 1e-6: 1e-4 of a clip of 0.01.
        moved = (expected - z[b : b + 1]).norm().item()
        assert (run.z[b] - expected[0]).norm().item() <= 2e-4 * moved
    assert run.steps.tolist() == [0, 3, 6, 9, 10]
    np.testing.assert_allclose(run.reward[-1], (run.z @ target / SIZE).numpy(), rtol=1e-12)


def test_without_rescaling_the_gradients_are_added_as_they_are():
    z, target = sample(1, SIZE), sample(SIZE, seed=5)
    loss = PowerSpectrumLoss(permute=None)
    run = descend(
        z,
        loss,
        reward=lambda x: x @ target,
        weight=2.0,
        lr=0.1,
        momentum=0.0,
        clip=None,
        rescale=False,
        steps=1,
    )
    expected = z - 0.1 * (2.0 * slope(loss, z) - target)
    torch.testing.assert_close(run.z, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("every", [1, 3])
def test_losses_are_added_with_their_weights(every):
    z = sample(1, SIZE)
    first, second = PowerSpectrumLoss(permute=None), MomentLoss()
    run = descend(z, [(first, 3.0), second], lr=0.1, momentum=0.0, clip=None, steps=3, every=every)
    x = z.clone()
    for _ in range(3):
        x = x - 0.1 * slope(lambda y: 3 * first(y) + second(y), x)
    torch.testing.assert_close(run.z, x, rtol=1e-11, atol=1e-11)


def test_a_sample_is_clipped_by_its_own_gradient():
    z = torch.stack([sample(SIZE), 100 * sample(SIZE, seed=1)])
    run = descend(z, MomentLoss(orders=(4,)), lr=1.0, momentum=0.0, clip=0.05, steps=1)
    lengths = (run.z - z).norm(dim=1)
    gradients = torch.stack([slope(MomentLoss(orders=(4,)), row[None])[0] for row in z]).norm(dim=1)
    assert gradients.min() > 0.05
    torch.testing.assert_close(lengths, torch.full_like(lengths, 0.05), rtol=1e-10, atol=0)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("permute", [None, "fixed"])
def test_a_batch_is_a_loop(optimizer, permute):
    z = sample(3, 2, SIZE)
    options = {"lr": 0.05, "clip": 0.5, "optimizer": optimizer, "steps": 12, "every": 5}
    loss = GaussianityLoss(permute=permute, aim="typical")
    together = descend(z, loss, stop_when_typical=True, **options)
    for b in range(3):
        alone = descend(z[b : b + 1], loss, stop_when_typical=True, **options)
        torch.testing.assert_close(together.z[b], alone.z[0], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(
            together.resampling_cosine[-1, b], alone.resampling_cosine[-1, 0], rtol=1e-9
        )


def test_records_hold_what_was_there():
    z = sample(2, SIZE)
    seen = []
    losses = {"shape": (MomentLoss(orders=(1, 2, 4)), 2.0), "order": PowerSpectrumLoss(permute=None)}
    run = descend(z, losses, lr=1.0, steps=5, every=2, callback=seen.append)
    assert tuple(seen) == run.records
    assert run.stopped == "steps"
    assert set(run.losses) == {"shape", "order"}
    terms = ["shape: moment 1", "shape: moment 2", "shape: moment 4", "order: power_spectrum stored"]
    assert list(run.statistics) == terms
    assert run.cosine.shape == run.norm.shape == run.resampling_cosine.shape == (4, 2)
    for at, x in ((0, z), (-1, run.z)):
        np.testing.assert_allclose(run.statistics[terms[1]][at], x.square().mean(1).numpy(), rtol=1e-12)
        np.testing.assert_allclose(
            run.losses["order"][at],
            PowerSpectrumLoss(permute=None, reduction="none")(x).numpy(),
            rtol=1e-10,
        )
        null_std = math.sqrt(2 / SIZE)  # of the mean of a square
        np.testing.assert_allclose(
            run.scores[terms[1]][at], (x.square().mean(1).numpy() - 1) / null_std, rtol=1e-9
        )
        cosine = torch.nn.functional.cosine_similarity(x, z, dim=1)
        np.testing.assert_allclose(run.cosine[at], cosine.numpy(), rtol=1e-12)
        np.testing.assert_allclose(run.norm[at], x.square().mean(1).sqrt().numpy(), rtol=1e-12)
    assert run.reward is None
    lines = str(run).splitlines()
    assert len(lines) == 6
    assert lines[-1] == "stopped: steps"


def test_losses_of_one_kind_have_names_of_their_own():
    run = descend(sample(1, SIZE), [MomentLoss(), (MomentLoss(orders=(4,)), 0.5)], lr=1.0, steps=1)
    assert list(run.losses) == ["MomentLoss", "MomentLoss 2"]


def test_how_often_it_records_changes_nothing():
    z = sample(2, SIZE)

    def run(every):
        loss = GaussianityLoss(permute="mix", generator=seeded(4))
        return descend(z, loss, lr=10.0, steps=12, every=every).z

    torch.testing.assert_close(run(1), run(12), rtol=1e-9, atol=1e-9)


# --- what the cosines say ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "low", "high"),
    [
        ({"lr": 100.0}, 0.5, 0.9),
        ({"lr": 200.0, "steps": 30}, 0.5, 0.9),
        ({"lr": 0.1, "optimizer": "adam", "clip": None}, 0.4, 0.9),
    ],
)
def test_the_loss_of_the_paper_only_resamples(options, low, high):
    """Fresh permutations make gradients that are fresh noise but for the radial part, below 0.6 % of it.

    Of 20 samples the mean cosine to the start has a standard error of 0.002. The law neglects the square of
    the long-run step over the norm, (lr clip/(1 - momentum))^2 / D: below 0.025 here.
    """
    z = torch.randn(20, 16384, generator=seeded(0))
    loss = GaussianityLoss(generator=seeded(1))
    run = descend(z, loss, **{"steps": 60, "every": 60, **options})
    found, law = run.cosine[-1].mean(), run.resampling_cosine[-1].mean()
    assert low < found < high
    assert abs(found - law) < 0.035


def test_the_law_is_the_one_of_clipped_steps():
    z = torch.randn(1, 16384, generator=seeded(0))
    run = descend(z, GaussianityLoss(generator=seeded(1)), lr=100.0, momentum=0.0, steps=40, every=40)
    # 25 / sqrt(D) = 0.195 is clipped to 0.01: each step has the length 1, the norm stays within 2 %.
    assert run.resampling_cosine[-1, 0] == pytest.approx(math.exp(-40 / (2 * 16384)), rel=1e-4)


def test_the_law_follows_the_norm():
    """Steps across the sample, each of a tenth of its norm: the cosine falls as one over the norm."""
    z = torch.randn(1, 4096, generator=seeded(0), dtype=torch.float64)
    directions = iter(torch.linalg.qr(torch.randn(4096, 41, generator=seeded(1), dtype=torch.float64))[0].T)

    def reward(x):
        flat = x.flatten().detach()
        across = next(directions)
        across = across - (across @ flat) / (flat @ flat) * flat
        return (x @ (0.1 * flat.norm() * across / across.norm())).reshape(1)

    run = descend(z, MomentLoss(), reward=reward, weight=0.0, lr=1.0, momentum=0.0, clip=None, steps=40)
    assert run.norm[-1, 0] == pytest.approx(run.norm[0, 0] * 1.01**20, rel=1e-9)
    assert run.resampling_cosine[-1, 0] == pytest.approx(math.exp(-0.2), rel=1e-9)
    # exp(-0.01/2) for 1/sqrt(1.01) is 0.1 % in 40 steps; a direction has a cosine of about 1/64 with the
    # start by chance, a tenth of it a step: 1 %, five times.
    assert run.cosine[-1, 0] == pytest.approx(run.resampling_cosine[-1, 0], rel=0.05)


def test_structure_goes_only_with_everything_else():
    """With the loss of the paper a checkerboard keeps the share of itself that the whole keeps."""
    checker = torch.tensor([1.0, -1.0]).repeat(8192)[None]
    z = math.sqrt(0.5) * (checker + torch.randn(1, 16384, generator=seeded(0)))
    run = descend(z, GaussianityLoss(generator=seeded(1)), lr=100.0, steps=60, every=60)
    kept = ((run.z * checker).sum() / (z * checker).sum()).item()
    assert run.cosine[-1, 0] < 0.9
    # The noise adds N(0, 1) to a projection of 90.
    assert kept == pytest.approx(run.cosine[-1, 0], abs=6 / 90)


# --- typical ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("permute", [None, "mix"])
def test_noise_stays_where_it_is_and_passes(permute):
    z = torch.randn(1, 4, 64, 64, generator=seeded(3))
    generator = {} if permute is None else {"generator": seeded(1)}
    options = {"lr": 0.1, "clip": 5.0, "steps": 300, "every": 100}
    run = descend(z, GaussianityLoss(aim="typical", permute=permute, **generator), **options)
    assert run.cosine[-1, 0] >= 0.999
    assert gausscheck.audit(run.z).verdict == "pass"
    again = {} if permute is None else {"generator": seeded(1)}
    flat = descend(z, GaussianityLoss(permute=permute, **again), **options)
    assert flat.scores["power_spectrum stored"][-1, 0] < -10
    assert gausscheck.audit(flat.z).verdict == "fail"


def test_it_stops_when_every_sample_has_been_typical():
    noise = torch.randn(2, 4096, generator=seeded(3))
    z = torch.stack([noise[0], 1.2 * noise[1]])
    loss = MomentLoss(aim="typical")
    run = descend(z, loss, lr=0.1, clip=2.0, steps=500, every=5, stop_when_typical=True)
    assert run.stopped == "typical"
    assert run.steps[-1] < 500
    assert run.typical[0].tolist() == [True, False]
    assert run.typical[-1].tolist() == [True, True]
    # The first was typical from the start.
    assert torch.equal(run.z[0], z[0])
    assert descend(noise[:1], loss, lr=0.1, stop_when_typical=True).steps.tolist() == [0]


def test_a_sample_that_was_found_typical_stays_in_spite_of_its_momentum():
    noise = torch.randn(1, 4096, generator=seeded(3))
    z = torch.cat([1.2 * noise, 2.0 * noise])
    run = descend(z, MomentLoss(aim="typical"), lr=0.1, clip=2.0, steps=500, every=5, stop_when_typical=True)
    assert run.stopped == "typical"
    first = int(run.typical[:, 0].argmax())
    assert 0 < first < len(run.steps) - 1
    for column in (run.statistics["moment 2"], run.cosine, run.resampling_cosine):
        assert (column[first:, 0] == column[first, 0]).all()
        assert column[first, 1] != column[-1, 1]


def test_a_periodic_sample_stays_periodic_without_a_jitter():
    """The stored spectrum is invariant under shifts, and so is its gradient."""
    z = torch.tensor([1.0, -1.0, -1.0, 1.0] * 1024)[None].double()
    loss = GaussianityLoss(aim="typical", permute=None)
    stuck = descend(z, loss, lr=0.1, clip=2.5, steps=20, every=20)
    # A gradient of rounding noise grows in the coefficients that are zero; it is periodic too, to rounding.
    assert stuck.scores["power_spectrum stored"][-1, 0] > 50
    freed = descend(z, loss, lr=0.1, clip=2.5, steps=200, every=200, jitter=0.1, generator=seeded(0))
    assert freed.typical[-1].all()
    assert freed.resampling_cosine[0, 0] == pytest.approx(math.sqrt(0.99))
    # The jitter adds a projection of standard deviation jitter / sqrt(D) = 0.0016.
    assert freed.cosine[0, 0] == pytest.approx(math.sqrt(0.99), abs=0.01)
