"""How the losses behave as citizens of torch: types, shapes, devices, transforms, bad input."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from gausscheck.errors import DataError  # noqa: E402
from gausscheck.losses import GaussianityLoss, MomentLoss, PowerSpectrumLoss  # noqa: E402

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

LOSSES = {
    "paper": GaussianityLoss,
    "stored": lambda **o: GaussianityLoss(permute=None, **o),
    "fixed": lambda **o: GaussianityLoss(permute="fixed", permutations=2, **o),
    "mix": lambda **o: GaussianityLoss(permute="mix", orders=(1, 2, 3, 4), **o),
    "typical": lambda **o: GaussianityLoss(permute="fixed", aim="typical", **o),
    "moments": lambda **o: MomentLoss(orders=(1, 2, 3, 4, 8), **o),
    "spectrum": lambda **o: PowerSpectrumLoss(permute=None, **o),
}
DETERMINED = ("stored", "fixed", "typical", "moments", "spectrum")


def noise(*shape, seed=0, dtype=torch.float32):
    return 1.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_types(name, dtype):
    z = noise(2, 4, 16, 16, dtype=dtype).requires_grad_()
    loss = LOSSES[name]()(z)
    loss.backward()
    assert loss.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert loss.shape == ()
    assert z.grad.dtype == dtype
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize("name", DETERMINED)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_are_computed_in_float32(name, dtype):
    z = noise(2, 1024, dtype=dtype)
    narrow, wide = z.clone().requires_grad_(), z.float().requires_grad_()
    a, b = LOSSES[name]()(narrow), LOSSES[name]()(wide)
    assert torch.equal(a, b)
    a.backward()
    b.backward()
    assert torch.equal(narrow.grad, wide.grad.to(dtype))


@pytest.mark.parametrize("name", DETERMINED)
@pytest.mark.parametrize("size", [(4, 16, 16), (999,)])
def test_a_batch_is_its_samples(name, size):
    z = noise(5, *size, dtype=torch.float64).requires_grad_()
    loss = LOSSES[name](reduction="none")
    together = loss(z)
    weights = torch.arange(1.0, 6.0, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((together * weights).sum(), z)
    for i in range(5):
        alone = z[i : i + 1].detach().requires_grad_()
        value = loss(alone)
        # The same operations in another blocking: a few roundings apart.
        assert torch.allclose(value, together[i : i + 1], rtol=1e-13)
        (one,) = torch.autograd.grad(value.sum() * weights[i], alone)
        assert torch.allclose(one[0], gradient[i], rtol=1e-9, atol=1e-15)
    assert torch.allclose(LOSSES[name](reduction="mean")(z), together.mean())
    assert torch.allclose(LOSSES[name](reduction="sum")(z), together.sum())


def test_one_draw_serves_the_batch():
    z = noise(1, 1024).expand(3, -1)
    values = GaussianityLoss(reduction="none")(z)
    assert torch.equal(values[0], values[1])


def test_fresh_draws_differ_and_a_generator_repeats_them():
    z = noise(1, 4096)
    generator = torch.Generator().manual_seed(7)
    loss = GaussianityLoss(generator=generator)
    first, second = loss(z), loss(z)
    assert first != second
    generator.manual_seed(7)
    assert torch.equal(loss(z), first)
    state = torch.get_rng_state()
    GaussianityLoss(generator=generator)(z)
    assert torch.equal(torch.get_rng_state(), state)
    fixed = GaussianityLoss(permute="fixed")
    assert torch.equal(fixed(z), fixed(z))
    assert torch.equal(GaussianityLoss(permute="fixed")(z), fixed(z))
    assert GaussianityLoss(permute="fixed", seed=1)(z) != fixed(z)


@pytest.mark.parametrize("shape", [(3, 700), (3, 4, 5, 35), (3, 2, 5, 7, 10)])
def test_any_shape(shape):
    z = noise(3, 700).reshape(shape)
    assert torch.equal(GaussianityLoss(permute=None)(z), GaussianityLoss(permute=None)(z.flatten(1)))


def test_one_axis_is_one_sample():
    z = noise(700)
    assert torch.equal(GaussianityLoss(permute=None)(z), GaussianityLoss(permute=None)(z[None]))


def test_strides_do_not_matter():
    z = noise(4, 16, 16, 3).permute(0, 3, 1, 2)
    assert not z.is_contiguous()
    loss = GaussianityLoss(permute=None)
    assert torch.equal(loss(z), loss(z.contiguous()))
    tracked = z.detach().requires_grad_()
    loss(tracked).backward()
    plain = z.contiguous().requires_grad_()
    loss(plain).backward()
    assert torch.equal(tracked.grad, plain.grad)
    assert torch.isfinite(loss(noise(1, 1024).expand(3, -1)))


@pytest.mark.parametrize("name", LOSSES)
def test_meta(name):
    """Whatever read a value would fail on a device that holds none."""
    z = torch.empty(2, 4, 16, 16, device="meta", requires_grad=True)
    loss = LOSSES[name](reduction="none")(z)
    assert loss.is_meta
    assert loss.shape == (2,)
    loss.sum().backward()
    assert z.grad.is_meta
    assert z.grad.shape == z.shape


def _forbidden(*_args, **_kwargs):
    msg = "waits for the device"
    raise AssertionError(msg)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("road", ["here", "elsewhere"])
def test_no_wait_for_the_device(name, road, monkeypatch):
    if road == "elsewhere":
        # As for a tensor off the CPU: no compiled passes, no short transforms.
        from gausscheck.engines.torch import orders, reduction, spectrum

        for module in (orders, reduction, spectrum):
            monkeypatch.setattr(module, "numba_at_hand", lambda device: False)
        for module in (orders, spectrum):
            monkeypatch.setattr(module, "cpu_split", lambda size, block, device: None)
        monkeypatch.setattr(reduction, "_on_host_finite", lambda squares: False)
        monkeypatch.setattr(torch.Tensor, "numpy", _forbidden)
    z = noise(2, 4, 16, 16).requires_grad_()
    for verb in ("item", "cpu", "tolist", "__bool__", "__float__", "__int__", "__index__", "nonzero"):
        monkeypatch.setattr(torch.Tensor, verb, _forbidden)
    LOSSES[name]()(z).backward()


def test_that_test_catches_a_wait(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "item", _forbidden)
    with pytest.raises(AssertionError, match="waits"):
        noise(1).item()


@pytest.mark.parametrize("name", LOSSES)
def test_compile_without_graph_breaks(name):
    z = noise(2, 1024).requires_grad_()
    loss = LOSSES[name]()
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    if name in DETERMINED:
        value = compiled(z)
        (gradient,) = torch.autograd.grad(value, z)
        plain = loss(z)
        (expected,) = torch.autograd.grad(plain, z)
        # Other operations in float32: the sums of 1,024 values may differ by a few roundings each.
        assert torch.allclose(value, plain, rtol=1e-5)
        assert (gradient - expected).norm() <= 1e-4 * expected.norm()
    else:
        compiled(z).backward()
        assert torch.isfinite(z.grad).all()
    torch._dynamo.reset()


@pytest.mark.parametrize("name", DETERMINED)
def test_autocast_changes_nothing(name):
    z = noise(2, 1024).requires_grad_()
    loss = LOSSES[name]()
    plain = loss(z)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = loss(z)
    assert torch.equal(cast, plain)
    (gradient,) = torch.autograd.grad(cast, z)
    assert torch.equal(gradient, torch.autograd.grad(plain, z)[0])


@pytest.mark.parametrize("name", DETERMINED)
def test_no_gradient_no_graph(name):
    z = noise(2, 1024)
    with torch.inference_mode():
        inference = LOSSES[name]()(z)
    assert torch.allclose(LOSSES[name]()(z), inference)
    tracked = z.requires_grad_()
    with torch.no_grad():
        assert not LOSSES[name]()(tracked).requires_grad
    assert torch.allclose(LOSSES[name]()(tracked), inference)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("value", [0.0, 1.0, -3.0])
@pytest.mark.parametrize("size", [1024, 999])
def test_a_constant_sample_has_a_finite_gradient(name, value, size):
    z = noise(2, size)
    z[1] = value
    z.requires_grad_()
    loss = LOSSES[name]()(z)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize("name", DETERMINED)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_counts_as_zero(name, bad, monkeypatch):
    z = noise(2, 1024)
    spoiled = z.clone()
    spoiled[1, 5] = bad
    z[1, 5] = 0.0
    loss = LOSSES[name](reduction="none")
    for _ in range(2):
        tracked, zeroed = spoiled.clone().requires_grad_(), z.clone().requires_grad_()
        assert torch.allclose(loss(tracked), loss(zeroed))
        (gradient,) = torch.autograd.grad(loss(tracked).sum(), tracked)
        (expected,) = torch.autograd.grad(loss(zeroed).sum(), zeroed)
        expected[1, 5] = 0.0
        assert torch.allclose(gradient, expected, atol=1e-8)
        from gausscheck.engines.torch import reduction

        monkeypatch.setattr(reduction, "numba_at_hand", lambda device: False)


@pytest.mark.parametrize(
    ("z", "words"),
    [
        (torch.zeros(2, 64, dtype=torch.int64), "int64"),
        (torch.zeros(2, 64, dtype=torch.complex64), "complex64"),
        (torch.zeros(2, 64, dtype=torch.bool), "bool"),
        (torch.zeros(0, 64), "empty"),
        (torch.zeros(2, 0), "empty"),
        (torch.tensor(1.0), "empty"),
        (torch.zeros(2, 32), "at least 33"),
        (torch.zeros(64, 4), "batch"),
        ([1.0, 2.0], "list"),
    ],
)
def test_bad_tensors(z, words):
    with pytest.raises(DataError, match=words):
        GaussianityLoss()(z)


def test_a_generator_of_another_device_is_an_error():
    loss = GaussianityLoss(generator=torch.Generator())
    with pytest.raises(ValueError, match="generator is on cpu"):
        loss(torch.zeros(2, 64, device="meta"))


def test_state_and_copies():
    import copy
    import pickle

    loss = GaussianityLoss(permute="fixed", aim="typical")
    z = noise(2, 1024)
    expected = loss(z)
    assert not loss.state_dict()
    assert torch.equal(copy.deepcopy(loss)(z), expected)
    assert torch.equal(pickle.loads(pickle.dumps(loss))(z), expected)
    assert "permute='fixed'" in repr(loss)


@pytest.mark.cuda
@pytest.mark.parametrize("name", LOSSES)
def test_cuda(name):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    z = noise(2, 4, 64, 64)
    here, there = z.clone().requires_grad_(), z.cuda().requires_grad_()
    loss = LOSSES[name](reduction="none")
    torch.cuda.set_sync_debug_mode("error")
    try:
        values = LOSSES[name](reduction="none")(there)
        values.sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    if name in DETERMINED:
        expected = loss(here)
        expected.sum().backward()
        assert torch.allclose(values.cpu(), expected, rtol=1e-4)
        assert (there.grad.cpu() - here.grad).norm() <= 1e-4 * here.grad.norm()
