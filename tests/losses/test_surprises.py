"""What surprised a reader once: default devices, options without use, transforms of torch."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gausscheck.errors import ArgumentError, DataError  # noqa: E402
from gausscheck.losses import (  # noqa: E402
    AutocorrelationLoss,
    CovarianceLoss,
    GaussianityLoss,
    KLLoss,
    MomentLoss,
    NormLoss,
    PowerSpectrumLoss,
    descend,
)

LOSSES = (
    GaussianityLoss(),
    GaussianityLoss(permute="fixed"),
    GaussianityLoss(permute=None, orders=(1, 3), aim="typical"),
    MomentLoss(),
    PowerSpectrumLoss(permute="mix"),
    KLLoss(),
    NormLoss(),
    CovarianceLoss(shuffles=2),
    AutocorrelationLoss(),
)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_a_default_device_elsewhere_changes_nothing(loss):
    z = noise(2, 4, 16, 16).requires_grad_()
    with torch.device("meta"):
        value = copy.copy(loss)(z)
        value.backward()
        report = loss.report(z)
        run = descend(z.detach(), loss, lr=0.1, steps=2, every=1)
    assert value.device.type == "cpu"
    assert torch.isfinite(z.grad).all()
    assert np.isfinite(report.loss)
    assert run.z.device.type == "cpu"


@pytest.mark.parametrize("permute", [None, "fixed"])
def test_torch_func(permute):
    z = noise(2, 600).double()
    loss = GaussianityLoss(permute=permute, orders=(1, 2, 3))
    tracked = z.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss(tracked), tracked)
    assert torch.allclose(torch.func.grad(loss)(z), expected, rtol=1e-9, atol=1e-14)
    each = torch.func.vmap(lambda one: loss(one[None]))(z)
    assert torch.allclose(each, GaussianityLoss(permute=permute, orders=(1, 2, 3), reduction="none")(z))
    assert torch.equal(copy.deepcopy(loss)(z), loss(z))


def test_options_without_use_are_errors():
    with pytest.raises(ArgumentError, match=r"generator=torch\.Generator\(\)\.manual_seed\(5\)"):
        GaussianityLoss(seed=5)
    with pytest.raises(ArgumentError, match="seed"):
        GaussianityLoss(permute=None, seed=5)
    with pytest.raises(ArgumentError, match="permutations=7"):
        GaussianityLoss(permute=None, permutations=7)
    assert "seed=5" in repr(GaussianityLoss(permute="fixed", seed=5))


def test_numpy_numbers_are_numbers():
    loss = GaussianityLoss(
        orders=np.array([1, 2]),
        block=np.int64(16),
        moment_weight=np.float32(1),
        permutations=np.int32(2),
        permute="fixed",
        seed=np.uint8(0),
        mu=np.float64(0.875),
    )
    z = noise(1, 1024)
    assert torch.equal(loss(z), GaussianityLoss(permute="fixed", permutations=2, mu="paper")(z))
    for wrong in (np.array([1.0, 2.0]), np.array([0])):
        with pytest.raises(ArgumentError):
            GaussianityLoss(orders=wrong)


def test_too_few_values_for_a_law_are_named_before_any_work():
    z = noise(2, 64)
    assert torch.isfinite(GaussianityLoss(permutations=2)(z))
    with pytest.raises(DataError, match="at least 256"):
        GaussianityLoss(permutations=2, aim="typical")(z)
    with pytest.raises(ArgumentError, match="permutations=2 needs at least 256"):
        GaussianityLoss(permutations=2).report(z)


@pytest.mark.parametrize("loss", [KLLoss(), NormLoss(), KLLoss(aim="typical"), NormLoss(aim="typical")])
def test_what_overflows_is_infinite_not_nothing(loss):
    z = noise(1, 1024)
    z[0, 0] = 1e20
    assert loss(z).item() == float("inf")


def test_lazy_signs_and_sparse_tensors():
    z = noise(2, 1024)
    loss = GaussianityLoss(permute=None)
    assert torch.equal(loss(torch._neg_view(z)), loss(-z))
    with pytest.raises(DataError, match="dense"):
        loss(z.to_sparse())


def test_an_image_loss_holds_to_its_shape():
    loss = AutocorrelationLoss(shape=(4, 16, 16))
    assert torch.equal(loss(noise(2, 4, 16, 16)), loss(noise(2, 4, 16, 16).flatten(1)))
    with pytest.raises(DataError, match=r"\(1, 32, 32\)"):
        loss(noise(2, 1, 32, 32))


def test_one_loss_with_its_weight():
    z = noise(2, 1024)
    alone = descend(z, (KLLoss(), 2.0), lr=0.1, steps=3)
    listed = descend(z, [(KLLoss(), 2.0)], lr=0.1, steps=3)
    assert torch.equal(alone.z, listed.z)


def test_what_a_neighbour_loss_fixes_is_not_held_out():
    z = noise(2, 4, 16, 16)
    held = {f.label for f in CovarianceLoss(shuffles=2).report(z).held_out}
    assert not held & {"moment 1", "moment 2", "power_spectrum"}
    assert {"moment 4", "power_spectrum permuted x4"} <= held
    held = {f.label for f in AutocorrelationLoss().report(z).held_out}
    assert not held & {"moment 1", "power_spectrum"}
