"""The README shows what the program prints, and the commands that a fresh environment runs."""

import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_readme", ROOT / "docs/make_readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def timeless(text):
    """Text without elapsed times, the last words of a report."""
    return re.sub(r" · (\d+ ms|[\d.]+ s|\d+ min \d+ s)$", "", text, flags=re.M)


def marked(name):
    """Commands of the block after a marker."""
    return re.search(rf"^<!-- {name} -->\n```bash\n(.*?)^```$", README, re.S | re.M)[1].strip()


def test_the_output_is_what_the_program_prints(maker):
    assert maker.commands(README), "no output is shown"
    assert timeless(maker.page(README)) == timeless(README), "run python docs/make_readme.py"


def test_a_changed_figure_would_be_seen(maker):
    changed = re.sub(r"(?<=p = )\d", "7", README, count=1)
    assert changed != README
    assert timeless(changed) != timeless(README)
    assert timeless("1 failed · seed 0 · 1.4 s\n") == timeless("1 failed · seed 0 · 833 ms\n")


def test_exit_codes_are_as_told(maker):
    (passing,) = re.findall(r"gausscheck (audit \S+)", marked("first-commands"))
    assert maker.run(passing).returncode == 0
    assert [maker.run(command).returncode for command in maker.commands(README)] == [1]
    assert maker.run("audit no/such/file.npy").returncode == 2


def test_ci_runs_the_commands_of_the_readme():
    done = subprocess.run([ROOT / ".ci/run", "--show"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [marked("first-commands"), marked("test-commands")]


def test_facts_that_other_files_know_too():
    version = (ROOT / "gausscheck/version.py").read_text()
    number = re.search(r'"(.*)"', version.split("__version__ =")[1])[1]
    assert f"\nversion: {number}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## [{number}]" in (ROOT / "CHANGELOG.md").read_text()
    assert f"Python {PROJECT['requires-python'].removeprefix('>=')} or later" in README
    assert (ROOT / ".ci/constraints.txt").read_text().startswith("torch==")
