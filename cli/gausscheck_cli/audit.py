"""``gausscheck audit``: test the values of files."""

from __future__ import annotations

from typing import Any

import click

from gausscheck_cli.guard import debug_option
from gausscheck_cli.outputs import Wanted, deliver, output_options

__all__ = ["audit", "tolerances_of"]

_LATTICES = ("auto", "none", "bf16", "fp16", "fp8_e4m3", "fp8_e5m2")


def tolerances_of(
    _context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]
) -> dict[str, float] | None:
    """Read ``NAME=NUMBER``, any number of times."""
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
    callback=tolerances_of,
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
@output_options
@debug_option
@click.pass_context
def audit(context: click.Context, /, paths: tuple[str, ...], keys: tuple[str, ...], **options: Any) -> None:
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

    wanted = Wanted.take(options)
    with Bar(wanted=wanted.progress) as bar:
        report = audit_files(list(paths), keys=keys, progress=bar, **options)
    context.exit(deliver(report, wanted))
