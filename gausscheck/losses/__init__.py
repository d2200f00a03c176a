"""Differentiable Gaussianity losses in torch, each with its null distribution."""
