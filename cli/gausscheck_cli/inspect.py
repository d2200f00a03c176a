"""``gausscheck inspect``: what files hold, from their headers alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from gausscheck.errors import GausscheckError
from gausscheck_cli.guard import COULD_NOT_AUDIT, complain, debug_option

if TYPE_CHECKING:
    from pathlib import Path

    from gausscheck.sources import Source
    from gausscheck.text import Line

__all__ = ["inspect"]

_LONGEST_KEY, _LONGEST_VALUE = 48, 72


@click.command(short_help="Show what files hold, from their headers alone.")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--key", "keys", multiple=True, metavar="K", help="As for audit: what would it take?")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Output.",
)
@debug_option
@click.pass_context
def inspect(context: click.Context, paths: tuple[str, ...], keys: tuple[str, ...], form: str) -> None:
    """Show what files hold and what an audit would take, without reading their values.

    PATH as for `gausscheck audit`. Exit code 2 if a file cannot be read.
    """
    from gausscheck_cli.terminal import emit_json, emit_lines

    errors: list[dict[str, str]] = []
    files = []
    for path in _expand(paths, errors):
        try:
            files.append(_describe(path, keys))
        except GausscheckError as error:
            errors.append({"path": str(path), "message": str(error)})
    if form == "json":
        text = json.dumps({"files": files, "errors": errors}, indent=2, ensure_ascii=False, allow_nan=False)
        emit_json(text)
    elif files:
        emit_lines(line for file in files for line in _lines(file))
    for problem in errors:
        complain(problem["message"])
    context.exit(COULD_NOT_AUDIT if errors else 0)


def _expand(paths: Sequence[str], errors: list[dict[str, str]]) -> list[Path]:
    """List the files behind `paths`; one that cannot be found does not hide the others."""
    from gausscheck.sources import expand

    good = []
    for path in paths:
        try:
            expand([path])
            good.append(path)
        except GausscheckError as error:
            errors.append({"path": path, "message": str(error)})
    return expand(good) if good else []


def _describe(path: Path, keys: Sequence[str]) -> dict[str, Any]:
    from gausscheck.sources import open_source
    from gausscheck.sources.choose import choose
    from gausscheck.sources.kinds import guess_kind

    source: Source = open_source(path)
    reasons: dict[str, str] = {}
    problem = ""
    try:
        chosen, skipped = choose(source, keys)
        reasons = {entry.key: entry.note for entry in skipped}
        taken = {entry.key for entry in chosen}
    except GausscheckError as error:
        problem, taken = str(error), set()
    return {
        "path": str(path),
        "format": source.format,
        "metadata": dict(source.metadata),
        "problem": problem,
        "tensors": [
            {
                "key": entry.key,
                "dtype": entry.dtype,
                "shape": list(entry.shape),
                "n": entry.size,
                "nbytes": entry.nbytes,
                "kind": guess_kind(entry, source.metadata),
                "audited": entry.key in taken,
                "reason": reasons.get(entry.key, entry.note),
            }
            for entry in source.entries
        ],
    }


def _lines(file: dict[str, Any]) -> Iterator[Line]:
    from gausscheck.text import Span, cut, table
    from gausscheck.wording import number, printable, size

    tensors = file["tensors"]
    total = size(sum(t["nbytes"] for t in tensors))
    count = f"{number(len(tensors))} tensor{'' if len(tensors) == 1 else 's'}"
    yield (Span(printable(file["path"]), "strong"), Span(f"  {file['format']} · {count} · {total}", "dim"))
    for name, value in file["metadata"].items():
        yield (Span(f"  {cut(printable(name), 24)} = {cut(printable(value), _LONGEST_VALUE)}", "dim"),)
    rows = [
        (
            cut(printable(t["key"]), _LONGEST_KEY) or "(unnamed)",
            printable(t["dtype"]),
            "×".join(map(str, t["shape"])) or "scalar",
            size(t["nbytes"]),
            _fate(t),
        )
        for t in tensors
    ]
    head, *lines = table(("key", "dtype", "shape", "size", "audit"), rows, right=(3,))
    yield (Span("    "), *head)
    for tensor, line in zip(tensors, lines, strict=True):
        yield (Span("  "), Span("✓ ", "pass") if tensor["audited"] else Span("  "), *line)
    if file["problem"]:
        for text in file["problem"].removeprefix(f"{file['path']}: ").splitlines():
            yield (Span("  "), Span(printable(text), "suspect"))
    yield ()


def _fate(tensor: dict[str, Any]) -> str:
    from gausscheck.wording import printable

    kind, reason = printable(tensor["kind"]), printable(tensor["reason"])
    if tensor["audited"]:
        return f"yes: {kind}" if kind else "yes"
    words = [reason, kind] if kind != reason else [reason]
    return ": ".join(["no", ", ".join(word for word in words if word)]).removesuffix(": ")
