"""A file is there whole or not at all; what was changed is seen without reading it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from abdominal_oncology.files import replacing, stamps, write_atomically


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


def test_stamps_tell_what_was_changed_added_or_removed(tmp_path: Path) -> None:
    folder, file = tmp_path / "folder" / "inner", tmp_path / "single.txt"
    folder.mkdir(parents=True)
    file.write_text("one")
    (folder / "a").write_text("one")
    places = (folder.parent, file, tmp_path / "nowhere")
    seen = [stamps(*places)]
    assert [Path(name).name for name, _, _ in seen[0]] == ["a", "single.txt"]
    assert stamps(*places) == seen[0]
    (folder / "a").write_text("three")
    seen.append(stamps(*places))
    state = (folder / "a").stat()
    (folder / "a").write_text("seven")  # as long as before
    os.utime(folder / "a", ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    seen.append(stamps(*places))
    (folder / "b").write_text("")
    seen.append(stamps(*places))
    (folder / "a").unlink()
    seen.append(stamps(*places))
    file.unlink()
    seen.append(stamps(*places))
    assert len(set(seen)) == len(seen)
