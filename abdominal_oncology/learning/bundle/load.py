"""Loading a bundle: every file is checked before anything in it is used, and nothing in it is run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abdominal_oncology.errors import InvalidInputError, MissingInputError, UnreadableFileError
from abdominal_oncology.learning.bundle import layout
from abdominal_oncology.learning.bundle.archive import unpack
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.bundle.facts_json import facts_from_table
from abdominal_oncology.learning.bundle.hashes import Verified, check_format, read_json, sha256_of, verify
from abdominal_oncology.learning.bundle.write import new_folder

if TYPE_CHECKING:
    from torch import Tensor, nn


UNPACKED = ".unpacked"
"""Below the user's folder of bundles: what zips held, by their hash."""


@dataclass(frozen=True)
class Bundle:
    """A verified bundle on disk. ``path`` is its folder."""

    path: Path
    facts: BundleFacts
    verified: Verified

    @property
    def sha256(self) -> str:
        """Over all files."""
        return self.verified.sha256

    @property
    def weights_sha256(self) -> str:
        return self.verified.files[layout.WEIGHTS].sha256

    @property
    def onnx_path(self) -> Path | None:
        """The network as ONNX, where the bundle has it."""
        return self.path / layout.ONNX if layout.ONNX in self.verified.files else None

    @property
    def card(self) -> str:
        """The page for people, as Markdown."""
        return (self.path / layout.CARD).read_text(encoding="utf-8")

    def state_dict(self) -> dict[str, Tensor]:
        """The weights on the CPU, floats as float32."""
        from abdominal_oncology.learning.bundle.weights import read_weights

        return read_weights(self.path / layout.WEIGHTS)

    def network(self, load_task: Callable[[str], Any] | None = None) -> nn.Module:
        """The network with its weights, on the CPU, ready to answer. torch's random state is left as it was.

        ``load_task`` is called with the task's name before: it imports the clinical room, which registers its networks.
        """
        import torch

        from abdominal_oncology.learning.bundle.weights import fit_weights
        from abdominal_oncology.learning.networks import find_network

        if load_task:
            load_task(self.facts.task)
        registered = find_network(self.facts.task, self.facts.network)
        with torch.random.fork_rng(devices=[]):
            network = registered.build(len(self.facts.classes), **self.facts.network_options)
        fit_weights(network, self.state_dict(), self.path / layout.WEIGHTS)
        return network.eval()


def load_bundle(path: Path, *, task: str | None = None, unpacked: Path | None = None) -> Bundle:
    """Check and open a bundle: a folder, or a zip.

    A zip is unpacked below ``unpacked`` (None: the user's folder of bundles) by its hash, and found there the next
    time. ``task`` refuses a bundle for another one.
    """
    folder = path if path.is_dir() else _unpacked(path, unpacked or user_folder())
    facts = read_facts(folder)
    if task is not None and facts.task != task:
        raise InvalidInputError(
            f"this bundle is for the task {facts.task!r}, not {task!r}",
            where=path,
            remedy="choose a bundle from `abdominal-oncology bundle list`",
        )
    verified = verify(folder)
    lacking = sorted(layout.OWN_FILES - {layout.HASHES} - set(verified.files))
    if lacking:
        raise MissingInputError("this file of a bundle is missing", where=folder / lacking[0])
    return Bundle(folder, facts, verified)


def read_facts(folder: Path) -> BundleFacts:
    """What the bundle says of itself; its other files are not looked at."""
    path = folder / layout.METADATA
    return facts_in(read_json(path), path)


def facts_in(metadata: Mapping[str, Any], path: Path, *, unfamiliar: bool = True) -> BundleFacts:
    """The facts in metadata that were read from ``path``.

    Without ``unfamiliar`` the long table of what the training images look like is left out: who lists bundles in a
    window cannot wait for it.
    """
    own = metadata.get(layout.OWN_KEY)
    if own is None:
        raise UnreadableFileError(
            "this bundle was not made by AbdominalOncology",
            where=path.parents[1],
            remedy="its classes and preparation are not known here; see `abdominal-oncology bundle add --help`",
        )
    if not isinstance(own, dict):
        raise UnreadableFileError("this is not a bundle that can be used", where=path)
    check_format(own.get("format"), path)
    table = own.get("facts")
    if not unfamiliar and isinstance(table, dict):
        table = {**table, "unfamiliar": None}
    return facts_from_table(table, str(path))


def is_foreign(folder: Path) -> bool:
    """Whether it is a MONAI bundle that others made."""
    return layout.OWN_KEY not in read_json(folder / layout.METADATA)


def user_folder() -> Path:
    """Where the user's own bundles are kept: outside of the extension, so that an update leaves them.

    The environment variable ``ABDOMINAL_ONCOLOGY_BUNDLES`` names another folder.
    """
    named = os.environ.get("ABDOMINAL_ONCOLOGY_BUNDLES")
    if named:
        return Path(named)
    if sys.platform == "win32":
        local = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        return local / "AbdominalOncology" / "Bundles"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "AbdominalOncology" / "Bundles"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "abdominal-oncology" / "bundles"


def _unpacked(path: Path, below: Path) -> Path:
    if not path.is_file():
        raise MissingInputError(
            "there is no such bundle",
            where=path,
            remedy="name a folder or a zip, or see `abdominal-oncology bundle list`",
        )
    folder = below / UNPACKED / sha256_of(path)[:32]
    if not folder.exists():
        try:
            with new_folder(folder) as partial:
                unpack(path, partial)
        except InvalidInputError:
            if not folder.exists():  # else another process was faster with the same zip
                raise
    return folder
