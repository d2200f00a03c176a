"""Every hostile file ends in a FileFormatError that says what is wrong, before any data is looked at."""

from pathlib import Path

import pytest
from sources.attacks import ATTACKS

from gausscheck.errors import FileFormatError
from gausscheck.sources import open_source


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused_with_reason_and_path(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}{ATTACKS[name].ending}"
    file.write_bytes(ATTACKS[name].make())
    with pytest.raises(FileFormatError) as caught:
        open_source(file)
    assert ATTACKS[name].message in str(caught.value)
    assert str(file) in str(caught.value)


def test_claimed_header_of_2_gigabytes_is_not_allocated(tmp_path: Path) -> None:
    import tracemalloc

    file = tmp_path / "huge.safetensors"
    with file.open("wb") as out:
        out.write((2 << 30).to_bytes(8, "little") + b"{")
        out.truncate(3 << 30)  # sparse: the claimed header would fit into the file
    tracemalloc.start()
    with pytest.raises(FileFormatError, match="over the limit"):
        open_source(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
