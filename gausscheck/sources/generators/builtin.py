"""Generators known by name: those of NumPy, torch and JAX."""

from __future__ import annotations

from typing import Any

import numpy as np

from gausscheck.arrays import Values, as_values
from gausscheck.errors import ArgumentError
from gausscheck.sources.generators.base import Draw, GeneratorSource, Start
from gausscheck.sources.generators.blocks import BlockDraw
from gausscheck.sources.generators.returned import called
from gausscheck.sources.generators.words import close, named

__all__ = ["FAMILIES", "GENERATORS", "builtin", "from_numpy", "from_torch"]

GENERATORS: dict[str, str] = {
    "numpy:PCG64": "NumPy's default; ziggurat in float32, or with :float64",
    "numpy:PCG64DXSM": "PCG64 with a stronger output function",
    "numpy:MT19937": "Mersenne Twister",
    "numpy:SFC64": "Small Fast Chaotic, the fastest of NumPy",
    "numpy:Philox": "counter-based, 4 x 64 bits, 10 rounds",
    "torch:cpu": "torch.randn in float32, or with :float64, :bfloat16, :float16",
    "torch:cuda": "torch.randn on a GPU; torch:cuda:1 is the second",
    "torch:mps": "torch.randn on a GPU of Apple",
    "jax": "jax.random.normal with split keys in float32, or with :bfloat16, :float16, :float64",
}
"""Names of the generators that are built in, with a line each."""

FAMILIES = frozenset({"numpy", "torch", "jax"})
"""What a name must begin with, before a colon, to mean a generator that is built in."""

_NUMPY = ("PCG64", "PCG64DXSM", "MT19937", "SFC64", "Philox")
_NUMPY_TYPES = ("float32", "float64")
_OTHER_TYPES = ("float32", "float64", "bfloat16", "float16")
_DEVICES = ("cpu", "cuda", "mps", "xpu")


def builtin(spec: str, dtype: str | None) -> GeneratorSource:
    """Open ``numpy:…``, ``torch:…`` or ``jax…``.

    Raises
    ------
    ArgumentError
        Unknown names, types and devices, packages that are not installed, two types that differ.
    """
    family, *parts = spec.split(":")
    if family == "numpy":
        return _numpy(spec, parts, dtype)
    if family == "torch":
        return _torch(spec, parts, dtype)
    return _jax(spec, parts, dtype)


def _type(spec: str, written: list[str], dtype: str | None, known: tuple[str, ...]) -> str:
    """Storage format of what is left of a name, or of the option; float32 where neither says."""
    if len(written) > 1:
        msg = f"{spec}: expected nothing after {written[0]!r}, got {':'.join(written[1:])!r}"
        raise ArgumentError(msg)
    name = named(written[0]) if written else dtype or "float32"
    if name not in known:
        msg = f"{spec}: unknown type {name!r}{close(name, known) or ';'} it gives {', '.join(known)}"
        raise ArgumentError(msg)
    if dtype is not None and dtype != name:
        msg = f"{spec} gives {name} values, dtype asks for {dtype}; leave one of the two out"
        raise ArgumentError(msg)
    return name


def _numpy(spec: str, parts: list[str], dtype: str | None) -> GeneratorSource:
    word = parts[0] if parts else ""
    if word not in _NUMPY:
        msg = (
            f"{spec}: NumPy has no bit generator {word!r}{close(word, _NUMPY) or '.'} "
            f"Known: {', '.join(f'numpy:{name}' for name in _NUMPY)}; ':float64' may follow"
        )
        raise ArgumentError(msg)
    kind = _type(spec, parts[1:], dtype, _NUMPY_TYPES)
    bits = getattr(np.random, word)

    def begin(start: Start) -> Draw:
        return from_numpy(np.random.Generator(bits(start.own)), spec, kind, start.block)

    return GeneratorSource(spec, kind, True, begin, builtin=True)


def from_numpy(rng: np.random.Generator, name: str, dtype: str, block: int) -> Draw:
    """Values of a generator object of NumPy, from where it stands."""
    kind: Any = np.dtype(dtype).type

    def fill() -> Values:
        return Values(rng.standard_normal(block, dtype=kind), dtype)

    return BlockDraw(fill, name=name, dtype=dtype)


def _torch(spec: str, parts: list[str], dtype: str | None) -> GeneratorSource:
    word = parts[0] if parts else ""
    if word not in _DEVICES:
        meant = "; did you mean 'cuda'?" if word == "gpu" else close(word, _DEVICES) or "."
        msg = (
            f"{spec}: torch has no device {word!r}{meant} "
            "Expected torch:DEVICE[:DTYPE], for torch.randn, such as torch:cpu, torch:cuda:1:bfloat16"
        )
        raise ArgumentError(msg)
    rest = parts[1:]
    if word != "cpu" and rest and rest[0].isdecimal():
        word, rest = f"{word}:{rest[0]}", rest[1:]
    kind = _type(spec, rest, dtype, _OTHER_TYPES)
    try:
        import torch
    except ModuleNotFoundError as error:
        msg = f"{spec}: torch is not installed; install it with: pip install 'gausscheck[torch]'"
        raise ArgumentError(msg) from error
    try:
        torch.Generator(device=word)
        torch.empty(1, device=word)
    except (RuntimeError, AssertionError) as error:
        # The first sentence: torch goes on about libraries and linkers.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].partition(". ")[0].rstrip(".")
        msg = f"{spec}: torch {torch.__version__} cannot use the device {word} here: {reason}"
        raise ArgumentError(msg) from error

    def begin(start: Start) -> Draw:
        generator = torch.Generator(device=word).manual_seed(start.own)
        return from_torch(generator, spec, kind, start.block)

    return GeneratorSource(spec, kind, True, begin, builtin=True)


def from_torch(generator: Any, name: str, dtype: str, block: int) -> Draw:
    """Values of ``torch.randn`` by a generator object of torch, from where it stands, on its device."""
    import torch

    kind, device = getattr(torch, dtype), generator.device

    def draw() -> Any:
        return torch.randn(block, generator=generator, device=device, dtype=kind)

    def fill() -> Values:
        return as_values(called(draw, name=name, doing=f"asked for {block:,} values"))

    return BlockDraw(fill, name=name, dtype=dtype)


def _jax(spec: str, parts: list[str], dtype: str | None) -> GeneratorSource:
    kind = _type(spec, parts, dtype, _OTHER_TYPES)
    try:
        import jax
    except ModuleNotFoundError as error:
        msg = f"{spec}: JAX is not installed; install it with: pip install jax"
        raise ArgumentError(msg) from error
    if kind == "float64" and not jax.config.jax_enable_x64:
        msg = f"{spec}: JAX makes no float64 values as it is set; set JAX_ENABLE_X64=1, or ask for float32"
        raise ArgumentError(msg)

    def begin(start: Start) -> Draw:
        key = jax.random.key(start.own)

        def draw() -> Any:
            nonlocal key
            key, mine = jax.random.split(key)
            return np.asarray(jax.random.normal(mine, (start.block,), dtype=kind))

        def fill() -> Values:
            return as_values(called(draw, name=spec, doing=f"asked for {start.block:,} values"))

        return BlockDraw(fill, name=spec, dtype=kind)

    return GeneratorSource(spec, kind, True, begin, builtin=True)
