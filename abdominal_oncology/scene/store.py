"""The scene as one file: save and open Slicer's bundles (.mrb)."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from abdominal_oncology.errors import InvalidInputError, MissingInputError, SceneError, UnreadableFileError
from abdominal_oncology.scene.headless import boot
from abdominal_oncology.scene.quiet import quiet


def save_scene(path: str | Path) -> Path:
    """Write everything in the scene to an .mrb file; the old file stays as it is until the new one is complete."""
    target = _bundle(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".saving-", dir=target.parent) as folder:
        draft = Path(folder) / target.name  # the bundle's inner folder takes the file's name
        if not boot().WriteToMRB(str(draft)) or not zipfile.is_zipfile(draft):
            raise SceneError("the scene could not be saved", where=target, remedy="check free space and permissions")
        draft.replace(target)
    return target


def open_scene(path: str | Path, *, clear: bool = True) -> None:
    """Read an .mrb file into the scene, in place of what is there or (``clear=False``) beside it."""
    source = _bundle(path)
    if not source.is_file():
        raise MissingInputError("there is no such scene file", where=source, remedy="check the path")
    if not zipfile.is_zipfile(source):
        raise UnreadableFileError("this is not a scene bundle", where=source, remedy="choose an .mrb file from Slicer")
    with zipfile.ZipFile(source) as bundle:
        damaged = bundle.testzip()
    if damaged is not None:
        raise UnreadableFileError(f"the bundle is damaged at {damaged}", where=source, remedy="use another copy of it")
    with quiet():  # the reader reports each oddity on the error stream; what matters is its answer
        done = boot().ReadFromMRB(str(source), clear)
    if not done:
        raise UnreadableFileError("the scene could not be read", where=source, remedy="use another copy of it")


def _bundle(path: str | Path) -> Path:
    target = Path(path).absolute()
    if target.suffix.lower() != ".mrb":
        raise InvalidInputError("a scene is saved as one .mrb file", where=target, remedy="let the name end in .mrb")
    return target
