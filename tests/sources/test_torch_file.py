"""Files of torch.save: what is read, by which names, and that values are seen through a map."""

import os
import subprocess
import sys
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from gausscheck_cli.main import cli
from sources.builders import info, safetensors_bytes

import gausscheck
from gausscheck.arrays import as_values
from gausscheck.errors import ArgumentError, DataError, FileFormatError
from gausscheck.floats import FORMATS
from gausscheck.sources import Source, expand, open_source
from gausscheck.sources.choose import choose

torch = pytest.importorskip("torch")
from sources.torch_files import crafted, legacy, rebuilt, saved  # noqa: E402

MIB = 1 << 20


def write(folder: Path, data: bytes, name: str = "noise.pt") -> Path:
    file = folder / name
    file.write_bytes(data)
    return file


def source_of(folder: Path, content: Any) -> Source:
    return open_source(write(folder, saved(content)))


def read(source: Source, key: str = "") -> tuple[str, np.ndarray]:
    with source.open(source.entry(key)) as tensor:
        return tensor.values.dtype, tensor.values.data.copy()


def noise(*shape: int, dtype: Any = None) -> Any:
    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return drawn.to(dtype or torch.float32)


# torch writes 8-bit floats in the older format too, but cannot read them there.
@pytest.mark.parametrize(
    ("name", "write_as"), [*((n, saved) for n in FORMATS), *((n, legacy) for n in FORMATS if "8_" not in n)]
)
def test_every_float_type_is_read_exactly(name: str, write_as: Any, tmp_path: Path) -> None:
    tensor = noise(3, 5, 7, dtype=getattr(torch, name))
    source = open_source(write(tmp_path, write_as(tensor)))
    (entry,) = source.entries
    assert (source.format, entry.key, entry.dtype, entry.shape) == ("torch", "", name, (3, 5, 7))
    assert (entry.nbytes, entry.testable, entry.note) == (105 * tensor.element_size(), True, "")
    dtype, data = read(source)
    assert dtype == name
    np.testing.assert_array_equal(data, as_values(tensor).data)
    np.testing.assert_array_equal(as_values(tensor).decode(), tensor.double().numpy())


@pytest.mark.parametrize(
    ("dtype", "name", "note"),
    [
        (torch.int64, "int64", "integers"),
        (torch.uint8, "uint8", "integers"),
        (torch.uint16, "uint16", "integers"),
        (torch.bool, "bool", "booleans"),
        (torch.complex64, "complex64", "complex values"),
        (torch.float8_e8m0fnu, "float8_e8m0", "block scales"),
    ],
)
def test_other_types_are_listed_with_the_reason(dtype: Any, name: str, note: str, tmp_path: Path) -> None:
    source = source_of(tmp_path, torch.zeros(4, dtype=torch.uint8).to(dtype))
    (entry,) = source.entries
    assert (entry.dtype, entry.shape, entry.testable) == (name, (4,), False)
    assert entry.note.startswith(note)
    with pytest.raises(DataError, match=note):
        read(source)


def test_names_of_nested_containers_are_joined_by_dots(tmp_path: Path) -> None:
    content = {
        "state": OrderedDict(latents=noise(4), step=7),
        "steps": [noise(2), (noise(3), "x"), torch.nn.Parameter(noise(5))],
        "config": {"lr": 0.1, "betas": [0.9, 0.99]},
        "history": [1.0, 2.0, 3.0],
        "prompt": "a cat",
        "none": None,
        "nothing": [],
        4: noise(6),
        "size": torch.Size([1, 2]),
    }
    source = source_of(tmp_path, content)
    listed = {e.key: (e.dtype, e.shape, e.note) for e in source.entries}
    assert listed == {
        "state.latents": ("float32", (4,), ""),
        "state.step": ("int", (), "a Python int, not a tensor"),
        "steps.0": ("float32", (2,), ""),
        "steps.1.0": ("float32", (3,), ""),
        "steps.1.1": ("str", (1,), "a Python str, not a tensor"),
        "steps.2": ("float32", (5,), ""),
        "config.lr": ("float", (), "a Python float, not a tensor"),
        "config.betas": ("list", (2,), "a list without tensors"),
        "history": ("list", (3,), "a list without tensors"),
        "prompt": ("str", (5,), "a Python str, not a tensor"),
        "none": ("NoneType", (), "None, not a tensor"),
        "nothing": ("list", (0,), "an empty list"),
        "4": ("float32", (6,), ""),
        "size": ("Size", (2,), "a Size without tensors"),
    }
    assert list(listed) == [e.key for e in source.entries], "file order"
    np.testing.assert_array_equal(read(source, "steps.2")[1], noise(5).numpy())
    chosen, skipped = choose(source)
    assert [e.key for e in chosen] == ["state.latents"]
    assert len(skipped) == len(listed) - 1


def test_a_list_of_tensors_has_indices(tmp_path: Path) -> None:
    source = source_of(tmp_path, [noise(3), noise(4)])
    assert [e.key for e in source.entries] == ["0", "1"]
    with pytest.raises(DataError, match="name it with --key"):
        choose(source)
    assert [e.key for e in choose(source, ["1"])[0]] == ["1"]


def test_a_file_without_tensors_says_so(tmp_path: Path) -> None:
    for content, why in [({}, "an empty dict"), ({"seed": 1}, "a dict without tensors"), (5, "a Python int")]:
        with pytest.raises(DataError, match=f"no float tensor that can be tested:\n.*{why}"):
            choose(source_of(tmp_path, content))


def test_views_and_shared_storage(tmp_path: Path) -> None:
    base = noise(6, 8)
    views = {
        "t": base.t(),
        "step": base[::2, 1::3],
        "tail": base[-1],
        "scalar": base[2, 3],
        "none": base[:0],
        "windows": base.flatten().as_strided((5, 4), (3, 1), 2),
        "grad": base.clone().requires_grad_(),
        "same": base,
        "again": base,
    }
    source = source_of(tmp_path, views)
    for key, view in views.items():
        assert source.entry(key).shape == tuple(view.shape)
        np.testing.assert_array_equal(read(source, key)[1], view.detach().numpy())
    # One copy of the storage in the file: the nine views together are longer than it.
    assert source.path.stat().st_size < 4096 + 2 * 4 * base.numel()


def test_a_negated_view_is_read_as_it_looks(tmp_path: Path) -> None:
    view = torch.randn(9, dtype=torch.complex64, generator=torch.Generator().manual_seed(1)).conj().imag
    assert view.is_neg()
    np.testing.assert_array_equal(read(source_of(tmp_path, view))[1], view.resolve_neg().numpy())


def test_an_archive_of_the_other_byte_order(tmp_path: Path) -> None:
    values = noise(50).numpy()
    file = write(tmp_path, crafted(rebuilt(50, (50,), (1,)), values.byteswap().tobytes(), b"big"))
    np.testing.assert_array_equal(read(open_source(file))[1], values)


def test_tensors_that_hold_no_plain_values_are_listed(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = {
            "expanded": torch.zeros(1).expand(10**12),
            "rows": noise(1, 3).expand(7, 3),
            "quantised": torch.quantize_per_tensor(noise(3), 0.1, 0, torch.qint8),
            "coo": torch.eye(3).to_sparse(),
            "csr": torch.eye(3).to_sparse_csr(),
            "meta": torch.empty(3, device="meta"),
            "nested": torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]),
        }
        data = saved(content)
    source = open_source(write(tmp_path, data))
    notes = {e.key: e.note for e in source.entries}
    assert notes == {
        "expanded": "an expanded view that repeats 1 stored values to 1000000000000; save those stored",
        "rows": "an expanded view that repeats 3 stored values to 21; save those stored",
        "quantised": "a quantised tensor; save its .dequantize()",
        "coo": "a tensor of layout sparse_coo; save its .to_dense()",
        "csr": "a tensor of layout sparse_csr; save its .to_dense()",
        "meta": "a tensor of the meta device, without values; save it from a device that holds them",
        "nested": "a nested tensor; save its parts as a list",
    }
    assert not any(e.testable for e in source.entries)
    assert source.entry("expanded").nbytes == 4


@pytest.mark.parametrize("name", ["x.npz", "x.latent", "x.ckpt", "x.bin", "x", "x.npy"])
@pytest.mark.parametrize("write_as", [saved, legacy])
def test_a_wrong_ending_does_not_mislead(name: str, write_as: Any, tmp_path: Path) -> None:
    assert open_source(write(tmp_path, write_as(noise(9)), name)).entries[0].shape == (9,)


def test_pickle_protocol_3_is_read_without_a_warning(tmp_path: Path) -> None:
    assert len(read(open_source(write(tmp_path, saved(noise(9), pickle_protocol=3))))[1]) == 9


def test_values_are_read_only_and_outlive_their_source(tmp_path: Path) -> None:
    source = source_of(tmp_path, noise(9))
    with source.open(source.entries[0]) as tensor:
        values = tensor.values
        tensor.release()
    with pytest.raises(ArgumentError, match="closed"):
        _ = tensor.values
    with pytest.raises(ValueError, match="read-only"):
        values.data[0] = 1
    del source, tensor
    np.testing.assert_array_equal(values.data, noise(9).numpy())


def test_a_file_that_changed_is_refused(tmp_path: Path) -> None:
    source = source_of(tmp_path, noise(9))
    write(tmp_path, saved(noise(90)))
    with pytest.raises(FileFormatError, match="changed since its header was read"):
        read(source)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc/self")
def test_opening_maps_the_file_and_reads_none_of_its_values(tmp_path: Path) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    file = tmp_path / "large.pt"
    torch.save({"noise": torch.zeros(16 * MIB)}, file)
    source_of(tmp_path, noise(9))  # what torch itself allocates when it first loads
    before = resident()
    source = open_source(file)
    with source.open(source.entries[0]) as tensor:
        assert tensor.values.shape == (16 * MIB,)
        assert resident() - before < 8 * MIB
        assert str(file) in Path("/proc/self/maps").read_text()
        assert not tensor.values.data.any()
        # The test can fail: values that were read are resident.
        assert resident() - before > 56 * MIB
    del source, tensor
    assert str(file) not in Path("/proc/self/maps").read_text()
    assert resident() - before < 8 * MIB


def test_folders_bring_pt_and_pth(tmp_path: Path) -> None:
    for name in ["a.pt", "b.PTH", "c.ckpt", "d.bin"]:
        write(tmp_path, b"", name)
    assert [p.name for p in expand([tmp_path])] == ["a.pt", "b.PTH"]


def test_other_files_are_audited_without_torch(tmp_path: Path) -> None:
    file = write(
        tmp_path, safetensors_bytes({"noise": info("F32", [64], [0, 256])}, bytes(256)), "x.safetensors"
    )
    program = (
        "import sys, gausscheck\n"
        f"assert gausscheck.audit_files({str(file)!r}, permutations=0).tensors\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=True)
    assert done.stdout == b"False\n"


def test_without_torch_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, saved(noise(9)))
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(FileFormatError, match=r"needs torch, .*: pip install 'gausscheck\[torch\]'"):
        open_source(file)


def test_the_command_line_audits_and_inspects(tmp_path: Path) -> None:
    write(tmp_path, saved({"latents": noise(4, 32, 32), "seed": 3}), "clean.pt")
    write(tmp_path, saved({"latents": 2 * noise(4, 32, 32)}), "wide.pth")
    write(tmp_path, saved(noise(4, 32, 32, dtype=torch.bfloat16)), "bf16.pt")

    def run(*words: str) -> Any:
        return CliRunner(env={"COLUMNS": "80"}).invoke(cli, words)

    done = run("inspect", str(tmp_path / "clean.pt"))
    assert done.exit_code == 0
    assert "✓ latents  float32  4×32×32  16.4 kB  yes: latents" in done.stdout
    assert "seed     int      scalar       0 B  no: a Python int, not a tensor" in done.stdout
    done = run("audit", str(tmp_path / "clean.pt"), "--permutations", "0")
    assert (done.exit_code, done.stderr) == (0, "")
    # The default alpha, 1e-6, is the chance that each of the two clean tensors fails; their seed is fixed.
    done = run("audit", str(tmp_path), "--permutations", "0", "--format", "json")
    assert done.exit_code == 1
    report = gausscheck.audit_files(tmp_path, permutations=0)
    assert [(Path(t.path).name, t.verdict) for t in report.tensors] == [
        ("bf16.pt", "pass"),
        ("clean.pt", "pass"),
        ("wide.pth", "fail"),
    ]
    assert report.tensors[0].lattice == "bf16"
