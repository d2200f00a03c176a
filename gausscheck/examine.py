"""One tensor: its values in, findings and a verdict out."""

from __future__ import annotations

from collections.abc import Callable

from gausscheck.arrays import Values
from gausscheck.asking import N_MIN
from gausscheck.conclude import conclude
from gausscheck.effective import distinct_only
from gausscheck.errors import DataError
from gausscheck.gather import gather
from gausscheck.layout import Layout
from gausscheck.needs import RepeatsNeed
from gausscheck.options import Options
from gausscheck.report import TensorReport, tensor_name
from gausscheck.summaries.repeats import Repeats

__all__ = ["examine"]


def examine(
    values: Values,
    chosen: Options,
    *,
    path: str = "",
    key: str = "",
    release: Callable[[], None] | None = None,
    keep: Callable[[Repeats, str | None], None] | None = None,
) -> TensorReport:
    """Test the values of one tensor.

    Parameters
    ----------
    values : Values
    chosen : Options
    path, key : str
        Where they come from, for the report.
    release : callable, optional
        Gives the memory of what was read back.
    keep : callable, optional
        Takes what tells the repeats of this tensor, and its lattice, to compare it with others.

    Raises
    ------
    DataError
        Empty, or fewer than 8 values.
    ArgumentError
        A layout or lattice that does not fit.
    """
    layout = Layout.resolve(chosen.layout, values.shape)
    if values.size < N_MIN:
        what = "is empty" if values.size == 0 else f"has {values.size} values"
        msg = f"the tensor {what} (shape {values.shape}); an audit needs at least {N_MIN} values"
        raise DataError(msg)
    name = tensor_name(path, key)
    progress = chosen.progress
    kept = gather(
        values,
        layout,
        chosen.battery,
        scale=chosen.scale,
        seed=chosen.seed,
        progress=None if progress is None else lambda done, total: progress(name, done, total),
        release=release,
    )
    report = conclude(
        kept,
        chosen,
        layout=layout,
        shape=tuple(values.shape),
        dtype=values.dtype,
        path=path,
        key=key,
        distinct=lambda: distinct_only(values, layout, kept, scale=chosen.scale),
    )
    if keep is not None and kept.summaries.get(RepeatsNeed()) is not None:
        keep(kept.summaries[RepeatsNeed()], report.lattice)
    return report
