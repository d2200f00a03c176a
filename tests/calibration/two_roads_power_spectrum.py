"""The exact null of the power spectrum in stored order against two other roads.

Run ``PYTHONPATH=tests python tests/calibration/two_roads_power_spectrum.py``. Columns: relative difference of
the inversion from Lugannani and Rice's formula, and from Gil-Pelaez with code that shares nothing with the
package (absolute error near 1e-13, so that it says little below p = 1e-8).
"""

from __future__ import annotations

import numpy as np
from calibration.calibrate_power_spectrum import quantile
from nulls.test_power_spectrum_null import _gil_pelaez

from gausscheck.nulls.power_spectrum import power_spectrum_null
from gausscheck.nulls.rayleigh import RAYLEIGH_MEAN
from gausscheck.nulls.saddlepoint import SaddlepointNull

SIZES = (64, 256, 1024, 4096, 16384, 65536)
LEVELS = (1e-1, 1e-2, 1e-4, 1e-6, 1e-8, 1e-12)


def main() -> None:
    """Print one line a size and tail."""
    for n in SIZES:
        null = power_spectrum_null(n)
        saddle = SaddlepointNull(null.cgf)
        for upper in (True, False):
            cells = []
            for p in LEVELS:
                if n == 64 and not upper and p < 1e-4:
                    continue  # two groups: the formula has no saddle that deep in the lower tail
                t = quantile(null, p, upper=upper)
                own = null.logsf(t) if upper else null.logcdf(t)
                other = saddle.logsf(t) if upper else saddle.logcdf(t)
                cell = f"{p:.0e}: {np.expm1(float(other - own)):+.0e}"
                if 256 <= n <= 16384 and p >= 1e-6:
                    plain = float(_gil_pelaez(n, RAYLEIGH_MEAN, [t])[0])
                    plain = plain if upper else 1 - plain
                    cell += f" / {plain / float(np.exp(own)) - 1:+.0e}"
                cells.append(cell)
            print(f"D = {n:6d} {'upper' if upper else 'lower'}  " + "   ".join(cells), flush=True)


if __name__ == "__main__":
    print("p: Lugannani-Rice / inversion - 1 [ / Gil-Pelaez / inversion - 1 ]")
    main()
