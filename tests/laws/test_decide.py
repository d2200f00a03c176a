"""Law: decisions keep their promises: Holm, Cauchy, verdicts, smallest detectable effects."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

import gausscheck as gc
from gausscheck.battery import HEADLINE_WEIGHT, battery
from gausscheck.decide import cauchy, decide, holm, verdict_of
from gausscheck.finding import LOG10_P_FLOOR, Finding

_LOGS = st.lists(st.floats(-2000, 0), min_size=1, max_size=7)


def _finding(log_p, family="moments", **changes):
    plain = Finding("moment", family, 100, 0.0, 0.0, 1.0, log_p, "upper", "exact", {"order": 1})
    return replace(plain, **changes)


def _closed_testing(log_p):
    """Holm's adjusted p by its definition: the largest Bonferroni p of any set that holds the hypothesis."""
    m = len(log_p)
    sets = [s for k in range(1, m + 1) for s in combinations(range(m), k)]
    bonferroni = {s: min(0.0, math.log(len(s)) + min(log_p[i] for i in s)) for s in sets}
    return [max(p for s, p in bonferroni.items() if i in s) for i in range(m)]


@given(_LOGS)
def test_holm_is_closed_testing(log_p):
    np.testing.assert_allclose(holm(log_p), _closed_testing(log_p), rtol=1e-12, atol=1e-12)


def test_holm_catches_a_mutant_without_order():
    log_p = [math.log(p) for p in (0.01, 0.04, 0.03)]
    unordered = [min(0.0, p + math.log(3 - i)) for i, p in enumerate(log_p)]
    assert not np.allclose(unordered, _closed_testing(log_p))


def _cauchy_by_definition(p):
    with mp.workdps(400):
        score = sum(mp.tan((mp.mpf("0.5") - v) * mp.pi) for v in p) / len(p)
        # the far tail of the arc tangent, without cancellation
        tail = mp.atan(1 / score) / mp.pi if score > 0 else mp.mpf("0.5") - mp.atan(score) / mp.pi
        return float(mp.log(tail))


@pytest.mark.parametrize(
    "p",
    [
        (0.5,),
        (0.2, 0.7, 0.9),
        (1e-3, 0.5),
        (1e-11, 1e-11, 0.3),
        (1e-13, 0.5),
        (1e-40, 1e-41, 0.9),
        (1e-300, 0.1),
    ],
)
def test_cauchy_by_definition(p):
    exact = _cauchy_by_definition([mp.mpf(v) for v in p])
    assert cauchy(math.log(v) for v in p) == pytest.approx(exact, rel=1e-9, abs=1e-9)


def test_cauchy_at_the_ends():
    assert cauchy([]) == 0
    assert cauchy([-math.inf, -1.0]) == -math.inf
    assert cauchy([-1e6, -0.1]) == pytest.approx(-1e6 + math.log(2), rel=1e-12)
    # one p-value of 1 must not hide a clear one
    assert cauchy([0.0, math.log(1e-8)]) < math.log(1e-7)


@given(_LOGS, st.floats(-30, 0))
def test_more_evidence_never_weakens(log_p, more):
    stronger = [min(log_p[0], more), *log_p[1:]]
    assert cauchy(stronger) <= cauchy(log_p) + 1e-9
    assert all(a <= b + 1e-9 for a, b in zip(holm(stronger), holm(log_p), strict=True))


@pytest.mark.parametrize(
    ("p", "alpha", "verdict"),
    [
        (1e-7, 1e-6, "fail"),
        (1e-5, 1e-6, "suspect"),
        (2e-3, 1e-6, "pass"),
        (2e-3, 0.01, "fail"),
        (0.02, 0.01, "pass"),
    ],
)
def test_verdict_words(p, alpha, verdict):
    assert verdict_of(math.log(p), alpha) == verdict


def test_validity_stands_outside_the_count():
    findings = [_finding(math.log(1e-8)), _finding(0.0, "validity"), _finding(0.0, "validity")]
    judged, log_p = decide(findings, 1e-6)
    assert judged[0].log_adjusted_p == pytest.approx(math.log(1e-8))
    assert judged[0].verdict == "fail"
    assert log_p == pytest.approx(math.log(1e-8))
    judged, log_p = decide([_finding(math.log(0.5)), _finding(-math.inf, "validity")], 1e-6)
    assert judged[0].verdict == "fail"
    assert judged[0].log10_p == LOG10_P_FLOOR
    assert log_p == -math.inf


@pytest.mark.parametrize(
    ("name", "make"),
    [
        pytest.param("mean", lambda x, e: x + e, marks=pytest.mark.slow),
        ("scale", lambda x, e: x * (1 + e)),
    ],
)
def test_detectable_effects_are_detected(name, make):
    """With power 0.9 to first order: the rate of 100 draws says that it lies between 0.75 and 0.98."""
    alpha, n, draws = 1e-3, 1024, 100
    report = gc.audit(np.random.default_rng(0).standard_normal(n), battery="quick", alpha=alpha)
    effect = next(d["value"] for d in report.tensors[0].detectable if d["name"] == name)
    rng = np.random.default_rng(1)
    seen = 0
    for _ in range(draws):
        found = gc.audit(make(rng.standard_normal(n), effect), battery="quick", alpha=alpha)
        seen += found.verdict == "fail"
    # Either would happen by chance with probability below 1e-3 at a power of 0.9; the seeds are fixed.
    assert binom.cdf(seen, draws, 0.75) > 0.5
    assert binom.sf(seen - 1, draws, 0.98) > 0.5


def test_weighted_holm_is_closed_testing_by_weighted_bonferroni():
    """Second road: a hypothesis is rejected where every set that holds it is, at min of (sum w) p / w."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        p, w = rng.uniform(size=5) ** 3, rng.uniform(0.1, 12.0, size=5)
        sets = [s for r in range(1, 6) for s in combinations(range(5), r)]
        tests = {s: min(1.0, *(w[list(s)].sum() * p[j] / w[j] for j in s)) for s in sets}
        closed = [max(q for s, q in tests.items() if i in s) for i in range(5)]
        np.testing.assert_allclose(np.exp(holm(np.log(p), w)), closed, rtol=1e-12)
    np.testing.assert_allclose(holm(np.log(p), [3.0] * 5), holm(np.log(p)), rtol=1e-12)


def test_headlines_have_half_of_alpha_in_the_standard_battery():
    probes = [p for p in battery("standard").probes if p.definition.family != "validity"]
    share = sum(p.weight for p in probes if p.weight > 1) / sum(p.weight for p in probes)
    assert [p.weight for p in probes if p.weight > 1] == [HEADLINE_WEIGHT] * 4
    assert 0.4 < share < 0.6


def test_weighted_cauchy():
    """A test with all the weight decides alone; equal weights are none."""
    p = np.log([1e-3, 0.2, 0.7])
    assert cauchy(p, [1.0, 1e-12, 1e-12]) == pytest.approx(p[0], rel=1e-6)
    assert cauchy(p, [2.0, 2.0, 2.0]) == pytest.approx(cauchy(p), rel=1e-12)
    far = np.array([-5000.0, -1.0, -2.0])
    assert cauchy(far, [1.0, 3.0, 4.0]) == pytest.approx(-5000.0 + np.log(8.0), rel=1e-12)
