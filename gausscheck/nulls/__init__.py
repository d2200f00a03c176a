"""Null distributions: what each statistic does when the values are iid N(0, 1)."""
