"""How the relatives behave as citizens of torch: types, shapes, devices, draws, bad input, reports."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from losses import relatives  # noqa: E402
from losses.relative_cases import (  # noqa: E402
    DETERMINED,
    LOSSES,
    SHAPE,
    correlated,
    noise,
    value_and_gradient,
)

from gausscheck.engines.torch import orders as orders_module  # noqa: E402
from gausscheck.errors import ArgumentError, DataError  # noqa: E402
from gausscheck.losses import (  # noqa: E402
    AutocorrelationLoss,
    CovarianceLoss,
    KLLoss,
    KurtosisLoss,
    NormLoss,
    autocorrelation_loss,
    covariance_loss,
    kl_loss,
    kurtosis_loss,
    norm_loss,
)
from gausscheck.losses.norm import norm_minimum  # noqa: E402

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_types(name, dtype):
    z = noise(2, *SHAPE).to(dtype).requires_grad_()
    value = LOSSES[name]()(z)
    value.backward()
    assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert z.grad.dtype == dtype
    assert torch.isfinite(z.grad).all()
    if name in DETERMINED:
        wide = z.detach().to(value.dtype).requires_grad_()
        again = LOSSES[name]()(wide)
        assert torch.equal(again, value)
        again.backward()
        assert torch.equal(wide.grad.to(dtype), z.grad)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(LOSSES[name]()(z), value)


@pytest.mark.parametrize("name", DETERMINED)
def test_a_batch_is_its_samples(name):
    z = correlated(3, *SHAPE).requires_grad_()
    loss = LOSSES[name](reduction="none")
    together = loss(z)
    weights = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    (gradient,) = torch.autograd.grad((together * weights).sum(), z)
    for i in range(3):
        value, one = value_and_gradient(lambda x: loss(x).sum(), z[i : i + 1])
        # The same operations in another blocking; window of the typical aim included.
        assert torch.allclose(value, together[i], rtol=1e-12)
        assert torch.allclose(one[0] * weights[i], gradient[i], rtol=1e-9, atol=1e-13)
    assert torch.allclose(LOSSES[name](reduction="sum")(z), together.sum())
    assert torch.allclose(LOSSES[name]()(z), together.mean())


def test_one_draw_serves_the_batch_and_a_generator_repeats_it():
    z = noise(1, *SHAPE, mean=1.0).expand(3, *SHAPE)
    for make in (
        lambda g: CovarianceLoss(shuffles=3, reduction="none", generator=g),
        lambda g: AutocorrelationLoss(random_lag=True, reduction="none", generator=g),
    ):
        generator = torch.Generator().manual_seed(1)
        loss = make(generator)
        state = torch.get_rng_state()
        first, second = loss(z), loss(z)
        assert torch.equal(first, first[:1].expand(3))
        assert not torch.equal(first, second)
        generator.manual_seed(1)
        assert torch.equal(loss(z), first)
        assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", LOSSES)
def test_meta(name):
    z = torch.empty(2, *SHAPE, device="meta", requires_grad=True)
    value = LOSSES[name](reduction="none")(z)
    assert value.is_meta
    assert value.shape == (2,)
    value.sum().backward()
    assert z.grad.shape == z.shape


def _forbidden(*_args, **_kwargs):
    msg = "waits for the device"
    raise AssertionError(msg)


@pytest.mark.parametrize("name", LOSSES)
def test_no_wait_for_the_device(name, monkeypatch):
    # As off the CPU: no compiled passes.
    monkeypatch.setattr(orders_module, "numba_at_hand", lambda device: False)
    monkeypatch.setattr(orders_module, "cpu_split", lambda size, block, device: None)
    z = noise(2, *SHAPE).requires_grad_()
    verbs = ("item", "cpu", "numpy", "tolist", "__bool__", "__float__", "__int__", "__index__", "nonzero")
    for verb in verbs:
        monkeypatch.setattr(torch.Tensor, verb, _forbidden)
    # These wait for a device inside.
    for verb in ("eigh", "eigvalsh", "svdvals", "matrix_norm"):
        monkeypatch.setattr(torch.linalg, verb, _forbidden)
    LOSSES[name]()(z).backward()


# Compiling takes seconds: the typical aim, which does more, by default, and the plain one by hand.
_COMPILED = [
    pytest.param(name, marks=pytest.mark.slow if f"typical {name}" in LOSSES else ()) for name in LOSSES
]


@pytest.mark.parametrize("name", _COMPILED)
def test_compile(name):
    z = noise(2, *SHAPE).requires_grad_()
    options = {"shape": SHAPE} if "autocorrelation" in name else {}
    loss = LOSSES[name](**options)
    value, gradient = value_and_gradient(torch.compile(loss, fullgraph=True, backend="aot_eager"), z)
    torch._dynamo.reset()
    assert torch.isfinite(gradient).all()
    if name in DETERMINED:
        expected, expected_gradient = value_and_gradient(loss, z)
        # Other operations in float32, with differences of nearly equal numbers in either.
        assert torch.allclose(value, expected, rtol=1e-4)
        assert (gradient - expected_gradient).norm() <= 1e-4 * expected_gradient.norm()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("value", [0.0, 1.0, -3.0, float("nan"), float("inf")])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_constant_and_spoiled_samples_are_finite(name, value, dtype):
    z = noise(2, *SHAPE).to(dtype)
    z[1] = value
    z.requires_grad_()
    result = LOSSES[name]()(z)
    result.backward()
    assert torch.isfinite(result)
    assert torch.isfinite(z.grad).all()
    if not math.isfinite(value):
        assert not z.grad[1].any()


def test_constant_samples_have_the_documented_values():
    z = torch.full((1, 2048), 2.0, dtype=torch.float64)
    assert float(kl_loss(z)) == pytest.approx(4 - 1 - math.log(1e-7))
    value, gradient = value_and_gradient(norm_loss, torch.zeros(1, 2048, dtype=torch.float64))
    assert float(value) == pytest.approx(norm_minimum(2048) + 0.5 * 2047 * (-1 - math.log(1e-7)))
    assert not gradient.any()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: KLLoss(aim="low"), "aim"),
        (lambda: KLLoss(reduction="max"), "reduction"),
        (lambda: KLLoss(central=1.0), "central"),
        (lambda: NormLoss(from_minimum=1), "from_minimum"),
        (lambda: KurtosisLoss(squared="yes"), "squared"),
        (lambda: CovarianceLoss(k=1), "k=1"),
        (lambda: CovarianceLoss(k=4.0), "k=4.0"),
        (lambda: CovarianceLoss(k=True), "k=True"),
        (lambda: CovarianceLoss(shuffles=-1), "shuffles=-1"),
        (lambda: CovarianceLoss(shuffles=0, generator=torch.Generator()), "no use"),
        (lambda: CovarianceLoss(generator=7), "torch.Generator"),
        (lambda: AutocorrelationLoss(generator=torch.Generator()), "no use"),
        (lambda: AutocorrelationLoss(random_lag=True, generator=7), "torch.Generator"),
        (lambda: AutocorrelationLoss(rescale=2), "rescale"),
        (lambda: AutocorrelationLoss(random_lag=None), "random_lag"),
        (lambda: AutocorrelationLoss(shape=(64,)), "no image"),
        (lambda: AutocorrelationLoss(shape=(4, 64, 2)), "no image"),
        (lambda: AutocorrelationLoss(shape=(4, 6.0, 8)), "no image"),
        (lambda: AutocorrelationLoss().null(4096), "of_shape"),
        (lambda: AutocorrelationLoss(shape=(8, 8)).null(63), "8 x 8"),
    ],
)
def test_bad_options(make, words):
    with pytest.raises(ArgumentError, match=words):
        make()


@pytest.mark.parametrize(
    ("loss", "z", "words"),
    [
        (KLLoss(), torch.zeros(2, 4), "at least 8"),
        (KLLoss(), torch.zeros(2, 64, dtype=torch.int32), "int32"),
        (CovarianceLoss(k=16), torch.zeros(2, 31), "at least 32"),
        (AutocorrelationLoss(), torch.zeros(2, 64), "no image"),
        (AutocorrelationLoss(), torch.zeros(64), "no image"),
        (AutocorrelationLoss(), torch.zeros(2, 32, 2), "no image"),
        (AutocorrelationLoss(shape=(8, 8)), torch.zeros(2, 65), "is not of"),
        (AutocorrelationLoss(), [1.0], "list"),
    ],
)
def test_bad_tensors(loss, z, words):
    with pytest.raises(DataError, match=words):
        loss(z)


def test_a_generator_of_another_device_is_an_error():
    z = torch.zeros(2, *SHAPE, device="meta")
    for loss in (
        CovarianceLoss(generator=torch.Generator()),
        AutocorrelationLoss(random_lag=True, generator=torch.Generator()),
    ):
        with pytest.raises(ArgumentError, match="generator is on cpu"):
            loss(z)


def test_function_twins_and_defaults():
    z = correlated(2, *SHAPE)
    assert torch.equal(kl_loss(z, reduction="sum"), KLLoss(reduction="sum")(z))
    assert torch.equal(norm_loss(z, from_minimum=True), NormLoss(from_minimum=True)(z))
    assert torch.equal(kurtosis_loss(z, squared=True), KurtosisLoss(squared=True)(z))
    assert torch.equal(autocorrelation_loss(z, rescale=True), AutocorrelationLoss(rescale=True)(z))
    a, b = (torch.Generator().manual_seed(5) for _ in range(2))
    assert torch.equal(covariance_loss(z, generator=a), CovarianceLoss(generator=b)(z))
    loss = CovarianceLoss()
    assert (loss.k, loss.shuffles) == (4, 100)
    assert "shuffles=100" in repr(loss)


def test_autocorrelation_of_flat_input_and_of_extra_axes():
    z = correlated(2, *SHAPE)
    expected = autocorrelation_loss(z)
    assert torch.equal(autocorrelation_loss(z.flatten(1), shape=SHAPE), expected)
    assert torch.equal(autocorrelation_loss(z.unflatten(1, (2, 2))), expected)
    assert torch.allclose(
        autocorrelation_loss(z[:, 0]),
        autocorrelation_loss(z, reduction="none").new_tensor(0)
        + torch.stack([relatives.autocorrelation(s[:1]) for s in z]).mean(),
    )
    loss = AutocorrelationLoss()
    assert loss.of_shape(SHAPE) is not loss
    assert loss.of_shape(SHAPE).terms == AutocorrelationLoss(shape=SHAPE).terms
    assert KLLoss().of_shape(SHAPE).terms == KLLoss().terms


@pytest.mark.parametrize("name", [n for n in LOSSES if n.startswith("typical")])
def test_the_typical_aim_is_flat_inside_and_pulls_from_both_sides(name):
    loss = LOSSES[name]().of_shape(SHAPE)
    size = math.prod(SHAPE)
    window = loss.score.window(loss.terms[0], size)
    assert window.low < window.high
    inside = torch.tensor([[0.5 * (window.low + window.high)]], dtype=torch.float64)
    assert float(loss.score.loss(inside, size)) == 0.0
    above = torch.tensor([[window.high + 2 * window.std]], dtype=torch.float64)
    assert float(loss.score.loss(above, size)) == pytest.approx(2.0)
    assert float(loss.score.slopes(above, size)) == pytest.approx(2.0 / window.std)
    below = torch.tensor([[window.low - window.std]], dtype=torch.float64)
    assert float(loss.score.slopes(below, size)) == pytest.approx(-1.0 / window.std)


@pytest.mark.parametrize("name", LOSSES)
def test_a_report_names_the_term(name):
    z = noise(2, *SHAPE, mean=0.0, std=1.0)
    report = LOSSES[name]().report(z)
    (finding,) = report.optimised
    assert finding.statistic == name.split()[-1 if name.startswith("typical") else 0].replace(
        "raster", "covariance"
    )
    assert report.passed
    # Two samples of noise: their smaller p-value, doubled, is below 1e-9 once in 1e9.
    assert finding.log_p > math.log(1e-9)
