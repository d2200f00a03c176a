"""Hints: a fault with a cause is told that cause, and nothing else; noise without fault is told nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from zoo import ZOO

import gausscheck as gc
from gausscheck import conclude, hints
from gausscheck.hints import NOISE_SCALES, SCALE_FACTORS, SHIFTS, Evidence
from gausscheck.hints.fields import Fields

# Cases differ in parameters that one law joins; all of them run by hand.
pytestmark = pytest.mark.thinned(2)

N = 2**14
# What takes more values to be seen, or to be told apart from its neighbours.
LARGER = {
    **dict.fromkeys(("variance_105", "variance_102", "variance_098", "mean_0032", "mean_shift_flux"), 2**18),
    **dict.fromkeys(
        ("sum_of_12", "t30", "t30_unit", "box_muller_8", "checkerboard", "stripes", "wave"), 2**18
    ),
    **dict.fromkeys(("near_seeds", "common_noise", "channel_mixing", "near_duplicate", "ar1_010"), 2**18),
    **dict.fromkeys(
        ("offset_noise", "terminal_leakage", "seams", "odd_sample", "odd_channel", "drift"), 2**18
    ),
    **dict.fromkeys(("ring_watermark", "ar1_002", "packed_checkerboard", "scale_cogvideox"), 2**20),
}
# Seen from 4 million values on, told in a test of its own.
LATE = ("bf16_truncated",)
TOLD = [d.name for d in ZOO.values() if d.hint is not None and d.name not in LATE]
CLEAN = [d.name for d in ZOO.values() if not d.fault]
# Two true things to say: what else is said.
MORE = {
    "one_row": "come without a copy",
    "packed_image": "periodic pattern",
    "terminal_leakage": "means of their own",
}


def _tensor(x: Any, **options: Any) -> Any:
    return gc.audit(x, permutations=0, **options).tensors[0]


@cache
def _evidence(name: str, n: int = N) -> Evidence:
    """What the rules are given for a recipe."""
    taken: list[Evidence] = []

    def keep(seen: Evidence) -> tuple[str, ...]:
        # Without what was worked out on the way, so that each test starts afresh.
        taken.append(replace(seen))
        return ()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conclude, "hints", keep)
        _tensor(ZOO[name].make(ZOO[name].shape(n), np.random.default_rng(7)))
    return taken[0]


@pytest.mark.parametrize("name", TOLD)
def test_the_cause_is_named_and_no_other(name: str) -> None:
    defect = ZOO[name]
    seen = _evidence(name, LARGER.get(name, N))
    assert seen.failed
    first, *others = hints.hints(seen)
    assert defect.hint is not None
    assert defect.hint in first
    assert [line for line in others if MORE.get(name, "\0") not in line] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", LATE)
def test_the_cause_of_what_shows_late(name: str) -> None:
    (line,) = hints.hints(_evidence(name, 2**22))
    assert ZOO[name].hint in line


@pytest.mark.parametrize("name", CLEAN)
def test_noise_without_fault_is_told_nothing(name: str) -> None:
    seen = _evidence(name)
    assert (seen.failed, hints.hints(seen)) == ((), ())


@pytest.mark.parametrize(
    ("shape", "seeds"), [((1, 4, 64, 64), 20), ((8, 3, 17, 19), 4), ((4000,), 8), ((2, 2, 5, 16, 16), 8)]
)
def test_nothing_over_seeds_and_shapes(shape: tuple[int, ...], seeds: int) -> None:
    for seed in range(seeds):
        tensor = _tensor(np.random.default_rng([11, seed]).standard_normal(shape))
        # 40 tensors, each of level alpha = 1e-6; the seeds are fixed.
        assert (tensor.verdict, tensor.hints) == ("pass", ())


def _groundless(seen: Evidence) -> tuple[str, ...]:
    """Hints where nothing failed but a NaN, on which no rule has a word: whatever the facts, no ground."""
    findings = tuple(
        replace(f, verdict="fail" if f.statistic == "nonfinite" else "pass") for f in seen.findings
    )
    return hints.hints(replace(seen, findings=findings))


@pytest.mark.parametrize("name", [d.name for d in ZOO.values() if d.hint is not None and d.name not in LATE])
def test_facts_without_a_failing_finding_give_no_hint(name: str) -> None:
    assert _groundless(_evidence(name, LARGER.get(name, N))) == ()


def test_a_rule_without_its_gate_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def ungated(seen: Evidence, fields: Fields) -> Iterator[str]:
        del fields
        if seen.kurtosis < -1:
            yield "uniform values"

    monkeypatch.setattr(hints, "_RULES", (ungated,))
    assert _groundless(_evidence("uniform")) == ("uniform values",)


def test_where_nothing_failed_no_rule_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "_RULES", (lambda seen, fields: iter(("always",)),))
    assert hints.hints(_evidence("clean")) == ()


# Neighbours: near a cause, and not it.


def _white(seed: int, shape: tuple[int, ...] = (4, 4, 64, 64)) -> np.ndarray:
    return np.random.default_rng([23, seed]).standard_normal(shape)


@pytest.mark.parametrize("scale", [0.3, 0.45, 0.6, 0.98, 1.1, 1.37, 2.4, 6.3, 11.0, 60.0, 700.0])
def test_a_scale_of_no_one_gets_no_name(scale: float) -> None:
    (line,) = _tensor(scale * _white(1), battery="quick").hints
    assert "only the scale is wrong" in line
    assert not any(name in line for name in (*SCALE_FACTORS, *NOISE_SCALES.values()))


@pytest.mark.parametrize(("model", "factor"), SCALE_FACTORS.items())
def test_scale_factors_are_named_both_ways(model: str, factor: float) -> None:
    # 1.03682 is so near 1 that it takes a million values to call it a scale factor.
    shape = (16, 16, 64, 64) if abs(factor - 1) < 0.1 else (4, 4, 64, 64)
    for scale in (factor, 1 / factor):
        (line,) = _tensor(scale * _white(2, shape), battery="quick").hints
        assert model in line


@pytest.mark.parametrize(("model", "shift"), SHIFTS.items())
def test_shifts_are_named(model: str, shift: float) -> None:
    (line,) = _tensor(_white(3) + shift, battery="quick").hints
    assert f"of {model}" in line


def test_a_shift_of_no_one_gets_no_name() -> None:
    (line,) = _tensor(_white(3) + 0.3, battery="quick").hints
    assert line.startswith("all values are shifted by 0.3")


def test_scales_are_in_units_of_the_data_where_a_reference_is_given() -> None:
    (line,) = _tensor(500.0 * _white(4), reference="scale=80").hints
    assert "scale=500" in line


def test_images_of_unit_scale_get_no_scale_factor() -> None:
    x = ZOO["image_latents"].make((4, 4, 64, 64), np.random.default_rng(1))
    assert not any("scale factor" in line for line in _tensor(x / x.std() * 1.15258).hints)
    assert any("SD1.x" in line for line in _tensor(x / x.std() / 0.18215).hints)


NEIGHBOURS: dict[str, tuple[Callable[[np.random.Generator], np.ndarray], str]] = {
    # A sum of six uniforms is lighter than one of twelve.
    "six uniforms": (
        lambda rng: np.sqrt(2) * (rng.random((6, 1, 16, 128, 128)).sum(axis=0) - 3),
        "sum of 12",
    ),
    "t5": (lambda rng: rng.standard_t(5, (1, 4, 64, 64)) / math.sqrt(5 / 3), "Laplace"),
    "t8": (lambda rng: rng.standard_t(8, (1, 16, 128, 128)) / math.sqrt(8 / 6), "ziggurat"),
    "ring of power": (lambda rng: _boosted(rng, 0.1, 0.2), "Tree-Ring"),
    "triangle": (lambda rng: rng.triangular(-2.4, 0, 2.4, (1, 4, 64, 64)), "uniform values"),
    "stripes of three": (
        lambda rng: rng.standard_normal((1, 4, 66, 66)) + 0.3 * np.cos(2 * np.pi * np.arange(66) / 3),
        "tokens",
    ),
    "odd last sample": (
        lambda rng: rng.standard_normal((16, 4, 32, 32)) * np.r_[np.ones(15), 1.3].reshape(-1, 1, 1, 1),
        "along the batch",
    ),
    "pink along one axis": (lambda rng: ZOO["pink"].make((16, 4096), rng), "correlated"),
    "pink": (lambda rng: ZOO["pink"].make((1, 4, 64, 64), np.random.default_rng([21, 99])), "resized"),
    "pink peaks": (lambda rng: ZOO["pink"].make((1, 4, 64, 64), np.random.default_rng([7, 99])), "periodic"),
    "t30": (lambda rng: ZOO["t30_unit"].make((1, 16, 128, 128), np.random.default_rng([3, 99])), "ziggurat"),
    "half precision grid": (
        lambda rng: ZOO["uint8_grid"].make((4, 4, 64, 64), rng).astype(np.float16),
        "small pool",
    ),
    "near end of Box-Muller": (lambda rng: _redrawn(rng, 3.6), "Box-Muller"),
}


def _boosted(rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    """Noise with 40 % more amplitude on a ring of the Fourier plane, and the scatter of noise."""
    x = rng.standard_normal((1, 4, 64, 64))
    f = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.rfftfreq(64))
    plane = np.fft.rfft2(x) * np.where((f > low) & (f < high), 1.4, 1.0)
    return np.fft.irfft2(plane, s=(64, 64))


def _redrawn(rng: np.random.Generator, limit: float) -> np.ndarray:
    x = rng.standard_normal((1, 16, 128, 128))
    while (beyond := np.abs(x) > limit).any():
        x[beyond] = rng.standard_normal(np.count_nonzero(beyond))
    return x


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_neighbours_are_not_taken_for_it(name: str) -> None:
    make, wrong = NEIGHBOURS[name]
    tensor = _tensor(make(np.random.default_rng(31)))
    assert tensor.verdict == "fail"
    assert not any(wrong in line for line in tensor.hints)


@pytest.mark.parametrize("name", ["fp8_e4m3", "fp8_e5m2"])
def test_a_narrower_lattice_in_half_precision_is_named(name: str) -> None:
    x = ZOO[f"clean_{name}"].make((4, 4, 64, 64), np.random.default_rng(2))
    for storage in (np.float32, np.float16):
        assert _tensor(x.astype(storage)).hints == ()
    (line,) = _tensor(x.astype(np.float16), lattice="fp16").hints
    assert f"all on the {name} lattice" in line


def test_packed_tokens_are_told_the_layout_only_where_places_matter() -> None:
    rng = np.random.default_rng(5)
    image = ZOO["image_latents"].make((1, 16, 32, 32), rng)
    tokens = image.reshape(1, 16, 16, 2, 16, 2).transpose(0, 2, 4, 1, 3, 5).reshape(1, 256, 64)
    assert any('--layout "b w c"' in line for line in _tensor(tokens).hints)
    assert not any("--layout" in line for line in _tensor(3.0 * rng.standard_normal((1, 256, 64))).hints)
    assert _tensor(rng.standard_normal((1, 256, 64))).hints == ()
    assert not any("packed tokens (" in line for line in _tensor(tokens, layout="b w c").hints)


@pytest.mark.parametrize(
    "x",
    [
        np.zeros(64),
        np.full((4, 4), 7.0, np.float32),
        np.r_[np.ones(100), np.nan],
        np.r_[np.random.default_rng(0).standard_normal(100), np.inf],
        np.full(100, np.nan),
        1e300 * np.random.default_rng(1).standard_normal((2, 2, 8, 8)),
        1e-300 * np.random.default_rng(1).standard_normal((2, 2, 8, 8)),
        np.arange(8.0),
        np.arange(4096.0).reshape(4, 4, 16, 16),
        np.sign(np.random.default_rng(1).standard_normal((1, 1, 64, 64))),
        np.eye(64),
        (0.3 * np.random.default_rng(2).standard_normal((4, 2, 32, 32))).astype(np.float16),
        np.linspace(-1, 1, 2048, dtype=np.float32).reshape(1, 2, 4, 16, 16),
    ],
    ids=lambda x: f"{x.dtype}-{x.shape}-{x.ravel()[0]:.2g}",
)
def test_extreme_tensors_are_survived(x: np.ndarray) -> None:
    # Small or simple tensors lie on many lattices, which is not what is asked here.
    tensor = _tensor(x, lattice="none")
    assert tensor.verdict == "fail"
    assert not any(word in ("nan", "inf") for line in tensor.hints for word in line.split())
