"""``gausscheck audit``: test the values of files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gausscheck_cli.guard import COULD_NOT_AUDIT, complain, debug_option

if TYPE_CHECKING:
    from gausscheck.report import Report

__all__ = ["audit", "exit_code"]

_LATTICES = ("auto", "none", "bf16", "fp16", "fp8_e4m3", "fp8_e5m2")
_FORMAT_OF_ENDING = {".json": "json", ".txt": "table"}
_FAILED = 1
_STDOUT = "-"


def _tolerances(
    _context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]
) -> dict[str, float] | None:
    tolerances: dict[str, float] = {}
    for item in given:
        name, equals, text = item.partition("=")
        try:
            value = float(text)
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            msg = f"{item!r} is not NAME=NUMBER, such as scale=0.02"
            raise click.BadParameter(msg)
        if name.strip() in tolerances:
            msg = f"{name.strip()!r} is given twice"
            raise click.BadParameter(msg)
        tolerances[name.strip()] = value
    return tolerances or None


def _outputs(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Check the outputs before any work is done for them."""
    from gausscheck_cli.files import cannot_write

    for name in given:
        if name == _STDOUT:
            continue
        if Path(name).suffix.lower() not in _FORMAT_OF_ENDING:
            endings = ", ".join(_FORMAT_OF_ENDING)
            msg = f"{name!r}: the format is told by the ending, one of {endings}; - is standard output"
            raise click.BadParameter(msg)
        if why := cannot_write(Path(name)):
            raise click.BadParameter(why)
    if len(set(given)) < len(given):
        msg = "the same output is given twice"
        raise click.BadParameter(msg)
    return given


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--key", "keys", multiple=True, metavar="K", help="Tensor to test, or a pattern; repeatable.")
@click.option("--layout", metavar="L", help='Axis letters, such as "b c h w".  [default: by number of axes]')
@click.option(
    "--battery",
    default="standard",
    show_default=True,
    metavar="B",
    help="Set of tests; see `gausscheck list`.",
)
@click.option(
    "--permutations",
    type=click.IntRange(min=0),
    default=4,
    show_default=True,
    metavar="R",
    help="Random permutations averaged by permuted tests.",
)
@click.option(
    "--reference",
    default="standard",
    show_default=True,
    metavar="standard|scale=S",
    help="Test against N(0, 1), or N(0, S^2).",
)
@click.option(
    "--lattice",
    type=click.Choice(_LATTICES),
    default="auto",
    show_default=True,
    help="Rounding that the values went through.",
)
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=1e-6,
    show_default=True,
    metavar="A",
    help="A tensor fails below this p-value, corrected for the number of tests.",
)
@click.option(
    "--tolerance",
    "tolerance",
    multiple=True,
    callback=_tolerances,
    metavar="NAME=V",
    help="Size of an effect that does no harm, such as scale=0.02; repeatable.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="S",
    help="Seed of every random draw.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="What standard output gets. It never changes the exit code.",
)
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    callback=_outputs,
    metavar="FILE|-",
    help="Write FILE too, whole or not at all, format by ending (.json, .txt); - is stdout. Repeatable.",
)
@click.option("-a", "--all", "show_all", is_flag=True, help="Show every finding, not only those that matter.")
@click.option("--strict", is_flag=True, help="Exit with 1 for suspect tensors too.")
@click.option("-q", "--quiet", is_flag=True, help="Nothing on standard output unless -o - asks; only errors.")
@click.option("--no-progress", is_flag=True, help="No progress bar.")
@debug_option
@click.pass_context
def audit(
    context: click.Context,
    /,
    *,
    paths: tuple[str, ...],
    keys: tuple[str, ...],
    form: str,
    outputs: tuple[str, ...],
    show_all: bool,
    strict: bool,
    quiet: bool,
    no_progress: bool,
    **options: Any,
) -> None:
    """Test whether tensors in files are Gaussian noise.

    PATH is a .safetensors, .latent, .npy, .npz, .pt or .pth file, a *.safetensors.index.json, a folder, or a
    pattern.

    \b
    gausscheck audit noise.safetensors
    gausscheck audit outputs/ --layout "b w c" -o report.json
    gausscheck audit x.npz --key "latents*" --format json | jq .verdict

    Exit codes: 0 passed or suspect, 1 failed (or suspect with --strict), 2 could not audit everything.
    """  # noqa: D301 - click reads the control character
    from gausscheck import audit_files
    from gausscheck_cli.progress import Bar
    from gausscheck_cli.terminal import is_terminal

    with Bar(wanted=not (no_progress or quiet)) as bar:
        report = audit_files(list(paths), keys=keys, progress=bar, **options)
    # Files first: whoever stops reading stdout early still gets them.
    lost = sum(not _write(name, report, show_all) for name in outputs if name != _STDOUT)
    to_stdout = not quiet or _STDOUT in outputs
    if to_stdout:
        _print(report, form, show_all)
    # The table on a terminal already says what went wrong.
    if not (to_stdout and form == "table" and is_terminal()):
        from gausscheck.wording import error

        for problem in report.errors:
            complain(error(problem))
    context.exit(COULD_NOT_AUDIT if lost else exit_code(report, strict=strict))


def exit_code(report: Report, *, strict: bool = False) -> int:
    """Return 1 for a failure; else 2 if something could not be audited; else 1 if suspect counts; else 0."""
    if report.tensors and report.verdict == "fail":
        return _FAILED
    if report.errors or not report.tensors:
        return COULD_NOT_AUDIT
    return _FAILED if strict and report.verdict == "suspect" else 0


def _print(report: Report, form: str, show_all: bool) -> None:
    from gausscheck.text import report_lines
    from gausscheck_cli.terminal import emit_json, emit_lines, page_width

    if form == "json":
        emit_json(report.to_json())
    else:
        emit_lines(
            report_lines(report, width=page_width(), show_all=show_all, how_to_see_all="--all shows them")
        )


def _write(name: str, report: Report, show_all: bool) -> bool:
    from gausscheck.text import report_text
    from gausscheck_cli.files import write_whole
    from gausscheck_cli.terminal import json_bytes

    if _FORMAT_OF_ENDING[Path(name).suffix.lower()] == "json":
        data = json_bytes(report.to_json())
    else:
        data = (report_text(report, show_all=show_all) + "\n").encode()
    try:
        write_whole(Path(name), data)
    except OSError as error:
        complain(f"{name}: cannot be written ({error.strerror or error}); nothing was left behind")
        return False
    return True
