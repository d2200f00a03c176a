"""What all samples of a stream have in common: layout, shape, storage format."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from gausscheck.arrays import Values
from gausscheck.errors import DataError
from gausscheck.layout import Layout

__all__ = ["Form"]


@dataclass(frozen=True)
class Form:
    """Layout, shape and storage format of samples.

    Attributes
    ----------
    layout : Layout
        With an axis of samples.
    shape : tuple of int
        Of one sample.
    dtype : str
        Storage format.
    """

    layout: Layout
    shape: tuple[int, ...]
    dtype: str

    @classmethod
    def of(cls, values: Values, layout: str | None, sample: int) -> Form:
        """Form of the samples of an array; of one axis and without a layout, it is cut into samples.

        Raises
        ------
        ArgumentError
            A layout that does not fit.
        DataError
            A sample without values, or no layout for so many axes.
        """
        if layout is None and len(values.shape) == 1:
            return cls(Layout(("b", "w")), (sample,), values.dtype)
        found = Layout.resolve(layout, values.shape)
        axis = found.sample_axis
        letters = found.letters if axis is not None else ("b", *found.letters)
        form = cls(Layout(letters), tuple(n for k, n in enumerate(values.shape) if k != axis), values.dtype)
        if form.size == 0:
            msg = f"a sample of shape {form.shape} holds no values"
            raise DataError(msg)
        return form

    @property
    def size(self) -> int:
        """Values in a sample."""
        return prod(self.shape)

    def array(self, samples: int) -> tuple[int, ...]:
        """Shape of an array of so many samples."""
        whole = list(self.shape)
        whole.insert(self.layout.sample_axis or 0, samples)
        return tuple(whole)

    def rows(self, values: Values) -> Values:
        """Samples of an array of this form, one a row; an array without an axis of samples is one of them."""
        data = values.data if len(values.shape) > len(self.shape) else values.data[None]
        return values.like(self.layout.rows(data))

    def require(self, other: Form) -> None:
        """Raise a :class:`~gausscheck.errors.DataError` unless `other` is the same; it names what is not."""
        for what, old, new in (
            ("layout", self.layout, other.layout),
            ("shape of a sample", self.shape, other.shape),
            ("storage format", self.dtype, other.dtype),
        ):
            if new != old:
                msg = (
                    f"the values before had the {what} {old}, these have {new}; audit them in a stream of "
                    "their own"
                )
                raise DataError(msg)
