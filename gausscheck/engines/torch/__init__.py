"""Reductions in torch: for losses, with gradients, and for audits of tensors on a device."""
