"""Quantiles of a null distribution, from its tails."""

from __future__ import annotations

from math import log

from gausscheck.errors import ArgumentError
from gausscheck.nulls.base import Null

__all__ = ["quantile"]


def quantile(null: Null, p: float) -> float:
    """The t with ``P(T < t) = p``.

    Parameters
    ----------
    null : Null
        With a continuous law.
    p : float
        Strictly between 0 and 1.

    Returns
    -------
    float
        To 1e-12 of the standard deviation, found on the smaller tail.

    Raises
    ------
    ArgumentError
        For p outside (0, 1).
    """
    from scipy.optimize import brentq

    if not 0.0 < p < 1.0:
        msg = f"a quantile needs a probability strictly between 0 and 1, got {p!r}"
        raise ArgumentError(msg)
    lower = p <= 0.5
    wanted = log(p) if lower else log(1.0 - p)

    def excess(t: float) -> float:
        return float(null.logcdf(t) if lower else null.logsf(t)) - wanted

    mean, std = null.mean, null.std
    step = -std if lower else std
    near, far = mean, mean + step
    # Tails of either side may be bounded (-inf beyond), which still brackets; log tails fall outwards.
    reach = step
    while excess(near) < 0:
        near, reach = near - reach, 2 * reach
    reach = step
    while excess(far) > 0:
        far, reach = far + reach, 2 * reach
    low, high = min(near, far), max(near, far)
    clipped = -1e12
    return float(brentq(lambda t: max(excess(t), clipped), low, high, xtol=1e-12 * std, rtol=1e-14))
