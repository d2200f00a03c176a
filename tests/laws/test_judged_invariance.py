"""Invariance of judged statistics: what the order of values, axes and samples and their sign may change.

Values that are the same function of the same numbers agree to the roundings of their summaries (`Bounds`).
"""

from __future__ import annotations

import numpy as np
import pytest
from engines.bounds import Bounds
from laws.judged import PROBES, asked
from noise import noise, stored

from gausscheck import statistics
from gausscheck.arrays import Values
from gausscheck.layout import Layout

SHAPE = (4, 3, 6, 10)
LAYOUT = "b c h w"
X = noise(SHAPE, "float32", 41).data
# Samples and channels that stand out, so that the worst of them does not hang on rounding.
X[2] *= 1.2
X[:, 1] *= 1.1
ORDERED_BY_PLACE = ("cumulative_periodogram",)
"""Bins of one length of the frequency vector follow each other by place: turning axes exchanges them."""


def of_family(*families):
    return tuple(p for p in PROBES if p.definition.family in families)


MARGINAL, SPECTRUM, DEPENDENCE = (of_family(name) for name in ("marginal", "spectrum", "dependence"))


def check_same(probes, changed, layout=LAYOUT, *, x=X, but=()):
    """Law: the same values, tails and p-values, to rounding."""
    bounds = Bounds(x.astype(np.float64), Layout.resolve(LAYOUT, x.shape))
    one, other = (
        asked(probes, Values(x, "float32"), LAYOUT),
        asked(probes, Values(changed, "float32"), layout),
    )
    assert one.keys() == other.keys()
    for name, finding in one.items():
        if finding.statistic not in but:
            bound = bounds.of(finding) + 1e-12 * abs(finding.value)
            assert abs(other[name].value - finding.value) <= bound, name
            assert other[name].log_p == pytest.approx(finding.log_p, rel=1e-3, abs=1e-3), name
    return one, other


def check_changed(probes, changed, names, layout=LAYOUT):
    """The law is no empty one: these do change."""
    one, other = (
        asked(probes, Values(X, "float32"), LAYOUT),
        asked(probes, Values(changed, "float32"), layout),
    )
    for name in names:
        assert one[name].value != pytest.approx(other[name].value, rel=1e-3), name


def test_a_permutation_changes_no_count():
    mixed = np.random.default_rng(42).permutation(X.ravel()).reshape(SHAPE)
    check_same(MARGINAL, mixed)
    sampled = tuple(p for p in DEPENDENCE if p.parameters.get("unit") == "value")
    check_same(sampled, mixed)
    check_changed(
        SPECTRUM, mixed, ["band_power, pooled", "spectral_flatness, pooled", "autocorrelation, channel"]
    )
    check_changed(DEPENDENCE, mixed, ["channel_correlation, pooled", "sample_correlation, pooled"])


@pytest.mark.parametrize("shift", [(1, 0), (0, 3), (5, 7)], ids=str)
def test_cyclic_shifts_change_no_spectrum(shift):
    check_same(SPECTRUM, np.roll(X, shift, (2, 3)))
    # each field by itself, too
    each = X.copy()
    for b in range(SHAPE[0]):
        each[b] = np.roll(X[b], (shift[0] + b, shift[1]), (1, 2))
    check_same(SPECTRUM, each)


def test_reversal_changes_no_spectrum():
    check_same(SPECTRUM, np.ascontiguousarray(X[:, :, ::-1, ::-1]))
    check_same(SPECTRUM, np.ascontiguousarray(X[:, :, ::-1]), but=ORDERED_BY_PLACE)


def test_transposed_axes_change_no_spectrum():
    turned = np.ascontiguousarray(X.swapaxes(2, 3))
    one, other = check_same(SPECTRUM, turned, but=ORDERED_BY_PLACE)
    # what is said of places follows the axes
    for name in ("spectral_peak bins=complex, pooled", "spectral_peak bins=real, channel"):
        f, g = (np.array(found[name].where["frequency"]) for found in (one, other))
        g = g[::-1]
        assert np.allclose((f + g) % 1, 0) or np.allclose((f - g) % 1, 0)
    lag, back = (np.array(found["autocorrelation, pooled"].where["lag"]) for found in (one, other))
    assert np.array_equal(np.sort(np.abs(lag)), np.sort(np.abs(back)))


def test_shuffling_pixels_changes_the_spectrum():
    mixed = X.reshape(4, 3, 60)[:, :, np.random.default_rng(43).permutation(60)].reshape(SHAPE)
    check_changed(
        SPECTRUM, mixed, ["band_power, pooled", "spectral_flatness, pooled", "autocorrelation, pooled"]
    )


def test_correlations_know_no_places():
    """The same permutation of places everywhere changes no correlation between channels or samples."""
    order = np.random.default_rng(43).permutation(60)
    mixed = X.reshape(4, 3, 60)[:, :, order].reshape(SHAPE)
    check_same(DEPENDENCE, mixed)
    alone = X.copy()
    alone[:, 1] = alone[:, 1].reshape(4, 60)[:, order].reshape(4, 6, 10)
    check_changed(DEPENDENCE, alone, ["channel_correlation, pooled"])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float8_e4m3fn"])
def test_sign(dtype):
    """The law is symmetric, and all statistics are even but the counts of one tail.

    Edges that distances of distributions are taken at are thinned from below, so that those of -x are others:
    Kolmogorov's distance then misses the fluctuation of at most 1/64 of the mass, Anderson and Darling's sum
    has another rounding of its trapezoids.
    """
    x = np.random.default_rng(44).standard_normal(SHAPE)
    one, other = (asked(PROBES, stored(sign * x, dtype)) for sign in (1, -1))
    assert one.keys() == other.keys()
    near = {
        "kolmogorov, pooled": {"abs": 3 * np.sqrt(1 / 64 / x.size)},
        "anderson_darling, pooled": {"rel": 0.01},
    }
    for name, finding in one.items():
        if "side=lower" in name:
            edge = finding.where["threshold"]
            upper = np.count_nonzero(stored(x, dtype).decode() >= edge)
            assert (other[name].where["threshold"], other[name].value) == (edge, upper)
            continue
        assert other[name].value == pytest.approx(finding.value, **near.get(name, {"rel": 1e-9})), name
        if name not in near:
            assert other[name].log_p == pytest.approx(finding.log_p, rel=1e-9, abs=1e-12), name
    side = {"upper": "lower", "lower": "upper", "both": "both"}
    assert other["tail_count, pooled"].where["side"] == side[one["tail_count, pooled"].where["side"]]


def test_batch_order():
    """Values stay, and the place of the worst sample follows."""
    order = np.array([2, 0, 3, 1])
    one, other = check_same(PROBES, X[order])
    followed = 0
    for name, finding in one.items():
        if finding.scope == "sample":
            assert order[other[name].where["sample"]] == finding.where["sample"], name
            assert other[name].where["channel"] == finding.where["channel"]
            followed += 1
    assert followed >= 4
    assert {order[i] for i in other["sample_correlation, pooled"].where["samples"]} == set(
        one["sample_correlation, pooled"].where["samples"]
    )


def test_channel_order():
    order = np.array([1, 2, 0])
    one, other = check_same(PROBES, np.ascontiguousarray(X[:, order]))
    for name, finding in one.items():
        if finding.scope == "channel":
            assert order[other[name].where["channel"]] == finding.where["channel"], name


@pytest.mark.parametrize("layout", ["c b h w", "h w c b", "b h w c", "h b c w"])
def test_where_an_axis_stands_does_not_matter(layout):
    """But to blocks, rows and runs, which are of consecutive values."""
    moved = np.ascontiguousarray(X.transpose([LAYOUT.split().index(letter) for letter in layout.split()]))
    kept = tuple(p for p in PROBES if p.parameters.get("unit") not in ("block", "row", "run"))
    one, other = check_same(kept, moved, layout)
    for name, finding in one.items():
        if finding.scope != "pooled":
            assert other[name].where == finding.where, name


def test_known_scale_is_a_unit():
    """Spectra of 8 x against N(0, 64) are those of x, in the same bits."""
    fields = {p.statistic for p in SPECTRUM}
    assert fields == {name for name, s in statistics.items() if s.judge and s.family == "spectrum"}
    one = asked(PROBES, Values(X, "float32"), LAYOUT)
    other = asked(PROBES, Values(8 * X, "float32"), LAYOUT, scale=8.0)
    for name, finding in one.items():
        # edges of cells stand elsewhere at another scale only if it is no power of two
        assert other[name].value == pytest.approx(finding.value, rel=1e-12), name
        assert other[name].log_p == pytest.approx(finding.log_p, rel=1e-9, abs=1e-12), name


def test_the_law_catches_a_band_that_knows_one_axis(monkeypatch):
    """Planted fault: rings by the last axis alone."""
    from gausscheck.summaries import frequency

    monkeypatch.setattr(
        frequency.FrequencyBins,
        "radius",
        property(lambda self: np.broadcast_to(self.frequency(len(self.shape) - 1), self.grid).ravel()),
    )
    frequency.frequency_bins.cache_clear()
    try:
        with pytest.raises(AssertionError):
            test_transposed_axes_change_no_spectrum()
    finally:
        frequency.frequency_bins.cache_clear()
