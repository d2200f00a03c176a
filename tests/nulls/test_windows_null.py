"""Windows equal by chance: probabilities by enumeration, bounds of clumped numbers by convolution."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from gausscheck.lattice import Lattice
from gausscheck.nulls.coincidence import CoincidenceNull, log_collision
from gausscheck.nulls.windows import WindowsNull, log_equal_shifted, log_equal_windows

ALPHABETS = {"even": (0.5, 0.5), "uneven": (0.6, 0.3, 0.1)}


def sequences(p, n):
    """All sequences of n letters, and the probability of each."""
    letters = np.array(list(itertools.product(range(len(p)), repeat=n)))
    return letters, np.prod(np.array(p)[letters], axis=1)


@pytest.mark.parametrize("name", list(ALPHABETS))
@pytest.mark.parametrize(("length", "shift"), [(4, 1), (4, 2), (4, 3), (5, 3), (6, 4), (4, 4)])
def test_overlapping_windows_by_enumeration(name, length, shift):
    p = ALPHABETS[name]
    letters, chance = sequences(p, length + shift)
    equal = np.all(letters[:, :length] == letters[:, shift:], axis=1)
    sums = [0.0, *(math.log(sum(q**m for q in p)) for m in range(1, length + 2))]
    got = math.exp(log_equal_shifted(length, shift, sums))
    assert got == pytest.approx(float(chance[equal].sum()), rel=1e-12)


@pytest.mark.parametrize("windows", [100, 10**6])  # pairs that overlap are most of these, and few of those
@pytest.mark.parametrize("scale", [0.0015, 0.004, 1.0])
def test_the_mean_counts_pairs_near_and_far(scale, windows):
    p = np.exp(Lattice("fp8_e4m3").log_probabilities(scale))
    expected = windows * (windows - 1) / 2 * np.sum(p**2) ** 16
    for d in range(4, 16):
        short, more = divmod(16 + d, d)
        expected += windows * np.sum(p**short) ** (d - more) * np.sum(p ** (short + 1)) ** more
    got = log_equal_windows(16, windows, "float32", "fp8_e4m3", scale, period=4)
    assert got == pytest.approx(math.log(expected), rel=1e-10)


@pytest.mark.parametrize("windows", [0, 1, 2, 10**9])
def test_unrounded_values_are_never_equal(windows):
    got = log_equal_windows(16, windows, "float32", None, 1.0, period=4)
    far = 16 * log_collision("float32", None)
    if windows < 2:
        assert got == -math.inf
    else:
        # Overlapping ones are bounded by twenty values in four classes: ten collisions; of more, by less.
        assert got == pytest.approx(math.log(windows) + 10 * log_collision("float32", None), abs=1e-3)
        assert got > math.log(windows * (windows - 1) / 2) + far


def convolved(mean_of_hashes, clumps, ratio, most):
    """P(H + C >= k) for k = 0..most: H Poisson, C a Poisson number of clumps of geometric size."""
    k = np.arange(most + 1)
    content = np.zeros(most + 1)
    for number in range(200):
        chance = poisson.pmf(number, clumps)
        if number == 0:
            content[0] += chance
        else:
            content += chance * np.where(k >= number, nbinom.pmf(k - number, number, 1 - ratio), 0)
    both = np.convolve(content, poisson.pmf(k, mean_of_hashes))[: most + 1]
    return 1 - np.concatenate(([0.0], np.cumsum(both)[:-1]))


def check_bound(make):
    """The law that no tail is understated, down to 1e-6."""
    for of_hashes, clumps, ratio in (
        (1e-9, 0.001, 0.06),
        (1e-9, 0.05, 0.5),
        (0.3, 0.01, 0.8),
        (2.0, 1e-12, 0.5),
        (1e-3, 2.0, 0.3),
    ):
        null = make(math.log(of_hashes), math.log(clumps / (1 - ratio)))
        tail = convolved(of_hashes, clumps, ratio, 60)
        k = np.flatnonzero(tail > 1e-9)
        got = null.sf(k.astype(float))
        assert np.all(got >= tail[k] * (1 - 1e-6))
        assert np.all(got <= 1)


def test_no_tail_is_understated():
    check_bound(WindowsNull)


def test_a_poisson_law_of_clumps_is_caught():
    with pytest.raises(AssertionError):
        check_bound(lambda hashes, contents: CoincidenceNull(float(np.logaddexp(hashes, contents))))


@pytest.mark.parametrize("log_mean", [-40.0, -200.0, -5000.0])
def test_close_where_it_matters(log_mean):
    # One coincidence: the sum of both means, but for the second order.
    null = WindowsNull(log_mean, log_mean + 1)
    assert float(null.logsf(1)) == pytest.approx(np.logaddexp(log_mean, log_mean + 1), abs=1e-12)
    # Many: contents alone count, by Markov's inequality.
    assert float(null.logsf(1000)) == pytest.approx(log_mean + 1 - math.log(500), abs=1e-9)
    assert null.mean == pytest.approx(math.exp(log_mean) * (1 + math.e))
    assert null.std == math.sqrt(null.mean)


def test_hashes_alone_are_poisson():
    null = WindowsNull(math.log(0.01), -math.inf)
    for k in (1, 2, 3):
        # At two and more half of them is granted to contents where that is better: never here.
        assert float(null.sf(k)) == pytest.approx(poisson.sf(k - 1, 0.01), rel=1e-9)


def test_few_are_no_fault():
    null = WindowsNull(math.log(50.0), math.log(3.0))
    assert float(null.log_two_sided(5.0)) == 0.0
    assert float(null.logsf(0.0)) == 0.0
    assert float(null.logcdf(-1.0)) == -math.inf
