"""Audits of tensors where they live, rehearsed on CPU tensors that are kept from NumPy."""

import dataclasses
import math
from contextlib import contextmanager

import numpy as np
import pytest
from engines.bounds import Bounds, by_name, check_finding
from engines.tensors import noise
from tolerance import tolerance

import gausscheck as gc
from gausscheck import arrays, gather
from gausscheck.arrays import TensorValues, as_values
from gausscheck.engines.base import GOLDEN, mix
from gausscheck.engines.numpy import NumpyEngine
from gausscheck.errors import DataError
from gausscheck.layout import Layout
from gausscheck.needs import OnePassNeed
from gausscheck.summaries.frequency import frequency_bins

torch = pytest.importorskip("torch")

from gausscheck.engines.torch import engine as torch_engine  # noqa: E402

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

GAUSSIAN_DTYPES = ["float32", "float64", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]


class HashedNumpy(NumpyEngine):
    """The NumPy engine with the permutations of the torch engine, by their definition."""

    def shuffle(self, x, keys):
        golden = np.uint64(GOLDEN)
        counter = np.arange(1, x.shape[1] + 1, dtype=np.uint64) * golden
        for row, key in zip(x, keys, strict=True):
            row[:] = row[np.argsort(mix(mix(key + golden[np.newaxis]) + counter).view(np.int64))]


def audits(x, **options):
    """The audit of a tensor where it is, and that by NumPy with the same permutations."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gather, "select", lambda *_args, **_options: HashedNumpy())
        expected = gc.audit(x, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "READ_BY_NUMPY", frozenset())
        assert isinstance(as_values(x, integers=True), TensorValues)
        got = gc.audit(x, **options)
    return got.tensors[0], expected.tensors[0]


def check_same(x, ties=(), scale=1.0, **options):
    """Law: where the data lives changes nothing in a report beyond rounding.

    `ties` names statistics that several places share the worst value of; which of them is named is rounding.
    """
    got, expected = audits(x, **options)
    for field in dataclasses.fields(expected):
        if field.name not in ("findings", "log_p", "detectable", "hints"):
            assert getattr(got, field.name) == getattr(expected, field.name), field.name
    values = as_values(x, integers=True).decode(np.float64)
    bounds = Bounds(values, Layout.resolve(options.get("layout"), values.shape), scale)
    assert len(got.findings) == len(expected.findings)
    for a, b in zip(*(by_name(r) for r in (got, expected)), strict=True):
        check_finding(a, b, bounds.of(b), tied=b.statistic in ties)
    if not ties:
        assert got.hints == expected.hints
    return got


# By default every shape and every format once; by hand all pairs.
_SHAPES = ((600,), (6, 700), (5, 3, 17, 9))
_PAIRS = [
    pytest.param(dtype, shape, marks=() if k % 3 == j else pytest.mark.slow)
    for k, dtype in enumerate(GAUSSIAN_DTYPES)
    for j, shape in enumerate(_SHAPES)
]


@pytest.mark.parametrize(("dtype", "shape"), _PAIRS, ids=str)
def test_audits_agree_on_noise(dtype, shape):
    report = check_same(noise(*shape, dtype=dtype))
    assert report.verdict == "pass"
    assert report.dtype == dtype
    assert {f.view for f in report.findings} == {"stored", "permuted"}


BASE = noise(7, 40, 30, seed=3)
VIEWS = {
    "sample axis last": (BASE, "h w b"),
    "sample axis in the middle": (BASE, "h b w"),
    "transposed": (BASE.transpose(0, 2), "b h w"),
    "every other value": (BASE[1:, ::2, ::3], "b h w"),
    "expanded": (noise(1, 900).expand(4, 900), "b w"),
    "negative view": (torch._neg_view(BASE), "c h w"),
    "requires grad": (BASE.clone().requires_grad_(), "b h w"),
    "scale": (1.3 * BASE, "b h w"),
    "walk": (BASE.cumsum(1) / 6, "b c w"),
    "wide": (1e20 * BASE, "b h w"),
    "wide double": (1e250 * BASE.double(), "b h w"),
    "tiny": (1e-30 * BASE, "b h w"),
    "zeros": (torch.zeros(4, 300), "b w"),
    "bf16 within float32": (BASE.bfloat16().float(), "b h w"),
    "fp8 within float64": (BASE.to(torch.float8_e4m3fn).double(), "b h w"),
    "one sample": (BASE, "c h w"),
}


@pytest.mark.parametrize("name", list(VIEWS))
def test_audits_agree_on_views(name):
    x, layout = VIEWS[name]
    check_same(x, layout=layout)


@pytest.mark.parametrize("battery", ["quick", "thorough"])
def test_audits_agree_on_other_batteries(battery):
    check_same(BASE, scale=1.5, battery=battery, reference="scale=1.5", seed=5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float8_e5m2"])
def test_audits_agree_on_values_that_are_not_finite(dtype, bad):
    x = noise(6, 20, 30)
    x[4, 7, 11] = bad
    x[5, 2, 2] = np.nan
    report = check_same(x.to(getattr(torch, dtype)), layout="b h w")
    first = next(f for f in report.findings if f.statistic == "nonfinite")
    assert first.where["index"] == [4, 7, 11]
    assert first.value == 2
    check_same(torch.full((3, 200), bad))


def test_audits_agree_in_pieces_and_segments(monkeypatch):
    monkeypatch.setattr(gather, "CHUNK", 1000)
    monkeypatch.setattr(gather, "LONGEST", 1500)
    monkeypatch.setattr(torch_engine, "_TILE", 300)
    x = noise(3, 5000).bfloat16().float()
    check_same(x[:, :4999])
    x[2, 4321] = np.inf
    check_same(x)
    check_same(x[2])


def test_integers_are_read_where_they_are():
    check_same(torch.arange(-40, 41).repeat(20), integers=True)


@pytest.mark.parametrize("name", ["moment", "hermite", "constant", "nonfinite"])
def test_a_statistic_takes_a_tensor(name, on_device):
    statistic = gc.statistics[name]
    x = noise(4, 6, 50)
    for layout in ("b h w", "h w b"):
        got, expected = statistic.test(x, layout=layout), statistic.test(x.numpy(), layout=layout)
        assert isinstance(statistic.needs(**expected.parameters), OnePassNeed)
        assert got.value == pytest.approx(expected.value, rel=tolerance("power_sum", n=1200, order=8))


def test_the_spectrum_of_a_tensor(on_device):
    x = noise(4, 300)
    statistic = gc.statistics["power_spectrum"]
    limit = tolerance("other_transform", dtype="float32", n=300) * float(x.square().mean().sqrt())
    assert statistic.test(x).value == pytest.approx(statistic.test(x.numpy()).value, abs=limit)
    kept = x.clone()
    statistic.test(x, permutations=2)
    assert torch.equal(x, kept)
    x[1, 1] = np.nan
    with pytest.raises(DataError, match="1 samples are not"):
        statistic.test(x)


@contextmanager
def watched():
    """Numbers of values that come to the host, one for each copy."""
    sizes = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("cpu", "numpy", "tolist", "item", "__array__", "__bool__", "__int__", "__float__"):
            original = getattr(torch.Tensor, name)

            def copied(self, *args, original=original, **options):
                sizes.append(self.numel())
                return original(self, *args, **options)

            patch.setattr(torch.Tensor, name, copied)
        yield sizes


def summary_sizes(samples, channels, shape):
    """Most numbers of each kind that an audit may take to the host, of less than 2**21 values of float32."""
    field = math.prod(shape)
    size, bins = samples * channels * field, frequency_bins(shape)
    return {
        "power sums, extremes and tally of each sample": 14 * samples,
        "spectra, stored and permuted": 5 * samples,
        "values to look for lattices": 256,
        # they may be infinite: looked at before they are used
        "magnitudes and truth values": 64,
        "table of counts": 2**16,
        # a fraction chosen by hash: binomial
        "sketch of the values": min(size, 2**17 + 8 * 2**9),
        "hashes": samples * channels * -(-field // 64),
        # one in 16, and where they are
        "hashes of windows": 2 * min(size // 16 + 6 * math.isqrt(size) // 4, 2**18),
        "ordinates, summed over samples": channels * bins.count,
        "flatness, peaks and bands of each field": samples * channels * (5 + len(bins.bands)),
        "products of channels and of samples": channels**2 + samples**2 + samples,
    }


@pytest.mark.parametrize("kind", ["noise", "bf16 within float32", "not finite"])
def test_only_summaries_come_to_the_host(kind, on_device):
    samples, length = 48, 2**15
    x = noise(samples, length)
    if kind == "bf16 within float32":
        x = x.bfloat16().float()
    elif kind == "not finite":
        x[3, 77] = np.nan
    with watched() as sizes:
        gc.audit(x)
    limit = summary_sizes(samples, 1, (length,))
    assert 0 < max(sizes) <= max(limit.values())
    # each is counted when it comes to the host, and when it becomes an array there
    assert sum(sizes) <= 2 * sum(limit.values()) < x.numel()


def test_a_copy_to_the_host_is_noticed(on_device, monkeypatch):
    """Planted fault: an engine that decodes on the host."""
    decode = torch_engine.TorchEngine.decode

    def on_host(self, values, dtype=np.float32):
        return decode(self, TensorValues(torch.from_numpy(values.data.cpu().numpy()), values.dtype), dtype)

    monkeypatch.setattr(torch_engine.TorchEngine, "decode", on_host)
    with pytest.raises(AssertionError):
        test_only_summaries_come_to_the_host("noise", None)


def _off_by_one(original):
    def wrong(columns, size):
        return original(columns, size - 1)

    return wrong


def _without_the_last_group(original):
    def wrong(x, ordinates, *args):
        return original(x, ordinates // 16 * 16, *args)

    return wrong


def _float32_sums(original):
    def wrong(x):
        return [s.float().double() for s in original(x)]

    return wrong


def _half_the_values(original):
    def wrong(x, threshold):
        return original(x, threshold // 2)

    return wrong


def _a_thousandth_too_much(original):
    def wrong(*args, **options):
        right = original(*args, **options)
        return dataclasses.replace(right, power=1.001 * right.power)

    return wrong


def _backwards(original):
    def wrong(keys, n):
        return original(keys, n).flip(1)

    return wrong


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("_one_pass", _off_by_one),
        ("_discrepancy", _without_the_last_group),
        ("_power_sums", _float32_sums),
        ("hashed_order", _backwards),
        ("bottom_of", _half_the_values),
        ("ordinates_of", _a_thousandth_too_much),
    ],
)
def test_the_law_catches_a_wrong_engine(name, fault, monkeypatch):
    x = noise(6, 700)  # 349 ordinates: the last group is short
    check_same(x)
    monkeypatch.setattr(torch_engine, name, fault(getattr(torch_engine, name)))
    with pytest.raises(AssertionError):
        check_same(x)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", GAUSSIAN_DTYPES)
def test_an_audit_on_cuda_is_that_of_numpy(dtype):
    x = noise(6, 700, dtype=dtype)
    x[4, 7] = np.nan
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gather, "select", lambda *_args, **_options: HashedNumpy())
        expected = gc.audit(x).tensors[0]
    with watched() as sizes:
        got = gc.audit(x.cuda()).tensors[0]
    limit = summary_sizes(6, 1, (700,))
    assert sum(sizes) <= 2 * sum(limit.values())
    assert (got.lattice, got.verdict, got.untested) == (expected.lattice, expected.verdict, expected.untested)
    bounds = Bounds(x.double().numpy(), Layout.resolve(None, (6, 700)))
    for a, b in zip(*(by_name(r) for r in (got, expected)), strict=True):
        check_finding(a, b, bounds.of(b), tied=False)
