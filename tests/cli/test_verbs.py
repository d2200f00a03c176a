"""``gausscheck`` itself, and ``inspect``, ``list``, ``explain``."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import gausscheck
from gausscheck.battery import BATTERIES


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    noise = np.zeros((2, 4, 8, 8), np.float32)
    tensors = {"latent_tensor": noise, "mask": noise[0, 0], "steps": np.arange(3)}
    save_file(tensors, "noise.safetensors", {"prompt": "a cat\x1b[2J", "workflow": "x" * 500})
    np.savez("two.npz", first=noise, second=noise)
    np.save("one.npy", noise[0, 0, 0])
    return tmp_path


def test_bare_command_prints_help(run):
    result = run()
    assert result.exit_code == 0
    assert result.stdout == run("--help").stdout == run("-h").stdout
    for verb in ("audit", "inspect", "list", "explain"):
        assert f"\n  {verb} " in result.stdout


def test_help_keeps_its_examples_on_lines_of_their_own(run):
    assert "\n  gausscheck audit noise.safetensors " in run().stdout
    assert "\n  gausscheck audit noise.safetensors\n" in run("audit", "--help").stdout


def test_version(run):
    assert run("--version").stdout == f"gausscheck {gausscheck.__version__}\n"


def test_an_unknown_verb(run):
    result = run("audti", "x")
    assert result.exit_code == 2
    assert "audit" in result.stderr


def test_inspect(run, folder):
    result = run("inspect", ".")
    assert result.exit_code == 0
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0] == "noise.safetensors  safetensors · 3 tensors · 2.33 kB"
    assert "  prompt = a cat\\x1b[2J" in lines
    assert any(line.startswith("  workflow = xxx") and len(line) < 100 and "…" in line for line in lines)
    rows = {line.split()[1] if "✓" in line else line.split()[0]: line for line in lines[3:7]}
    assert rows["latent_tensor"].startswith("  ✓ latent_tensor  float32  2×4×8×8")
    assert rows["latent_tensor"].endswith("yes: ComfyUI latent (VAE space, unscaled)")
    assert rows["mask"].endswith("no: a mask")
    assert rows["steps"].endswith("no: integers, not floats")
    assert "one.npy  npy · 1 tensor · 32 B" in lines
    assert any("cannot tell which of 2 float tensors is the noise" in line for line in lines)


def test_inspect_json(run, folder):
    document = json.loads(run("inspect", "noise.safetensors", "two.npz", "--format", "json").stdout)
    assert document["errors"] == []
    first, second = document["files"]
    assert first["metadata"]["prompt"] == "a cat\x1b[2J"
    by_key = {t["key"]: t for t in first["tensors"]}
    assert by_key["latent_tensor"] == {
        "key": "latent_tensor",
        "dtype": "float32",
        "shape": [2, 4, 8, 8],
        "n": 512,
        "nbytes": 2048,
        "kind": "ComfyUI latent (VAE space, unscaled)",
        "audited": True,
        "reason": "",
    }
    assert not by_key["mask"]["audited"]
    assert "--key" in second["problem"]


def test_inspect_with_keys(run, folder):
    document = json.loads(run("inspect", "two.npz", "--key", "sec*", "--format", "json").stdout)
    audited = [t["key"] for t in document["files"][0]["tensors"] if t["audited"]]
    assert audited == ["second"]


def test_one_bad_path_does_not_hide_the_others(run, folder):
    (folder / "broken.npy").touch()
    result = run("inspect", "broken.npy", "missing.npy", "one.npy")
    assert result.exit_code == 2
    assert result.stdout.startswith("one.npy  npy")
    assert "Error: broken.npy: the file is empty" in result.stderr
    assert "Error: missing.npy: does not exist" in result.stderr
    errors = json.loads(run("inspect", "missing.npy", "--format", "json").stdout)["errors"]
    assert [e["path"] for e in errors] == ["missing.npy"]


def test_inspect_reads_no_data(run, folder):
    size = 10_000_000_000
    header = json.dumps({"noise": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}).encode()
    with open("huge.safetensors", "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)
    # A hole in the file: reading it as a whole would take seconds and 10 GB.
    before = os.times().user + os.times().system
    assert "2500000000  10 GB  yes: noise" in run("inspect", "huge.safetensors").stdout
    assert os.times().user + os.times().system - before < 1.0


def test_list_names_everything(run):
    shown = run("list").stdout
    for name, statistic in gausscheck.statistics.items():
        assert name in shown
        assert statistic.title in shown
    for battery in BATTERIES.values():
        assert f"Battery {battery.name}  {battery.purpose}; about " in shown
        for probe in battery.probes:
            assert probe.purpose in shown
    assert "  moment 2" in shown


@pytest.mark.parametrize("name", list(gausscheck.statistics))
def test_explain(run, name):
    statistic = gausscheck.statistics[name]
    shown = run("explain", name.replace("_", "-").upper(), COLUMNS="80").stdout
    words = " ".join(shown.split())
    for attribute in ("name", "title", "formula", "null_text", "sees", "blind", "reference"):
        text = getattr(statistic, attribute)
        assert " ".join(text.split()) in words
    for parameter, default in statistic.parameters.items():
        assert f"{parameter}={default}" in words
    assert max(map(len, shown.splitlines())) <= 80


def test_explain_asks_did_you_mean(run):
    result = run("explain", "powerspectrum")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no statistic is called 'powerspectrum'. Did you mean 'power_spectrum'?" in result.stderr
    assert "Did you mean" not in run("explain", "zzz").stderr
    assert "Known: " in run("explain", "zzz").stderr


def test_the_page_names_every_option():
    from gausscheck_cli.main import cli

    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    for verb in cli.commands:
        assert f"| `{verb} " in page or f"| `{verb}` |" in page
    for option in cli.commands["audit"].params:
        for name in option.opts:
            assert f"`{name}" in page or option.param_type_name == "argument", name
