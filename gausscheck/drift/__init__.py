"""Evidence against a generator, gathered over runs and commits: the state, its checks, its file."""

from gausscheck.drift.state import Drift

__all__ = ["Drift"]
