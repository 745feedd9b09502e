"""Volume files of every kind for the tests that read them: whole, packed, hand-made."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.sitk_bridge import to_sitk
from abdominal_oncology.imaging.volume_file import write_volume_file

ENDINGS = (".nii", ".nii.gz", ".nrrd", ".mha")
VOXELS = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
SFORM = np.array([[2.0, 0, 0, 10], [0, 3, 0, 20], [0, 0, 4, 30], [0, 0, 0, 1]])


def ct(shape: tuple[int, int, int] = (6, 7, 8), dtype: Any = np.int16) -> Image:
    values = np.random.default_rng(0).integers(-1000, 1000, shape)
    if np.dtype(dtype).kind == "u":
        values = np.abs(values) % 250
    return Image(values.astype(dtype), Geometry(shape, (5.0, 0.7, 0.8), (-10.0, 20.0, 30.0)), Modality.CT)


NRRD = (
    "NRRD0004\ntype: short\ndimension: 3\n{space}\nsizes: 4 3 2\nspace directions: {directions}\n"
    "kinds: domain domain domain\nendian: {endian}\nencoding: {encoding}\nspace origin: (10,20,30)\n"
)


def nrrd(path: Path, space: str = "left-posterior-superior", data: bytes | None = None, **changes: str) -> Path:
    facts = {"directions": "(2,0,0) (0,3,0) (0,0,4)", "endian": "big", "encoding": "raw", **changes}
    head = NRRD.format(space=f"space: {space}" if space else "space dimension: 3", **facts)
    path.write_bytes(head.encode() + b"\n" + (VOXELS.astype(">i2").tobytes() if data is None else data))
    return path


def packed_variants(folder: Path, image: Image) -> list[Path]:
    """Every way a volume can be stored that we claim to read slice by slice."""
    paths = [write_volume_file(image, folder / f"plain{ending}") for ending in ENDINGS]
    for name, packed in (("a.nhdr", False), ("b.nhdr", True), ("c.mhd", False), ("d.mhd", True), ("e.nrrd", True)):
        paths.append(folder / name)
        sitk.WriteImage(to_sitk(image), str(paths[-1]), packed)
    paths.append(folder / "f.mha")
    sitk.WriteImage(to_sitk(image), str(paths[-1]), True)
    members = (folder / "plain.nii").read_bytes()
    paths.append(folder / "blocks.nii.gz")  # as bgzip writes: many gzip members in a row
    paths[-1].write_bytes(b"".join(gzip.compress(members[a : a + 500]) for a in range(0, len(members), 500)))
    return paths
