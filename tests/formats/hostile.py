"""Names that files may have and texts must survive."""

from hypothesis import strategies as st

__all__ = ["NAMES"]

_MEAN = "\x00\x1b\x85\ufffe\uffff\udce9\ud800\u202e\u2028\r\n\t |`*_[]<>\\&#~$!():,%@'\"=-+."
NAMES = st.text(st.sampled_from(_MEAN) | st.characters(exclude_categories=()), max_size=20)
