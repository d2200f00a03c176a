"""Names of generators: those built in give what the plain call gives; modules; what is not understood."""

import io
import subprocess
import sys
import types

import numpy as np
import pytest
import torch

from gausscheck.errors import ArgumentError, GeneratorError
from gausscheck.sources.generators import BLOCK, GENERATORS, GeneratorSource, open_generator

N = 1000


def taken(source, seed=5, n=N, **options):
    return open_generator(source, **options).start(seed).take(n)


@pytest.mark.parametrize("bits", ["PCG64", "PCG64DXSM", "MT19937", "SFC64", "Philox"])
@pytest.mark.parametrize("dtype", ["", ":float32", ":float64"])
def test_numpy(bits, dtype):
    opened = open_generator(f"numpy:{bits}{dtype}")
    kind = dtype[1:] or "float32"
    assert (opened.name, opened.dtype, opened.reseeds) == (f"numpy:{bits}{dtype}", kind, True)
    plain = np.random.Generator(getattr(np.random, bits)(5)).standard_normal(N, dtype=np.dtype(kind).type)
    got = opened.start(5).take(N)
    assert got.dtype == kind
    np.testing.assert_array_equal(got.data, plain)


def test_blocks_of_numpy_join_without_a_seam():
    plain = np.random.Generator(np.random.PCG64(5)).standard_normal(BLOCK + N, dtype=np.float32)
    np.testing.assert_array_equal(taken("numpy:PCG64", n=BLOCK + N).data, plain)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_torch(dtype):
    generator = torch.Generator().manual_seed(5)
    plain = torch.randn(BLOCK, generator=generator, dtype=getattr(torch, dtype))[:N]
    got = taken(f"torch:cpu:{dtype}")
    assert got.dtype == dtype
    np.testing.assert_array_equal(got.decode(np.float64), plain.double().numpy())


def test_torch_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    taken("torch:cpu")
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_torch_on_a_device_stays_there():
    draw = open_generator("torch:cuda:0:bfloat16").start(5)
    parts = [draw.take(n) for n in (3, BLOCK)]
    assert [p.device for p in parts] == ["cuda:0"] * 2
    generator = torch.Generator("cuda:0").manual_seed(5)
    plain = torch.randn(BLOCK, generator=generator, device="cuda:0", dtype=torch.bfloat16)
    assert torch.equal(torch.cat([p.data for p in parts])[:BLOCK], plain)


def test_the_option_says_the_type_too():
    np.testing.assert_array_equal(
        taken("numpy:PCG64", dtype="float64").data, taken("numpy:PCG64:float64").data
    )
    assert open_generator("numpy:PCG64:float64", dtype="float64").dtype == "float64"


def test_every_listed_name_is_understood():
    """Those that this machine lacks say that, and nothing else."""
    for name in GENERATORS:
        try:
            assert open_generator(name).name == name
        except ArgumentError as error:
            assert "not installed" in str(error) or "cannot use the device" in str(error), name  # noqa: PT017


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "unknown generator ''. Expected module:callable"),
        ("PCG64", "unknown generator 'PCG64'; did you mean 'numpy:PCG64'"),
        ("numpy", "no bit generator ''"),
        ("numpy:pcg46", "no bit generator 'pcg46'; did you mean 'PCG64'"),
        ("numpy:WELL512", "no bit generator 'WELL512'. Known: numpy:PCG64, numpy:PCG64DXSM"),
        ("numpy:PCG64:float16", "unknown type 'float16'.*it gives float32, float64"),
        ("numpy:PCG64:flaot64", "unknown type 'flaot64'; did you mean 'float64'"),
        ("numpy:PCG64:float32:4", "expected nothing after 'float32', got '4'"),
        ("torch", "torch has no device ''"),
        ("torch:gpu", "torch has no device 'gpu'; did you mean 'cuda'"),
        ("torch:randn", r"no device 'randn'. Expected torch:DEVICE\[:DTYPE\]"),
        ("torch:cpu:int8", "unknown type 'int8'"),
        ("torch:cpu:7", "unknown type '7'"),
        ("noise.py:make", "is a path; name the module and start in its folder, as in noise:make"),
        ("some/noise:make", "is a path.*as in noise:make"),
        (":make", "unknown generator ':make'"),
        ("noise:", "unknown generator 'noise:'"),
        ("no_such_module_:make", "no module named 'no_such_module_' in .* or on Python's path"),
        ("nunpy:PCG64", "no module named 'nunpy'.*did you mean 'numpy:PCG64'"),
        ("gausscheck.no_such:make", "no module named 'gausscheck.no_such'"),
        ("math:nothing_like_it", "the module 'math' .*has no 'nothing_like_it'; check"),
        ("numpy.random:default_rgn", "has no 'default_rgn'; did you mean 'default_rng'"),
        ("math:pi.imga", "the object 'math.pi' has no 'imga'; did you mean 'imag'"),
        ("math:pi", "math:pi is a float, which is no generator"),
    ],
)
def test_names_that_mean_nothing(spec, message):
    with pytest.raises(ArgumentError, match=message):
        open_generator(spec)


def test_no_device():
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(ArgumentError, match="cannot use the device cuda here") as caught:
        open_generator("torch:cuda:bfloat16")
    assert caught.value.__cause__ is not None
    # One sentence, whatever torch has to say of linkers.
    assert len(str(caught.value)) < 200


def test_paths_are_no_generators(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("noise.npy", "values", "noise.py"):
        (tmp_path / name).write_bytes(b"x")
    for name, message in (
        ("noise.npy", "with: gausscheck audit noise.npy"),
        ("values", "with: gausscheck audit values"),
        ("missing.safetensors", "with: gausscheck audit missing.safetensors"),
        (".", "with: gausscheck audit ."),
        ("1.gcs", "is a shard.* gausscheck merge 1.gcs"),
        ("noise.py", "as in noise:draw"),
    ):
        with pytest.raises(ArgumentError, match=message):
            open_generator(name)


@pytest.mark.parametrize(
    ("word", "name"),
    [
        *((word, "float32") for word in ("fp32", "f32", "float", "F32", "Float32")),
        *((word, "float64") for word in ("fp64", "f64", "double")),
        *((word, "float16") for word in ("fp16", "f16", "half")),
        *((word, "bfloat16") for word in ("bf16", "BF16")),
        *((word, "float8_e4m3fn") for word in ("fp8_e4m3", "F8_E4M3")),
        *((word, "float8_e5m2") for word in ("fp8_e5m2", "F8_E5M2")),
    ],
)
def test_other_names_of_storage_formats(word, name):
    assert open_generator("-", dtype=word, reader=io.BytesIO()).dtype == name
    if name in ("float32", "float64"):
        assert open_generator(f"numpy:PCG64:{word}").dtype == name


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("numpy:PCG64:float32", {"dtype": "float64"}, "gives float32 values, dtype asks for float64"),
        ("numpy:PCG64", {"dtype": "bfloat16"}, "unknown type 'bfloat16'"),
        (
            "numpy:PCG64",
            {"dtype": "doubel"},
            "unknown storage format 'doubel'; did you mean 'double'.*Known: float64",
        ),
        ("numpy:PCG64", {"reader": sys.stdin}, "only read by the source '-'"),
        (np.zeros(4), {}, r"got a ndarray, which is no generator.*audit\(\) tests the values of an array"),
        (torch.zeros(4), {}, "got a Tensor, which is no generator"),
        (3, {}, "got a int, which is no generator"),
        (None, {}, "got a NoneType"),
        ([0.1, 0.2], {}, "got a list"),
        ([], {}, "got a list"),
        ({"x": np.zeros(3)}, {}, "got a dict"),
        (b"numpy:PCG64", {}, "got a bytes"),
    ],
)
def test_what_is_no_generator(source, options, message):
    with pytest.raises(ArgumentError, match=message):
        open_generator(source, **options)


def test_an_open_generator_is_taken_as_it_is():
    opened = open_generator("numpy:PCG64")
    assert open_generator(opened) is opened
    assert open_generator(opened, dtype="float32") is opened
    with pytest.raises(ArgumentError, match="is open already, and gives float32"):
        open_generator(opened, dtype="float64")
    assert isinstance(opened, GeneratorSource)


# JAX, which is not among the packages that tests need: a module that stands for it


def fake_jax(x64=False):
    """What is called of JAX, with keys that are integers."""
    jax, config = types.ModuleType("jax"), types.SimpleNamespace(jax_enable_x64=x64)

    def normal(key, shape, dtype):
        return np.random.default_rng(key).standard_normal(shape).astype(dtype)

    jax.config = config
    jax.random = types.SimpleNamespace(
        key=lambda seed: seed + 100, split=lambda key: (key + 1, 1000 * key), normal=normal
    )
    return jax


def test_jax(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", fake_jax())
    draw = open_generator("jax:float16").start(5)
    got = draw.take(BLOCK + 4)
    assert got.dtype == "float16"
    second = np.random.default_rng(106_000).standard_normal(BLOCK).astype("float16")
    np.testing.assert_array_equal(got.data[BLOCK:], second[:4])
    assert open_generator("jax").dtype == "float32"
    with pytest.raises(ArgumentError, match="JAX_ENABLE_X64=1"):
        open_generator("jax:float64")
    monkeypatch.setitem(sys.modules, "jax", fake_jax(x64=True))
    assert taken("jax:float64").dtype == "float64"


def test_jax_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(ArgumentError, match="JAX is not installed; install it with: pip install jax"):
        open_generator("jax:bfloat16")


def test_jax_itself():
    jax = pytest.importorskip("jax")
    key = jax.random.split(jax.random.key(5))[1]
    plain = np.asarray(jax.random.normal(key, (BLOCK,), dtype="float32"))[:N]
    np.testing.assert_array_equal(taken("jax").data, plain)


def test_torch_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ArgumentError, match=r"torch is not installed.*pip install 'gausscheck\[torch\]'"):
        open_generator("torch:cpu")


# Modules


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current directory, whose modules are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_a_module_of_the_current_directory(here):
    text = """
import numpy as np
import beside_it_
def make(size, seed):
    return beside_it_.scale * np.random.default_rng(seed).standard_normal(size)
class Kept:
    class Inner:
        @staticmethod
        def make(size):
            return np.zeros(size)
"""
    (here / "made_here_.py").write_text(text)
    (here / "beside_it_.py").write_text("scale = 1.0")
    path = list(sys.path)
    opened = open_generator("made_here_:make")
    assert (opened.name, opened.reseeds, opened.dtype) == ("made_here_:make", True, None)
    assert opened.start(1).take(4).size == 4
    assert not open_generator("made_here_:Kept.Inner.make").reseeds
    assert sys.path == path


def test_a_module_in_a_package(here):
    (here / "pack_here_").mkdir()
    (here / "pack_here_/__init__.py").write_text("")
    (here / "pack_here_/inner.py").write_text("def make(size): return size * [0.5]")
    assert taken("pack_here_.inner:make").data[0] == 0.5


def test_the_path_is_restored_after_a_failure_and_what_the_module_adds_stays(here):
    (here / "adds_.py").write_text("import sys\nsys.path.insert(0, 'added')\ndef make(size): return None")
    path = list(sys.path)
    with pytest.raises(ArgumentError):
        open_generator("no_such_module_:make")
    assert sys.path == path
    open_generator("adds_:make")
    assert sys.path == ["added", *path]
    sys.path[:] = path


def test_a_module_that_raises(here):
    (here / "raises_.py").write_text("1 / 0")
    with pytest.raises(GeneratorError, match=r"raises_:make raised ZeroDivisionError.*imported") as caught:
        open_generator("raises_:make")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_module_that_lacks_another(here):
    (here / "lacks_.py").write_text("import no_such_module_")
    with pytest.raises(GeneratorError, match="raised ModuleNotFoundError: No module named 'no_such_module_'"):
        open_generator("lacks_:make")


def test_nothing_heavy_is_imported():
    """Names and callables cost no import of torch."""
    code = (
        "import sys; from gausscheck.sources.generators import open_generator; "
        "open_generator('numpy:PCG64').start(1).take(1); open_generator(lambda size: [0.0] * size); "
        "assert not {'torch', 'numba', 'scipy', 'jax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
