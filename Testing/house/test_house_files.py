"""A file is there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from abdominal_oncology.files import replacing, write_atomically


def test_replaces_an_existing_file(tmp_path: Path) -> None:
    path = tmp_path / "naïve résumé.txt"
    path.write_bytes(b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_keeps_the_old_file_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "volume.nii.gz"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        assert temporary.name.endswith(".nii.gz")
        temporary.write_bytes(b"half")
        raise RuntimeError("power cut")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
