"""Readers: one file format each, lazy, validated.

Opening a file reads its header only; values are mapped when a tensor is opened. No code in a file is ever
run: pickles are left alone, but for those of ``torch.save``, which torch's restricted unpickler reads.
"""

from __future__ import annotations

import os
from pathlib import Path

from gausscheck.sources.base import Source, Tensor, TensorEntry
from gausscheck.sources.npy import NpySource
from gausscheck.sources.npz import NpzSource
from gausscheck.sources.paths import expand
from gausscheck.sources.safetensors import SafetensorsSource
from gausscheck.sources.sharded import ShardedSource
from gausscheck.sources.sniff import identify
from gausscheck.sources.torch_file import TorchSource

__all__ = ["Source", "Tensor", "TensorEntry", "expand", "open_source"]

_READERS: tuple[type[SafetensorsSource | ShardedSource | NpySource | NpzSource | TorchSource], ...] = (
    SafetensorsSource,
    ShardedSource,
    NpySource,
    NpzSource,
    TorchSource,
)


def open_source(path: str | os.PathLike[str]) -> Source:
    """Open a file of tensors, told by its content first and its ending second.

    Parameters
    ----------
    path : path-like
        A .safetensors, .latent, .npy, .npz, .pt, .pth or .safetensors.index.json file, whatever it is called.

    Returns
    -------
    Source
        Its header is read and validated, its data untouched.

    Raises
    ------
    FileFormatError
        If the file cannot be read, is damaged or hostile, or of a format without a reader; the message
        names the format found and what to do.

    Examples
    --------
    >>> source = open_source("noise.safetensors")          # doctest: +SKIP
    >>> with source.open(source.entries[0]) as tensor:     # doctest: +SKIP
    ...     tensor.values.shape
    """
    file = Path(path)
    kind = identify(file)
    return next(reader for reader in _READERS if reader.format == kind)(file)
