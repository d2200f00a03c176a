"""The corpus of damaged and hostile files, each with the words that its error must contain."""

from sources import attacks_arrays, attacks_safetensors
from sources.builders import ATTACKS

__all__ = ["ATTACKS", "attacks_arrays", "attacks_safetensors"]
