"""Writing a bundle: whole or not at all."""

from __future__ import annotations

import copy
import errno
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from abdominal_oncology.errors import AbdominalOncologyError, ChangedFileError, InvalidInputError, MissingInputError
from abdominal_oncology.learning.bundle import layout
from abdominal_oncology.learning.bundle.archive import pack
from abdominal_oncology.learning.bundle.card import make_card
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.bundle.hashes import Verified, hash_files, write_hashes
from abdominal_oncology.learning.bundle.monai_files import inference, metadata

if TYPE_CHECKING:
    from torch import nn

    from abdominal_oncology.learning.bundle.load import Bundle

PARTIAL = ".partial-"
"""How the name of a folder begins that is not finished."""

_NUMBERS = re.compile(r'\[\n([^][{}"]+)\]')

APACHE = """SPDX-License-Identifier: Apache-2.0

Licensed under the Apache License, Version 2.0 (the "License"); you may not use this bundle except in compliance with
the License. You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on an
"AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the specific
language governing permissions and limitations under the License.
"""


def write_bundle(
    folder: Path,
    network: nn.Module,
    facts: BundleFacts,
    *,
    half: bool = True,
    onnx: bool = False,
    licence: str = APACHE,
    replace: bool = False,
) -> Verified:
    """Write the network and its facts as the new bundle ``folder``.

    ``half`` stores kernels as float16 (they are used as float32). ``onnx`` adds the network as ONNX, with the weights
    as they will be read, compared with torch. An existing folder is an error unless ``replace``.
    """
    from abdominal_oncology.learning.bundle.weights import fit_weights, read_weights, state_to_write, write_weights

    layout.folder_name(facts)  # refuses names that no folder can have
    texts = {layout.METADATA: _json(metadata(facts)), layout.INFERENCE: _json(inference(facts))}
    state = state_to_write(network, half)
    with new_folder(folder, replace) as partial:
        for sub in ("configs", "models", "docs"):
            (partial / sub).mkdir()
        weights = partial / layout.WEIGHTS
        write_weights(state, weights)
        if onnx:
            from abdominal_oncology.learning.bundle.to_onnx import export_onnx

            as_read = copy.deepcopy(network).to("cpu").float()
            fit_weights(as_read, read_weights(weights), weights)
            export_onnx(as_read, facts.input_shape, partial / layout.ONNX)
        for name, text in texts.items():
            (partial / name).write_text(text, encoding="utf-8", newline="\n")
        (partial / layout.CARD).write_text(make_card(facts), encoding="utf-8", newline="\n")
        (partial / layout.LICENCE).write_text(licence, encoding="utf-8", newline="\n")
        written = write_hashes(partial)
    return Verified(folder, written.files)


def export_bundle(bundle: Bundle, folder: Path, network: nn.Module | None = None) -> Verified:
    """A copy of a bundle with ``models/model.pt`` besides, which other MONAI tools load.

    With ``network`` (the bundle's own) the copy has the network as ONNX, too.
    """
    import torch

    state = bundle.state_dict()
    with new_folder(folder) as partial:
        shutil.copytree(bundle.path, partial, dirs_exist_ok=True, copy_function=shutil.copyfile)
        if hash_files(partial) != bundle.verified.files:
            raise ChangedFileError("the bundle changed since it was opened", where=bundle.path, remedy="open it again")
        torch.save(state, partial / layout.TORCH_WEIGHTS)
        if network is not None:
            from abdominal_oncology.learning.bundle.to_onnx import export_onnx

            export_onnx(network, bundle.facts.input_shape, partial / layout.ONNX)
        written = write_hashes(partial)
    return Verified(folder, written.files)


def export_zip(bundle: Bundle, path: Path, network: nn.Module | None = None) -> Verified:
    """:func:`export_bundle` into one zip file; an existing file is an error."""
    if path.exists():
        raise _exists(path)
    with tempfile.TemporaryDirectory(prefix="bundle-") as temporary:
        written = export_bundle(bundle, Path(temporary) / path.stem, network)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            pack(written.folder, path)
        except OSError as error:
            raise _not_written(path.parent, error) from error
    return written


def copy_bundle(source: Path, folder: Path, *, replace: bool = False) -> None:
    """Copy a folder whole; the copy is compared with what was read, so that a changing source is not half taken."""
    before = hash_files(source)
    with new_folder(folder, replace) as partial:
        shutil.copytree(source, partial, dirs_exist_ok=True, copy_function=shutil.copyfile)
        if hash_files(partial) != before:
            raise InvalidInputError("the bundle changed while it was copied", where=source, remedy="try again")


@contextmanager
def new_folder(folder: Path, replace: bool = False) -> Iterator[Path]:
    """A temporary folder beside ``folder`` that takes its name when the block ends well, and vanishes when it fails.

    What cannot be written is a named error. Of two that make the same folder at once one gets the error.
    """
    partial = folder.with_name(f"{PARTIAL}{uuid4().hex[:12]}")
    try:
        if folder.exists() and not (replace and _may_give_way(folder)):
            raise _exists(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
        yield partial
        if replace and folder.exists():
            old = folder.with_name(f"{PARTIAL}{uuid4().hex[:12]}")
            folder.rename(old)
            shutil.rmtree(old, ignore_errors=True)
        partial.rename(folder)
    except AbdominalOncologyError:
        raise
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY) or (error.errno == errno.EACCES and folder.exists()):
            raise _exists(folder) from error
        if error.errno == errno.ENOENT and error.filename not in (None, str(folder), str(partial)):
            raise MissingInputError("this file is not there", where=str(error.filename)) from error
        raise _not_written(folder.parent, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _not_written(folder: Path, error: OSError) -> InvalidInputError:
    reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
    return InvalidInputError(
        f"the folder cannot be written: {reason}",
        where=folder,
        remedy="make room, or choose a folder that you may write to",
    )


def _may_give_way(folder: Path) -> bool:
    """A bundle, even a broken one, or an empty folder; never a folder with something else of the user's."""
    looks_like_one = any((folder / name).is_file() for name in (layout.METADATA, layout.HASHES, layout.WEIGHTS))
    return looks_like_one or (folder.is_dir() and not any(folder.iterdir()))


def _exists(path: Path) -> InvalidInputError:
    return InvalidInputError(
        "this exists already", where=path, remedy="choose another name; only a bundle can be replaced"
    )


def _json(table: Mapping[str, Any]) -> str:
    """Indented, but a list of numbers takes one line: some are thousands long. Strings hold no bare line break."""
    text = json.dumps(table, indent=2, ensure_ascii=False, allow_nan=False)
    return _NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"
