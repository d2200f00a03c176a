"""Noise rounded to a narrow format and kept in a wider one of 16 bits is audited on the lattice it lies on.

False alarms: noise fails with the alpha of the audit, here 1e-8 a tensor.
"""

from __future__ import annotations

import numpy as np
import pytest
from noise import noise, stored

import gausscheck as gc
from gausscheck.lattice import LATTICES, Lattice, lattice_of_format

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

ALPHA = 1e-8
FP8 = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")
ROUNDED = [(own, kept) for own in FP8 for kept in ("float16", "bfloat16")] + [("bfloat16", "float16")]


def kept_in(own, storage, seed, *, shape=(2, 10_000), gain=1.0):
    return stored(gain * noise(shape, own, seed).decode(np.float64), storage)


@pytest.mark.parametrize(("own", "storage"), ROUNDED)
def test_rounded_noise_in_wider_storage_passes(own, storage):
    values = kept_in(own, storage, 201)
    tensor = gc.audit(values, permutations=0, alpha=ALPHA).tensors[0]
    assert (tensor.verdict, tensor.hints) == ("pass", ())
    # No value tells fnuz from its sibling unless one falls on a point that only one of the two has.
    assert str(tensor.lattice).removesuffix("fnuz") == str(lattice_of_format(own)).removesuffix("fnuz")
    own_tensor = gc.audit(noise((2, 10_000), own, 201), permutations=0, alpha=ALPHA).tensors[0]
    for one, other in zip(tensor.findings, own_tensor.findings, strict=True):
        assert (one.label, one.scope, one.verdict) == (other.label, other.scope, "pass")
        # bfloat16 values below 2**-17 are rounded once more by float16; few or none are.
        # Heaps are sought among the cells of the storage, more than those of the own format.
        near = 0.01 if one.statistic == "heaps" else 1e-4
        assert one.log_p == pytest.approx(other.log_p, rel=1e-4, abs=near)


@pytest.mark.parametrize(("own", "storage"), [pair for pair in ROUNDED if pair[0] in FP8][::3])
def test_the_storage_alone_does_not_explain_them(own, storage):
    values = kept_in(own, storage, 201, shape=(2, 100_000))
    assert gc.audit(values, battery="quick", alpha=ALPHA).verdict == "pass"
    declared = str(lattice_of_format(storage))
    ignored = gc.audit(values, battery="quick", lattice=declared)
    assert ignored.tensors[0].lattice == declared
    assert ignored.verdict == "fail"


@pytest.mark.parametrize(("own", "storage"), ROUNDED[::3])
def test_a_deviation_is_seen_on_the_narrower_lattice(own, storage):
    values = stored(noise((2, 10_000), "float64", 202).data * 1.1, own)
    report = gc.audit(stored(values.decode(np.float64), storage), permutations=0)
    assert report.verdict == "fail"
    moment = next(f for f in report.findings if f.label == "moment 2" and f.scope == "pooled")
    assert moment.verdict == "fail"
    assert moment.effect.low < 1.1 < moment.effect.high


@pytest.mark.parametrize("storage", ["float16", "bfloat16"])
@pytest.mark.parametrize("n", [8, 9, 16, 64, 1000, 20_000])
def test_ordinary_noise_keeps_the_lattice_of_its_storage(storage, n):
    # One value in 16 of bfloat16 noise lies on fp8 by chance, of float16 on bf16 one in 8: all n do so with
    # probability 8**-n at most.
    for seed in range(6):
        report = gc.audit(noise((1, n), storage, [203, seed, n]), permutations=0, alpha=ALPHA)
        assert report.tensors[0].lattice == lattice_of_format(storage)
        assert report.verdict == "pass"


def test_a_lattice_may_be_named():
    values = kept_in("float8_e5m2", "bfloat16", 204)
    named = gc.audit(values, permutations=0, lattice="fp8_e5m2").tensors[0]
    assert (named.lattice, named.verdict) == ("fp8_e5m2", "pass")
    with pytest.raises(gc.ArgumentError, match=r"do not lie on the lattice fp8_e4m3 \(found: fp8_e5m2, "):
        gc.audit(values, lattice="fp8_e4m3")


def test_what_a_lattice_cannot_hold_is_not_looked_at_on_it():
    """Values of scale 2000 are beyond the range of fp8_e4m3, where whole numbers of bfloat16 are not."""
    values = kept_in("float8_e5m2", "bfloat16", 205, gain=1.0)
    assert not Lattice("fp8_e4m3").holds(2000.0)
    wide = stored(2048 * values.decode(np.float64), "bfloat16")
    tensor = gc.audit(wide, permutations=0, reference="scale=2048").tensors[0]
    assert tensor.lattice in LATTICES
    assert tensor.verdict == "pass"
