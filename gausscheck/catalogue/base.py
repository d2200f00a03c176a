"""What a statistic is, and how a value and its null become a finding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gausscheck.arrays import Values, as_values
from gausscheck.engines import select
from gausscheck.errors import ArgumentError, DataError
from gausscheck.finding import Effect, Finding, Scope, Tail, View
from gausscheck.judging import Judgement, Situation, Unasked, log_any_of, two_sided
from gausscheck.lattice import lattice_of_format
from gausscheck.layout import Layout
from gausscheck.needs import CountsNeed, Need, OnePassNeed, SpectrumNeed
from gausscheck.nulls.base import Null
from gausscheck.summaries.moments import saturated
from gausscheck.summaries.onepass import OnePass
from gausscheck.summaries.samples import SampleValues

__all__ = ["Statistic", "judged_finding", "pooled_finding", "sample_finding"]


@dataclass(frozen=True)
class Statistic:
    """One statistic of the catalogue.

    Call it for its value, ask it for a :meth:`test`, or for its :meth:`null`.

    Attributes
    ----------
    name, family, title : str
    formula, null_text : str
        Definition and null distribution, in plain text.
    sees, blind : str
        What it detects, and what it cannot.
    reference : str
        Where it comes from.
    n_min : int
        Smallest number of values in a sample.
    parameters : Mapping
        Name of each parameter and its default.
    check : callable
        Validates and completes parameters.
    needs : callable
        Parameters to the summary that the value is computed from.
    value : callable
        Of a one-pass summary: one value a sample. None for statistics of the spectrum, whose summary is
        the value itself.
    make_null : callable
        ``(n, samples, lattice, scale, **parameters) -> Null``; with `judge`, ``(situation, **parameters)``.
    effect : callable
        ``(n, sums, value, null, **parameters) -> Effect``; with `judge`, that gives the effect.
    extra : callable
        ``(value, **parameters)`` to further values worth reporting.
    n_needed : callable, optional
        Smallest number of values in a sample where it depends on the parameters.
    judge : callable, optional
        ``(summary, situation, scope, **parameters) -> Judgement | Unasked``, for statistics of any other
        summary than power sums and the batched power spectrum.
    """

    name: str
    family: str
    title: str
    formula: str
    null_text: str
    sees: str
    blind: str
    reference: str
    n_min: int
    parameters: Mapping[str, Any]
    check: Callable[..., dict[str, Any]]
    needs: Callable[..., Need]
    make_null: Callable[..., Null]
    effect: Callable[..., Effect | None] = lambda **_: None
    value: Callable[..., NDArray[np.float64]] | None = None
    extra: Callable[..., dict[str, Any]] = field(default=lambda _value, **_parameters: {})
    n_needed: Callable[..., int] | None = None
    judge: Callable[..., Judgement | Unasked] | None = None

    def __call__(self, x: Any, *, layout: str | None = None, **parameters: Any) -> float:
        """Value of the statistic, pooled over all samples of `x`.

        Parameters
        ----------
        x : array_like
            NumPy array, torch tensor or anything with ``__array__``, of any float dtype.
        layout : str, optional
            Axis letters, such as ``"b c h w"``; by default from the number of axes.
        **parameters
            As in :attr:`parameters`.

        Raises
        ------
        DataError
            Empty, too small, not floats, or (for the spectrum) not finite.
        ArgumentError
            Unknown parameter or layout.
        """
        return self.test(x, layout=layout, **parameters).value

    def null(
        self,
        *,
        n: int,
        samples: int = 1,
        channels: int = 1,
        shape: tuple[int, ...] | None = None,
        lattice: str | None = None,
        **parameters: Any,
    ) -> Null:
        """Distribution of the statistic under H0.

        Parameters
        ----------
        n : int
            Number of values: all of them for a marginal statistic, those of one sample for the spectrum and
            for correlations.
        samples : int
            Number of samples that a spectrum is averaged over, or that are compared.
        channels : int
            Channels in each sample.
        shape : tuple of int, optional
            Lengths of the ordered axes, ``n / channels`` values; by default one axis.
        lattice : str, optional
            Lattice that the values were rounded to (``bf16`` …).
        **parameters
            As in :attr:`parameters`.
        """
        checked = self.check(**parameters)
        smallest = self.smallest(**parameters)
        if n < smallest:
            changed = {k: v for k, v in checked.items() if v != self.parameters[k] and k != "mu"}
            given = ", ".join(f"{k}={v}" for k, v in changed.items())
            what = f"{self.name} with {given}" if given else self.name
            msg = f"the law of {what} needs at least {smallest} values, got n = {n}"
            raise ArgumentError(msg)
        if self.judge is None:
            return self.make_null(n=n, samples=samples, lattice=lattice, scale=1.0, **checked)
        field_size = n // channels
        shape = (field_size,) if shape is None else tuple(int(length) for length in shape)
        if prod(shape) * channels != n:
            msg = f"{self.name}: shape {shape} in {channels} channels is not n = {n} values"
            raise ArgumentError(msg)
        situation = Situation(n, samples, channels, shape, lattice)
        return self.make_null(situation, **checked)

    def test(self, x: Any, *, layout: str | None = None, seed: int = 0, **parameters: Any) -> Finding:
        """Value, null and p-value of the statistic, pooled over all samples of `x`.

        Parameters
        ----------
        x : array_like
        layout : str, optional
            Axis letters; by default from the number of axes.
        seed : int
            Of the permutations.
        **parameters
            As in :attr:`parameters`.

        Returns
        -------
        Finding
        """
        from gausscheck.views import spectrum_values

        checked = self.check(**parameters)
        values = as_values(x)
        block = values.like(Layout.resolve(layout, values.shape).rows(values.data))
        samples, size = block.shape
        smallest = self.smallest(**parameters)
        need = self.needs(**checked)
        by_sample = self.value is None and not isinstance(need, CountsNeed)
        if size == 0 or (size if by_sample else samples * size) < smallest:
            msg = f"{self.name} needs at least {smallest} values, got {samples} samples of {size}"
            raise DataError(msg)
        if self.judge is not None:
            return self._judge_alone(values, Layout.resolve(layout, values.shape), checked)
        engine = select(values.size, device=values.device)
        if isinstance(need, OnePassNeed):
            summary = engine.one_pass(block).pool()
            if self.family != "validity" and int(summary.moments.n) < smallest:
                msg = f"{self.name} needs at least {smallest} finite values, got {int(summary.moments.n)}"
                raise DataError(msg)
            return pooled_finding(self, checked, summary=summary)
        assert isinstance(need, SpectrumNeed)
        spectrum = spectrum_values(engine, engine.decode(block), need, seed=seed)
        if not np.all(np.isfinite(spectrum)):
            msg = f"{self.name} needs finite values; {int((~np.isfinite(spectrum)).sum())} samples are not"
            raise DataError(msg)
        kept = SampleValues.of(spectrum, np.arange(samples))
        return pooled_finding(self, checked, samples=kept, n=size)

    def _judge_alone(self, values: Values, layout: Layout, parameters: dict[str, Any]) -> Finding:
        """The finding on one tensor, without the rest of an audit."""
        from gausscheck.collect import collect

        assert self.judge is not None
        lattice = lattice_of_format(values.dtype)
        summary, situation = collect(self.needs(**parameters), values, layout, lattice=lattice)
        judgement = self.judge(summary, situation, "pooled", **parameters)
        if isinstance(judgement, Unasked):
            why = judgement.reason or "there is nothing to compare"
            raise DataError(f"{self.name} cannot be asked of shape {values.shape} ({layout}): {why}")
        return judged_finding(self, parameters, judgement, "pooled")

    def smallest(self, **parameters: Any) -> int:
        """Smallest number of values that the statistic is defined for and its null good at."""
        if self.n_needed is None:
            return self.n_min
        return max(self.n_min, self.n_needed(**self.check(**parameters)))

    @property
    def of_samples(self) -> bool:
        """True where the pooled value is a mean over samples, not a function of all values."""
        return self.value is None and self.judge is None


def view_of(need: Need) -> View:
    """How the values are looked at."""
    return "permuted" if isinstance(need, SpectrumNeed) and need.permutations else "stored"


def _finding(
    statistic: Statistic,
    parameters: dict[str, Any],
    null: Null,
    *,
    value: float,
    n: int,
    sums: tuple[float, ...],
    scope: Scope,
    log_p: float,
    tail: Tail,
    where: dict[str, Any],
) -> Finding:
    return Finding(
        statistic=statistic.name,
        parameters=parameters,
        family=statistic.family,
        view=view_of(statistic.needs(**parameters)),
        scope=scope,
        n=n,
        value=value,
        expected=null.mean,
        std=null.std,
        log_p=log_p,
        tail=tail,
        grade=str(null.grade),
        effect=statistic.effect(n=n, sums=sums, value=value, null=null, **parameters),
        where=where,
        extra=statistic.extra(value, **parameters),
    )


def pooled_finding(
    statistic: Statistic,
    parameters: dict[str, Any],
    *,
    summary: OnePass | None = None,
    samples: SampleValues | None = None,
    n: int = 0,
    lattice: str | None = None,
    scale: float = 1.0,
) -> Finding:
    """Test all values together.

    Parameters
    ----------
    statistic, parameters
        What to test.
    summary : OnePass
        Of all values, for statistics of the values.
    samples : SampleValues
        Values of the statistic by sample, for statistics of the spectrum; `n` is the size of a sample.
    lattice : str, optional
        Lattice of the values.
    scale : float
        Standard deviation under H0; the power sums are divided accordingly.
    """
    sums: tuple[float, ...] = ()
    if statistic.of_samples:
        if samples is None:
            msg = f"{statistic.name} is pooled over samples; pass samples="
            raise ArgumentError(msg)
        value = samples.mean
        null = statistic.make_null(n=n, samples=samples.count, lattice=lattice, scale=scale, **parameters)
    else:
        if summary is None or statistic.value is None:
            msg = f"{statistic.name} is a function of all values; pass summary="
            raise ArgumentError(msg)
        n = int(summary.moments.n)
        value = float(saturated(statistic.value(summary, **parameters)))
        sums = tuple(summary.moments.sums.tolist())
        null = statistic.make_null(n=n, samples=1, lattice=lattice, scale=scale, **parameters)
    log_p, tail = two_sided(null, value)
    return _finding(
        statistic,
        parameters,
        null,
        value=value,
        n=n,
        sums=sums,
        scope="pooled",
        log_p=log_p,
        tail=tail,
        where={},
    )


def sample_finding(
    statistic: Statistic,
    parameters: dict[str, Any],
    *,
    samples: SampleValues,
    n: int,
    lattice: str | None = None,
    scale: float = 1.0,
) -> Finding:
    """Test the most extreme of many samples of `n` values; its p-value is 1 - (1 - p)^samples.

    The extremes of the statistic are also those of its p-value in either tail, so that two evaluations
    of the null serve any number of samples.
    """
    null = statistic.make_null(n=n, samples=1, lattice=lattice, scale=scale, **parameters)
    candidates = []
    for value, at, sums in (
        (samples.low, samples.low_at, samples.low_sums),
        (samples.high, samples.high_at, samples.high_sums),
    ):
        log_p, tail = two_sided(null, value)
        candidates.append((log_p, value, at, sums, tail))
    log_p, value, at, sums, tail = min(candidates, key=lambda c: c[0])
    return _finding(
        statistic,
        parameters,
        null,
        value=value,
        n=n,
        sums=sums,
        scope="sample",
        log_p=log_any_of(log_p, samples.count),
        tail=tail,
        where={"sample": at, "samples": samples.count},
    )


def judged_finding(
    statistic: Statistic, parameters: dict[str, Any], judgement: Judgement, scope: Scope
) -> Finding:
    """Put a judgement into the form that reports are made of."""
    return Finding(
        statistic=statistic.name,
        parameters=parameters,
        family=statistic.family,
        view="stored",
        scope=scope,
        n=judgement.n,
        value=judgement.value,
        expected=judgement.null.mean,
        std=judgement.null.std,
        log_p=judgement.log_p,
        tail=judgement.tail,
        grade=str(judgement.null.grade),
        effect=judgement.effect,
        where=judgement.where,
        extra=judgement.extra,
    )


def frozen(parameters: dict[str, Any]) -> Mapping[str, Any]:
    """Read-only parameters."""
    return MappingProxyType(parameters)


def only(allowed: Mapping[str, Any], given: dict[str, Any], name: str) -> dict[str, Any]:
    """Defaults completed by `given`; an unknown parameter is an error that lists the known ones."""
    unknown = set(given) - set(allowed)
    if unknown:
        msg = f"{name} has no parameter {sorted(unknown)[0]!r}; it takes {', '.join(allowed) or 'none'}"
        raise ArgumentError(msg)
    return {**allowed, **given}


def order_of(allowed: Mapping[str, Any], given: dict[str, Any], name: str) -> dict[str, Any]:
    """Parameters with an order in 1..8."""
    checked = only(allowed, given, name)
    order = checked["order"]
    if isinstance(order, bool) or not isinstance(order, (int, np.integer)) or not 1 <= order <= 8:
        msg = f"{name}: order must be an integer from 1 to 8, got {order!r}"
        raise ArgumentError(msg)
    return {**checked, "order": int(order)}
