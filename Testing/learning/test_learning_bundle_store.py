"""The store of bundles: shipped and added ones, listed even when broken."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bundle_cases import TASK, make_bundle

from abdominal_oncology.errors import ChangedFileError, InvalidInputError, MissingInputError, UnreadableFileError
from abdominal_oncology.learning.bundle import layout, load, write
from abdominal_oncology.learning.bundle.archive import pack
from abdominal_oncology.learning.bundle.foreign import UntrustedBundleError, foreign_sha256
from abdominal_oncology.learning.bundle.load import load_bundle
from abdominal_oncology.learning.bundle.store import Store, installed_store
from abdominal_oncology.learning.bundle.write import export_bundle


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tiny-phases 1.0.0, 1.9.0 and 1.10.0; other-phases 1.0.0."""
    folder = tmp_path_factory.mktemp("sources")
    for version in ("1.0.0", "1.9.0", "1.10.0"):
        make_bundle(folder, version=version)
    make_bundle(folder, name="other-phases")
    return folder


@pytest.fixture
def store(tmp_path: Path, source: Path) -> Store:
    shutil.copytree(source / "tiny-phases-1.0.0", tmp_path / "shipped" / "tiny-phases-1.0.0")
    return Store(tmp_path / "user", [tmp_path / "shipped", tmp_path / "not there"])


def test_an_empty_store_is_no_error(tmp_path: Path) -> None:
    store = Store(tmp_path / "none")
    assert store.list() == []
    assert not (tmp_path / "none").exists()
    with pytest.raises(MissingInputError, match=r"no bundle called 'x'.*bundle add"):
        store.find("x")
    with pytest.raises(MissingInputError, match="no bundle for the task 'phase'"):
        store.default("phase")


def test_lists_shipped_and_added_newest_first(store: Store, source: Path) -> None:
    for name in ("tiny-phases-1.10.0", "other-phases-1.0.0", "tiny-phases-1.9.0"):
        entry = store.add(source / name)
        assert (entry.where, entry.problem, entry.trained_on) == ("user", "", "phantoms")
    rows = [(each.name, each.version, each.where) for each in store.list()]
    assert rows == [
        ("other-phases", "1.0.0", "user"),
        ("tiny-phases", "1.10.0", "user"),
        ("tiny-phases", "1.9.0", "user"),
        ("tiny-phases", "1.0.0", "shipped"),
    ]
    assert store.find("tiny-phases", TASK).facts.version == "1.10.0"
    assert store.find("tiny-phases", version="1.9.0").facts.version == "1.9.0"
    assert store.find("tiny-phases-1.0.0").facts.version == "1.0.0"
    assert store.find(source / "other-phases-1.0.0").path == source / "other-phases-1.0.0"
    with pytest.raises(InvalidInputError, match="for the task"):
        store.find("tiny-phases", "phase")
    with pytest.raises(MissingInputError, match=r"in version 3.*other-phases, tiny-phases"):
        store.find("tiny-phases", version="3")


def test_the_default_is_the_first_wanted_or_the_only_one(store: Store, source: Path) -> None:
    assert store.default(TASK).facts.version == "1.0.0"
    store.add(source / "tiny-phases-1.10.0")
    assert store.default(TASK).facts.version == "1.10.0"
    store.add(source / "other-phases-1.0.0")
    with pytest.raises(InvalidInputError, match=r"several bundles.*other-phases, tiny-phases"):
        store.default(TASK)
    assert store.default(TASK, ("none", "other-phases", "tiny-phases")).facts.name == "other-phases"


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_added_bundles_are_whole(form: str, store: Store, source: Path, tmp_path: Path) -> None:
    path = source / "tiny-phases-1.9.0"
    if form == "zip":
        pack(path, tmp_path / "any name.zip")
        path = tmp_path / "any name.zip"
    entry = store.add(path)
    assert entry.path == store.user / "tiny-phases-1.9.0"
    assert load_bundle(entry.path).sha256 == load_bundle(source / "tiny-phases-1.9.0").sha256
    assert [each.name for each in store.user.iterdir()] == ["tiny-phases-1.9.0"]


def test_broken_bundles_are_rows(store: Store, source: Path) -> None:
    good = store.add(source / "tiny-phases-1.10.0").path
    for number, name in enumerate([layout.METADATA, layout.HASHES, layout.WEIGHTS, layout.CARD]):
        bad = Path(shutil.copytree(good, store.user / f"bad-{number}"))
        (bad / name).write_text("{")
    (store.user / "empty").mkdir()
    (store.user / "a file").write_text("")
    newer = Path(shutil.copytree(good, store.user / "newer"))
    table = json.loads((newer / layout.METADATA).read_text())
    table[layout.OWN_KEY]["format"] = 9
    (newer / layout.METADATA).write_text(json.dumps(table))
    rows = {each.path.name: each.problem for each in store.list()}
    assert len(rows) == 8
    assert {name for name, problem in rows.items() if not problem} == {"tiny-phases-1.10.0", "tiny-phases-1.0.0"}
    assert "JSON" in rows["bad-0"]
    assert rows["bad-2"].endswith("model.safetensors")
    assert "format 9" in rows["newer"]


def test_a_changed_newest_bundle_is_told_not_passed_over(store: Store, source: Path) -> None:
    path = store.add(source / "tiny-phases-1.10.0").path / layout.WEIGHTS
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ChangedFileError) as error:
        store.find("tiny-phases")
    assert Path(error.value.where) == path


def test_adding_twice_does_nothing_and_other_content_is_refused(store: Store, source: Path, tmp_path: Path) -> None:
    first = store.add(source / "tiny-phases-1.9.0")
    stamp = (first.path / layout.WEIGHTS).stat().st_mtime_ns
    assert store.add(source / "tiny-phases-1.9.0") == first
    assert (first.path / layout.WEIGHTS).stat().st_mtime_ns == stamp
    other = make_bundle(tmp_path / "other", seed=5, version="1.9.0")
    with pytest.raises(InvalidInputError, match=r"another bundle tiny-phases 1\.9\.0 with other content.*--replace"):
        store.add(other)
    with pytest.raises(InvalidInputError, match="another bundle"):  # a shipped one counts, too
        store.add(make_bundle(tmp_path / "other", seed=5))
    assert load_bundle(first.path).sha256 != load_bundle(other).sha256
    assert load_bundle(store.add(other, replace=True).path).sha256 == load_bundle(other).sha256


def test_an_exported_copy_of_what_is_there_is_the_same(store: Store, source: Path, tmp_path: Path) -> None:
    export_bundle(load_bundle(source / "tiny-phases-1.0.0"), tmp_path / "carried")
    assert store.add(tmp_path / "carried").where == "shipped"
    assert not store.user.exists()


def test_a_broken_bundle_gives_way_to_a_whole_one(store: Store, source: Path) -> None:
    path = store.add(source / "tiny-phases-1.9.0").path
    (path / layout.METADATA).unlink()
    assert store.add(source / "tiny-phases-1.9.0").problem == ""
    assert load_bundle(path).facts.version == "1.9.0"


def test_what_is_no_bundle_is_not_added(store: Store, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(MissingInputError, match=r"metadata\.json"):
        store.add(tmp_path / "folder")
    with pytest.raises(MissingInputError, match="no such bundle"):
        store.add(tmp_path / "nothing.zip")
    (tmp_path / "text.zip").write_text("text")
    with pytest.raises(UnreadableFileError, match="zip"):
        store.add(tmp_path / "text.zip")
    broken = make_bundle(tmp_path)
    (broken / layout.CARD).write_text("changed")
    with pytest.raises(ChangedFileError):
        store.add(broken)
    assert not store.user.exists()


def test_removes_added_ones_only(store: Store, source: Path) -> None:
    store.add(source / "tiny-phases-1.9.0")
    store.add(source / "tiny-phases-1.10.0")
    assert store.remove("tiny-phases").version == "1.10.0"
    assert store.remove("tiny-phases", "1.9.0").version == "1.9.0"
    assert list(store.user.iterdir()) == []
    with pytest.raises(InvalidInputError, match=r"tiny-phases 1\.0\.0 belongs to the extension"):
        store.remove("tiny-phases")
    with pytest.raises(MissingInputError, match="no bundle called"):
        store.remove("../shipped")
    assert len(store.list()) == 1


def test_a_broken_bundle_can_be_removed(store: Store, source: Path) -> None:
    path = store.add(source / "tiny-phases-1.9.0").path
    (path / layout.METADATA).write_text("{")
    store.remove("tiny-phases-1.9.0")
    assert not path.exists()


@pytest.mark.parametrize("call", ["mkdir", "rename"])
def test_a_folder_that_cannot_be_written_is_named(
    call: str, store: Store, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, call, refuse)
    with pytest.raises(InvalidInputError, match="cannot be written: Permission denied") as error:
        store.add(source / "tiny-phases-1.9.0")
    assert error.value.where == str(store.user)


def test_a_full_disk_is_named_and_leaves_nothing(store: Store, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write.shutil, "copyfile", full)
    with pytest.raises(InvalidInputError, match="cannot be written"):
        store.add(source / "tiny-phases-1.9.0")
    assert list(store.user.iterdir()) == []


def test_what_a_killed_process_left_is_swept_a_day_later(store: Store, source: Path) -> None:
    fresh, old = store.user / f"{write.PARTIAL}1", store.user / f"{write.PARTIAL}2"
    for folder in (fresh, old):
        folder.mkdir(parents=True)
    two_days_ago = time.time() - 2 * 86400
    os.utime(old, (two_days_ago, two_days_ago))
    store.add(source / "tiny-phases-1.9.0")
    assert [each.version for each in store.list()] == ["1.9.0", "1.0.0"]
    assert fresh.exists()
    assert not old.exists()


_ADD = (
    "import sys, time; from pathlib import Path; from abdominal_oncology.learning.bundle.store import Store;"
    "from abdominal_oncology.errors import InvalidInputError;"
    "start = float(sys.argv[3]); time.sleep(max(0, start - time.time()));\n"
    "try: print(Store(Path(sys.argv[1])).add(Path(sys.argv[2])).problem or 'added')\n"
    "except InvalidInputError as error: print(error.problem)"
)


@pytest.mark.parametrize("same", [True, False])
def test_two_processes_may_add_at_once(same: bool, source: Path, tmp_path: Path) -> None:
    one = source / "tiny-phases-1.0.0"
    two = one if same else make_bundle(tmp_path / "second", seed=8)
    start = str(time.time() + 2)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _ADD, str(tmp_path / "user"), str(path), start], stdout=subprocess.PIPE, text=True
        )
        for path in (one, two)
    ]
    said = sorted(process.communicate()[0].strip() for process in running)
    assert said[0] == "added"
    assert said[1] == "added" if same else "with other content" in said[1]
    entries = Store(tmp_path / "user").list()
    assert [each.problem for each in entries] == [""]
    assert load_bundle(entries[0].path).sha256 in {load_bundle(one).sha256, load_bundle(two).sha256}
    assert [each.name for each in (tmp_path / "user").iterdir()] == ["tiny-phases-1.0.0"]


def test_a_bundle_by_others_is_added_only_with_its_hash(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "spleen"
    (folder / "configs").mkdir(parents=True)
    (folder / layout.METADATA).write_text('{"version": "1"}')
    digest = foreign_sha256(folder)
    with pytest.raises(UntrustedBundleError, match=f"can run any program.*--allow {digest}"):
        store.add(folder)
    with pytest.raises(UntrustedBundleError):
        store.add(folder, allow="0" * 64)
    with pytest.raises(InvalidInputError, match="64 digits"):
        store.add(folder, allow="yes")
    assert store.allowed() == frozenset()
    entry = store.add(folder, allow=digest)
    assert (entry.name, entry.task, entry.problem) == ("spleen", "by others", "")
    assert Store(store.user).allowed() == {digest}
    assert store.open_foreign(entry.path).sha256 == digest
    (entry.path / "configs" / "more.json").write_text("{}")
    with pytest.raises(UntrustedBundleError):
        store.open_foreign(entry.path)
    store.remove("spleen")


def test_the_users_folder_follows_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ABDOMINAL_ONCOLOGY_BUNDLES", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
    monkeypatch.setenv("XDG_DATA_HOME", "")
    for platform, wanted in (
        ("win32", "Local/AbdominalOncology/Bundles"),
        ("darwin", "Library/Application Support/AbdominalOncology/Bundles"),
        ("linux", ".local/share/abdominal-oncology/bundles"),
    ):
        monkeypatch.setattr(load.sys, "platform", platform)
        assert load.user_folder() == tmp_path / wanted
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert load.user_folder() == tmp_path / "data" / "abdominal-oncology" / "bundles"
    monkeypatch.setenv("ABDOMINAL_ONCOLOGY_BUNDLES", str(tmp_path / "mine"))
    assert installed_store().user == tmp_path / "mine"


def test_shipped_models_lie_beside_the_package() -> None:
    """The same place in the checkout and where CMake installs it."""
    import abdominal_oncology

    beside = Path(abdominal_oncology.__file__).resolve().parents[1]
    assert installed_store().shipped == (beside / "Resources" / "Models",)


def test_listing_does_not_import_torch(source: Path) -> None:
    """A panel lists the models when it opens."""
    program = (
        "import sys; from pathlib import Path; from abdominal_oncology.learning.bundle.store import Store;"
        "s = Store(Path(sys.argv[1])); assert len(s.list()) == 4; s.find('tiny-phases').card;"
        "print([m for m in ('torch', 'monai', 'safetensors', 'onnxruntime', 'numpy') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program, str(source)], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
