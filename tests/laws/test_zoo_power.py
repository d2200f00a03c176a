"""Law: each defect of the zoo fails from its measured size on, by a statistic that claims it.

At the measured size at least nine of ten draws failed; at four times that size one draw, seen once, is hardly
ever unlucky: seeds are fixed. Noise without fault passes; it fails at 1e-6.
"""

from __future__ import annotations

import numpy as np
import pytest
from zoo import ZOO

import gausscheck as gc

QUICK, LONGEST = 2**13, 2**21
ABOVE = 4
FAULTS = [d for d in ZOO.values() if d.fault and d.detect_at and ABOVE * d.detect_at <= LONGEST]
CLEAN = [d for d in ZOO.values() if not d.fault]


def slow_if_large(defect):
    # By default every third of those that show soon: hints are tested over the rest.
    soon = ABOVE * defect.detect_at <= QUICK and FAULTS.index(defect) % 3 == 0
    marks = [] if soon else [pytest.mark.slow]
    return pytest.param(defect, id=defect.name, marks=marks)


def findings(defect, n, seed=31):
    x = defect.make(defect.shape(n), np.random.default_rng([seed, n]))
    # Without permutations: what they see, the other statistics do too.
    return gc.audit(x, permutations=0)


@pytest.mark.parametrize("defect", [slow_if_large(d) for d in FAULTS])
def test_a_defect_fails_by_what_should_see_it(defect):
    report = findings(defect, ABOVE * defect.detect_at)
    assert report.verdict == "fail"
    failed = {f.statistic for f in report.findings if f.verdict == "fail"}
    assert failed & set(defect.statistics), f"seen by {sorted(failed)}, not by {defect.statistics}"


@pytest.mark.parametrize("defect", CLEAN, ids=lambda d: d.name)
def test_noise_without_fault_passes(defect):
    assert findings(defect, QUICK).verdict != "fail"


def test_what_nothing_sees_is_said_to_be_unseen():
    unseen = {d.name for d in ZOO.values() if d.fault and d.detect_at is None}
    assert unseen == {"box_muller_24", "tensorflow_clamp", "shared_radius", "moments_matched", "decorrelated"}


def test_a_blind_battery_is_caught():
    """Planted: without the statistics that claim a defect, nothing is left that may stand for them."""
    defect = ZOO["even_multiplicity"]
    report = findings(defect, ABOVE * defect.detect_at)
    left = {f.statistic for f in report.findings if f.verdict == "fail"} - {"duplicates"}
    assert not left & set(defect.statistics)
