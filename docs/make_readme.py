"""Renew the program's output shown in README.md: ``python docs/make_readme.py``.

Each ``console`` block begins with ``$ gausscheck …``; what follows is what that command prints.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "README.md"
COLUMNS = "100"

_BLOCK = re.compile(r"^```console\n\$ gausscheck (?P<arguments>.*)\n(?P<output>[^`]*)^```$", re.M)


def run(arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a terminal of 100 columns without colours would show it."""
    return subprocess.run(
        [sys.executable, "-m", "gausscheck_cli", *shlex.split(arguments)],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": COLUMNS, "NO_COLOR": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def commands(text: str) -> list[str]:
    """Arguments of each command whose output is shown."""
    return [match["arguments"] for match in _BLOCK.finditer(text)]


def page(text: str) -> str:
    """`text` with what its commands print today."""

    def renewed(match: re.Match[str]) -> str:
        done = run(match["arguments"])
        return f"```console\n$ gausscheck {match['arguments']}\n{done.stdout.rstrip()}\n```"

    return _BLOCK.sub(renewed, text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
