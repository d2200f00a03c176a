"""Renew the parts of docs/pytest.md that come from its example: ``python docs/make_pytest.py``.

A ``python`` block whose first line is ``# FILE`` shows that file of the example; a ``console`` block begins
with ``$ pytest …``, and what follows is what that command prints, without the header.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE / "pytest.md"
PROJECT = HERE / "examples/plugin_project"

_FILE = re.compile(r"^```python\n# (?P<name>\S+\.py)\n[^`]*^```$", re.M)
_BLOCK = re.compile(r"^```console\n\$ pytest(?P<arguments>.*)\n(?P<output>[^`]*)^```$", re.M)


def run(arguments: str) -> str:
    """What pytest prints on the example, as a terminal of 100 columns without colours would show it."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *shlex.split(arguments)],
        cwd=PROJECT,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
            "PYTEST_ADDOPTS": "--no-header -p no:cacheprovider",
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "100",
            "NO_COLOR": "1",
        },
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def commands(text: str) -> list[str]:
    """Arguments of each command whose output is shown."""
    return [match["arguments"] for match in _BLOCK.finditer(text)]


def page(text: str, printed: Callable[[str], str] = run) -> str:
    """`text` with the files as they are, and with what its commands print today."""

    def shown(match: re.Match[str]) -> str:
        source = (PROJECT / match["name"]).read_text(encoding="utf-8").rstrip()
        return f"```python\n# {match['name']}\n{source}\n```"

    def renewed(match: re.Match[str]) -> str:
        return f"```console\n$ pytest{match['arguments']}\n{printed(match['arguments'])}\n```"

    return _BLOCK.sub(renewed, _FILE.sub(shown, text))


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
