"""What is kept of the data: frozen, batch-shaped, and merged associatively and commutatively.

Leading axes are samples. ``merge`` joins two sets of values sample by sample, ``pool`` joins the samples;
threads, chunks and shards are all the same ``merge``.
"""

from gausscheck.summaries.counts import Counts
from gausscheck.summaries.extremes import Extremes
from gausscheck.summaries.moments import ORDERS, Moments
from gausscheck.summaries.nonfinite import Nonfinite
from gausscheck.summaries.onepass import OnePass

__all__ = ["ORDERS", "Counts", "Extremes", "Moments", "Nonfinite", "OnePass"]
