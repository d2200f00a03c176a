"""``gausscheck audit``: test the values of files."""

from __future__ import annotations

from typing import Any

import click

from gausscheck_cli.guard import debug_option
from gausscheck_cli.outputs import Wanted, deliver, output_options
from gausscheck_cli.tested import alpha_option, battery_option, reference_options, tolerance_option

__all__ = ["audit"]


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--key", "keys", multiple=True, metavar="K", help="Tensor to test, or a pattern; repeatable.")
@click.option("--layout", metavar="L", help='Axis letters, such as "b c h w".  [default: by number of axes]')
@battery_option("standard")
@click.option(
    "--permutations",
    type=click.IntRange(min=0),
    default=4,
    show_default=True,
    metavar="R",
    help="Random permutations averaged by permuted tests.",
)
@reference_options
@alpha_option("A tensor fails below this p-value, corrected for the number of tests.")
@tolerance_option
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
