"""Evidence over runs: exact sums, one verdict over many nights, a file that is whole or refused."""

import hashlib
import json
import math
import os
import threading
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import gausscheck as gc
from gausscheck.drift.compensated import ZERO, Pair
from gausscheck.errors import ArgumentError, DataError, FileFormatError
from gausscheck.summaries.moments import Moments

E_OF_BUDGET = math.log(1e6)


def moments(n, total, squares):
    return Moments(np.array(n), np.array([total, squares, *np.zeros(6)], float))


def run_of(rng, n, mean=0.0, sigma=1.0):
    """Sums of n values from their laws: S, and Q - S²/n, which is independent of it."""
    total = rng.normal(n * mean, sigma * math.sqrt(n))
    return moments(n, total, sigma**2 * rng.chisquare(n - 1) + total**2 / n)


def after(nights, *, seed=0, n=10**6, mean=0.0, sigma=1.0, drift=None):
    rng, drift = np.random.default_rng(seed), drift or gc.Drift("noise")
    for night in range(nights):
        drift = drift.update(run_of(rng, n, mean, sigma), label=f"night {night}")
    return drift


def exact(pair):
    return Fraction(pair.high) + Fraction(pair.low)


def test_pairs_lose_nothing():
    """1e4 sums of 1e9 values each: right to 2**-104 for each addition; plain doubles are not."""
    rng = np.random.default_rng(1)
    parts = [*(1e9 + rng.normal(0, 4e4, 10_000)), 0.1, -0.3, 1e-9]
    pair, plain, truth = ZERO, 0.0, Fraction(0)
    for part in map(float, parts):
        pair, plain, truth = pair + Pair(part), plain + part, truth + Fraction(part)
    bound = len(parts) * truth * Fraction(2) ** -104
    assert abs(exact(pair) - truth) <= bound
    assert abs(Fraction(plain) - truth) > bound
    assert pair.high + pair.low == pair.high
    assert pair.less(pair.high) == pair.low
    assert Fraction(pair.less(1e13)) == pytest.approx(float(truth - 10**13), rel=2**-52)


def test_pairs_cancel_exactly():
    huge, small = Pair(1e16, 1.0), Pair(-1e16, 2.0**-60)
    assert exact(huge + small) == 1 + Fraction(2) ** -60


def test_ten_nights_fail_together_that_pass_alone():
    """Each night z = 2.2 in the mean square, exactly; ten of them are z = 6.96, and e reaches 1e6 at 6.13."""
    n = 10**8
    night = n + 2.2 * math.sqrt(2 * n)
    drift = gc.Drift("noise")
    for k in range(10):
        alone = gc.Drift("noise").update(moments(n, 0.0, night + k), label=str(k))
        assert alone.verdict(1e-6) == "pass"
        drift = drift.update(moments(n, 0.0, night + k), label=str(k))
    assert drift.verdict(1e-6) == "fail"
    assert drift.max_log_e > E_OF_BUDGET
    assert drift.p_value < 1e-6
    assert (drift.runs, drift.n, drift.peak) == (10, 10 * n, "9")
    effect = drift.scale_ratio()
    assert 1 < effect.low < math.sqrt(night / n) < effect.high


def test_good_noise_passes_for_years():
    """Ville: fails with probability at most 1e-8."""
    drift = after(2000, seed=2, n=10**9)
    assert drift.verdict(1e-8) != "fail"
    assert drift.mean_shift().low < 0 < drift.mean_shift().high
    assert drift.scale_ratio().low < 1 < drift.scale_ratio().high


@pytest.mark.parametrize("fault", [{"mean": 2e-3}, {"sigma": 0.999}, {"sigma": 1.001}])
def test_finds_what_one_night_does_not(fault):
    """1e6 values a night: z is 2 or 1.4 a night, 12.6 or 9 after forty; below 6.13 with probability 0.002."""
    drift = after(40, seed=3, **fault)
    assert drift.verdict(1e-6) == "fail"
    assert after(1, seed=3, **fault).verdict(1e-6) == "pass"
    kind = drift.log_e_mean if "mean" in fault else drift.log_e_variance
    assert kind > drift.log_e - math.log(2) + math.log(1.999)


def test_evidence_once_reached_stays():
    drift = after(40, seed=3, mean=2e-3)
    later = after(400, seed=4, mean=-5e-4, drift=drift)
    assert later.log_e < E_OF_BUDGET < later.max_log_e
    assert later.verdict(1e-6) == "fail"
    assert later.peak in {f"night {k}" for k in range(60)}


def test_a_run_counts_once():
    drift = gc.Drift("noise").update(moments(100, 3.0, 99.0), label="seed 1")
    with pytest.raises(
        DataError, match=r"run 'seed 2' has the very sums of the run before, 'seed 1'.*another seed"
    ):
        drift.update(moments(100, 3.0, 99.0), label="seed 2")
    assert drift.update(moments(100, 3.5, 99.0), label="seed 2").runs == 2
    assert drift.update(moments(0, 0.0, 0.0), label="nothing") is drift


def test_observe_is_update_of_the_sums():
    x = np.random.default_rng(5).standard_normal((3, 1000)) * 2
    x[1, 7] = np.nan
    drift = gc.Drift("noise", scale=2).observe(x, label="a")
    finite = x[np.isfinite(x)] / 2
    assert (drift.n, drift.dtype, drift.label) == (2999, "float64", "a")
    # Different orders of 3000 additions of terms of size 1.
    assert drift.total.high == pytest.approx(math.fsum(finite), abs=3000 * 2.0**-52)
    assert drift.squares.high == pytest.approx(math.fsum(finite**2), rel=3000 * 2.0**-52)
    assert gc.Drift("noise").observe(np.zeros(0)).n == 0


def test_order_of_runs_and_merging_do_not_matter():
    rng = np.random.default_rng(6)
    runs = [run_of(rng, 1000 + k) for k in range(20)]
    one, two = gc.Drift("noise"), gc.Drift("noise")
    for run in runs:
        one = one.update(run)
    for run in runs[:7]:
        two = two.update(run)
    rest = gc.Drift("noise")
    for run in reversed(runs[7:]):
        rest = rest.update(run)
    both = rest.merge(two)
    assert (both.n, both.runs) == (one.n, one.runs)
    # Twenty additions of pairs, each right to 2**-104.
    assert abs(exact(both.squares) - exact(one.squares)) <= 20 * exact(one.squares) * Fraction(2) ** -103
    assert both.log_e == pytest.approx(one.log_e, abs=1e-12)
    assert both.max_log_e == max(both.log_e, 0.0)
    assert gc.Drift("noise").merge(one) == one == one.merge(gc.Drift("noise"))
    with pytest.raises(ArgumentError, match=r"source 'noise'.*source 'other'"):
        one.merge(gc.Drift("other"))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "bf16", "fp16", "fp8_e4m3", "float8_e5m2"])
def test_rounded_values_are_refused(dtype):
    with pytest.raises(DataError, match=f"lattice of {dtype}.*float32 or float64"):
        gc.Drift("noise", dtype=dtype)
    with pytest.raises(DataError, match="rounded"):
        gc.Drift("noise").update(moments(100, 3.0, 99.0), dtype=dtype)


def test_rounded_values_in_a_wide_container_are_refused():
    x = np.random.default_rng(7).standard_normal(1000).astype(np.float16)
    for values in (x, x.astype(np.float32)):
        with pytest.raises(DataError, match="rounded"):
            gc.Drift("noise").observe(values)


def test_float32_changes_nothing_that_shows():
    """Rounding moves z of mean and of mean square by about 5e-8, whatever n: here by less than 1e-6."""
    x = np.random.default_rng(8).standard_normal(2**22)
    wide, narrow = gc.Drift("noise").observe(x), gc.Drift("noise").observe(x.astype(np.float32))
    scale = math.sqrt(x.size)
    assert 0 < abs(wide.total.high - narrow.total.high) / scale < 1e-6
    assert 0 < abs(wide.excess - narrow.excess) / (scale * math.sqrt(2)) < 1e-6
    with pytest.raises(DataError, match="is of float32 values, got float64"):
        narrow.observe(x[:1000])


@pytest.mark.parametrize(
    ("sums", "fault"),
    [
        ((10, 100.0, 50.0), "no values have these sums"),
        ((10, 0.0, -1.0), "sum of squares is negative"),
        ((10, 0.0, 1e201), "above 1e200"),
        ((2**60, 0.0, 2.0**60), "above 2"),
    ],
)
def test_impossible_sums_are_refused(sums, fault):
    with pytest.raises(DataError, match=fault):
        gc.Drift("noise").update(moments(*sums))


def test_options_are_checked():
    with pytest.raises(ArgumentError, match="budget"):
        gc.Drift("noise").verdict(0.0)
    with pytest.raises(DataError, match="not finite"):
        gc.Drift("noise", n=10, runs=1, squares=Pair(math.nan))
    with pytest.raises(DataError, match="scale"):
        gc.Drift("noise", scale=0.0)
    with pytest.raises(DataError, match="unknown storage format 'int8'"):
        gc.Drift("noise", dtype="int8")
    with pytest.raises(DataError, match="1000 characters"):
        gc.Drift("noise").update(moments(10, 0.0, 10.0), label="x" * 1001)


def test_extremes_stay_finite():
    # All values 1e96, and all values 0.
    for n, total, squares in ((10**4, 1e98, 1e196 * (1 - 1e-12)), (10**15, 0.0, 0.0)):
        drift = gc.Drift("noise").update(moments(n, total, squares))
        assert drift.verdict(1e-6) == "fail"
        json.dumps(drift.to_dict(), allow_nan=False)
    json.dumps(gc.Drift("noise").to_dict(), allow_nan=False)


def test_saved_and_loaded_bit_by_bit(tmp_path):
    path = tmp_path / "drift.json"
    drift = after(50, seed=9, drift=gc.Drift('möglich "\ud800', scale=0.1 + 0.2, dtype="float32"))
    assert drift.squares.low != 0
    drift.save(path)
    assert gc.Drift.load(path) == drift
    assert gc.Drift.load_or_new(path, source=drift.source, scale=0.1 + 0.2) == drift
    gc.Drift("new").save(path)
    assert gc.Drift.load(path) == gc.Drift("new")


def test_begins_anew_only_where_there_is_no_file(tmp_path):
    path = tmp_path / "drift.json"
    assert gc.Drift.load_or_new(path, source="a", scale=2.0) == gc.Drift("a", 2.0)
    after(1, drift=gc.Drift("a", 2.0, "float64")).save(path)
    for wanted in (
        {"source": "b", "scale": 2.0},
        {"source": "a"},
        {"source": "a", "scale": 2.0, "dtype": "float32"},
    ):
        with pytest.raises(ArgumentError, match=r"drift.json: .*source 'a', scale 2.0.*on source"):
            gc.Drift.load_or_new(path, **wanted)
    path.write_bytes(b"")
    with pytest.raises(FileFormatError, match="no evidence can be read"):
        gc.Drift.load_or_new(path, source="a", scale=2.0)
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileFormatError, match="missing file"):
        gc.Drift.load_or_new(link, source="a")


def says(data):
    """What a file says, if it can be read at all; a double's last digits may change without changing it."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def test_every_damage_is_refused(tmp_path):
    path = tmp_path / "drift.json"
    after(3).save(path)
    data = path.read_bytes()
    damaged = [data[:k] + bytes([data[k] ^ 1]) + data[k + 1 :] for k in range(len(data))]
    damaged += [data[:k] for k in range(len(data))]
    damaged += [data + b"}", b"[" * 2**16, b" " * 2**17, b"null", b"\xff"]
    changed = [bad for bad in damaged if says(bad) != says(data)]
    assert len(changed) > 0.9 * len(damaged)
    for bad in changed:
        path.write_bytes(bad)
        with pytest.raises(FileFormatError, match="no evidence can be read"):
            gc.Drift.load(path)
    with pytest.raises(FileFormatError, match="is a directory"):
        gc.Drift.load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "gausscheck/drift/2"},
        {"format": ["gausscheck/drift/1"]},
        {"n": -1},
        {"n": True},
        {"n": 1e6},
        {"n": 0},
        {"n": 10**400},
        {"scale": "1"},
        {"scale": 0.0},
        {"source": None},
        {"dtype": "bfloat16"},
        {"total": [1e9, 0.0]},
        {"total": [0.0, 1.0]},
        {"total": [0.0]},
        {"total": 0.0},
        {"squares": [1, 0.0]},
        {"squares": [-1.0, 0.0]},
        {"squares": [1e5, 0.0]},
        {"runs": 0},
        {"max_log_e": -1.0},
        {"label": "x" * 1001},
        {"last": [0, 0.0]},
        {"last": [-5, 0.0, 0.0]},
        {"more": 1},
        {"peak": ...},
    ],
)
def test_forged_states_are_refused(tmp_path, change):
    """With a checksum that fits: what the numbers say themselves."""
    path = tmp_path / "drift.json"
    after(3).save(path)
    content = json.loads(path.read_text())
    del content["sha256"]
    for name, value in change.items():
        if value is ...:
            del content[name]
        else:
            content[name] = value
    content["sha256"] = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps(content))
    with pytest.raises(FileFormatError, match="no evidence can be read"):
        gc.Drift.load(path)


def test_a_field_twice_and_nan_are_refused(tmp_path):
    path = tmp_path / "drift.json"
    after(3).save(path)
    text = path.read_text()
    for old, new, why in (
        (' "scale"', ' "scale": 1.0, "scale"', "twice"),
        ('"scale": 1.0', '"scale": NaN', "NaN"),
    ):
        assert old in text
        path.write_text(text.replace(old, new))
        with pytest.raises(FileFormatError, match=why):
            gc.Drift.load(path)


def test_a_failed_save_keeps_the_old_state(tmp_path, monkeypatch):
    path = tmp_path / "drift.json"
    old = after(3)
    old.save(path)

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        after(4).save(path)
    assert gc.Drift.load(path) == old
    assert list(tmp_path.iterdir()) == [path]


def test_readers_see_one_state_or_the_other(tmp_path):
    path = tmp_path / "drift.json"
    states = [after(3), after(60)]
    states[0].save(path)
    done = threading.Event()

    def write():
        for k in range(100):
            states[k % 2].save(path)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while not done.is_set():
        seen.append(gc.Drift.load(path))
    writer.join()
    assert seen
    assert all(state in states for state in seen)


def test_says_all_in_plain_data():
    told = after(40, seed=3, mean=2e-3).to_dict()
    assert told["log10_p"] == pytest.approx(-told["max_log_e"] / math.log(10))
    assert [e["name"] for e in told["effects"]] == ["mean", "scale"]
    assert told["effects"][0]["low"] < 2e-3 < told["effects"][0]["high"]
    assert replace(gc.Drift("noise")).to_dict()["effects"][0]["high"] is None
