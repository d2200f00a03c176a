"""Which cases of large grids run by default."""

from collections import Counter

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Of the cases of a test marked ``thinned(k)`` every k-th runs by default; the others are ``slow``.

    The same ones everywhere: cases are counted as they are collected, before anything is deselected.
    """
    seen = Counter()
    for item in items:
        marker = item.get_closest_marker("thinned")
        if marker is None:
            continue
        (step,) = marker.args
        test = item.parent.nodeid, item.originalname
        if seen[test] % step:
            item.add_marker(pytest.mark.slow)
        seen[test] += 1
