"""The typical aim and the report: what is optimised, what is held out, and that both tell the truth."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gausscheck as gc  # noqa: E402
from gausscheck.errors import ArgumentError  # noqa: E402
from gausscheck.losses import (  # noqa: E402
    GaussianityLoss,
    KLLoss,
    KurtosisLoss,
    MomentLoss,
    NormLoss,
    PowerSpectrumLoss,
    descend,
)
from gausscheck.losses.terms import typical_window  # noqa: E402


def noise(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("central", [0.5, 0.95])
def test_a_window_holds_its_share(central):
    for term in GaussianityLoss(orders=(1, 2, 3, 4), permute="mix").terms:
        window = typical_window(term, 4096, central)
        null = term.null(4096)
        assert float(null.cdf(window.low)) == pytest.approx((1 - central) / 2, rel=1e-9)
        assert float(null.sf(window.high)) == pytest.approx((1 - central) / 2, rel=1e-9)
        assert window.std == null.std


def test_typical_is_flat_inside_and_quadratic_outside():
    loss = MomentLoss(orders=(2,), aim="typical", reduction="none")
    (term,) = loss.terms
    window = typical_window(term, 4096, 0.95)
    x = noise(1, 4096, seed=1, dtype=torch.float64)
    x *= 1 / (x * x).mean().sqrt()
    for excess in (-3.0, -0.5, 0.0, 0.5, 3.0):
        edge = window.high if excess > 0 else window.low
        target = 1.0 if excess == 0 else edge + excess * window.std
        z = (x * target**0.5).requires_grad_()
        value = loss(z)
        (gradient,) = torch.autograd.grad(value, z)
        assert value.item() == pytest.approx(excess**2 / 2, rel=1e-9, abs=1e-12)
        expected = excess / window.std * 2 * z.detach() / 4096
        assert torch.allclose(gradient, expected, rtol=1e-8, atol=1e-12)
        assert (gradient == 0).all() or excess


def test_typical_noise_is_left_alone_and_passes():
    z = noise(4, 4, 64, 64)
    loss = GaussianityLoss(
        aim="typical", permute="mix", generator=torch.Generator().manual_seed(5), reduction="mean"
    )
    run = descend(z, loss, lr=0.1, clip=0.04 * 128, steps=300, every=300)
    assert np.min(run.cosine[-1]) >= 0.999
    assert gc.audit(run.z).verdict == "pass"
    flat = descend(z, GaussianityLoss(permute=None), lr=0.1, clip=0.04 * 128, steps=300, every=300)
    # Driven to zero instead: every sample ends flatter than noise ever is, and the audit says so.
    found = next(
        f for f in gc.audit(flat.z).findings if f.statistic == "power_spectrum" and f.view == "stored"
    )
    assert found.z < -10
    assert found.verdict == "fail"


def test_terms_off_target_come_back_and_the_audit_passes():
    z = 1.05 * noise(2, 4, 64, 64) + 0.05
    loss = GaussianityLoss(aim="typical", permute="mix", generator=torch.Generator().manual_seed(5))
    assert gc.audit(z).verdict == "fail"
    run = descend(z, loss, lr=0.1, clip=0.04 * 128, steps=200, every=200)
    assert gc.audit(run.z).verdict == "pass"
    # Every stored term ends inside its window, none at the very centre of it.
    stored = loss.statistics_of(run.z)[:, :3].numpy()
    for column, term in zip(stored.T, loss.terms[:3], strict=True):
        window = typical_window(term, 16384, 0.95)
        slack = 0.01 * window.std
        assert np.all((window.low - slack <= column) & (column <= window.high + slack))


def test_from_structure_a_minimiser_ends_typical_and_leaves_one_frequency_that_the_report_finds():
    """All that the loss holds becomes typical; one bin of the plane is none of it, and stays."""
    row = torch.arange(64)
    board = ((-1.0) ** (row[:, None] + row)).expand(1, 4, 64, 64)
    starts = torch.cat([board, 0.5**0.5 * (board + noise(1, 4, 64, 64, seed=9))])
    made = torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)
    loss = GaussianityLoss(aim="typical", permute="mix", orders=(1, 2, 3, 4, 6, 8), generator=made[0])
    for start in starts.split(1):
        assert gc.audit(start).verdict == "fail"
        run = descend(
            start, loss, lr=0.1, clip=0.04 * 128, steps=400, every=400, jitter=0.1, generator=made[1]
        )
        report = loss.report(run.z)
        assert {f.verdict for f in report.optimised} == {"pass"}
        # Not too regular: no spectrum below its range.
        spectrum = next(f for f in report.optimised if f.label == "power_spectrum")
        assert spectrum.z > -2.5
        assert report.verdict == "fail"
        peak = next(f for f in report.held_out if f.label == "spectral_peak real" and f.scope == "pooled")
        assert peak.verdict == "fail"
        assert peak.where["frequency"] == (0.5, 0.5)
        batch = gc.audit(run.z, battery="quick")
        assert batch.verdict != "fail"


def test_the_number_optimised_is_the_number_reported():
    z = noise(3, 4, 32, 32, seed=2)
    loss = GaussianityLoss(orders=(1, 2, 4), permute=None)
    report = loss.report(z)
    assert report.loss == pytest.approx(loss(z).item(), rel=1e-6)
    values = loss.statistics_of(z).double().numpy()
    assert len(report.optimised) == len(loss.terms)
    for finding, column, term in zip(report.optimised, values.T, loss.terms, strict=True):
        null = term.null(4096)
        log_p = [float(null.log_two_sided(v)) for v in column]
        worst = int(np.argmin(log_p))
        assert finding.value == pytest.approx(column[worst], rel=1e-6)
        assert finding.where == {"sample": worst, "samples": 3}
        assert finding.p_value == pytest.approx(-np.expm1(3 * np.log1p(-np.exp(log_p[worst]))), rel=1e-6)
        assert (finding.expected, finding.std) == (null.mean, null.std)


def test_what_is_reported_agrees_with_the_audit():
    z = noise(1, 4, 64, 64, seed=3)
    audited = {f.label: f for f in gc.audit(z).findings if f.scope == "pooled"}
    for finding in GaussianityLoss(orders=(1, 2, 3, 4), permute=None).report(z).optimised:
        other = audited[finding.label]
        assert finding.value == pytest.approx(other.value, rel=1e-5, abs=1e-6)
        assert finding.p_value == pytest.approx(other.p_value, rel=1e-3)


def labels(findings):
    return {f.label for f in findings}


def test_held_out_statistics_are_not_in_the_loss():
    z = noise(1, 4, 64, 64)
    everything = labels(gc.audit(z).findings)
    paper = GaussianityLoss().report(z)
    assert labels(paper.held_out) == everything - {"moment 1", "moment 2", "power_spectrum permuted x4"}
    # Hermite means are combinations of moments: 3 of the first and third, 4 of the second and fourth.
    four = GaussianityLoss(orders=(1, 2, 3, 4), permute=None).report(z)
    gone = {"moment 1", "moment 2", "moment 3", "moment 4", "hermite 3", "hermite 4", "power_spectrum"}
    assert labels(four.held_out) == everything - gone
    assert labels(PowerSpectrumLoss().report(z).held_out) == everything - {"power_spectrum permuted x4"}
    for loss, held in ((KLLoss(), {1, 2}), (NormLoss(), {2}), (KurtosisLoss(), {4})):
        gone = {f"moment {n}" for n in held}
        assert labels(loss.report(z).held_out) == everything - gone


def test_a_loss_that_is_satisfied_does_not_hide_what_it_cannot_see():
    signs = noise(1, 4, 64, 64).sign()
    report = GaussianityLoss(aim="typical", permute="fixed").report(signs)
    assert report.typical
    assert report.verdict == "fail"
    assert not report.passed
    assert any(f.label == "moment 4" and f.verdict == "fail" for f in report.held_out)


def test_text_and_data():
    report = GaussianityLoss(permute="mix").report(noise(2, 4, 32, 32))
    text = str(report)
    assert "optimised (no evidence, whatever their p)" in text
    assert "held out: PASS" in text
    data = report.to_dict()
    assert data["verdict"] == "pass"
    assert len(data["optimised"]) == 4
    import json

    json.dumps(data, allow_nan=False)


def test_what_cannot_be_reported():
    with pytest.raises(ArgumentError, match="meta"):
        GaussianityLoss().report(torch.zeros(1, 1024, device="meta"))
    spoiled = noise(1, 1024)
    spoiled[0, 3] = float("nan")
    report = GaussianityLoss(permute=None).report(spoiled)
    assert report.verdict == "fail"
    assert any(f.statistic == "nonfinite" and f.verdict == "fail" for f in report.held_out)


def test_one_sided_windows_would_be_caught(monkeypatch):
    """A planted bug: a loss that only sees "too much" lets a flat spectrum through."""
    from gausscheck.losses import base

    def careless(statistic, window):
        return ((statistic - window.high) / window.std).clamp_min(0), torch.zeros_like(statistic)

    quiet = 0.9 * noise(1, 4096)
    loss = MomentLoss(orders=(2,), aim="typical")
    assert loss(quiet) > 1
    monkeypatch.setattr(base, "_excess", careless)
    assert loss(quiet) == 0
