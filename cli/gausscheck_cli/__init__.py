"""The gausscheck command line."""
