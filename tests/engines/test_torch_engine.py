"""The torch engine beyond the law of agreement: its permutations, lattices, and what it takes."""

import numpy as np
import pytest
from engines.tensors import OnArrays, noise

import gausscheck as gc
from gausscheck.arrays import TensorValues, Values, as_values
from gausscheck.engines import select
from gausscheck.errors import ArgumentError, DataError
from gausscheck.floats import FORMATS
from gausscheck.lattice import LATTICES, Lattice, LatticeCandidates

torch = pytest.importorskip("torch")

from gausscheck.engines.torch import engine as torch_engine  # noqa: E402
from gausscheck.engines.torch.shuffle import hashed_order  # noqa: E402

DTYPES = [name for name in FORMATS if hasattr(torch, name)]


def test_shuffle_is_the_hashed_order_in_place(monkeypatch):
    base = noise(5, 402)
    keys = np.arange(5, dtype=np.uint64)
    view = base[:, ::2]
    expected = view.gather(1, hashed_order(torch.arange(5), 201))
    others = base[:, 1::2].clone()
    monkeypatch.setattr(torch_engine, "_TILE", 500)
    torch_engine.TorchEngine().shuffle(view, keys)
    assert torch.equal(base[:, ::2], expected)
    assert torch.equal(base[:, 1::2], others)
    for x, key, word in (
        (view, keys[:1], "key"),
        (view, keys.view(np.int64), "key"),
        (view.half(), keys, "float16"),
        (view[0], keys, "shape"),
    ):
        with pytest.raises(ArgumentError, match=word):
            torch_engine.TorchEngine().shuffle(x, key)


class Storages(torch.utils._python_dispatch.TorchDispatchMode):
    """Sizes in bytes of the memory behind all results, but for that of one tensor."""

    def __init__(self, x):
        super().__init__()
        self.known, self.sizes = x.untyped_storage().data_ptr(), []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for one in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(one, torch.Tensor) and one.untyped_storage().data_ptr() != self.known:
                self.sizes.append(one.untyped_storage().nbytes())
        return result


@pytest.mark.parametrize("shape", [(1, 50_000), (50, 1000), (5000, 10)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_memory_is_bounded_by_tiles(dtype, shape, monkeypatch):
    monkeypatch.setattr(torch_engine, "_TILE", 1000)
    monkeypatch.setattr("gausscheck.engines.torch.lattices._TILE", 1000)
    engine, x = torch_engine.TorchEngine(), noise(*shape).bfloat16().to(getattr(torch, dtype))
    x[-1, -1] = np.nan
    values = TensorValues(x, dtype)
    with Storages(x) as kept:
        engine.one_pass(values)
        engine.counts(values)
        if dtype != "bfloat16":
            assert "bf16" in engine.lattices(values, LatticeCandidates()).names
    # 1000 values, or 14 numbers a sample of a tile, in float64; or the table of counts
    most = max(8 * 2**16, 8 * 14 * max(1, 1000 // shape[1]))
    assert 8 * 1000 <= max(kept.sizes) <= most


def patterns(lattice, dtype):
    """Values on a lattice with all that is special: zeros, subnormals, the largest; then none."""
    points = lattice.points
    far = 2.0**120 if dtype == "float64" or lattice.format.exponent_bits < 8 else 2.0**127
    finest = points[points > 0][0]
    yield "points", points
    yield "signed zeros", np.array([0.0, -0.0])
    yield "not finite", np.array([np.nan, np.inf, -np.inf])
    yield "points and not finite", np.append(points, [np.inf, np.nan])
    yield "beyond the largest", np.append(points, far)
    yield "half the finest", np.append(points, 0.5 * finest)
    yield "one and a half of the finest", np.append(points, 1.5 * finest)
    yield "one bit too many", np.append(points, 1.0 + 2.0 ** -(lattice.format.mantissa_bits + 1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", list(LATTICES))
def test_lattices_are_those_of_numpy(name, dtype, monkeypatch):
    monkeypatch.setattr("gausscheck.engines.torch.lattices._TILE", 1000)
    engine = OnArrays()
    for what, values in patterns(Lattice(name), dtype):
        # Far behind the values that the host looks at
        x = np.concatenate([np.zeros(1100), values]).astype(dtype)
        for shaped in (x.reshape(1, -1), x.reshape(-1, 1), np.stack([x, x[::-1]]), np.stack([x, x]).T):
            for given in (LatticeCandidates(), LatticeCandidates((name,)), LatticeCandidates(())):
                expected = given.update(shaped)
                assert engine.lattices(Values(shaped, dtype), given) == expected, what
    assert engine.lattices(Values(np.zeros((0, 3), dtype), dtype), LatticeCandidates()) == LatticeCandidates()


def test_where_a_tensor_is_read(on_device, monkeypatch):
    x = noise(3, 4)
    held = as_values(x)
    assert (type(held), held.device, held.shape, held.size) == (TensorValues, "cpu", (3, 4), 12)
    assert held.data.data_ptr() == x.data_ptr()
    assert select(held.size, device=held.device).name == "torch"
    assert as_values(held) is held
    monkeypatch.undo()
    held = as_values(x)
    assert (type(held), held.device) == (Values, None)
    assert np.shares_memory(held.data, x.numpy())


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_and_columns_of_a_tensor(dtype, on_device):
    x = noise(5, 7, dtype=dtype).T
    rows = np.array([True, False, False, True, True, False, True])
    picked = as_values(x).rows(rows).columns(1, 4)
    expected = x.double().numpy()[rows][:, 1:4]
    np.testing.assert_array_equal(picked.decode(), expected)
    np.testing.assert_array_equal(picked.decode(np.float32), expected.astype(np.float32))
    assert picked.dtype == dtype


def test_what_cannot_be_tested_is_refused(on_device):
    for x, word in (
        (torch.empty(100, device="meta"), "meta"),
        (torch.eye(10).to_sparse(), "to_dense"),
        (torch.ones(100, dtype=torch.bool), "bool"),
        (torch.arange(100), "integers=True"),
        (torch.ones(100, dtype=torch.complex64), "complex64"),
        (torch.ones(3), "at least 8"),
        (torch.ones(0), "empty"),
    ):
        with pytest.raises(DataError, match=word):
            gc.audit(x)
    with pytest.raises(ArgumentError, match=r"held as torch\.float16, got torch\.float32"):
        TensorValues(torch.ones(3), "float16")
    with pytest.raises(ArgumentError, match="held by NumPy"):
        torch_engine.TorchEngine().one_pass(as_values(np.ones((2, 3))))
