import noise
import pytest


@pytest.mark.parametrize("batch", [4, 16])
def test_latents(gaussian, batch):
    gaussian.check(noise.latents(batch, gaussian.rng), name="latents")


def test_enlarged(gaussian):
    gaussian.check(noise.enlarged(16, gaussian.rng), name="enlarged latents")


@pytest.mark.gaussian(alpha=5e-7, n=2**18)
def test_values(gaussian):
    gaussian.check(noise.values)
    gaussian.check("numpy:PCG64")


def test_cheap_values(gaussian):
    gaussian.check(noise.cheap_values)
