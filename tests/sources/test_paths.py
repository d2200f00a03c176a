"""Files, folders and patterns become a sorted list of files."""

import json
import os
from pathlib import Path

import pytest
from sources.builders import info, safetensors_bytes

from gausscheck.errors import ArgumentError, FileFormatError
from gausscheck.sources import expand


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ["b.npy", "a.npz", "sub/c.latent", "sub/deep/D.SAFETENSORS", "readme.md", "e.ckpt"]:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    return tmp_path


def _names(paths: list[Path], root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in paths]


def test_folder_is_searched_for_known_endings(tree: Path) -> None:
    assert _names(expand([tree]), tree) == ["a.npz", "b.npy", "sub/c.latent", "sub/deep/D.SAFETENSORS"]


def test_files_are_taken_as_they_are(tree: Path) -> None:
    assert _names(expand([tree / "readme.md", str(tree / "b.npy")]), tree) == ["b.npy", "readme.md"]


def test_the_same_file_is_listed_once(tree: Path) -> None:
    (tree / "z.npy").symlink_to(tree / "b.npy")
    given = [tree / "b.npy", tree / "sub" / ".." / "b.npy", tree / "z.npy", tree / "*.npy", tree]
    assert _names(expand(given), tree) == ["a.npz", "b.npy", "sub/c.latent", "sub/deep/D.SAFETENSORS"]


def test_patterns_stand_for_what_a_shell_would_give(tree: Path) -> None:
    assert _names(expand([tree / "*.n*"]), tree) == ["a.npz", "b.npy"]
    assert _names(expand([tree / "**" / "*.latent"]), tree) == ["sub/c.latent"]
    assert _names(expand([tree / "s?b"]), tree) == ["sub/c.latent", "sub/deep/D.SAFETENSORS"]


def test_a_file_whose_name_looks_like_a_pattern(tree: Path) -> None:
    (tree / "x[1].npy").write_bytes(b"")
    (tree / "x1.npy").write_bytes(b"")
    assert _names(expand([tree / "x[1].npy"]), tree) == ["x[1].npy"]


def test_nothing_found_says_what_was_looked_for(tree: Path) -> None:
    (tree / "empty").mkdir()
    wanted = r"looked for \*.safetensors, \*.latent, \*.npy, \*.npz, \*.pt, \*.pth, \*.safetensors.index.json"
    with pytest.raises(ArgumentError, match=wanted):
        expand([tree / "b.npy", tree / "empty"])
    with pytest.raises(ArgumentError, match=r"pattern '.*\*.h5' matches no file"):
        expand([tree / "*.h5"])
    with pytest.raises(FileFormatError, match=r"gone.npy: does not exist; check the path"):
        expand([tree / "gone.npy"])
    with pytest.raises(ArgumentError, match="no path was given"):
        expand([])
    with pytest.raises(ArgumentError, match="an empty path was given"):
        expand(["", tree])


def test_a_loop_of_links_ends(tree: Path) -> None:
    (tree / "sub" / "up").symlink_to(tree, target_is_directory=True)
    # A single loop ends at the system's limit of links; two of them would take 2**40 steps.
    (tree / "sub" / "again").symlink_to(tree, target_is_directory=True)
    (tree / "sub" / "self").symlink_to("self")
    assert len(expand([tree])) == 4


def test_links_to_folders_are_followed(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "f.npy").write_bytes(b"")
    (tree / "sub" / "other").symlink_to(other, target_is_directory=True)
    assert "sub/other/f.npy" in _names(expand([tree]), tree)


def test_broken_links_are_listed_for_opening_to_report(tree: Path) -> None:
    (tree / "lost.npy").symlink_to(tree / "nowhere.npy")
    assert "lost.npy" in _names(expand([tree]), tree)


def test_names_that_no_file_can_have() -> None:
    for name in ["a\0b", "a" * 5000]:
        with pytest.raises(FileFormatError, match=r"does not exist|cannot be read \(File name too long\)"):
            expand([name])


def _index(folder: Path, text: str) -> None:
    for name in ["m-1.safetensors", "m-2.safetensors", "alone.safetensors"]:
        (folder / name).write_bytes(safetensors_bytes({"x": info()}, bytes(8)))
    (folder / "m.safetensors.index.json").write_text(text)


def test_an_index_takes_the_place_of_its_shards(tmp_path: Path) -> None:
    _index(tmp_path, json.dumps({"weight_map": {"x": "m-1.safetensors", "y": "m-2.safetensors"}}))
    for given in [tmp_path, tmp_path / "*"]:
        assert _names(expand([given]), tmp_path) == ["alone.safetensors", "m.safetensors.index.json"]
    named = tmp_path / "m-1.safetensors"
    assert named in expand([tmp_path, named])


def test_a_broken_index_hides_nothing(tmp_path: Path) -> None:
    _index(tmp_path, "{")
    assert len(expand([tmp_path])) == 4


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="rights do not bind this user")
def test_a_folder_without_the_right_to_read(tree: Path) -> None:
    (tree / "sub").chmod(0)
    try:
        with pytest.raises(FileFormatError, match="folder cannot be read"):
            expand([tree])
    finally:
        (tree / "sub").chmod(0o700)
