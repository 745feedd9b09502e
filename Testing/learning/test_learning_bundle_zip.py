"""A bundle travels as a zip; a zip that would write elsewhere or without end is refused."""

from __future__ import annotations

import io
import shutil
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from bundle_cases import make_bundle

from abdominal_oncology.errors import AbdominalOncologyError, InvalidInputError, MissingInputError, UnreadableFileError
from abdominal_oncology.learning.bundle import archive, layout
from abdominal_oncology.learning.bundle.archive import pack, unpack
from abdominal_oncology.learning.bundle.load import load_bundle
from abdominal_oncology.learning.bundle.write import export_zip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles"))


def _zip(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members:
            info = zipfile.ZipInfo("placeholder")
            info.filename = name  # as it is: the constructor would mend it
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, data)
    return path


def test_a_zip_is_the_bundle(written: Path, tmp_path: Path) -> None:
    pack(written, tmp_path / "carry.zip")
    bundle = load_bundle(tmp_path / "carry.zip", unpacked=tmp_path / "store")
    assert bundle.sha256 == load_bundle(written).sha256
    assert (tmp_path / "store") in bundle.path.parents
    assert load_bundle(tmp_path / "carry.zip", unpacked=tmp_path / "store").path == bundle.path
    with zipfile.ZipFile(tmp_path / "carry.zip") as file:
        assert {name.split("/")[0] for name in file.namelist()} == {written.name}


def test_a_zip_without_a_folder_around_is_taken_too(written: Path, tmp_path: Path) -> None:
    shutil.make_archive(str(tmp_path / "flat"), "zip", written)
    assert load_bundle(tmp_path / "flat.zip", unpacked=tmp_path).sha256 == load_bundle(written).sha256


def test_the_same_bundle_gives_the_same_zip(written: Path, tmp_path: Path) -> None:
    pack(written, tmp_path / "one.zip")
    pack(written, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_an_exported_zip_has_the_weights_for_monai(written: Path, tmp_path: Path) -> None:
    export_zip(load_bundle(written), tmp_path / "deep" / "carry.zip")
    bundle = load_bundle(tmp_path / "deep" / "carry.zip", unpacked=tmp_path / "store")
    assert layout.TORCH_WEIGHTS in bundle.verified.files
    with pytest.raises(InvalidInputError, match="exists already"):
        export_zip(load_bundle(written), tmp_path / "deep" / "carry.zip")


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/../../evil",
        "/evil",
        "C:/evil",
        "C:evil",
        "..\\evil",
        "a\\..\\..\\evil",
        "\\\\server\\evil",
        "a//evil",
        "./evil",
        "evil\x00.txt",
        "evil.",
        "evil ",
        "a/.. /evil",
    ],
)
def test_a_member_that_climbs_out_is_refused(name: str, tmp_path: Path) -> None:
    path = _zip(tmp_path / "evil.zip", ("configs/metadata.json", b"{}"), (name, b"x"))
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    with pytest.raises(UnreadableFileError, match="not unpacked") as error:
        unpack(path, inside)
    assert error.value.where == str(path)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(kind: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as file:
        info = zipfile.ZipInfo("models/model.safetensors")
        info.external_attr = (kind | 0o777) << 16
        file.writestr(info, "/etc/passwd")
    (tmp_path / "in").mkdir()
    with pytest.raises(UnreadableFileError, match="link or a device"):
        unpack(tmp_path / "link.zip", tmp_path / "in")


@pytest.mark.parametrize("names", [("a/x", "a/x"), ("a/X", "a/x"), ("a", "a/x"), ("A", "a/x")], ids=str)
def test_names_that_collide_are_refused(names: tuple[str, str], tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate") if names[0] == names[1] else _nothing():
        path = _zip(tmp_path / "twice.zip", (names[0], b"1"), (names[1], b"2"))
    (tmp_path / "in").mkdir()
    with pytest.raises(UnreadableFileError, match=r"twice|a file and a folder"):
        unpack(path, tmp_path / "in")


def _nothing() -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(), "w")  # a context manager that does nothing here


def test_a_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    path = _zip(tmp_path / "bomb.zip", ("weights", bytes(archive._FREE_BYTES + 1)))
    assert path.stat().st_size < 200_000
    (tmp_path / "in").mkdir()
    with pytest.raises(UnreadableFileError, match="far more than its own size"):
        unpack(path, tmp_path / "in")
    assert list((tmp_path / "in").iterdir()) == []


def test_a_bomb_that_lies_about_its_size_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_FREE_BYTES", 1 << 16)
    path = _zip(tmp_path / "bomb.zip", ("weights", bytes(8 << 20)))
    data = bytearray(path.read_bytes())
    size = struct.pack("<L", 8 << 20)
    for _ in range(data.count(size)):
        place = data.index(size)
        data[place : place + 4] = struct.pack("<L", 10)
    path.write_bytes(data)
    (tmp_path / "in").mkdir()
    with pytest.raises(UnreadableFileError):
        unpack(path, tmp_path / "in")
    assert sum(p.stat().st_size for p in (tmp_path / "in").rglob("*")) <= 2 << 20


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    path = _zip(tmp_path / "many.zip", *((f"a/{n}", b"") for n in range(1001)))
    (tmp_path / "in").mkdir()
    with pytest.raises(UnreadableFileError, match="1001 members"):
        unpack(path, tmp_path / "in")


def test_a_damaged_zip_is_named(written: Path, tmp_path: Path) -> None:
    whole = tmp_path / "carry.zip"
    pack(written, whole)
    data = whole.read_bytes()
    for number, bad in enumerate((b"", b"no zip", data[: len(data) // 2], data[:2000] + b"\x00" * 64 + data[2064:])):
        path = tmp_path / f"bad{number}.zip"
        path.write_bytes(bad)
        with pytest.raises(AbdominalOncologyError) as error:
            load_bundle(path, unpacked=tmp_path / "store")
        assert error.value.where
    assert list((tmp_path / "store").glob(".unpacked/.*")) == []
    with pytest.raises(UnreadableFileError, match="empty"):
        load_bundle(_zip(tmp_path / "none.zip"), unpacked=tmp_path / "store")


def test_a_zip_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such bundle"):
        load_bundle(tmp_path / "none.zip")
