import numpy as np
import pytest

from gausscheck.nulls.chi_square import ChiSquareMeanNull
from gausscheck.nulls.composite import normal_nodes
from gausscheck.nulls.inversion import inversion_null
from gausscheck.nulls.normal import NormalMeanNull
from gausscheck.nulls.normal_scores import NormalScores
from gausscheck.nulls.power_spectrum import power_spectrum_null

Z = np.array([-6.0, -2.3, -0.1, 0.0, 0.7, 3.1, 7.0])


def test_scores_of_a_normal_are_its_standardised_values_beyond_the_table_too():
    table = NormalScores(NormalMeanNull(100))
    z = np.append(Z, [-20.0, 15.0])
    np.testing.assert_allclose(table.to_score(z / 10), z, atol=1e-6)
    np.testing.assert_allclose(table.to_statistic(z), z / 10, atol=1e-7)


@pytest.mark.parametrize(
    "null",
    [
        ChiSquareMeanNull(8),
        ChiSquareMeanNull(4096),
        inversion_null(3, 64),
        inversion_null(8, 64),
        power_spectrum_null(40, block=16),
        power_spectrum_null(1024, permutations=4),
    ],
)
def test_pairs_are_exact_and_lines_between_them_near(null):
    table = NormalScores(null)
    assert table.score[0] < -4
    assert table.score[-1] > 7.9
    t = table.to_statistic(Z[1:])
    log_p = np.where(Z[1:] < 0, null.logcdf(t), null.logsf(t))
    expected = NormalMeanNull(1).logcdf(-np.abs(Z[1:]))
    # an error of 1e-4 in z (stated), and the slope of log p there
    np.testing.assert_allclose(log_p, expected, atol=2e-4 * (1 + np.abs(Z[1:]).max()))
    np.testing.assert_allclose(table.to_score(t), Z[1:], atol=1e-9)


def test_floor_of_a_statistic_is_found():
    table = NormalScores(ChiSquareMeanNull(1))  # P(T < t) falls as the root of t
    assert 0 <= table.statistic[0] < 1e-17
    assert table.score[0] < -5


@pytest.mark.parametrize(("dimensions", "cusp"), [(1, False), (1, True), (2, False), (5, False), (5, True)])
def test_nodes_are_standard_normal_and_independent(dimensions, cusp):
    nodes = normal_nodes(dimensions, cusp=cusp)
    w, z = nodes.weight, nodes.score
    np.testing.assert_allclose(w.sum(), 1.0, rtol=1e-12)
    # the rule is good to a few parts in a thousand (0.5 % is what a deviation may be off)
    np.testing.assert_allclose(w @ z, 0.0, atol=2e-3)
    np.testing.assert_allclose((z * w[:, None]).T @ z, np.eye(dimensions), atol=5e-3)
    np.testing.assert_allclose(w @ z**4, 3.0, rtol=1e-2)
    # about 300 of the points lie there, unevenly
    np.testing.assert_allclose(w @ (np.abs(z) > 3), 0.0026998, rtol=0.1)
