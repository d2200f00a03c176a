"""Readers: one file format each, lazy, validated."""
