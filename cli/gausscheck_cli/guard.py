"""From exceptions to exit codes: 2 could not audit, 130 interrupted; a traceback for those who ask only."""

from __future__ import annotations

import re
import sys
from typing import Any

import click

from gausscheck.errors import GausscheckError

__all__ = ["COULD_NOT_AUDIT", "INTERRUPTED", "Guarded", "complain", "debug_option", "show_traceback"]

COULD_NOT_AUDIT = 2
INTERRUPTED = 130
_REPORT = (
    "this is a bug in gausscheck; please report it with the command and the output of the same command "
    "with --debug"
)
_DEBUG = "gausscheck.debug"


def _remember(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    context.meta[_DEBUG] = value


debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_remember,
    help="Show a traceback with every error.",
)


def complain(message: str) -> None:
    """Print an error on stderr, its control characters escaped."""
    from gausscheck.wording import printable

    # What an exception quotes must not become a command to a CI runner, which reads lines that begin with ::
    lines = [re.sub(r"^(\s*:):", r"\1 :", printable(line)) for line in message.splitlines()]
    click.echo("Error: " + "\n".join(lines), err=True)


class Guarded(click.Group):
    """A group whose verbs end with a message and an exit code, whatever happens inside."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run as a program; what click itself cannot write (help, to a full disk) is an error like others."""
        try:
            return super().main(*args, **options)
        except OSError as error:
            complain(str(error))
            sys.exit(COULD_NOT_AUDIT)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            # The cursor stands behind the ^C that the terminal echoes.
            click.echo("\nInterrupted; nothing was written.", err=True)
            ctx.exit(INTERRUPTED)
        except MemoryError:
            show_traceback(ctx)
            complain("not enough memory; audit fewer tensors at once")
        except (GausscheckError, OSError) as error:
            show_traceback(ctx)
            complain(str(error))
        except Exception as error:  # noqa: BLE001 - a bug must not end in a wall of text, nor pass as success
            show_traceback(ctx)
            complain(f"{type(error).__name__}: {error}\n{_REPORT}")
        return ctx.exit(COULD_NOT_AUDIT)


def show_traceback(context: click.Context) -> None:
    """Print the traceback of the error at hand on stderr, for those who asked for it."""
    if context.meta.get(_DEBUG):
        import traceback

        click.echo(traceback.format_exc(), err=True)
