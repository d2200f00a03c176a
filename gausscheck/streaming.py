"""Streams: the audit of any number of values, piece by piece, in bounded memory."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np

from gausscheck.arrays import Values, as_values, joined
from gausscheck.asking import N_MIN
from gausscheck.conclude import conclude
from gausscheck.decide import cauchy
from gausscheck.errors import ArgumentError, DataError, FileFormatError
from gausscheck.examine import examine
from gausscheck.form import Form
from gausscheck.gather import CHUNK, Gathering
from gausscheck.gathered import Gathered
from gausscheck.options import options
from gausscheck.report import Report
from gausscheck.shard import Shard, read_shard, write_shard
from gausscheck.version import __version__

__all__ = ["SAMPLE", "Stream"]

SAMPLE = 2**16
"""Values that a stream of single values is cut into: lags up to half of that are seen."""


_LONG = 2**23  # values given to collectors together, who look at shorter stretches themselves


class Stream:
    """Audits any number of values in bounded memory; its report is that of the same data in one array.

    Values come in pieces of any size. Arrays of one axis are cut into samples of `sample` values each: the
    report is that of ``audit(x.reshape(-1, sample), layout="b w")``. Arrays of more axes are samples as in
    :func:`gausscheck.audit`, of the same shape every time; one without an axis ``b`` is a sample.

    Streams of parts of one run merge to the stream of the whole: counts exactly, sums to rounding, whatever
    the order. What one array allows and a stream does not: to look at the marginal law again without copies.

    Parameters
    ----------
    layout : str, optional
        Axis letters of the arrays that come, as in :func:`gausscheck.audit`; by default by number of axes.
    sample : int
        Values in a sample of a stream of arrays of one axis, at least 8.
    first : int
        Number of the first sample, for a stream that is a part of a run: its samples are ``first …``.
    battery, reference, lattice, permutations, seed, alpha, tolerance, integers
        As in :func:`gausscheck.audit`.

    Raises
    ------
    ArgumentError
        An option that cannot be used.

    Examples
    --------
    >>> import numpy as np, gausscheck as gc
    >>> rng, stream = np.random.default_rng(0), gc.Stream()
    >>> for _ in range(8):
    ...     stream.update(rng.standard_normal(100_000, dtype=np.float32))
    >>> stream.samples, stream.held, stream.report().verdict
    (12, 13568, 'pass')
    """

    def __init__(
        self,
        *,
        layout: str | None = None,
        sample: int = SAMPLE,
        first: int = 0,
        battery: str = "standard",
        reference: str = "standard",
        lattice: str = "auto",
        permutations: int = 4,
        seed: int = 0,
        alpha: float = 1e-6,
        tolerance: Mapping[str, float] | None = None,
        integers: bool = False,
    ) -> None:
        for name, value, least in (("sample", sample, N_MIN), ("first", first, 0)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                msg = f"{name} must be an integer from {least} up, got {value!r}"
                raise ArgumentError(msg)
        self._options = options(
            layout=layout,
            battery_name=battery,
            reference=reference,
            lattice=lattice,
            permutations=permutations,
            seed=seed,
            alpha=alpha,
            tolerance=tolerance,
            progress=None,
        )
        self._arguments: dict[str, Any] = {
            "layout": layout,
            "sample": int(sample),
            "first": int(first),
            "battery": battery,
            "reference": reference,
            "lattice": lattice,
            "permutations": permutations,
            "seed": int(seed),
            "alpha": alpha,
            "tolerance": tolerance,
            "integers": integers,
        }
        self.about: dict[str, str] = {}
        self._form: Form | None = None
        self._gathering: Gathering | None = None
        self._first = int(first)
        self._waiting: list[Values] = []
        self._parts: frozenset[str] = frozenset()  # every part of a run has a name of its own
        self._before: Gathered | None = None  # what parts before kept, and
        self._ranges: tuple[tuple[int, int], ...] = ()  # the numbers of their samples

    @property
    def n(self) -> int:
        """Values taken in, those that wait for their sample to be full too."""
        return self.held + (0 if self._form is None else self.samples * self._form.size)

    @property
    def samples(self) -> int:
        """Samples taken in."""
        return sum(stop - start for start, stop in self.ranges)

    @property
    def held(self) -> int:
        """Values that wait for their sample to be full."""
        return sum(part.size for part in self._waiting)

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """Numbers of the samples taken in: first of each range, and first beyond it; ascending."""
        taken = 0 if self._gathering is None else self._gathering.kept.samples
        own = ((self._first, self._first + taken),) if taken else ()
        return _normal((*self._ranges, *own))

    def update(self, x: Any) -> None:
        """Take more values in.

        Parameters
        ----------
        x : array_like
            As in :func:`gausscheck.audit`; of the storage format and, but for the number of samples, the
            shape of all others before.

        Raises
        ------
        DataError
            Not floats, or of another storage format or shape than before. Nothing of `x` is taken in then.
        ArgumentError
            A layout that does not fit.
        """
        values = as_values(x, integers=self._arguments["integers"])
        form = Form.of(values, self._options.layout, self._arguments["sample"])
        if self._form is None:
            self._form = form
        self._form.require(form)
        if len(values.shape) == 1 and self._options.layout is None:
            self._take_flat(values, form.size)
        else:
            self._take(form.rows(values))

    def _take_flat(self, values: Values, size: int) -> None:
        start = 0
        if self._waiting:
            start = min(size - self.held, values.size)
            self._waiting.append(_copy(values.like(values.data[:start])))
            if self.held < size:
                return
            full, self._waiting = joined(self._waiting), []
            self._take(full.like(full.data[None]))
        stop = start + (values.size - start) // size * size
        self._take(values.like(values.data[start:stop].reshape(-1, size)))
        if stop < values.size:
            self._waiting.append(_copy(values.like(values.data[stop:])))

    def _take(self, block: Values) -> None:
        """Add samples, one a row."""
        count, size = block.shape
        if count == 0:
            return
        if self._gathering is None:
            self._begin(block.device)
        gathering = self._gathering
        assert gathering is not None
        gathering.expect((gathering.kept.samples + count) * size)
        # Long stretches keep several threads at work; transforms by permutation would take memory for it.
        rows = max(1, (CHUNK if gathering.spectrum_needs else _LONG) // size)
        for start in range(0, count, rows):
            first = self._first + gathering.kept.samples
            gathering.take(first, block.like(block.data[start : start + rows]))

    def _begin(self, device: str | None) -> None:
        self._gathering = self._walk(device)
        self._parts |= {secrets.token_hex(8)}

    def _walk(self, device: str | None = None) -> Gathering:
        assert self._form is not None
        return Gathering(
            self._form.layout,
            self._form.array(1),
            self._form.dtype,
            self._options.battery,
            scale=self._options.scale,
            seed=self._options.seed,
            device=device,
        )

    def kept(self) -> Gathered | None:
        """Everything kept so far of whole samples; None of none."""
        own = None if self._gathering is None else self._gathering.finish()
        if self._before is None or own is None:
            return own or self._before
        return self._before.merge(own)

    def report(self, *, alpha: float | None = None, name: str = "") -> Report:
        """Audit of all samples taken in so far; more may follow.

        Parameters
        ----------
        alpha : float, optional
            Level of this report; that of the stream by default.
        name : str
            Stands where an audit of a file has its path.

        Raises
        ------
        DataError
            Fewer than 8 values were taken in.
        """
        start = time.perf_counter()
        chosen = self._options if alpha is None else replace(self._options, alpha=_level(alpha))
        kept = self.kept()
        if kept is None or self._form is None:
            tensor = examine(self._beginning(), replace(chosen, layout="w"), path=name)
        else:
            form, shape = self._form, self._form.array(kept.samples)
            tensor = conclude(kept, chosen, layout=form.layout, shape=shape, dtype=form.dtype, path=name)
            if self.held:
                left = f"{self.held} values of a sample that is not full"
                tensor = replace(tensor, untested=(*tensor.untested, left))
        return Report(
            version=__version__,
            alpha=chosen.alpha,
            battery=chosen.battery.name,
            seed=chosen.seed,
            elapsed_s=round(time.perf_counter() - start, 6),
            tensors=(tensor,),
            log_p=cauchy([tensor.log_p]),
        )

    def _beginning(self) -> Values:
        """The values of a stream that has not filled a sample."""
        if not self._waiting:
            msg = f"the stream holds no values; an audit needs at least {N_MIN}"
            raise DataError(msg)
        return joined(self._waiting)

    def merge(self, other: Stream) -> Stream:
        """The stream of both sets of samples; neither of the two changes.

        Samples whose numbers both have are taken to be different ones: those of `other` get numbers beyond
        all of this stream's. Values that wait for their sample to be full are left out.

        Parameters
        ----------
        other : Stream
            Of the same options, layout, shape of a sample and storage format; `alpha` and `tolerance` are
            those of this stream.

        Raises
        ------
        ArgumentError
            Something that must be the same is not; names both.
        """
        given: object = other
        if not isinstance(given, Stream):
            msg = f"a stream merges with a stream, got a {type(given).__name__}; give values to update()"
            raise ArgumentError(msg)
        mine, theirs = self._identity(), other._identity()
        for what, value in mine.items():
            if theirs[what] != value and None not in (value, theirs[what]):
                msg = f"cannot merge streams of different {what}: {value} and {theirs[what]}"
                raise ArgumentError(msg)
        if self._parts & other._parts:
            msg = "both streams hold the same part of a run; merge every part once"
            raise ArgumentError(msg)
        both = Stream(**self._arguments)
        both._form, both._parts = self._form or other._form, self._parts | other._parts
        both._before, both._ranges = self.kept(), self.ranges
        both.about = {**other.about, **self.about}
        kept, ranges = other.kept(), other.ranges
        if kept is not None:
            shift = 0
            if any(a < d and c < b for a, b in self.ranges for c, d in ranges):
                shift = self.ranges[-1][1] - ranges[0][0]
                kept = kept.shifted(shift)
            both._before = kept if both._before is None else both._before.merge(kept)
            both._ranges = _normal((*both._ranges, *((a + shift, b + shift) for a, b in ranges)))
        both._first = max((stop for _, stop in both._ranges), default=self._first)
        return both

    def _identity(self) -> dict[str, Any]:
        """What streams that merge have in common; None for what is not known yet."""
        names = ("battery", "reference", "lattice", "permutations", "seed", "integers")
        same = {name: self._arguments[name] for name in names}
        form = self._form
        if form is None:
            return {**same, "layout": None, "shape of a sample": None, "storage format": None}
        shape = "×".join(map(str, form.shape))
        return {**same, "layout": str(form.layout), "shape of a sample": shape, "storage format": form.dtype}

    def save(self, path: str | PathLike[str], *, about: Mapping[str, str] | None = None) -> None:
        """Write a shard, whole or not at all, that :meth:`load` reads and ``gausscheck merge`` merges.

        Parameters
        ----------
        path : path
            Usually ends in ``.gcs``.
        about : mapping of str to str, optional
            What to remember of it: source, seeds …; comes back as :attr:`about`.

        Raises
        ------
        DataError
            No sample is full yet.
        OSError
            Whatever the system says (disk full, no permission); nothing is left behind.
        """
        kept = self.kept()
        if kept is None or self._form is None:
            msg = f"the stream holds {self.n} values and no full sample: there is nothing to save"
            raise DataError(msg)
        options = {k: v for k, v in self._arguments.items() if k != "first"}
        options["tolerance"] = dict(options["tolerance"] or {})
        about = self.about if about is None else about
        write_shard(path, Shard(options, self._form, self.ranges, kept, tuple(sorted(self._parts)), about))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Stream:
        """Read a shard; the stream goes on where it ended, but for values that waited.

        Raises
        ------
        FileFormatError
            Missing, no shard, damaged, cut short, or of another version.
        """
        shard = read_shard(path)
        try:
            stream = cls(**shard.options)
        except (ArgumentError, TypeError) as error:
            msg = f"{path}: its options cannot be used ({error}); write it anew"
            raise FileFormatError(msg) from error
        stream._form = shard.form
        if wrong := stream._walk().misfit(shard.kept):
            msg = f"{path}: its {wrong} are not those that its battery keeps in this version; write it anew"
            raise FileFormatError(msg)
        stream._before, stream._ranges = shard.kept, shard.ranges
        stream._first, stream._parts = shard.ranges[-1][1], frozenset(shard.parts)
        stream.about = dict(shard.about)
        return stream


def _normal(ranges: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """Ranges in order, those that touch joined."""
    joint: list[tuple[int, int]] = []
    for start, stop in sorted(ranges):
        if joint and joint[-1][1] == start:
            joint[-1] = (joint[-1][0], stop)
        else:
            joint.append((start, stop))
    return tuple(joint)


def _copy(values: Values) -> Values:
    """A copy, for whoever gave the values may change them."""
    data: Any = values.data
    return values.like(data.copy() if values.device is None else data.clone())


def _level(alpha: float) -> float:
    if not 0 < alpha < 1:
        msg = f"alpha must lie between 0 and 1, got {alpha!r}"
        raise ArgumentError(msg)
    return float(alpha)
