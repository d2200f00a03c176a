"""What a look may spend, as the run applies it: no more than the plan; fresh values are its own each time."""

import math
from dataclasses import replace

import pytest

from gausscheck.looking import Run, confirmation_seed
from gausscheck.sources.generators import open_generator
from gausscheck.spending import plan

PLAN = plan(2**18, 1e-6)


def run_with(p, monkeypatch):
    """A run all of whose looks have the adjusted p-value `p`; fresh values pass."""
    judged = Run._judged

    def forced(self, *args, **kwargs):
        look = judged(self, *args, **kwargs)
        return replace(look, verdict="pass", log_p=math.log(p) if look.stage == 1 else 0.0)

    monkeypatch.setattr(Run, "_judged", forced)
    run = Run(
        open_generator("numpy:SFC64"),
        PLAN,
        seed=1,
        streams=1,
        sample=2**16,
        options={"sample": 2**16, "battery": "quick"},
    )
    run.go()
    return run


@pytest.mark.parametrize(
    ("share", "verdict", "confirmations"), [(0.999, "suspect", len(PLAN.sizes)), (1.001, "pass", 0)]
)
def test_looks_are_suspect_below_their_share_alone(share, verdict, confirmations, monkeypatch):
    run = run_with(share * PLAN.suspicion, monkeypatch)
    assert [look.verdict for look in run.looks] == [verdict] * len(PLAN.sizes)
    assert len(run.confirmations) == confirmations


def test_each_look_has_fresh_values_of_its_own(monkeypatch):
    run = run_with(PLAN.suspicion / 2, monkeypatch)
    seeds = [look.seed for look in run.confirmations]
    assert seeds == [confirmation_seed(1, k + 1) for k in range(len(PLAN.sizes))]
    assert len({1, *seeds}) == len(PLAN.sizes) + 1
