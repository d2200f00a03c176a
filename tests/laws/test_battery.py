"""False alarms of a whole battery: Holm keeps its level, Cauchy nearly, in any storage format.

Seeds are fixed. The rate of Holm is at most alpha whatever the dependence, so that the upper binomial tail at
alpha bounds the false-alarm probability (1e-8 each).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from calibration.calibrate_battery import interval, line, outcomes
from scipy.stats import binom

ALARM = 1e-8
# How much more than alpha Cauchy's rule may reject: 1.1 at 1e-2 by simulation, doubled.
CAUCHY_EXCESS = 2.0


@pytest.mark.parametrize(
    ("dtype", "shape", "battery", "n"),
    [("float32", (2, 600), "quick", 50), ("bfloat16", (2, 600), "standard", 40)],
    ids=str,
)
def test_a_battery_keeps_its_level(dtype, shape, battery, n):
    results = outcomes(n, shape, dtype, battery, processes=1)
    for alpha in (0.1, 1e-2, 1e-3):
        holm = sum(o[0] < math.log(alpha) for o in results)
        cauchy = sum(o[1] < math.log(alpha) for o in results)
        assert binom.sf(holm - 1, n, alpha) > ALARM, line("Holm", (o[0] for o in results))
        assert binom.sf(cauchy - 1, n, CAUCHY_EXCESS * alpha) > ALARM, line("Cauchy", (o[1] for o in results))
    # and the rules are no empty promises: some of the combined p-values are small, as uniform ones are
    assert binom.cdf(sum(o[1] < math.log(0.3) for o in results), n, 0.2) > ALARM


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float8_e4m3fn"])
def test_a_battery_keeps_its_level_over_many_tensors(dtype):
    results = outcomes(2000, (2, 4, 32, 32), dtype)
    for alpha in (1e-2, 1e-3):
        holm = sum(o[0] < math.log(alpha) for o in results)
        cauchy = sum(o[1] < math.log(alpha) for o in results)
        assert binom.sf(holm - 1, 2000, alpha) > ALARM
        assert binom.sf(cauchy - 1, 2000, CAUCHY_EXCESS * alpha) > ALARM


def test_interval_of_clopper_and_pearson():
    low, high = interval(3, 200)
    assert binom.sf(2, 200, low) == pytest.approx(0.025, rel=1e-6)
    assert binom.cdf(3, 200, high) == pytest.approx(0.025, rel=1e-6)
    assert interval(0, 50) == (0.0, pytest.approx(1 - 0.025 ** (1 / 50)))
    assert interval(50, 50)[1] == 1.0
    # two of a hundred below 1e-2, none below 1e-3
    assert line("x", np.log([0.005, 0.002] + [0.9] * 98)).split()[1:4] == ["2", "0.02000", "2.00"]
