import subprocess
import sys

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from gausscheck.errors import ArgumentError
from gausscheck.nulls.spline import UniformSpline


def functions(x):
    return np.stack([np.sin(x), np.exp(-x * x), x**3 - x], axis=-1)


@pytest.mark.parametrize("points", [4, 5, 6, 7, 65, 1201])
def test_it_is_the_not_a_knot_spline(points):
    grid = np.linspace(-3.0, 5.0, points)
    x = np.append(np.linspace(-3.0, 5.0, 1001), [grid[1], grid[-2]])
    values = functions(grid)
    got, expected = UniformSpline(-3.0, 5.0, values)(x), CubicSpline(grid, values)(x)
    # Divided differences and a well-conditioned solve: some roundings of the largest value.
    assert np.max(np.abs(got - expected)) <= 32 * np.finfo(float).eps * np.max(np.abs(values))


@pytest.mark.parametrize("x", [-3.5, 5.5])
def test_end_pieces_go_on_and_cubics_are_reproduced(x):
    got = UniformSpline(-3.0, 5.0, functions(np.linspace(-3.0, 5.0, 9)))(np.array([[x]]))
    assert got.shape == (1, 1, 3)
    np.testing.assert_allclose(got[0, 0, 2], x**3 - x, rtol=1e-13)


@pytest.mark.parametrize("shape", [(3, 2), (8,)])
def test_too_few_points_are_refused(shape):
    with pytest.raises(ArgumentError, match="at least 4"):
        UniformSpline(0.0, 1.0, np.zeros(shape))


def test_the_nulls_of_a_spectrum_load_no_large_part_of_scipy():
    code = (
        "import sys; from gausscheck.nulls.power_spectrum import power_spectrum_null as null\n"
        "null(1024, permutations=4).logsf(0.1)\n"
        "large = 'scipy.interpolate', 'scipy.optimize', 'scipy.stats', 'numba'\n"
        "print([name for name in large if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
