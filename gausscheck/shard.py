"""Shards: what a stream kept, as a file that another machine can merge.

A shard is a safetensors file: arrays, and in its metadata what they are (JSON) and a checksum over all of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.codec import decode, encode
from gausscheck.errors import DataError, FileFormatError, GausscheckError
from gausscheck.floats import FORMATS
from gausscheck.form import Form
from gausscheck.gathered import Gathered
from gausscheck.layout import Layout
from gausscheck.needs import ChannelGramNeed, CountsNeed, FieldsNeed, Need, RepeatsNeed, SampleGramNeed
from gausscheck.sources.regions import Stamp, map_region, opened
from gausscheck.sources.safetensors import SafetensorsSource
from gausscheck.summaries.counts import Counts
from gausscheck.summaries.fields import FieldSpectra
from gausscheck.summaries.gram import Gram, SampleGram
from gausscheck.summaries.moments import ORDERS
from gausscheck.summaries.repeats import Repeats
from gausscheck.writing import write_whole

__all__ = ["FORMAT", "Shard", "read_shard", "write_shard"]

FORMAT = "gausscheck/shard/1"
"""Name and version of the format."""

_TYPES = {"int8": "I8", "uint32": "U32", "int64": "I64", "uint64": "U64", "float32": "F32", "float64": "F64"}
_NAMES = {value: key for key, value in _TYPES.items()}
_OPTIONS = (
    "layout",
    "sample",
    "battery",
    "reference",
    "lattice",
    "permutations",
    "seed",
    "alpha",
    "tolerance",
    "integers",
)


_SUMMARIES: dict[Need, type] = {
    CountsNeed(): Counts,
    FieldsNeed(): FieldSpectra,
    ChannelGramNeed(): Gram,
    SampleGramNeed(): SampleGram,
    RepeatsNeed(): Repeats,
}


@dataclass(frozen=True)
class Shard:
    """What a stream kept, and what it was told.

    Attributes
    ----------
    options : dict
        Arguments of :class:`gausscheck.Stream`.
    form : Form
        Of its samples.
    ranges : tuple of (int, int)
        Numbers of its samples.
    kept : Gathered
    parts : tuple of str
        Names of the parts of a run that it holds.
    about : dict of str to str
        What whoever made it wants to say of it: source, seeds …
    """

    options: Mapping[str, Any]
    form: Form
    ranges: tuple[tuple[int, int], ...]
    kept: Gathered
    parts: tuple[str, ...]
    about: Mapping[str, str]


def write_shard(path: str | os.PathLike[str], shard: Shard) -> None:
    """Write a shard whole, or not at all.

    Raises
    ------
    OSError
        Whatever the system says (disk full, no permission); nothing is left behind.
    """
    arrays: list[NDArray[Any]] = []
    content = {
        "options": dict(shard.options),
        "layout": str(shard.form.layout),
        "shape": list(shard.form.shape),
        "dtype": shard.form.dtype,
        "ranges": [list(r) for r in shard.ranges],
        "kept": encode(shard.kept, arrays),
        "parts": list(shard.parts),
        "about": dict(shard.about),
    }
    text = json.dumps(content, allow_nan=False, ensure_ascii=True)
    header: dict[str, Any] = {}
    position = 0
    # The widest first, so that every array lies on a multiple of its own width.
    order = sorted(range(len(arrays)), key=lambda k: -arrays[k].itemsize)
    for k in order:
        header[str(k)] = {
            "dtype": _TYPES[arrays[k].dtype.name],
            "shape": list(arrays[k].shape),
            "data_offsets": [position, position + arrays[k].nbytes],
        }
        position += arrays[k].nbytes
    little = [np.ascontiguousarray(arrays[k]).astype(arrays[k].dtype.newbyteorder("<")) for k in order]
    data = b"".join(a.tobytes() for a in little)
    header["__metadata__"] = {"format": FORMAT, "content": text, "sha256": _checksum(text, header, data)}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    write_whole(Path(path), len(head).to_bytes(8, "little") + head + data)


def _checksum(text: str, header: Mapping[str, Any], data: Any) -> str:
    """Of the content, of how the arrays lie, and of the arrays."""
    placed = {k: v for k, v in header.items() if k != "__metadata__"}
    digest = hashlib.sha256(text.encode())
    digest.update(json.dumps(placed, sort_keys=True).encode())
    digest.update(data)
    return digest.hexdigest()


def read_shard(path: str | os.PathLike[str]) -> Shard:
    """Read a shard and check all of it.

    Raises
    ------
    FileFormatError
        Missing, no shard, damaged, cut short, of another version, or with parts that do not fit each other.
    """
    where = Path(path)
    source = SafetensorsSource(where)
    found = source.metadata.get("format", "")
    if found != FORMAT:
        kind = found if found.startswith("gausscheck/") else "some other safetensors file"
        msg = f"{where}: is no shard of this version ({kind}, expected {FORMAT}); write it with --save anew"
        raise FileFormatError(msg)
    header, data = _read_all(where)
    text = source.metadata.get("content", "")
    if _checksum(text, header, data) != source.metadata.get("sha256"):
        msg = f"{where}: the checksum does not fit, the shard is damaged; write it anew"
        raise FileFormatError(msg)
    try:
        arrays = [_array(header[str(k)], data) for k in range(len(header) - 1)]
        shard = _shard(json.loads(text), arrays)
    # Deep nesting ends the parser by a RecursionError.
    except (
        GausscheckError,
        KeyError,
        ValueError,
        TypeError,
        IndexError,
        ZeroDivisionError,
        RecursionError,
    ) as error:
        msg = f"{where}: its parts do not fit each other ({error}); write it anew"
        raise FileFormatError(msg) from error
    return shard


def _read_all(path: Path) -> tuple[dict[str, Any], Any]:
    """Header and buffer; the reader of such files has checked how they lie."""
    with opened(path) as file:
        size = Stamp.of(file).size
        length = int.from_bytes(file.read(8), "little")
        header: dict[str, Any] = json.loads(file.read(length))
        region = map_region(file, 8 + length, size - 8 - length, str(path))
    return header, region.array(np.dtype(np.uint8), (size - 8 - length,))


def _array(info: Mapping[str, Any], data: Any) -> NDArray[Any]:
    begin, end = info["data_offsets"]
    kind = np.dtype(_NAMES[info["dtype"]]).newbyteorder("<")
    array = data[begin:end].view(kind).reshape(info["shape"])
    return array.astype(kind.newbyteorder("="))


def _shard(content: Mapping[str, Any], arrays: list[NDArray[Any]]) -> Shard:
    options = content["options"]
    if not isinstance(options, dict) or sorted(options) != sorted(_OPTIONS):
        msg = "its options are not those of a stream"
        raise DataError(msg)
    kept = decode(content["kept"], arrays)
    ranges = tuple((int(start), int(stop)) for start, stop in content["ranges"])
    for name, kind in (("layout", str), ("about", dict)):
        if not isinstance(content[name], kind):
            msg = f"{name} is a {type(content[name]).__name__}"
            raise DataError(msg)
    layout = Layout(tuple(content["layout"].split()))
    form = Form(layout, tuple(int(n) for n in content["shape"]), str(content["dtype"]))
    about = {str(k): str(v) for k, v in content["about"].items()}
    shard = Shard(options, form, ranges, kept, tuple(str(part) for part in content["parts"]), about)
    _check(shard)
    return shard


def _check(shard: Shard) -> None:
    """Raise unless the parts belong together."""
    kept, form = shard.kept, shard.form
    axes = len(form.shape) + 1
    pooled = kept.pooled if isinstance(kept, Gathered) else None
    samples = sum(stop - start for start, stop in shard.ranges)
    values = samples * form.size
    facts = {
        "a summary": pooled is not None,
        "the storage format": form.dtype in FORMATS,
        "the layout": form.layout.sample_axis is not None and axes == len(form.layout.letters),
        "the ranges of samples": all(start < stop for start, stop in shard.ranges)
        and all(a[1] < b[0] for a, b in pairwise(shard.ranges)),
        "the number of samples": samples == getattr(kept, "samples", -1) > 0,
        "the size of a sample": form.size == getattr(kept, "size", -1),
        "the number of values": pooled is not None
        and int(pooled.moments.n) + int(pooled.nonfinite.total) == values,
    }
    for what, true in facts.items():
        if not true:
            msg = f"{what} is wrong"
            raise DataError(msg)
    for need, kind in _SUMMARIES.items():
        held = kept.summaries.get(need)
        if held is not None and type(held) is not kind:
            msg = f"it holds a {type(held).__name__} where a {kind.__name__} belongs"
            raise DataError(msg)
    if wrong := next((what for what, true in _aligned(kept) if not true), ""):
        msg = f"arrays of {wrong} do not go together"
        raise DataError(msg)
    axis = form.layout.channel_axis
    channels = 1 if axis is None else form.array(1)[axis]
    counts, spectra = kept.summaries.get(CountsNeed()), kept.summaries.get(FieldsNeed())
    repeats = kept.summaries.get(RepeatsNeed())
    if counts is not None and (counts.dtype, counts.pool().table.sum()) != (form.dtype, values):
        msg = "the counts of cells are wrong"
        raise DataError(msg)
    if spectra is not None and (
        spectra.power.shape not in ((channels, spectra.bins.count), (1, spectra.bins.count))
        or spectra.bands.low.shape != (len(spectra.bins.bands),)
    ):
        msg = "the periodograms are wrong"
        raise DataError(msg)
    if repeats is not None and (
        (repeats.dtype, repeats.size) != (form.dtype, form.size)
        or any(units.most < 1 or units.halvings < 0 for units in repeats.units.values())
    ):
        msg = "the repeats are wrong"
        raise DataError(msg)


def _aligned(kept: Gathered) -> Iterator[tuple[str, bool]]:
    """What is kept in several arrays, and whether their shapes fit each other."""
    pooled = kept.pooled
    assert pooled is not None
    extremes, bad = pooled.extremes, pooled.nonfinite
    single = (pooled.moments.n, extremes.low, extremes.high, bad.nan, bad.posinf, bad.neginf, bad.first)
    yield "moments, extremes and non-finite values", all(array.shape == () for array in single)
    yield (
        "the power sums of samples",
        all(
            len(part.low_sums) == len(part.high_sums) == (ORDERS if part.count else 0)
            for part in kept.worst.values()
        ),
    )
    counts = kept.summaries.get(CountsNeed())
    yield "counts", counts is None or _alike(counts.table)
    spectra, channels = kept.summaries.get(FieldsNeed()), kept.summaries.get(ChannelGramNeed())
    samples, repeats = kept.summaries.get(SampleGramNeed()), kept.summaries.get(RepeatsNeed())
    if spectra is not None:
        yield (
            "bands",
            _alike(spectra.bands.low, spectra.bands.high, spectra.bands.low_at, spectra.bands.high_at),
        )
    if channels is not None:
        count = len(channels.exponents)
        yield "channels", channels.exponents.ndim == 1 and channels.products.shape == (count, count)
    if samples is not None:
        groups = samples.open.values()
        yield (
            "samples",
            all(
                _alike(group.index) and group.rows.ndim == 2 and len(group.rows) == group.index.size > 0
                for group in groups
            ),
        )
    if repeats is not None:
        yield "hashes", all(_alike(units.hashes, units.places) for units in repeats.units.values())
        sketch = repeats.values
        yield "values", sketch is None or _alike(sketch.values, sketch.counts, sketch.marks)


def _alike(*arrays: NDArray[Any]) -> bool:
    """One axis each, and equally long."""
    return len({array.shape for array in arrays}) == 1 and arrays[0].ndim == 1
