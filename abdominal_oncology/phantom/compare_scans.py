"""Real scans beside what we make of them: a picture per phase, and a table of organ HU with its spread inside organs.

The scans are not part of this project; they lie in a folder beside it, named as in :data:`SCANS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.errors import MissingDependencyError, MissingInputError
from abdominal_oncology.imaging.anatomy import find, label_names
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.open import open_reader
from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.imaging.resample import resample
from abdominal_oncology.imaging.volume_file import open_volume_file
from abdominal_oncology.phantom.ct_study import ct_study
from abdominal_oncology.phantom.paint_labels import paint_labels
from abdominal_oncology.phantom.physiology import Patient, Population
from abdominal_oncology.phantom.tile import TILE, tile
from abdominal_oncology.progress import Progress, silent


@dataclass(frozen=True)
class Scan:
    """A real CT: its phase and second, its files in the data folder, and what to look for when a level is chosen.

    ``labels`` is a label map of it (empty: none), ``level`` the share of its slices from below where there is none.
    """

    phase: str
    seconds: float | None
    image: str = ""
    labels: str = ""
    level: float = 0.5
    landmarks: tuple[str, ...] = ("liver",)
    extent: str = "abdomen"
    field_mm: float = 400.0


SCANS: tuple[Scan, ...] = (
    Scan(
        "non-contrast",
        None,
        "totalsegmentator/example_ct.nii.gz",
        "totalsegmentator/example_seg_fast_force_split.nii.gz",
        landmarks=("pancreas", "kidney_left"),
    ),
    Scan(
        "early arterial",
        25.0,
        "totalsegmentator/cta_chest_cropped.nii.gz",
        level=0.3,
        landmarks=("heart",),
        extent="neck-to-thigh",
        field_mm=260.0,
    ),
    Scan("arterial as tagged", 38.0, "kits00072_arterial_dicom", landmarks=("liver", "heart")),
    Scan(
        "portal",
        96.0,
        "totalsegmentator/example_ct_dicom",
        "totalsegmentator/example_seg_dicom.nii.gz",
        landmarks=("adrenal_gland_left", "liver"),
    ),
    Scan(
        "delayed",
        240.0,
        labels="totalsegmentator/example_seg_fast_force_split.nii.gz",
        landmarks=("pancreas", "kidney_left"),
    ),
)
"""The last has no real scan, none was found; it paints the first one's label map."""

MEASURED = (
    *("aorta", "inferior_vena_cava", "portal_vein_and_splenic_vein", "liver", "spleen", "pancreas", "stomach"),
    *("kidney_left", "kidney_right", "adrenal_gland_left", "urinary_bladder", "autochthon_left", "iliopsoas_left"),
    *("vertebrae_L1", "spinal_cord"),
)


@dataclass(frozen=True)
class OrganReading:
    """One organ, 3 mm or more inside its edge: median and standard deviation (HU) of the voxels of the real scan and of
    its label map painted for one patient, and mean and standard deviation of the organ's HU between patients."""

    phase: str
    structure: str
    voxels: int
    real_hu: float
    real_sd_hu: float
    painted_hu: float
    painted_sd_hu: float
    patients_hu: float
    patients_sd_hu: float

    @property
    def deviations(self) -> float:
        """How far the real organ lies from the average patient, in standard deviations between patients."""
        return (self.real_hu - self.patients_hu) / self.patients_sd_hu


def compare_with_real(
    data: Path, seed: int = 1, scans: Sequence[Scan] = SCANS, progress: Progress = silent
) -> NDArray[np.uint8]:
    """RGB picture (rows, columns, 3): a row per phase; real scan, drawn phantom, and the real scan's label map painted.

    Window centre 50, width 400. A tile stays black, and says so, where no scan or no label map exists.
    """
    rows = []
    for number, scan in enumerate(scans):
        progress(number / len(scans), f"comparing {scan.phase}")
        rows.append(_row(scan, data, seed))
    progress(1.0, "compared")
    return np.vstack(rows)


def measure_against_real(data: Path, seed: int = 1, scans: Sequence[Scan] = SCANS) -> list[OrganReading]:
    """Every organ of :data:`MEASURED` in every scan that has a label map."""
    people = Population.sample(3000, np.random.default_rng(seed))
    readings = []
    for scan in scans:
        if not (scan.image and scan.labels):
            continue
        real = _read(data / scan.image)
        labels = _labels(data / scan.labels, real)
        painted = _painted(labels, scan.seconds, seed)
        for structure in MEASURED:
            inside = _core(labels, structure)
            if np.count_nonzero(inside) < 30:
                continue
            here, there = real.voxels[inside], painted.voxels[inside]
            hu = people.hu(structure, scan.seconds)
            figures = (np.median(here), here.std(), np.median(there), there.std(), hu.mean(), hu.std())
            readings.append(OrganReading(scan.phase, structure, len(here), *(float(figure) for figure in figures)))
    return readings


def _row(scan: Scan, data: Path, seed: int) -> NDArray[np.uint8]:
    real = _read(data / scan.image) if scan.image else None
    labels = _labels(data / scan.labels, real) if scan.labels else None
    if labels is not None:
        level = _level(labels, scan.landmarks)
    else:
        level = round(scan.level * (real.geometry.shape[0] - 1)) if real is not None else 0
    study = ct_study(seed, seconds={"one": scan.seconds}, spacing_mm=(10.0, 0.85, 0.85), matrix=480, extent=scan.extent)
    drawn, drawn_level = study.images["one"], _level(study.labels["one"], scan.landmarks)
    when = "no contrast" if scan.seconds is None else f"{scan.seconds:g} s"
    pictures = [
        (f"real, {scan.phase}" if real is not None else f"{scan.phase}: no real scan", real, level),
        (f"drawn phantom, {when}", drawn, drawn_level),
        ("no label map", None, 0),
    ]
    if labels is not None:
        pictures[2] = (f"painted label map, {when}", _painted(labels, scan.seconds, seed, 1.5), level)
    return np.hstack([_captioned(*each, scan.field_mm) for each in pictures])


def _captioned(caption: str, image: Image | None, level: int, field_mm: float) -> NDArray[np.uint8]:
    try:
        from PIL import Image as Picture
        from PIL import ImageDraw
    except ImportError as missing:
        raise MissingDependencyError("drawing a comparison picture needs the package pillow") from missing
    grey = np.zeros((TILE, TILE), np.uint8) if image is None else tile(image, level, field_mm)
    sheet = Picture.fromarray(grey).convert("RGB")
    ImageDraw.Draw(sheet).text((6, 4), caption, fill=(255, 220, 90))
    return np.asarray(sheet)


def _read(path: Path) -> Image:
    if not path.exists():
        raise MissingInputError("a real scan to compare with is absent", where=path, remedy="give the data folder")
    return read_image(open_reader(path))


def _labels(path: Path, real: Image | None) -> Image:
    """A label map, on the grid of its scan where that is there."""
    if not path.exists():
        raise MissingInputError("the label map of a real scan is absent", where=path, remedy="give the data folder")
    labels = read_image(open_volume_file(path, Modality.MASK))
    return labels if real is None else resample(labels, real.geometry)


def _painted(labels: Image, seconds: float | None, seed: int, pixel_mm: float | None = None) -> Image:
    """The label map in its own slices, with pixels of at most ``pixel_mm``."""
    patient = Patient.sample(np.random.default_rng(seed))
    step, *pixel = labels.geometry.spacing_mm
    spacing = None if pixel_mm is None else (step, min(pixel[0], pixel_mm), min(pixel[1], pixel_mm))
    return paint_labels(
        labels, label_names(), seconds, patient, np.random.default_rng(seed), spacing_mm=spacing, smooth_mm=1.7
    )


def _level(labels: Image, landmarks: Sequence[str]) -> int:
    """The slice that shows most of all landmarks together."""
    counts = [np.count_nonzero(labels.voxels == find(name).number, axis=(1, 2)) for name in landmarks]
    return int(np.argmax(np.min([count / max(count.max(), 1) for count in counts], axis=0)))


def _core(labels: Image, structure: str) -> NDArray[np.bool_]:
    """What lies 3 mm inside a structure; the volume's ends are no edge."""
    mask: NDArray[np.bool_] = labels.voxels == find(structure).number
    if not mask.any():
        return mask
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    padded = np.pad(mask[box], 1, mode="constant")
    for axis, (part, count) in enumerate(zip(box, mask.shape, strict=True)):
        padded = np.moveaxis(padded, axis, 0)
        if part.start == 0:
            padded[0] = padded[1]
        if part.stop == count:
            padded[-1] = padded[-2]
        padded = np.moveaxis(padded, 0, axis)
    depth = ndimage.distance_transform_edt(padded, sampling=labels.geometry.spacing_mm)[1:-1, 1:-1, 1:-1]
    inside: NDArray[np.bool_] = np.zeros(mask.shape, dtype=np.bool_)
    inside[box] = depth > 3.0
    return inside
