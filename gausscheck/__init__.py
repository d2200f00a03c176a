"""gausscheck tells whether a tensor is Gaussian noise, how it is not, and whether that matters."""

__version__ = "0.1.0"
