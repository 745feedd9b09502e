"""The store: bundles that came with the extension, and those that the user added."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as replace_field
from pathlib import Path
from typing import Literal

from abdominal_oncology.errors import AbdominalOncologyError, InvalidInputError, MissingInputError
from abdominal_oncology.files import Stamps, stamps, write_atomically
from abdominal_oncology.learning.bundle.archive import unpack
from abdominal_oncology.learning.bundle.foreign import ForeignBundle, foreign_sha256, load_foreign
from abdominal_oncology.learning.bundle.hashes import check_listing, read_json, verify
from abdominal_oncology.learning.bundle.layout import METADATA, OWN_KEY, folder_name, version_key
from abdominal_oncology.learning.bundle.load import UNPACKED, Bundle, facts_in, is_foreign, load_bundle, user_folder
from abdominal_oncology.learning.bundle.write import PARTIAL, copy_bundle, new_folder

_ALLOWED = "allowed-sha256.txt"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SECONDS_PER_DAY = 86400


@dataclass(frozen=True)
class BundleEntry:
    """A row of the list. ``problem`` says why it cannot be used; names of a broken bundle are those of its folder."""

    name: str
    version: str
    task: str
    where: Literal["shipped", "user"]
    trained_on: str
    path: Path
    problem: str = ""


class Store:
    """``user`` need not exist before something is added. Shipped folders are only read."""

    def __init__(self, user: Path, shipped: Sequence[Path] = ()) -> None:
        self.user = user
        self.shipped = tuple(shipped)

    @property
    def onnx_cache(self) -> Path:
        """Where predictors keep the ONNX files of bundles that came without one."""
        return self.user / ".onnx"

    def stamps(self) -> Stamps:
        """Of the files of all bundles: what was found before is still true as long as they are the same."""
        folders = [folder for place in (self.user, *self.shipped) for folder in _folders(place)]
        return stamps(*folders, self.user / UNPACKED)

    def list(self) -> Sequence[BundleEntry]:
        """All bundles by name, the newest version first. Quick: sizes are compared, bytes are not read."""
        entries = [_entry(path, "user") for path in _folders(self.user)]
        entries += [_entry(path, "shipped") for folder in self.shipped for path in _folders(folder)]
        entries.sort(key=lambda each: each.where)  # stable sorts: shipped before user, so that after reversing …
        entries.sort(key=lambda each: version_key(each.version))
        entries.reverse()  # … the newest comes first, and of equals the user's own
        return sorted(entries, key=lambda each: each.name)

    def find(self, name: str | Path, task: str | None = None, version: str = "") -> Bundle:
        """Open by name (the newest version, unless one is given) or by path (folder or zip); every byte is checked."""
        path = Path(name)
        if isinstance(name, Path) or path.exists() or path.suffix == ".zip" or len(path.parts) > 1:
            return load_bundle(path, task=task, unpacked=self.user)
        return load_bundle(self.entry(str(name), version).path, task=task)

    def entry(self, name: str, version: str = "") -> BundleEntry:
        """The newest bundle of this name; ``name-version`` is a name, too."""
        entries = self.list()
        found = [each for each in entries if each.name == name and version in ("", each.version)]
        found += [each for each in entries if not version and f"{each.name}-{each.version}" == name]
        if not found:
            known = ", ".join(dict.fromkeys(each.name for each in entries))
            raise MissingInputError(
                f"there is no bundle called {name!r}{f' in version {version}' if version else ''}",
                where=self.user,
                remedy=f"choose one of {known or 'none: add one with `abdominal-oncology bundle add`'}",
            )
        return found[0]

    def default(self, task: str, order: Sequence[str] = ()) -> Bundle:
        """The first of ``order`` that is there, else the only one for the task."""
        usable = [each for each in self.list() if each.task == task and not each.problem]
        names = list(dict.fromkeys(each.name for each in usable))
        preferred = [name for name in order if name in names]
        if not names:
            raise MissingInputError(
                f"there is no bundle for the task {task!r}",
                where=self.user,
                remedy="add one with `abdominal-oncology bundle add`, or train one",
            )
        if not preferred and len(names) > 1:
            raise InvalidInputError(
                f"there are several bundles for the task {task!r}: {', '.join(names)}", remedy="name one of them"
            )
        chosen = next(each for each in usable if each.name == (preferred or names)[0])
        return load_bundle(chosen.path, task=task)

    def add(self, source: Path, *, replace: bool = False, allow: str = "") -> BundleEntry:
        """Copy a bundle (folder or zip) into the user's folder; gives its row.

        Adding what is there already does nothing; other content under the same name and version is refused unless
        ``replace``. ``allow`` is the hash of a bundle by others that the user trusts; it is kept.
        """
        if allow and not _SHA256.fullmatch(allow):
            raise InvalidInputError("a sha256 has 64 digits 0 to 9 and a to f", where="--allow")
        if source.is_dir():
            return self._add_folder(source, source.name, replace, allow)
        if not source.is_file():
            raise MissingInputError("there is no such bundle", where=source, remedy="name a folder or a zip")
        with tempfile.TemporaryDirectory(prefix="bundle-") as temporary:
            folder = Path(temporary) / source.stem
            with new_folder(folder) as partial:
                unpack(source, partial)
            return self._add_folder(folder, source.stem, replace, allow)

    def remove(self, name: str, version: str = "") -> BundleEntry:
        """Delete a bundle of the user's; gives the row that it had."""
        entry = self.entry(name, version)
        if entry.where == "shipped":
            raise InvalidInputError(
                f"the bundle {entry.name} {entry.version} belongs to the extension and stays",
                where=entry.path,
                remedy="remove only bundles that the list calls `user`",
            )
        doomed = entry.path.with_name(f"{PARTIAL}{entry.path.name}")
        try:
            entry.path.rename(doomed)  # gone at once for everybody else
            shutil.rmtree(doomed)
        except OSError as error:
            raise InvalidInputError(f"the bundle cannot be removed: {error.strerror}", where=entry.path) from error
        return entry

    def allowed(self) -> frozenset[str]:
        """The hashes of bundles by others that the user has allowed."""
        try:
            lines = (self.user / _ALLOWED).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return frozenset()
        return frozenset(line.strip() for line in lines if _SHA256.fullmatch(line.strip()))

    def open_foreign(self, folder: Path) -> ForeignBundle:
        """A MONAI bundle by others; refused unless its hash was allowed."""
        return load_foreign(folder, self.allowed())

    def _add_folder(self, source: Path, title: str, replace: bool, allow: str) -> BundleEntry:
        if is_foreign(source):
            return self._add_foreign(source, title, replace, allow)
        bundle = load_bundle(source)
        name = folder_name(bundle.facts)
        twin = next((e for e in self.list() if not e.problem and f"{e.name}-{e.version}" == name), None)
        if twin and verify(twin.path).content_sha256 == bundle.verified.content_sha256:
            return twin
        if twin and not replace:
            raise _taken(twin)
        return self._copy(source, name, replace)

    def _add_foreign(self, source: Path, title: str, replace: bool, allow: str) -> BundleEntry:
        if not re.fullmatch(r"[\w][\w.-]*", title):
            raise InvalidInputError(f"{title!r} cannot be the name of a bundle", where=source, remedy="rename it")
        load_foreign(source, self.allowed() | {allow})  # refuses with the risk and the hash
        if allow:
            self._keep_allowed(allow)
        return self._copy(source, title, replace)

    def _copy(self, source: Path, name: str, replace: bool) -> BundleEntry:
        target = self.user / name
        _sweep(self.user)
        broken = target.exists() and bool(_entry(target, "user").problem)
        try:
            copy_bundle(source, target, replace=replace or broken)  # what cannot be used may give way
        except InvalidInputError:
            if replace or not target.exists():
                raise
            if foreign_sha256(source) != foreign_sha256(target):  # else another process added the same just now
                raise _taken(_entry(target, "user")) from None
        return _entry(target, "user")

    def _keep_allowed(self, digest: str) -> None:
        lines = sorted(self.allowed() | {digest})
        try:
            self.user.mkdir(parents=True, exist_ok=True)
            write_atomically(self.user / _ALLOWED, "".join(f"{line}\n" for line in lines).encode())
        except OSError as error:
            raise InvalidInputError(
                f"the folder of bundles cannot be written: {error.strerror}",
                where=self.user,
                remedy="name another one with the environment variable ABDOMINAL_ONCOLOGY_BUNDLES",
            ) from error


def installed_store() -> Store:
    """The user's folder, and the models that lie beside the package: in the checkout as well as installed."""
    return Store(user_folder(), (Path(__file__).resolve().parents[3] / "Resources" / "Models",))


def _folders(folder: Path) -> list[Path]:
    """The bundles in a folder; hidden ones are unfinished or unpacked."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:  # not there yet, or not for us
        return []


def _entry(path: Path, where: Literal["shipped", "user"]) -> BundleEntry:
    try:
        metadata = read_json(path / METADATA)  # once: it may be long
        if OWN_KEY not in metadata:
            return BundleEntry(path.name, "", "by others", where, "not known", path)
        facts = facts_in(metadata, path / METADATA, unfamiliar=False)
        entry = BundleEntry(facts.name, facts.version, facts.task, where, facts.trained_on, path)
    except AbdominalOncologyError as error:
        return BundleEntry(path.name, "", "", where, "", path, error.problem)
    try:
        check_listing(path)
    except AbdominalOncologyError as error:
        return replace_field(entry, problem=f"{error.problem}: {Path(error.where).name}")
    return entry


def _taken(entry: BundleEntry) -> InvalidInputError:
    return InvalidInputError(
        f"there is another bundle {entry.name} {entry.version} with other content",
        where=entry.path,
        remedy="give the new one a higher version, or add it with --replace",
    )


def _sweep(folder: Path) -> None:
    """Remove what a killed process left unfinished a day ago or earlier."""
    before = time.time() - _SECONDS_PER_DAY
    for path in (*folder.glob(f"{PARTIAL}*"), *folder.glob(f"{UNPACKED}/{PARTIAL}*")):
        try:
            if path.stat().st_mtime < before:
                shutil.rmtree(path, ignore_errors=True)
        except OSError:  # another process was faster
            continue
