"""The action and the pre-commit hook: read as their hosts read them, and run."""

import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from gausscheck_cli.main import cli

ROOT = Path(__file__).parents[1]
ACTION = (ROOT / "action.yml").read_text(encoding="utf-8")
HOOKS = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")


def scripts():
    """Shell scripts of the action."""
    found = re.findall(r"^( +)run: \|\n((?:\1  .*\n|\n)+)", ACTION, re.M)
    return [textwrap.dedent(body).rstrip() + "\n" for _, body in found]


def environment():
    """Input -> variable of the environment that hands it over."""
    return dict(re.findall(r"^ +(\w+): \$\{\{ (?:inputs|github)\.(\w+) \}\}$", ACTION, re.M))


def test_they_are_yaml():
    yaml = pytest.importorskip("yaml")
    action = yaml.safe_load(ACTION)
    assert [step["run"] for step in action["runs"]["steps"]] == scripts()
    assert action["runs"]["using"] == "composite"
    (hook,) = yaml.safe_load(HOOKS)
    assert hook["id"] == "gausscheck-audit"
    assert hook["types"] == ["file"]


def test_inputs_reach_the_scripts_through_the_environment_alone():
    assert len(scripts()) == ACTION.count("run: |") == 2
    for script in scripts():
        assert "${{" not in script
        assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    block = re.search(r"^inputs:\n(.*?)^runs:", ACTION, re.S | re.M)[1]
    inputs = set(re.findall(r"^  (\w+):$", block, re.M))
    assert set(environment().values()) - {"action_path"} == inputs
    for variable in environment():
        assert any(f"${variable}" in script for script in scripts()), variable


def wide(path):
    values = np.random.default_rng(1).standard_normal((4, 32, 32)).astype(np.float32)
    np.save(path, 2 * values)


def run(folder, **given):
    """Run the step of the action that tests."""
    variables = dict.fromkeys(environment(), "") | {"GAUSSCHECK_SUMMARY": "true"}
    variables |= {"GITHUB_STEP_SUMMARY": str(folder / "summary.md"), "GAUSSCHECK_RUN_WITH": sys.executable}
    env = {**os.environ, **variables, **given}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", scripts()[1]]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_the_action_audits(tmp_path):
    wide(tmp_path / "a b.npy")
    given = {"GAUSSCHECK_PATHS": "a b.npy\n\n", "GAUSSCHECK_ARGUMENTS": "--battery\nquick\n--layout=c h w\n"}
    done = run(tmp_path, **given, GAUSSCHECK_JUNIT="r.xml")
    assert done.returncode == 1, done.stderr
    assert done.stdout.count("::error ") == 1
    assert (tmp_path / "summary.md").read_text().startswith("## gausscheck: ✗ failed\n")
    assert (tmp_path / "r.xml").read_text().startswith("<?xml ")


def test_the_action_validates(tmp_path):
    given = {"GAUSSCHECK_GENERATOR": "numpy:PCG64", "GAUSSCHECK_ARGUMENTS": "--n=2^17\n--seed=1"}
    done = run(tmp_path, **given)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("numpy:PCG64 passed · 131,072 values · budget 1e-6 · seed 1 · ")
    assert (tmp_path / "summary.md").read_text().startswith("## gausscheck validate: ✓ passed\n")


def test_no_input_becomes_a_command_or_an_option(tmp_path):
    evil = "--help\n$(touch evil)\n`touch evil`\n'; touch evil; '"
    done = run(tmp_path, GAUSSCHECK_PATHS=evil, GAUSSCHECK_SUMMARY="false")
    assert done.returncode == 2
    assert "--help" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_hook_is_called_as_it_says(tmp_path):
    entry = shlex.split(re.search(r"^  entry: (.*)$", HOOKS, re.M)[1])
    assert entry[0] == "gausscheck"
    wide(tmp_path / "x.npy")
    done = CliRunner().invoke(cli, [*entry[1:], "--battery", "quick", str(tmp_path / "x.npy")])
    assert done.exit_code == 1
    assert "FAIL" in done.stdout, "what a hook does not print nobody sees"


def test_the_hook_takes_the_files_that_can_be_read():
    pattern = re.search(r"^  files: (.*)$", HOOKS, re.M)[1]
    for name in ("a.safetensors", "b/c.npy", "d.npz", "e.pt", "f.pth", "g.latent"):
        assert re.search(pattern, name)
    for name in ("a.npy.txt", "pt", "readme.md", "a.ptx"):
        assert not re.search(pattern, name)


PAGE = (ROOT / "docs/ci.md").read_text(encoding="utf-8")


def commands():
    """Commands of the page, with the values of the matrix filled in."""
    lines = re.findall(r"^ *(?:\$ |- (?:run: )?)?(gausscheck [a-z]+ .*|pytest .*)$", PAGE, re.M)
    return [re.sub(r"\$\{\{.*?\}\}", "0", line).split(";")[0] for line in lines]


def test_the_options_on_the_page_exist():
    ours = [shlex.split(line)[1:] for line in commands() if line.startswith("gausscheck")]
    assert {words[0] for words in ours} >= {"audit", "validate", "merge"}
    for verb, *words in ours:
        known = {name for parameter in cli.commands[verb].params for name in parameter.opts}
        given = {word.split("=")[0] for word in words if re.match("--?[a-z]", word)}
        assert given <= known, (verb, given - known)


def test_the_yaml_on_the_page_is_yaml():
    yaml = pytest.importorskip("yaml")
    found = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.S | re.M)
    assert len(found) >= 6
    for text in found:
        yaml.safe_load(textwrap.dedent(text))


def test_the_table_of_inputs_is_that_of_the_action():
    block = re.search(r"^inputs:\n(.*?)^runs:", ACTION, re.S | re.M)[1]
    inputs = re.findall(r"^  (\w+):$", block, re.M)
    table = re.search(r"^\| input \|.*\n\|.*\n((?:\|.*\n)+)", PAGE, re.M)[1]
    assert re.findall(r"^\| `(\w+)` \|", table, re.M) == inputs
