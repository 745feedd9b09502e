"""Volumes in one file: NIfTI, NRRD and MetaImage, read slice by slice and written whole.

What a single slice costs: plain NIfTI, NRRD and MHA a seek; gzip and zlib packing the way from the start of the file to
that slice; NRRD with bzip2, hex or text packing and lists of files the whole volume (ITK reads those).
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError, MissingInputError, UnreadableFileError
from abdominal_oncology.imaging.image import Image, ImageWarning, Modality, Source
from abdominal_oncology.imaging.nifti_header import HEADER_BYTES, parse_nifti_header
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.imaging.sitk_bridge import geometry_from_itk, to_sitk
from abdominal_oncology.imaging.stored_voxels import FileState, StoredVoxels, decompressed_start
from abdominal_oncology.imaging.text_header import meta_voxels, nrrd_voxels
from abdominal_oncology.imaging.volume_reader import VolumeFileReader
from abdominal_oncology.progress import Progress

READ_ENDINGS = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
WRITE_ENDINGS = (".nii", ".nii.gz", ".nrrd", ".mha")
_FAST = 1
_DEFLATE_AT_MOST = 1032
"""How many bytes one byte of a deflated file can stand for."""
_DTYPES = {
    sitk.sitkUInt8: "u1",
    sitk.sitkInt8: "i1",
    sitk.sitkUInt16: "u2",
    sitk.sitkInt16: "i2",
    sitk.sitkUInt32: "u4",
    sitk.sitkInt32: "i4",
    sitk.sitkUInt64: "u8",
    sitk.sitkInt64: "i8",
    sitk.sitkFloat32: "f4",
    sitk.sitkFloat64: "f8",
}


def open_volume_file(path: str | os.PathLike[str], modality: Modality | str | None = None) -> SliceReader:
    """A reader of the volume in ``path``; only its header is read now.

    ``modality`` says what the numbers mean. Left out, it is taken from the file where the file says it (NRRD and
    MHA may; ``.seg.nrrd`` is a mask); otherwise the middle slice is looked at when first needed: values down to -500
    mean CT, anything else OTHER, and a warning says that this is a guess.
    """
    place = Path(path)
    ending = _ending(place, READ_ENDINGS)
    if place.is_dir() or not place.exists():
        raise MissingInputError("there is no such file", where=place, remedy="check the name of the volume file")
    state = FileState.of(place)
    told = Modality(modality) if modality is not None else None
    if told is None and place.name.lower().endswith(".seg.nrrd"):
        told = Modality.MASK
    if ending.startswith(".nii"):
        return _open_nifti(place, state, ending == ".nii.gz", told)
    return _open_with_itk(place, state, told, ending in (".nrrd", ".nhdr"))


def write_volume_file(image: Image, path: str | os.PathLike[str]) -> Path:
    """Write ``image`` as .nii, .nii.gz, .nrrd or .mha, in place of an older file; returns the path.

    Masks are packed, other images only as .nii.gz. NRRD and MHA keep the modality too. The file appears under its name
    only when it is whole.
    """
    place = Path(path)
    ending = _ending(place, WRITE_ENDINGS)
    if not place.parent.is_dir():
        raise MissingInputError("there is no such folder", where=place.parent, remedy="create it first")
    if place.name.lower().endswith(".seg.nrrd") and not image.is_mask:
        raise InvalidInputError("a .seg.nrrd file holds labels, this image does not", where=place)
    volume = to_sitk(image)
    if not ending.startswith(".nii"):
        volume.SetMetaData("modality", image.modality.value)
    draft = place.with_name(f".writing-{uuid4().hex}{ending}")
    try:
        packed = image.is_mask or ending == ".nii.gz"
        sitk.WriteImage(volume, str(draft), useCompression=packed, compressionLevel=_FAST)
        draft.replace(place)
    except (RuntimeError, OSError) as failed:
        raise UnreadableFileError(f"the volume could not be written: {failed}", where=place) from failed
    finally:
        draft.unlink(missing_ok=True)
    return place


def _ending(path: Path, known: Sequence[str]) -> str:
    name = path.name.lower()
    for ending in sorted(known, key=len, reverse=True):
        if name.endswith(ending):
            return ending
    raise InvalidInputError(
        f"{path.suffix or 'a name without an ending'} is not a known volume format",
        where=path,
        remedy=f"use one of {', '.join(known)}",
    )


def _open_nifti(path: Path, state: FileState, packed: bool, modality: Modality | None) -> VolumeFileReader:
    if packed:
        head = decompressed_start(path, 348)
        if head[4:8] == b"n+2\0":
            head = decompressed_start(path, HEADER_BYTES)
    else:
        with path.open("rb") as file:
            head = file.read(HEADER_BYTES)
    header = parse_nifti_header(head, path)
    stored = StoredVoxels(state, header.offset, header.dtype, header.geometry.shape, packed, packed)
    _check_length(stored)
    voxels = _ScaledVoxels(stored, header.scale)
    facts = {"description": header.description} if header.description else {}
    return VolumeFileReader(
        header.geometry, Source(path=str(path), header=facts), voxels.read, modality, header.warnings
    )


@dataclass(frozen=True)
class _ScaledVoxels:
    """Stored numbers × slope + intercept; whole numbers stay whole where both are."""

    stored: StoredVoxels
    scale: tuple[float, float] | None

    def read(self, slices: NDArray[np.intp], progress: Progress) -> NDArray[Any]:
        voxels = self.stored.read(slices, progress)
        if self.scale is None:
            return voxels
        slope, intercept = self.scale
        if voxels.dtype.kind in "iu" and slope.is_integer() and intercept.is_integer() and voxels.dtype.itemsize <= 2:
            limits = np.iinfo(voxels.dtype)
            reach = [slope * limits.min + intercept, slope * limits.max + intercept]
            if max(abs(v) for v in reach) < 2**31:
                return voxels.astype(np.int32) * np.int32(slope) + np.int32(intercept)
        kind = np.float64 if voxels.dtype.itemsize > 2 and voxels.dtype != np.float32 else np.float32
        scaled: NDArray[Any] = np.add(np.multiply(voxels, slope, dtype=kind), intercept, dtype=kind)
        return scaled


def _check_length(stored: StoredVoxels) -> None:
    """Refuse a file too short for its own header, before memory is asked for."""
    voxels = math.prod(stored.shape) * stored.dtype.itemsize
    needed = voxels / _DEFLATE_AT_MOST if stored.compressed else stored.offset + voxels
    if stored.state.size < needed:
        raise UnreadableFileError(
            f"the file is cut off, or its header is wrong: {stored.state.size} bytes cannot hold {stored.shape} voxels",
            where=stored.state.path,
            remedy="copy or export the file again",
        )


def _open_with_itk(path: Path, state: FileState, modality: Modality | None, is_nrrd: bool) -> VolumeFileReader:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as refused:
        raise UnreadableFileError(
            f"this is not a readable {'NRRD' if is_nrrd else 'MetaImage'} file ({_last_line(refused)})",
            where=path,
            remedy="check that the file is whole and its name ends as it should",
        ) from refused
    _refuse_no_volume(reader, path)
    try:
        geometry = geometry_from_itk(reader.GetSize(), reader.GetSpacing(), reader.GetOrigin(), reader.GetDirection())
    except InvalidInputError as odd:
        raise InvalidInputError(
            odd.problem, where=path, remedy="export it again with straight slices, or resample it in Slicer first"
        ) from odd
    facts = _facts(reader)
    written = facts.get("modality", facts.get("Modality", "MET_MOD_UNKNOWN")).removeprefix("MET_MOD_")
    told = modality or (Modality(written) if written != "UNKNOWN" else None)
    warnings: tuple[ImageWarning, ...] = ()
    if is_nrrd and facts.get("NRRD_space") != "left-posterior-superior":
        text = f"the file names no patient axes ({facts.get('NRRD_space', 'no space')}): LPS was assumed"
        warnings = (ImageWarning("no-orientation", text),)
    where = nrrd_voxels(path) if is_nrrd else meta_voxels(path)
    if where is None:
        fetch = _WholeVolume(state).read
    else:
        dtype = np.dtype(where.byte_order + _DTYPES[reader.GetPixelID()])
        block = state if where.path == path else FileState.of(where.path)
        stored = StoredVoxels(block, where.offset, dtype, geometry.shape, where.compressed)
        _check_length(stored)
        fetch = stored.read
    return VolumeFileReader(geometry, Source(path=str(path), header=facts), fetch, told, warnings)


def _facts(reader: Any) -> dict[str, str]:
    """Key and value texts of the file; what is not UTF-8 comes as surrogates and cannot be asked for or written on."""
    keys = [key for key in reader.GetMetaDataKeys() if not key.startswith("ITK_") and _whole(key) == key]
    return {key: _whole(reader.GetMetaData(key)) for key in keys}


def _whole(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _refuse_no_volume(reader: Any, path: Path) -> None:
    size = reader.GetSize()
    if reader.GetNumberOfComponents() > 1 or reader.GetPixelID() not in _DTYPES:
        kind = sitk.GetPixelIDValueAsString(reader.GetPixelID())
        raise InvalidInputError(
            f"each voxel holds several numbers ({kind}), a volume needs one",
            where=path,
            remedy="split colours, vectors, or overlapping layers of a segmentation into volumes first",
        )
    if len(size) < 3:
        raise InvalidInputError(
            "the file holds a picture, not a volume", where=path, remedy="choose a file with slices"
        )
    if max(size[3:], default=1) > 1:
        raise InvalidInputError(
            f"the file holds {'×'.join(str(n) for n in size)} values: a series, not one volume",
            where=path,
            remedy="split it into volumes first",
        )


@dataclass(frozen=True)
class _WholeVolume:
    """For packings that only ITK understands: everything is read, then the slices are picked."""

    state: FileState

    def read(self, slices: NDArray[np.intp], progress: Progress) -> NDArray[Any]:
        self.state.check()
        try:
            voxels: NDArray[Any] = sitk.GetArrayFromImage(sitk.ReadImage(str(self.state.path)))
        except RuntimeError as broken:
            raise UnreadableFileError(
                f"the voxels cannot be read ({_last_line(broken)})",
                where=self.state.path,
                remedy="copy or export the file again",
            ) from broken
        self.state.check()
        progress(1.0, "reading slices")
        return voxels.reshape(voxels.shape[-3:])[slices]  # axes beyond the third are of length 1


def _last_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[-1].strip()
