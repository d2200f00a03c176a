import time

import mpmath
import numpy as np
import pytest

from gausscheck.errors import ArgumentError, DataError
from gausscheck.gaussian import raw_moment
from gausscheck.lattice import LATTICES, Lattice, LatticeCandidates, detect, lattice_of_format

torch = pytest.importorskip("torch")

NAMES = list(LATTICES)
TORCH = {name: getattr(torch, dtype) for name, dtype in LATTICES.items()}


def through(name, x):
    """Round float32 values by torch."""
    return torch.from_numpy(x.astype(np.float32)).to(TORCH[name]).to(torch.float64).numpy()


def noise(seed, n):
    return np.random.default_rng(seed).standard_normal(n)


@pytest.mark.parametrize("name", NAMES)
def test_points_are_all_finite_values(name):
    bits = Lattice(name).format.bits
    codes = torch.arange(2**bits, dtype=torch.int32)
    codes = codes.to(torch.uint8) if bits == 8 else codes.to(torch.int16)
    values = codes.view(TORCH[name]).to(torch.float64).numpy()
    np.testing.assert_array_equal(Lattice(name).points, np.unique(values[np.isfinite(values)] + 0.0))
    np.testing.assert_array_equal(Lattice(name).points, -Lattice(name).points[::-1])
    assert lattice_of_format(LATTICES[name]) == name


@pytest.mark.parametrize("name", NAMES)
def test_round_is_torchs_cast(name):
    rng = np.random.default_rng(3)
    lattice = Lattice(name)
    top = min(lattice.points[-1], 1e38)
    wide = np.ldexp(rng.uniform(-1, 1, 20000), rng.integers(-150, 9, 20000)).astype(np.float32)
    # edges are exact ties; neighbours of edges decide on which side a value falls
    edges = lattice.edges.astype(np.float32)
    near = np.concatenate(
        [edges, np.nextafter(edges, np.float32(np.inf)), np.nextafter(edges, np.float32(-np.inf))]
    )
    x = np.concatenate([wide, near, lattice.points.astype(np.float32), noise(1, 20000).astype(np.float32)])
    x = x[np.abs(x) <= top]
    np.testing.assert_array_equal(lattice.round(x), through(name, x))


@pytest.mark.parametrize("name", NAMES)
def test_round_keeps_what_is_not_finite_and_saturates(name):
    lattice = Lattice(name)
    top = lattice.points[-1]
    result = lattice.round([np.nan, np.inf, -np.inf, 1e300, -1e300, 5e-324])
    np.testing.assert_array_equal(result, [np.nan, np.inf, -np.inf, top, -top, 0.0])


def reference_log_probability(low, high, scale):
    with mpmath.workdps(60):

        def cdf_tail(a):
            return (
                mpmath.erfc(mpmath.mpf(float(a)) / (mpmath.mpf(scale) * mpmath.sqrt(2))) / 2
                if a < np.inf
                else 0
            )

        if low < 0:  # the zero cell
            return float(
                mpmath.log(mpmath.erf(mpmath.mpf(float(high)) / (mpmath.mpf(scale) * mpmath.sqrt(2))))
            )
        with mpmath.extradps(400):  # far out both tails are tiny; near 0 they agree in 40 digits
            return float(mpmath.log(cdf_tail(low) - cdf_tail(high)))


@pytest.mark.parametrize("scale", [1.0, 0.18215, 13.0])
@pytest.mark.parametrize("name", NAMES)
def test_log_probabilities_against_mpmath(name, scale):
    lattice = Lattice(name)
    zero = len(lattice.points) // 2
    edges = np.append(lattice.edges, np.inf)
    positive = lattice.points[zero:]
    reach = int(np.searchsorted(positive, 60.0 * scale))
    chosen = zero + np.unique(np.concatenate([[0, 1, 2], np.linspace(0, reach, 60).astype(int)]))
    chosen = chosen[chosen < len(lattice.points)]
    got = lattice.log_probabilities(scale)
    for i in chosen:
        expected = reference_log_probability(edges[i - 1], edges[i], scale)
        # absolute error of the log = relative error of the probability; the log itself is rounded too
        assert got[i] == pytest.approx(expected, rel=4e-16, abs=1e-12)
    np.testing.assert_array_equal(got, got[::-1])


@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0])
@pytest.mark.parametrize("name", NAMES)
def test_probabilities_sum_to_one(name, scale):
    log_p = Lattice(name).log_probabilities(scale)
    assert not np.any(np.isnan(log_p))
    # rounding of up to 65,279 terms that add up to 1
    assert np.sum(np.exp(log_p)) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_cells_are_hit_as_often_as_their_probabilities_say(name):
    n = 400_000
    lattice = Lattice(name)
    value, count = np.unique(through(name, noise(11, n)), return_counts=True)
    observed = np.zeros(len(lattice.points))
    observed[np.searchsorted(lattice.points, value)] = count
    expected = n * np.exp(lattice.log_probabilities())
    # neighbouring cells joined until 20 values are expected in each
    group = np.floor(np.cumsum(expected) / 20.0).astype(int)
    joined_observed, joined_expected = np.bincount(group, observed), np.bincount(group, expected)
    keep = joined_expected > 5
    statistic = np.sum((joined_observed - joined_expected)[keep] ** 2 / joined_expected[keep])
    from scipy.stats import chi2

    assert chi2.sf(statistic, keep.sum() - 1) > 1e-8
    # the joining must leave something to test
    assert keep.sum() > 20


@pytest.mark.parametrize("name", NAMES)
def test_moments_against_simulation(name):
    n = 1_000_000
    lattice = Lattice(name)
    v = through(name, noise(5, n))
    for k in (2, 4, 6):
        mean, second = lattice.moments([k, 2 * k])
        # 6 standard errors: false alarm 2e-9 for a normal mean
        assert abs(np.mean(v**k) - mean) < 6.0 * np.sqrt((second - mean**2) / n)


def test_moments_are_those_of_the_rounded_normal():
    # Shift of the second moment in units of sqrt(2), one value's standard deviation: known figures.
    assert (Lattice("bf16").moments(2) - 1.0) / np.sqrt(2.0) == pytest.approx(-2.0e-6, rel=0.02)
    assert (Lattice("fp16").moments(2) - 1.0) / np.sqrt(2.0) == pytest.approx(-2.0e-6 / 64, rel=0.02)
    assert Lattice("bf16").collision_probability() == pytest.approx(9.0e-4, rel=0.01)
    assert Lattice("fp16").collision_probability() == pytest.approx(1.1e-4, rel=0.03)


@pytest.mark.parametrize("name", NAMES)
def test_moments_scale_by_powers_of_two_and_odd_ones_vanish(name):
    lattice = Lattice(name)
    orders = np.arange(17)
    moments = lattice.moments(orders)
    assert np.all(moments[1::2] == 0.0)
    assert moments[0] == pytest.approx(1.0, abs=1e-12)
    # away from overflow and subnormals the lattice looks alike at twice the scale
    np.testing.assert_allclose(
        lattice.moments(orders, scale=2.0) / 2.0**orders, moments, rtol=3e-3 if "fp8" in name else 1e-9
    )
    # a lattice of m mantissa bits moves a value by at most 2**-(m+1) of itself
    step = 2.0 ** -(lattice.format.mantissa_bits + 1)
    for k in range(2, 17, 2):
        exact = raw_moment(k)
        assert (1 - step) ** k * exact * 0.999 < moments[k] < (1 + step) ** k * exact * 1.001


def test_moments_check_their_orders_and_scale():
    for orders in (17, -1, [1.5]):
        with pytest.raises(ArgumentError, match="orders"):
            Lattice("bf16").moments(orders)
    for scale in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ArgumentError, match="scale"):
            Lattice("bf16").log_probabilities(scale)
    with pytest.raises(ArgumentError, match="bf16"):
        Lattice("bfloat16")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_contains_and_detect_what_was_rounded(name, dtype):
    x = through(name, noise(7, 5000)).astype(dtype)
    assert Lattice(name).contains(x)
    assert name in detect(x)
    for other in NAMES:
        assert Lattice(other).contains(x) == bool(np.all(Lattice(other).round(x) == x)), other
    # one value off the lattice, far behind the stretch that is looked at first
    x[-1] = np.nextafter(x[-1], dtype(9))
    assert not Lattice(name).contains(x)
    assert name not in detect(x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_point_of_every_lattice_is_recognised(dtype):
    for name in NAMES:
        points = Lattice(name).points.astype(dtype)
        assert Lattice(name).contains(points)
        for other in NAMES:
            assert Lattice(other).contains(points) == bool(np.all(np.isin(points, Lattice(other).points)))


def test_detection_is_narrowest_first():
    x = through("fp8_e5m2", noise(9, 1000))
    assert detect(x)[0] == "fp8_e5m2"
    # fp16 holds every bf16 value above 2**-17, so all of a small sample
    assert detect(through("bf16", noise(9, 1000))) == ("bf16", "fp16")
    assert detect(np.append(through("bf16", noise(9, 1000)), 2.0**-30)) == ("bf16",)
    assert detect(through("fp16", noise(9, 1000))) == ("fp16",)
    assert detect(noise(9, 1000)) == ()
    assert detect(noise(9, 1000).astype(np.float32)) == ()


def test_zero_and_what_is_not_finite_do_not_speak_against_a_lattice():
    x = np.array(
        [np.nan, 1.0, -0.0, np.inf, -np.inf, np.frombuffer(b"\x01\x00\xc0\x7f", np.float32)[0]], np.float32
    )
    assert detect(x) == tuple(NAMES)
    assert detect(np.array([], np.float32)) == tuple(NAMES)
    x[1] = 1.0 + 2.0**-20
    assert detect(x) == ()


def test_detection_takes_any_strides_and_refuses_integers():
    x = through("bf16", noise(2, 4000)).astype(np.float32).reshape(40, 100)
    assert detect(x.T[::2]) == detect(x) == ("bf16", "fp16")
    x.flags.writeable = False
    assert detect(x) == ("bf16", "fp16")
    assert detect(x.astype(">f4")) == ("bf16", "fp16")
    assert "fp16" in detect(noise(2, 40).astype(np.float16))
    with pytest.raises(DataError, match="int64"):
        detect(np.arange(3))


def test_candidates_merge_by_intersection_and_chunks_are_invisible():
    parts = [through(name, noise(k, 999)) for k, name in enumerate(("bf16", "fp8_e4m3", "bf16"))]
    whole = LatticeCandidates().update(np.concatenate(parts))
    step = LatticeCandidates()
    merged = LatticeCandidates()
    for part in parts:
        step = step.update(part)
        merged = LatticeCandidates().update(part).merge(merged)
    assert whole == step == merged == LatticeCandidates(("bf16", "fp16"))
    a, b, c = (LatticeCandidates().update(part) for part in parts)
    assert a.merge(b) == b.merge(a)
    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(LatticeCandidates()) == a


def test_detection_reads_a_prefix_of_ordinary_noise_only():
    x = np.random.default_rng(0).standard_normal(20_000_000, dtype=np.float32)
    costs = []
    for _ in range(10):
        started = time.process_time()
        assert detect(x) == ()
        costs.append(time.process_time() - started)
    # one pass over 80 MB takes 3 ms of processor time at best; a prefix of 256 values takes 0.2 ms
    assert min(costs) < 1.5e-3
