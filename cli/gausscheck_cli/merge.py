"""``gausscheck merge``: one report of the shards of one big run."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gausscheck.errors import ArgumentError
from gausscheck_cli.guard import COULD_NOT_AUDIT, debug_option
from gausscheck_cli.outputs import Wanted, deliver, output_options
from gausscheck_cli.tested import alpha_option
from gausscheck_cli.undone import reported
from gausscheck_cli.validate import save_shard, shard_path

if TYPE_CHECKING:
    from gausscheck.report import Report

__all__ = ["merge"]


@click.command(short_help="One report of the shards of one big run.")
@click.argument("shards", metavar="SHARD...", nargs=-1, required=True)
@alpha_option("Fails below this p-value, corrected for the number of tests.")
@click.option("--save", callback=shard_path, metavar="FILE.gcs", help="Write all of it as one shard.")
@output_options
@debug_option
@click.pass_context
def merge(
    context: click.Context, /, *, shards: tuple[str, ...], alpha: float, save: str | None, **options: Any
) -> None:
    """Merge shards that `gausscheck validate --save` wrote, on one machine or on many.

    \b
    gausscheck validate numpy:PCG64 --n 1e9 --seed 1 --save 1.gcs     on one machine
    gausscheck validate numpy:PCG64 --n 1e9 --seed 2 --save 2.gcs     on another
    gausscheck merge 1.gcs 2.gcs

    SHARD may be a pattern. The report is that of the same values in one run. No shard is changed; one that is
    damaged, or does not belong to the others, is an error, and the report says only that.

    Exit codes: 0 passed or suspect, 1 failed (or suspect with --strict), 2 could not merge or write.
    """  # noqa: D301 - click reads the control character
    wanted = Wanted.take(options)
    from gausscheck.merging import merge_shards

    with reported(context, wanted, name="merge", alpha=alpha, battery="of the shards"):
        shards = tuple(named for shard in shards for named in _expanded(shard))
        if save is not None and any(_same(save, shard) for shard in shards):
            msg = f"--save {save} would write over one of the shards; choose another name"
            raise click.UsageError(msg)
        stream = merge_shards(shards)
        report = _told(stream.report(alpha=alpha, name=stream.about.get("source", "")), shards)
    saved = save is None or save_shard(save, stream)
    code = deliver(report, wanted)
    context.exit(code or (0 if saved else COULD_NOT_AUDIT))


def _expanded(shard: str) -> list[str]:
    """Names that a pattern stands for, where the shell did not say; a name that exists stands for itself."""
    if not glob.has_magic(shard) or Path(shard).exists():
        return [shard]
    if matches := sorted(glob.glob(shard, recursive=True)):
        return matches
    msg = f"the pattern {shard!r} matches no file (from {Path.cwd()})"
    raise ArgumentError(msg)


def _same(one: str, other: str) -> bool:
    return Path(one).exists() and Path(other).exists() and Path(one).samefile(other)


def _told(report: Report, shards: tuple[str, ...]) -> Report:
    from dataclasses import replace

    return replace(
        report, notes=(*report.notes, f"merged from {len(shards)} shard{'s' if len(shards) > 1 else ''}")
    )
