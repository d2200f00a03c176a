"""The ``gausscheck`` command: its verbs and what is common to them.

Only click is imported here, so that help and errors of usage answer at once; each verb imports what it needs
when it runs.
"""

from __future__ import annotations

import click

from gausscheck import __version__
from gausscheck_cli.audit import audit
from gausscheck_cli.explain import explain
from gausscheck_cli.guard import Guarded
from gausscheck_cli.inspect import inspect
from gausscheck_cli.list import list_
from gausscheck_cli.merge import merge
from gausscheck_cli.validate import validate

__all__ = ["cli", "main"]


@click.group(
    cls=Guarded,
    invoke_without_command=True,
    commands=[audit, inspect, list_, explain, validate, merge],
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 passed or suspect, 1 failed, 2 could not audit (usage, unreadable, nothing found).",
)
@click.version_option(__version__, prog_name="gausscheck", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context, /) -> None:
    """Tell whether tensors are Gaussian noise, how they are not, and whether that matters.

    \b
    gausscheck audit noise.safetensors      test the values
    gausscheck validate numpy:PCG64         test a generator
    gausscheck inspect folder/              what is in the files, from their headers
    gausscheck explain power_spectrum       what a statistic sees, and what it cannot
    """  # noqa: D301 - click reads the control character
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """Entry point of the console script."""
    cli(prog_name="gausscheck")
