"""Shards on disk: what is written comes back; whatever else is refused, by name, and harms nothing."""

import errno
import hashlib
import json
import os
import resource
import subprocess
import sys

import numpy as np
import pytest

import gausscheck as gc
from gausscheck.codec import decode, encode
from gausscheck.errors import DataError
from gausscheck.shard import FORMAT, read_shard


def a_stream(seed=0, **options):
    stream = gc.Stream(sample=128, **options)
    stream.update(np.random.default_rng(seed).standard_normal(128 * 12).astype(np.float32))
    return stream


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "a.gcs"
    a_stream().save(path, about={"source": "numpy:PCG64", "seeds": "0"})
    return path


def rewritten(path, change, *, honest=True, text=None):
    """Change the content of a shard, and sign it again."""
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header, data = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    meta = header.pop("__metadata__")
    content = json.loads(meta["content"])
    data = change(content, header, data) or data
    text = text or json.dumps(content)
    if honest:
        digest = hashlib.sha256(text.encode())
        digest.update(json.dumps(header, sort_keys=True).encode())
        digest.update(data)
        meta["sha256"] = digest.hexdigest()
    header["__metadata__"] = {**meta, "content": text}
    head = json.dumps(header).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + data)


def test_every_kind_of_summary_comes_back(tmp_path):
    x = np.random.default_rng(1).standard_normal((30, 3, 8, 8)).astype(np.float32)
    x[3, 1, 2, 2] = np.inf
    x[20] = x[5]
    stream = gc.Stream(battery="thorough", tolerance={"scale": 0.1}, reference="scale=1.5", lattice="none")
    stream.update(x)
    stream.save(tmp_path / "s.gcs")
    again = gc.Stream.load(tmp_path / "s.gcs")
    ours, theirs = again.report().to_dict(), stream.report().to_dict()
    for report in (ours, theirs):
        del report["elapsed_s"]
    assert ours == theirs  # bit by bit
    assert again.ranges == stream.ranges


def test_safetensors_can_read_it(shard):
    safe_open = pytest.importorskip("safetensors").safe_open
    with safe_open(shard, framework="np") as file:
        assert file.metadata()["format"] == FORMAT
        assert len(file.keys()) > 10


def test_what_it_was_made_of_is_remembered(shard):
    found = read_shard(shard)
    assert found.about == {"source": "numpy:PCG64", "seeds": "0"}
    assert len(found.parts) == 1
    assert (found.form.dtype, found.form.shape, found.ranges) == ("float32", (128,), ((0, 12),))


def test_every_flipped_bit_is_noticed(shard):
    raw = np.frombuffer(shard.read_bytes(), np.uint8)
    rng = np.random.default_rng(2)
    places = [*range(12), *rng.integers(0, raw.size, 60).tolist(), raw.size - 1]
    for at in places:
        damaged = raw.copy()
        damaged[at] ^= np.uint8(1 << int(rng.integers(8)))
        shard.write_bytes(damaged.tobytes())
        with pytest.raises(gc.FileFormatError, match=r"a\.gcs"):
            gc.Stream.load(shard)


def test_a_planted_bug_is_seen(shard, monkeypatch):
    """Without the checksum a flipped bit of a sum goes unnoticed."""
    monkeypatch.setattr("gausscheck.shard._checksum", lambda *_: "the same")
    a_stream().save(shard)
    raw = bytearray(shard.read_bytes())
    raw[-3] ^= 1
    shard.write_bytes(bytes(raw))
    gc.Stream.load(shard)


@pytest.mark.parametrize("share", [0.0, 0.0005, 0.1, 0.5, 0.999])
def test_a_cut_shard_is_refused(shard, share):
    raw = shard.read_bytes()
    shard.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(gc.FileFormatError, match=r"empty|too few|cut short|does not fit"):
        gc.Stream.load(shard)


def test_what_is_no_shard_is_refused(tmp_path):
    with pytest.raises(gc.FileFormatError, match="nowhere"):
        gc.Stream.load(tmp_path / "nowhere.gcs")
    with pytest.raises(gc.FileFormatError):
        gc.Stream.load(tmp_path)
    other = tmp_path / "x.gcs"
    np.save(tmp_path / "x.npy", np.zeros(100))
    other.write_bytes((tmp_path / "x.npy").read_bytes())
    with pytest.raises(gc.FileFormatError, match=r"not a safetensors file|damaged"):
        gc.Stream.load(other)


def test_other_safetensors_and_versions_are_refused(shard, tmp_path):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    save_file({"noise": np.zeros(100, np.float32)}, tmp_path / "latents.safetensors")
    with pytest.raises(gc.FileFormatError, match="some other safetensors file"):
        gc.Stream.load(tmp_path / "latents.safetensors")
    raw = shard.read_bytes()
    shard.write_bytes(raw.replace(FORMAT.encode(), b"gausscheck/shard/9"))
    with pytest.raises(gc.FileFormatError, match="gausscheck/shard/9, expected gausscheck/shard/1"):
        gc.Stream.load(shard)


def _set(path, value):
    """Set a part of the content, named by keys and indices."""

    def change(content, _header, _data):
        at = content
        for key in path[:-1]:
            at = at[key]
        assert at[path[-1]] != value
        at[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("options", "battery"), "none", "battery"),
        (("options", "alpha"), 5, "alpha"),
        (("options",), {}, "options"),
        (("dtype",), "float64", "wrong"),
        (("dtype",), "os.system", "wrong"),
        (("layout",), "b q", "axis"),
        (("layout",), "c w", "layout"),
        (("shape",), [64], "wrong"),
        (("ranges",), [[0, 11]], "number of samples"),
        (("ranges",), [[5, 5], [0, 12]], "ranges"),
        (("ranges",), "x", "fit"),
        (("kept",), {"is": "Popen", "with": {}}, "no summary"),
        (("kept",), {"is": "Gathered", "with": {"samples": 12}}, "expected"),
        (("kept",), None, "summary"),
        (("kept", "with", "samples"), "12", "Gathered.samples is a str"),
        (("kept", "with", "size"), True, "Gathered.size is a bool"),
        (("kept", "with", "pooled"), {"array": 0}, "Gathered.pooled"),
        (("kept", "with", "pooled"), {"array": 10**6}, "no summary"),
        (("kept", "with", "pooled", "with", "moments", "with", "sums"), {"array": -1}, "no summary"),
        (("kept", "with", "left_out"), {"float": "1e5"}, "no summary"),
        (("kept", "with", "summaries"), {"items": [[{"items": []}, 1]]}, "no key"),
        (("kept", "with", "summaries"), {"items": [[1]]}, "no pair"),
        (("kept", "with", "summaries"), {"items": []}, "summaries are not those"),
        (("kept", "with", "worst"), {"items": []}, "statistics by sample are not those"),
        (("kept", "with", "spectra"), {"items": []}, "power spectra are not those"),
        (("kept", "with", "segments"), 0, "segments of a sample are not those"),
        (("kept", "with", "summaries", "items", 0, 1), 1.5, "holds a float where a "),
        (("kept", "with", "worst", "items", 0, 1), 3, "Gathered.worst"),
        (("kept", "with", "worst", "items", 0, 1, "with", "low_sums"), [], "power sums of samples"),
        (("kept", "with", "worst", "items", 0, 1, "with", "low_sums", 0), "x", "SampleValues.low_sums"),
        (("about",), [], "about is a list"),
        (("layout",), {}, "layout is a dict"),
    ],
)
def test_forged_content_is_refused(shard, path, value, told):
    rewritten(shard, _set(path, value))
    with pytest.raises(gc.FileFormatError, match=told):
        gc.Stream.load(shard)


def test_forged_arrays_are_refused(shard):
    """Any array of another type or shape, signed as if it were right."""
    raw = shard.read_bytes()
    count = len(json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])) - 1
    other = {"F64": "I64", "I64": "F64", "U64": "F64", "F32": "U32", "U32": "F32"}
    assert count > 10
    for k in range(count):
        shard.write_bytes(raw)

        def change(_content, header, _data, k=str(k)):
            header[k]["dtype"] = other[header[k]["dtype"]]

        rewritten(shard, change)
        with pytest.raises(gc.FileFormatError, match=r"expected NDArray|is a ndarray|wrong"):
            gc.Stream.load(shard)


def test_forged_shapes_are_refused(shard):
    """Any array with an axis too many: what lies beside it would be read askew, or in far more memory."""
    raw = shard.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    for k in range(len(header) - 1):
        shard.write_bytes(raw)
        shape = header[str(k)]["shape"]
        rewritten(shard, lambda _, header, __, k=str(k), shape=shape: header[k].update(shape=[1, *shape]))
        with pytest.raises(gc.FileFormatError, match="do not fit"):
            gc.Stream.load(shard)


def test_nesting_that_ends_the_parser_is_refused(shard):
    rewritten(shard, lambda *_: None, text="[" * 200_000 + "]" * 200_000)
    with pytest.raises(gc.FileFormatError, match="do not fit"):
        gc.Stream.load(shard)


def test_deep_trees_are_refused():
    tree = 1
    for _ in range(100):
        tree = [tree]
    with pytest.raises(DataError, match="deeply"):
        decode(tree, [])


def test_only_what_is_known_is_kept():
    with pytest.raises(DataError, match="cannot keep a set"):
        encode({1, 2}, [])
    arrays = []
    value = {"a": (1, 2.5, None, "x", -np.inf), 3: np.arange(4)}
    again = decode(json.loads(json.dumps(encode(value, arrays))), arrays)
    assert again["a"] == value["a"]
    np.testing.assert_array_equal(again[3], value[3])


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit of file sizes here")
def test_a_full_disk_leaves_the_old_shard(shard):
    """A limit of file sizes stands for the disk; another process, for such limits cannot be taken back."""
    before = shard.read_bytes()
    script = (
        "import resource, signal, sys, numpy as np, gausscheck as gc\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "s = gc.Stream(sample=128); s.update(np.random.default_rng(0).standard_normal(12800))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: s.save(sys.argv[1])\n"
        "except OSError as error: print(error.errno, s.report().verdict)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script, shard], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [str(errno.EFBIG), "pass"]
    assert shard.read_bytes() == before
    assert os.listdir(shard.parent) == [shard.name]


def test_devices_are_not_replaced():
    with pytest.raises(OSError, match="not a regular file"):
        a_stream().save("/dev/full")
