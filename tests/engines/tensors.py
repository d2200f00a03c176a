"""Tensors for the tests of engines, and the torch engine in the guise of one that takes arrays."""

import numpy as np
import pytest

from gausscheck.arrays import TensorValues


def noise(*shape, dtype="float32", seed=0):
    """A tensor of N(0, 1) values."""
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(getattr(torch, dtype))


class OnArrays:
    """The torch engine on arrays of NumPy: tensors go in, arrays come out."""

    name = "torch"

    def __init__(self):
        self.torch = pytest.importorskip("torch")
        from gausscheck.engines.torch.engine import TorchEngine

        self.engine = TorchEngine()

    def tensor(self, x):
        """A tensor in the array's own memory wherever torch takes it: not backwards, nor read-only."""
        if min(x.strides, default=1) < 0 or not x.flags.writeable:
            x = np.array(x)
        return self.torch.from_numpy(x)

    def held(self, values):
        codes = values.data.view(np.int16) if values.data.dtype == np.uint16 else values.data
        tensor = self.tensor(codes)
        return TensorValues(tensor.view(getattr(self.torch, values.dtype)), values.dtype)

    def one_pass(self, values):
        return self.engine.one_pass(self.held(values))

    def counts(self, values):
        return self.engine.counts(self.held(values))

    def lattices(self, values, candidates):
        return self.engine.lattices(self.held(values), candidates)

    def decode(self, values, dtype=np.float32):
        return self.engine.decode(self.held(values), dtype).numpy()

    def shuffle(self, x, keys):
        self.engine.shuffle(self.tensor(x), keys)

    def power_spectrum(self, x, *args, **options):
        return self.engine.power_spectrum(self.tensor(x), *args, **options)

    def ordinates(self, x, *args, **options):
        return self.engine.ordinates(self.tensor(x), *args, **options)

    def hashes(self, values, length):
        return self.engine.hashes(self.held(values), length)

    def runs(self, values, length, halvings):
        return self.engine.runs(self.held(values), length, halvings)

    def bottom(self, values, halvings):
        return self.engine.bottom(self.held(values), halvings)
