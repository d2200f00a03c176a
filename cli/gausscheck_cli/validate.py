"""``gausscheck validate``: test a generator as long as the budget says."""

from __future__ import annotations

import secrets
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from gausscheck_cli.guard import COULD_NOT_AUDIT, INTERRUPTED, complain, debug_option
from gausscheck_cli.outputs import Wanted, deliver, output_options
from gausscheck_cli.quantity import Quantity
from gausscheck_cli.tested import battery_option, reference_options, tolerance_option
from gausscheck_cli.undone import TERMINATED, reported, terminable

if TYPE_CHECKING:
    from gausscheck.streaming import Stream

__all__ = ["ENDING", "save_shard", "shard_path", "validate"]

ENDING = ".gcs"


def file_path(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
    """Check, before any work is done for it, that a file could be written."""
    from gausscheck.writing import cannot_write

    if given is not None and (why := cannot_write(Path(given))):
        raise click.BadParameter(why)
    return given


def shard_path(context: click.Context, parameter: click.Parameter, given: str | None) -> str | None:
    """Check that a file may be written as a shard; the ending is what tells it from files of values."""
    if given is not None and Path(given).suffix.lower() != ENDING:
        msg = f"{given!r}: a shard is what a run kept, not its values; name it with the ending {ENDING}"
        raise click.BadParameter(msg)
    return file_path(context, parameter, given)


@click.command(short_help="Test a generator of noise, at a declared rate of false alarms.")
@click.argument("source")
@click.option(
    "--n", "-n", type=Quantity(), default="2^27", show_default=True, help="Values in all: 1e9, 2^30, 10M …"
)
@click.option(
    "--budget",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=1e-6,
    show_default=True,
    metavar="P",
    help="Probability that a correct generator fails, at most, over the whole run.",
)
@click.option("--seed", type=click.IntRange(min=0), metavar="S", help="Of the run.  [default: a fresh one]")
@click.option(
    "--streams",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    metavar="K",
    help="Draw K streams from the seeds S, S+1 …, and test that they have nothing in common.",
)
@click.option(
    "--dtype", metavar="T", help="Storage format of raw values on standard input, or asked of SOURCE."
)
@click.option(
    "--sample",
    type=Quantity(),
    default="65536",
    show_default=True,
    metavar="L",
    help="Values that are looked at as one series: lags up to L/2 are seen.",
)
@battery_option("generator")
@reference_options
@tolerance_option
@click.option(
    "--save",
    callback=shard_path,
    metavar="FILE.gcs",
    help="Write what was kept to a shard for `gausscheck merge`.",
)
@click.option(
    "--first",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Number of the first sample of a shard.",
)
@click.option(
    "--drift",
    callback=file_path,
    metavar="FILE",
    help="Add to the evidence that runs gather together; made if there is none.",
)
@click.option("-v", "--verbose", is_flag=True, help="A line on stderr for each look, as for logs.")
@output_options
@debug_option
@click.pass_context
def validate(
    context: click.Context, /, *, source: str, save: str | None, verbose: bool, **options: Any
) -> None:
    """Test whether a generator gives Gaussian noise.

    SOURCE is numpy:PCG64 (MT19937, SFC64, Philox …), torch:cpu:float32 (a device and a type), jax, a
    module:callable, or - for raw little-endian values on standard input.

    \b
    gausscheck validate numpy:PCG64 --n 1e9
    gausscheck validate mypackage.noise:draw --streams 8 -o report.json
    ./generator | gausscheck validate - --dtype float32

    Looks are taken at doubling sizes; the first that fails for certain ends the run. Of a look that is only
    suspect fresh values decide. Ctrl-C or SIGTERM ends the run with what was seen.

    Exit codes: 0 passed or suspect, 1 failed (or suspect with --strict), 2 something went wrong with SOURCE
    or an output, 130 interrupted, 143 terminated.
    """  # noqa: D301 - click reads the control character
    wanted = Wanted.take(options)
    from gausscheck import validate as run
    from gausscheck.looking import SEED_BITS
    from gausscheck.validation_text import validation_lines
    from gausscheck_cli.meter import Meter

    kept: list[Stream] = []
    reader = _standard_input() if source == "-" else None
    if options["seed"] is None:
        options["seed"] = secrets.randbits(SEED_BITS)
    told = {"alpha": options["budget"], "battery": options["battery"], "seed": options["seed"]}
    with (
        reported(context, wanted, name=source, **told),
        terminable() as terminated,
        # What the generator prints is no part of the result.
        redirect_stdout(sys.stderr),
        Meter(source, wanted=wanted.progress, verbose=verbose) as meter,
    ):
        result = run(source, reader=reader, keep=kept.append, progress=meter, **options)
    # The shard first: it cannot be had again if what follows goes wrong.
    saved = save is None or save_shard(save, kept[0])
    code = deliver(result, wanted, lines=validation_lines)
    if result.interrupted:
        context.exit(TERMINATED if terminated else INTERRUPTED)
    context.exit(code or (0 if saved else COULD_NOT_AUDIT))


def _standard_input() -> BinaryIO:
    if sys.stdin is None or sys.stdin.isatty():
        msg = "- reads raw values from standard input, which is a terminal here; send them through a pipe"
        raise click.UsageError(msg)
    return sys.stdin.buffer


def save_shard(path: str, stream: Stream) -> bool:
    """Write a shard; what goes wrong is said, and costs nothing else."""
    from gausscheck.errors import DataError

    try:
        stream.save(path)
    except OSError as error:
        complain(f"{path}: cannot be written ({error.strerror or error}); nothing was left behind")
        return False
    except DataError as error:
        complain(f"{path}: not written: {error}")
        return False
    return True
