"""One thread for torch: test processes run side by side, and threads that wait cost minutes."""

from importlib.util import find_spec

if find_spec("torch"):
    import torch

    torch.set_num_threads(1)
