"""Orders from hashed counters: permutations, uniform, independent of one another and of the device.

False-alarm rate of each statistical test below: 1e-8, by the chi-square law of its counts.
"""

import itertools

import numpy as np
import pytest
from scipy.stats import chi2

from gausscheck.engines.base import GOLDEN, mix
from gausscheck.errors import ArgumentError
from gausscheck.views import permutation_keys

torch = pytest.importorskip("torch")

from gausscheck.engines.torch.shuffle import hashed_order, keys_of_seed  # noqa: E402

ALARM = 1e-8


def keys_of(kind, n):
    """Random keys, and the worst ones: consecutive integers."""
    if kind == "random":
        return np.random.default_rng(17).integers(0, 2**64, n, dtype=np.uint64)
    return np.arange(n, dtype=np.uint64)


def hashes(keys, n):
    """The definition in NumPy's unsigned integers, read as signed ones."""
    golden = np.uint64(GOLDEN)
    counter = np.arange(1, n + 1, dtype=np.uint64) * golden
    return mix(mix(keys + golden)[:, np.newaxis] + counter).view(np.int64)


def order(keys, n):
    return hashed_order(torch.from_numpy(keys.view(np.int64)), n).numpy()


def arithmetic_shifts(keys, n):
    """Planted fault: shifts that repeat the sign bit."""
    golden = np.uint64(GOLDEN).view(np.int64)

    def wrong(z):
        z = (z ^ (z >> 30)) * np.uint64(0xBF58476D1CE4E5B9).view(np.int64)
        z = (z ^ (z >> 27)) * np.uint64(0x94D049BB133111EB).view(np.int64)
        return z ^ (z >> 31)

    with np.errstate(over="ignore"):
        state = wrong(keys.view(np.int64) + golden)
        counter = np.arange(1, n + 1) * golden
        return np.argsort(wrong(state[:, np.newaxis] + counter), axis=1)


def by_few_bits(keys, n):
    """Planted fault: a stable sort by three bits of the hashes leaves order behind."""
    return np.argsort(hashes(keys, n) & 7, axis=1, kind="stable")


def check_definition(ordered, keys, n):
    np.testing.assert_array_equal(ordered(keys, n), np.argsort(hashes(keys, n), axis=1, kind="stable"))


def check_all_orders(ordered, keys):
    """All 4! orders equally often: chi-square with 23 degrees of freedom."""
    code = ordered(keys, 4) @ 4 ** np.arange(4)
    codes = np.array(list(itertools.permutations(range(4)))) @ 4 ** np.arange(4)
    count = np.array([np.sum(code == one) for one in codes])
    assert count.sum() == keys.size
    expected = keys.size / 24
    assert chi2.sf(np.sum((count - expected) ** 2) / expected, 23) > ALARM


def check_places(ordered, keys, n):
    """Each value equally often at each place.

    The counts are sums of N permutation matrices, so (n-1)/N sum (count - N/n)² is chi-square with (n-1)²
    degrees of freedom.
    """
    count = np.bincount((ordered(keys, n) * n + np.arange(n)).ravel(), minlength=n * n)
    statistic = (n - 1) / keys.size * np.sum((count - keys.size / n) ** 2)
    assert chi2.sf(statistic, (n - 1) ** 2) > ALARM


def check_independence(ordered, keys):
    """First two orders of three from consecutive keys: all 36 pairs equally often."""
    code = ordered(keys, 3) @ 3 ** np.arange(3)
    rank = np.unique(code, return_inverse=True)[1].reshape(-1, 2)
    count = np.bincount(rank @ [6, 1], minlength=36)
    expected = rank.shape[0] / 36
    assert chi2.sf(np.sum((count - expected) ** 2) / expected, 35) > ALARM


@pytest.mark.parametrize("n", [0, 1, 2, 1000, 70_000])
def test_it_is_the_definition(n):
    keys = np.array([0, 1, 2**63 - 1, 2**63, 2**64 - 1], dtype=np.uint64)
    check_definition(order, keys, n)
    np.testing.assert_array_equal(np.sort(order(keys, n), axis=1), np.tile(np.arange(n), (5, 1)))
    assert order(keys[:0], n).shape == (0, n)


@pytest.mark.parametrize("kind", ["random", "consecutive"])
def test_orders_are_uniform_and_independent(kind):
    check_all_orders(order, keys_of(kind, 120_000))
    check_places(order, keys_of(kind, 20_000), 50)
    check_independence(order, keys_of(kind, 120_000))


def test_no_number_comes_twice():
    """What makes any sort, stable or not, give one order."""
    h = hashes(keys_of("consecutive", 2), 200_000)
    assert all(np.unique(row).size == row.size for row in h)


def test_the_tests_catch_a_wrong_order():
    keys = keys_of("consecutive", 20_000)
    with pytest.raises(AssertionError):
        check_definition(arithmetic_shifts, keys[:2], 100)
    for check in (lambda f: check_all_orders(f, keys), lambda f: check_places(f, keys, 50)):
        with pytest.raises(AssertionError):
            check(by_few_bits)
    with pytest.raises(AssertionError):
        check_independence(lambda keys, n: order(keys // np.uint64(2), n), keys)


def test_neither_random_state_nor_host_is_touched(monkeypatch):
    def refuse(*_args, **_options):
        pytest.fail("copied to the host")

    keys = torch.arange(3)
    before = torch.get_rng_state()
    for name in ("cpu", "numpy", "tolist", "item", "__bool__", "__index__"):
        monkeypatch.setattr(torch.Tensor, name, refuse)
    hashed_order(keys, 10)
    assert hashed_order(keys.to("meta"), 10).shape == (3, 10)
    monkeypatch.undo()
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(keys, torch.arange(3))


@pytest.mark.parametrize("seed", [0, 1, 2**64 + 5, 10**40])
def test_keys_of_a_seed_are_those_of_the_views(seed):
    expected = permutation_keys(seed, 0, np.arange(6)).view(np.int64)
    np.testing.assert_array_equal(keys_of_seed(seed, 6).numpy(), expected)
    np.testing.assert_array_equal(keys_of_seed(seed).numpy(), expected[:1])
    assert keys_of_seed(seed, 2, device="meta").is_meta


def test_keys_are_checked():
    for bad in (torch.zeros(2, dtype=torch.int32), torch.zeros(2, 2, dtype=torch.int64), torch.zeros(3)):
        with pytest.raises(ArgumentError, match="int64 of shape"):
            hashed_order(bad, 4)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_same_order():
    keys = keys_of_seed(3, 4)
    assert torch.equal(hashed_order(keys.cuda(), 100_001).cpu(), hashed_order(keys, 100_001))
