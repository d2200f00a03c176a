"""How data is reduced to summaries: plain NumPy (the oracle) and fused Numba kernels."""
