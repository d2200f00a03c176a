"""Flatness, peaks, bands and autocorrelation: calibration under H0, what they see and where, and mutants.

False alarm of each simulated test: below 1e-8 (each comparison 1e-9, a handful each).
"""

from __future__ import annotations

import math
from importlib import import_module

import numpy as np
import pytest
from noise import noise
from plain_fields import situation_of, spectra_of
from scipy.stats import binom, kstest

import gausscheck as gc
from gausscheck.collect import collect
from gausscheck.judging import Judgement, Unasked
from gausscheck.lattice import lattice_of_format
from gausscheck.layout import Layout
from gausscheck.needs import FieldsNeed
from gausscheck.summaries.frequency import FrequencyBins

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

ALARM = 1e-9
PROBES = [
    ("spectral_flatness", {}),
    ("spectral_peak", {"bins": "complex"}),
    ("spectral_peak", {"bins": "real"}),
    ("band_power", {}),
    ("autocorrelation", {}),
]
SCOPES = ("pooled", "channel", "sample")
SHAPES = [(63, 65), (4, 6), (2, 2, 2), (8,), (511,)]


def ask(name, x, scope="pooled", **parameters):
    """Judgement on fields, shape (samples, channels, *ordered axes)."""
    statistic = gc.statistics[name]
    return statistic.judge(spectra_of(x), situation_of(x), scope, **statistic.check(**parameters))


def all_of(x):
    """Every probe in every scope that has an answer."""
    summary, situation = spectra_of(x), situation_of(x)
    found = {}
    for name, parameters in PROBES:
        statistic = gc.statistics[name]
        for scope in SCOPES:
            judgement = statistic.judge(summary, situation, scope, **statistic.check(**parameters))
            if isinstance(judgement, Judgement):
                found[name, parameters.get("bins"), scope] = judgement
    return found


def p_values(shape, samples, channels, replicates, seed):
    """p-values of each probe and scope under H0."""
    rng = np.random.default_rng(seed)
    rows = {}
    for _ in range(replicates):
        for key, judgement in all_of(rng.standard_normal((samples, channels, *shape))).items():
            rows.setdefault(key, []).append(math.exp(judgement.log_p))
    return {key: np.array(values) for key, values in rows.items()}


def check_calibration(rows):
    """No level is exceeded more often than chance allows; exact laws of independent parts are uniform."""
    for (name, bins, scope), p in rows.items():
        for level in (0.01, 0.1, 0.3, 0.5):
            rejected = int((p <= level).sum())
            assert binom.sf(rejected - 1, p.size, level) > ALARM, (name, bins, scope, level, rejected)
        # The other two pay for dependent choices as if they were independent: a little is lost.
        if name.startswith("spectral"):
            assert kstest(p, "uniform").pvalue > ALARM, (name, bins, scope)
        else:
            assert p.mean() < 0.9


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("samples", "channels"), [(1, 1), (4, 3)])
def test_calibration(shape, samples, channels):
    rows = p_values(shape, samples, channels, 40, [*shape, samples])
    assert ("band_power", None, "pooled") in rows
    assert ("spectral_flatness", None, "pooled") in rows or shape == (2, 2, 2)
    assert (("autocorrelation", None, "channel") in rows) == (channels > 1)
    assert (("band_power", None, "sample") in rows) == (samples * channels > 1)
    check_calibration(rows)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("samples", "channels"), [(1, 1), (4, 3)])
def test_calibration_of_many(shape, samples, channels):
    check_calibration(p_values(shape, samples, channels, 1000, [*shape, samples, 1]))


def test_forgotten_choices_would_be_seen(monkeypatch):
    for name in dict(PROBES):
        module = import_module(f"gausscheck.catalogue.{name}")
        honest = module.judged
        monkeypatch.setattr(
            module, "judged", lambda *a, judged=honest, **k: judged(*a, **{**k, "choices": 1})
        )
    rows = p_values((8, 6), 5, 40, 40, 3)
    for name, scope in [
        ("spectral_flatness", "sample"),
        ("spectral_peak", "channel"),
        ("band_power", "pooled"),
        ("autocorrelation", "pooled"),
    ]:
        with pytest.raises(AssertionError):
            check_calibration({key: p for key, p in rows.items() if (key[0], key[2]) == (name, scope)})


def test_redundant_bins_counted_twice_would_be_seen(monkeypatch):
    honest = FrequencyBins.weight.func
    wrong = property(lambda bins: np.where(honest(bins) == 0, 2, honest(bins)).astype(np.int8))
    monkeypatch.setattr(FrequencyBins, "weight", wrong)
    monkeypatch.setattr("plain_fields.frequency_bins", FrequencyBins)
    monkeypatch.setattr("gausscheck.summaries.fields.frequency_bins", FrequencyBins)
    with pytest.raises(AssertionError, match="flatness"):
        check_calibration(p_values((32, 2), 2, 1, 20, 5))


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_rounded_noise_passes(dtype):
    values = noise((40, 3, 32, 32), dtype, seed=7)
    layout = Layout.resolve(None, values.shape)
    summary, situation = collect(FieldsNeed(), values, layout, lattice=lattice_of_format(dtype))
    for name, parameters in PROBES:
        for scope in SCOPES:
            statistic = gc.statistics[name]
            judgement = statistic.judge(summary, situation, scope, **statistic.check(**parameters))
            if isinstance(judgement, Judgement):
                assert judgement.log_p > math.log(ALARM)
                assert judgement.null.grade == ("exact" if dtype == "bfloat16" else "asymptotic")
    # Some of many small fields have a mean, or stripes, of exactly 0.
    small = noise((20_000, 1, 4, 4), dtype, seed=8)
    layout_of_small = Layout.resolve(None, small.shape)
    summary_of_small, at = collect(FieldsNeed(), small, layout_of_small, lattice=lattice_of_format(dtype))
    assert summary_of_small.bands.low.min() == 0
    for scope in SCOPES:
        judgement = gc.statistics["band_power"].judge(summary_of_small, at, scope)
        assert isinstance(judgement, Unasked) or judgement.log_p > math.log(1e-6)
    # Rounding adds 2e-4 (e4m3) to 4e-3 (e5m2) to the variance; unpaid, 1.2e5 values show the latter.
    if dtype == "float8_e5m2":
        plain, _ = collect(FieldsNeed(), values, layout, lattice=None)
        unpaid = gc.statistics["band_power"].judge(plain, situation_of(np.empty(values.shape)), "pooled")
        paid = gc.statistics["band_power"].judge(summary, situation, "pooled")
        assert unpaid.value == pytest.approx(paid.value * situation.variance, rel=1e-12)


def test_nulls_are_those_of_the_judgements():
    x = np.random.default_rng(1).standard_normal((3, 2, 12, 10))
    for name, parameters in PROBES:
        judgement = ask(name, x, **parameters)
        null = gc.statistics[name].null(n=240, samples=3, channels=2, shape=(12, 10), **parameters)
        assert type(null) is type(judgement.null)
        if name.startswith("spectral"):
            assert null.mean == judgement.null.mean
            assert null.logsf(judgement.value) == judgement.null.logsf(judgement.value)
    assert gc.statistics["band_power"].null(n=240, samples=3, channels=2, shape=(12, 10)).n == 6 * 119


def test_a_tensor_is_judged_as_its_fields():
    x = np.random.default_rng(2).standard_normal((3, 2, 12, 10))
    for name, parameters in PROBES:
        statistic = gc.statistics[name]
        finding, judgement = statistic.test(x, **parameters), ask(name, x, **parameters)
        # One of both is in float32, to 1e-6 of each ordinate, and flatness adds the logarithms of 350.
        assert finding.value == pytest.approx(judgement.value, rel=1e-4)
        assert finding.log_p == pytest.approx(judgement.log_p, abs=1e-2)
        assert finding.where == judgement.where
        assert statistic(x, **parameters) == finding.value


def test_questions_without_meaning():
    rng = np.random.default_rng(0)
    for name, parameters in PROBES:
        one = rng.standard_normal((1, 1, 8, 8))
        assert ask(name, one, "channel", **parameters) == Unasked()
        assert ask(name, one, "sample", **parameters) == Unasked()
        several = rng.standard_normal((1, 3, 8, 8))
        assert ask(name, several, "channel", **parameters) == Unasked()
        short = ask(name, rng.standard_normal((50, 2, 3)), **parameters)
        assert isinstance(short, Unasked)
        assert "(3,)" in short.reason
        with pytest.raises(gc.DataError):
            gc.statistics[name].test(np.ones((50, 2, 3)), layout="b c w", **parameters)
        with pytest.raises(gc.ArgumentError):
            gc.statistics[name].null(n=3, **parameters)
    cube = rng.standard_normal((9, 1, 2, 2, 2))
    assert "complex bins" in ask("spectral_flatness", cube).reason
    assert isinstance(ask("spectral_peak", cube, bins="complex"), Unasked)
    assert isinstance(ask("spectral_peak", cube, bins="real"), Judgement)
    assert ask("autocorrelation", np.zeros((1, 1, 8, 8))) == Unasked("no power")
    with pytest.raises(gc.ArgumentError, match="complex"):
        gc.statistics["spectral_peak"].null(n=64, bins="all")


# What they see: 128 x 128 values, the size of a latent.


@pytest.fixture
def white():
    return np.random.default_rng(11).standard_normal((1, 1, 128, 128))


def seen(judgement, log10_p):
    return judgement.log_p < log10_p * math.log(10)


def test_white_noise_is_not_suspected(white):
    for judgement in all_of(white).values():
        assert judgement.log_p > math.log(1e-8)


def test_a_faint_checkerboard(white):
    i, j = np.indices((128, 128))
    x = white + 0.05 * (-1.0) ** (i + j)
    found = ask("spectral_peak", x, bins="real")
    assert seen(found, -4)
    assert found.where == {"frequency": (0.5, 0.5), "bin": "checkerboard"}
    # The noise has a share of standard deviation 1/128 in it.
    assert found.extra["amplitude"] == pytest.approx(0.05, abs=5 / 128)
    assert not seen(ask("spectral_peak", x, bins="complex"), -4)


@pytest.mark.parametrize(
    ("step", "frequency"), [((1, 0), (0.5, 0.0)), ((0, 1), (0.0, 0.5)), ((0, 0), (0.0, 0.0))]
)
def test_stripes_and_a_mean(white, step, frequency):
    i, j = np.indices((128, 128))
    found = ask("spectral_peak", white + 0.06 * (-1.0) ** (i * step[0] + j * step[1]), bins="real")
    assert seen(found, -6)
    assert found.where == {"frequency": frequency, "bin": "stripes" if any(step) else "mean"}
    flat = np.random.default_rng(3).standard_normal((1, 1, 512)) + 0.5 * (-1.0) ** np.arange(512)
    assert ask("spectral_peak", flat, bins="real").where == {"frequency": (0.5,), "bin": "alternation"}


def test_a_single_wave(white):
    i, j = np.indices((128, 128))
    x = white + 0.12 * np.cos(2 * np.pi * (20 * i / 128 - 9 * j / 128) + 1.0)
    found = ask("spectral_peak", x)
    assert seen(found, -12)
    # A wave and its opposite are one.
    assert found.where["frequency"] in [(20 / 128, -9 / 128), (-20 / 128, 9 / 128)]
    assert found.extra["amplitude"] == pytest.approx(0.12, rel=0.3)
    assert not seen(ask("spectral_flatness", x), -4)


def test_the_worst_sample_and_the_worst_channel():
    rng = np.random.default_rng(8)
    x = rng.standard_normal((6, 3, 64, 64))
    wave = np.cos(2 * np.pi * 5 * np.arange(64) / 64)
    x[4, 1] += 0.3 * wave
    found = ask("spectral_peak", x, "sample")
    assert seen(found, -20)
    assert found.where == {"frequency": (0.0, 5 / 64), "sample": 4, "samples": 6, "channel": 1, "channels": 3}
    assert found.n == x.size
    x = rng.standard_normal((6, 3, 64, 64))
    x[:, 2] += 0.1 * wave[:, None]
    found = ask("spectral_peak", x, "channel")
    assert seen(found, -8)
    assert found.where == {"frequency": (5 / 64, 0.0), "channel": 2, "channels": 3}
    smooth = rng.standard_normal((6, 3, 64, 64))
    smooth[:, 1] += 0.3 * np.roll(smooth[:, 1], 1, axis=-1)
    smooth[3, 0] += 0.5 * np.roll(smooth[3, 0], 1, axis=-2)
    for name in ("autocorrelation", "band_power"):
        judgement = ask(name, smooth, "channel")
        assert seen(judgement, -20)
        assert (judgement.where["channel"], judgement.where["channels"]) == (1, 3)
    for name in ("spectral_flatness", "band_power"):
        judgement = ask(name, smooth, "sample")
        assert seen(judgement, -20)
        assert (judgement.where["sample"], judgement.where["channel"]) == (3, 0)


def test_autoregression(white):
    x = white.copy()
    for column in range(1, 128):
        x[..., column] = 0.1 * x[..., column - 1] + math.sqrt(1 - 0.01) * x[..., column]
    found = ask("autocorrelation", x)
    assert seen(found, -20)
    assert found.where == {"lag": (0, 1)}
    band = ask("band_power", x)
    assert seen(band, -6)
    assert (band.where["band"], band.where["axis"]) == ("axis", 1)


def test_repeats_at_any_offset(white):
    for lag, shown in [((37, -50), (37, -50)), ((64, 0), (64, 0)), ((64, 64), (64, 64)), ((-3, 64), (3, 64))]:
        x = white + 0.2 * np.roll(white, lag, (2, 3))
        found = ask("autocorrelation", x)
        assert seen(found, -20)
        assert found.where == {"lag": shown}
    tiled = np.tile(white[..., :64], 2)
    assert ask("autocorrelation", tiled).value == pytest.approx(1.0, abs=1e-12)


def test_a_ring_watermark(white):
    transform = np.fft.rfft2(white)
    radius = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.rfftfreq(128))
    ring = (radius > 0.25) & (radius <= 0.3125)
    x = np.fft.irfft2(np.where(ring, 1.2 * transform, transform))
    found = ask("band_power", x)
    assert seen(found, -20)
    assert found.where == {"band": "radius", "low": 0.25, "high": 0.3125}
    assert 1.2 < found.extra["relative"] < found.value
    # A wrong scale shows in the value, not in the value relative to the rest.
    wide = ask("band_power", 1.1 * white)
    assert seen(wide, -6)
    assert abs(wide.extra["relative"] - 1) < abs(wide.value - 1) / 2


def test_a_spectrum_that_is_too_flat(white):
    transform = np.fft.rfft2(white)
    x = np.fft.irfft2(128 * transform / np.abs(transform))
    flat = ask("spectral_flatness", x)
    assert seen(flat, -1000)
    assert flat.tail == "upper"
    assert flat.effect.value > 1.5
    peak = ask("spectral_peak", x)
    assert seen(peak, -1000)
    assert peak.tail == "lower"
    # Half flattened: still seen, no ordinate stands out
    half = np.fft.irfft2(transform / np.sqrt(np.abs(transform) / 128))
    assert seen(ask("spectral_flatness", half), -100)


@pytest.mark.slow
def test_intervals_hold_the_truth():
    """Of each effect over 200 draws: 95 % do, and fewer than 87 % with probability below 1e-5."""
    rng = np.random.default_rng(21)
    hits = dict.fromkeys(("wave", "pattern", "lag", "half", "flatness", "band"), 0)
    i, j = np.indices((32, 32))
    echo = np.abs(1 + 0.3 * np.exp(-2j * np.pi * np.fft.rfftfreq(32))) ** 2
    for _ in range(200):
        white = rng.standard_normal((4, 1, 32, 32))
        shifted = white + 0.3 * np.roll(white, 1, axis=3)
        opposite = white + 0.2 * np.roll(white, 16, axis=3)
        effects = {
            "wave": (ask("spectral_peak", white + 0.4 * np.cos(2 * np.pi * (3 * i + 5 * j) / 32)), 0.08),
            "pattern": (ask("spectral_peak", white + 0.3 * (-1.0) ** i, bins="real"), 0.09),
            "lag": (ask("autocorrelation", shifted), 0.3 / 1.09),
            "half": (ask("autocorrelation", opposite), 0.4 / 1.04),
            # Of |1 + a exp(i w)|^2 the geometric mean is 1, the arithmetic one 1 + a^2.
            "flatness": (ask("spectral_flatness", shifted), 1 / 1.09),
            "band": (ask("band_power", shifted), None),
        }
        for name, (judgement, truth) in effects.items():
            expected = truth
            if name == "band":
                assert judgement.where["axis"] == 1
                k = np.arange(17) / 32
                inside = (k <= judgement.where["high"]) & (k >= judgement.where["low"])
                inside &= (k > judgement.where["low"]) | (judgement.where["low"] == 0)
                weight = np.where((k == 0) | (k == 0.5), 1, 2) * inside
                expected = float(weight @ echo / weight.sum()) - 1
            effect = judgement.effect
            hits[name] += effect.low < expected < effect.high
    assert min(hits.values()) >= 174, hits


def test_scale_free_statistics_do_not_see_the_scale(white):
    for name in ("spectral_flatness", "autocorrelation"):
        one, other = ask(name, white), ask(name, 1e-3 * white)
        assert other.value == pytest.approx(one.value, rel=1e-9)
        assert other.log_p == pytest.approx(one.log_p, abs=1e-6)


@pytest.mark.parametrize(
    ("lag", "shape", "order"),
    [
        ((1,), (8,), 8),
        ((4,), (8,), 2),
        ((2,), (6,), 3),
        ((2, 3), (4, 6), 2),
        ((1, 2), (4, 6), 12),
        ((0, -2), (5, 6), 3),
    ],
)
def test_order_of_lag(lag, shape, order):
    from gausscheck.catalogue.autocorrelation import order_of_lag

    assert order_of_lag(lag, shape) == order
    place = np.array(lag)
    repeats = next(m for m in range(1, 100) if not np.any(m * place % np.array(shape)))
    assert repeats == order
