"""Files are written whole or not at all."""

import errno
import os
import stat
from pathlib import Path

import pytest

from gausscheck.writing import cannot_write, write_whole


def test_writes_and_replaces(tmp_path: Path):
    target = tmp_path / "report.json"
    write_whole(target, b"one")
    write_whole(target, b"two")
    assert target.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [target]


def test_a_new_file_has_ordinary_permissions(tmp_path: Path):
    (tmp_path / "other").touch()
    write_whole(tmp_path / "report.json", b"")
    assert (tmp_path / "report.json").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_keeps_the_permissions_of_the_file_it_replaces(tmp_path: Path):
    target = tmp_path / "report.json"
    target.touch()
    target.chmod(0o640)
    write_whole(target, b"x")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_follows_links(tmp_path: Path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "there" / "real.json")
    write_whole(link, b"x")
    assert link.is_symlink()
    assert (tmp_path / "there" / "real.json").read_bytes() == b"x"


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_leaves_the_old_content_and_nothing_else(tmp_path: Path, monkeypatch, step, error):
    target = tmp_path / "report.json"
    target.write_bytes(b"old")

    def fail(*_args):
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        write_whole(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_cannot_write_says_why(tmp_path: Path):
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe.json")
    assert cannot_write(tmp_path / "report.json") == ""
    assert cannot_write(tmp_path / "file") == ""
    assert "is a folder" in cannot_write(tmp_path)
    assert "there is no folder" in cannot_write(tmp_path / "missing" / "report.json")
    assert "there is no folder" in cannot_write(tmp_path / "file" / "report.json")
    assert "not a regular file" in cannot_write(tmp_path / "pipe.json")


def test_cannot_write_into_a_read_only_folder(tmp_path: Path, monkeypatch):
    # Permissions do not bind root, so that the answer of the system is played.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "its folder cannot be written to" in cannot_write(tmp_path / "report.json")
