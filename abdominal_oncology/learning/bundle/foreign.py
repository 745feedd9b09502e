"""MONAI bundles made by others. Their configuration is a program: it runs only when a person has named its hash."""

from __future__ import annotations

import warnings
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abdominal_oncology.errors import MissingDependencyError, MissingInputError, UnreadableFileError
from abdominal_oncology.learning.bundle import layout
from abdominal_oncology.learning.bundle.hashes import FileHash, Verified, hash_files, read_json, sha256_of

if TYPE_CHECKING:
    from torch import nn


class UntrustedBundleError(UnreadableFileError):
    """A bundle by others whose configuration would run code, and whose hash nobody has allowed."""


@dataclass(frozen=True)
class ForeignBundle:
    """An allowed bundle made by others: its network, and nothing said of classes or preparation that we could use."""

    path: Path
    metadata: dict[str, Any]
    sha256: str

    def network(self) -> nn.Module:
        """The network that ``configs/inference.json`` defines with the weights of ``models/model.pt``.

        Here its code runs. The files are hashed again right before.
        """
        if foreign_sha256(self.path) != self.sha256:
            raise UntrustedBundleError("this bundle changed since it was allowed", where=self.path)
        for name in (layout.TORCH_WEIGHTS, layout.INFERENCE):
            if not (self.path / name).is_file():  # monai would look for it on the network
                raise MissingInputError("this file of a bundle is missing", where=self.path / name)
        try:
            from monai.bundle import load
        except ImportError as missing:
            raise MissingDependencyError("bundles by others need monai", remedy="install monai") from missing
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # monai warns of what the allow-list has settled
            network: nn.Module = load(
                self.path.name, bundle_dir=self.path.parent, workflow_type="inference", device="cpu", source="github"
            )
        return network.eval()


def load_foreign(folder: Path, allowed: Container[str]) -> ForeignBundle:
    """Open a bundle by others when its hash is among those ``allowed``; nothing of it has run then."""
    metadata = read_json(folder / layout.METADATA)
    digest = foreign_sha256(folder)
    if digest not in allowed:
        raise UntrustedBundleError(
            "this bundle was made by others, and its configuration can run any program with your rights: read your "
            "files, change them, send them away",
            where=folder,
            remedy="if you trust who made it and got it from them unchanged, run "
            f"`abdominal-oncology bundle add FOLDER --allow {digest}`",
        )
    return ForeignBundle(folder, metadata, digest)


def foreign_sha256(folder: Path) -> str:
    """Over all files of the folder."""
    files = hash_files(folder)
    own_list = folder / layout.HASHES
    if own_list.is_file():  # of our bundles the list is not hashed; here it is a file like any other
        files[layout.HASHES] = FileHash(sha256_of(own_list), own_list.stat().st_size)
    return Verified(folder, files).sha256
