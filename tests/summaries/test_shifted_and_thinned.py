"""Summaries of a part of a run that gets other numbers, or is thinned to what the other part keeps."""

import numpy as np

from gausscheck.summaries.gram import GROUP, Correlated, SampleGram
from gausscheck.summaries.repeats import Units, halvings_for


def test_closed_groups_are_shifted_too():
    found = Correlated(0.5, 3, 7, 21)
    gram = SampleGram(GROUP, 64, {64: found}, {})
    assert gram.shifted(2 * GROUP).largest == {64: Correlated(0.5, 2 * GROUP + 3, 2 * GROUP + 7, 21)}
    assert gram.shifted(2 * GROUP).merge(gram).largest[64] == Correlated(0.5, 3, 7, 42)


def test_units_keep_their_place_in_shifted_samples():
    units = Units(64, 10, 20, 0, np.arange(20, dtype=np.uint64), np.arange(20))
    np.testing.assert_array_equal(units.shifted(5).places, np.arange(50, 70))


def test_both_parts_are_thinned_alike():
    """Of either part the same fraction: what is left is judged as that fraction of both."""
    rng = np.random.default_rng(1)

    def part(count, halvings):
        hashes = rng.integers(0, 2 ** (64 - halvings), count >> halvings, dtype=np.uint64)
        return Units(64, 1, count, halvings, hashes, np.arange(hashes.size), 1024)

    large, small = part(2**16, 6), part(512, 0)
    for one, two in ((large, small), (small, large)):
        both = one.merge(two)
        assert both.count == 2**16 + 512
        assert both.halvings == halvings_for(both.count, 1024) == 7
        kept = [hashes[hashes < 2**57] for hashes in (one.hashes, two.hashes)]
        np.testing.assert_array_equal(both.hashes, np.concatenate(kept))
        assert 0 < kept[0].size < one.hashes.size
        assert kept[1].size < two.hashes.size
