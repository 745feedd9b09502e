"""The main job from end to end on a patient made up on the spot: what ``make demo`` runs.

Paint a multiphase CT study → write it as DICOM with names that say nothing → find and read it again → put it into the
MRML scene → measure organs through the scene → draw pictures → report. It grows as the clinical rooms are built.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from abdominal_oncology.errors import EmptyMaskError, InvalidInputError
from abdominal_oncology.imaging.dicom import DicomReader, scan_folder, write_study
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.phantom.ct_study import FOUR_PHASES, ct_study
from abdominal_oncology.phantom.result import Phantom
from abdominal_oncology.progress import Progress, part, silent
from abdominal_oncology.report import Paragraph, Report, ReportPicture, ReportTable

if TYPE_CHECKING:
    from abdominal_oncology.scene import SceneStudy

NOTICE = "Research use only. Every image here is a phantom: made up from a seed, not taken from a patient."
_FIELD_OF_VIEW_MM = 410.0
_MARKER = ".abdominal-oncology-demo"  # only a folder with this file may be replaced
STRUCTURES = ("aorta", "portal_vein_and_splenic_vein", "inferior_vena_cava", "liver", "spleen", "kidney_left")
OUTLINED = (*STRUCTURES, "kidney_right", "stomach", "pancreas", "gallbladder", "colon", "small_bowel")
UNITS = {"seconds": "s after injection", "slices": "", "shift": "mm", **dict.fromkeys(STRUCTURES, "HU")}


@dataclass(frozen=True)
class DemoResult:
    """Where the report lies and its main table: one row per series, in order of acquisition."""

    report: Path
    rows: tuple[Mapping[str, Any], ...]


def run_demo(
    output: Path, *, seed: int = 12, matrix: int = 512, spacing_k_mm: float = 5.0, progress: Progress = silent
) -> DemoResult:
    """Run everything and write ``output`` (replaced if it is an older demo): report, CSV, PNGs, DICOM, scene."""
    from abdominal_oncology import scene  # boots slicer-core: seconds that other commands must not pay

    _make_room(output)
    pixel_mm = _FIELD_OF_VIEW_MM / matrix
    phantom = ct_study(
        seed,
        seconds=FOUR_PHASES,
        spacing_mm=(spacing_k_mm, pixel_mm, pixel_mm),
        thickness_mm=min(spacing_k_mm, 2.5),  # thin slices with gaps: half the painting, and nobody waits for pictures
        matrix=matrix,
        progress=part(progress, 0.0, 0.45),
    )
    write_study(
        phantom.images,
        output / "dicom",
        patient_name="Phantom^Demo",
        patient_id=f"PHANTOM-{seed}",
        seconds=FOUR_PHASES,
        descriptions={role: f"Abdomen {role}" for role in phantom.images},
        seed=seed,
        scramble=True,
        progress=part(progress, 0.45, 0.6),
    )
    images = _read_back(output / "dicom", part(progress, 0.6, 0.75))
    scene.clear_scene()
    study = scene.put_study(images, phantom.labels, phantom.label_names, part(progress, 0.75, 0.85))
    rows = [_row(study, role, phantom, images[role]) for role in phantom.images]
    progress(0.9, "drawing")
    pictures = _pictures(study, list(phantom.images))
    table = scene.table_node_from_rows(rows, "Series", units=_ucum(), beside=next(iter(study.volumes.values())))
    scene.set_fact(table, "Phantom", True)
    scene.save_scene(output / "scene.mrb")
    report = Report("AbdominalOncology demo", NOTICE, [*_explain(seed, rows), *pictures])
    path = report.write(output)
    progress(1.0, "done")
    return DemoResult(path, tuple(rows))


def _make_room(output: Path) -> None:
    """Only a folder that an earlier demo wrote is replaced; anything else of the user's stays."""
    if output.exists() and any(output.iterdir()):
        if not (output / _MARKER).is_file():
            raise InvalidInputError(
                "the folder holds files that are not from a demo", where=output, remedy="name a new folder"
            )
        shutil.rmtree(output)
    output.mkdir(parents=True, exist_ok=True)
    (output / _MARKER).touch()


def _read_back(folder: Path, progress: Progress) -> dict[str, Image]:
    """Every volume of the folder by its description's last word, in order of acquisition."""
    scan = scan_folder(folder, progress=part(progress, 0.0, 0.3))
    images: dict[str, Image] = {}
    for count, series in enumerate(scan.series):
        reader = DicomReader.from_files([header.path for header in series.headers])
        done = 0.3 + 0.7 * count / len(scan.series)
        images[series.description.split()[-1]] = read_image(reader, part(progress, done, done + 0.7 / len(scan.series)))
    return images


def _row(study: SceneStudy, role: str, phantom: Phantom, image: Image) -> dict[str, Any]:
    """What the scene says about one series, beside what it was painted as."""
    from abdominal_oncology import scene

    voxels = scene.image_from_volume_node(study.volumes[role]).voxels
    truth = phantom.truth["phases"][role]
    row: dict[str, Any] = {
        "series": role,
        "seconds": FOUR_PHASES[role],
        "slices": image.geometry.shape[0],
        "shift": round(float(truth["shift_mm"]), 1),
    }
    for structure in STRUCTURES:
        try:
            mask = scene.mask_from_segment(study.segmentations[role], structure, study.volumes[role])
        except EmptyMaskError:
            row[structure] = None
        else:
            row[structure] = float(np.median(voxels[mask.voxels != 0]))
    row["read back exactly"] = bool(np.array_equal(image.voxels, phantom.images[role].voxels))
    return row


def _pictures(study: SceneStudy, roles: Sequence[str]) -> list[ReportPicture]:
    """Per phase an axial slice through the liver's middle; a coronal one, outlines and a surface once."""
    from abdominal_oncology import scene

    first = study.volumes[roles[0]]
    liver = scene.mask_from_segment(study.segmentations[roles[0]], "liver", first)
    centre = liver.geometry.to_world(np.argwhere(liver.voxels).mean(axis=0))
    pictures: list[ReportPicture] = []
    with scene.SliceRenderer(512, 512) as renderer:
        for role in roles:
            renderer.show(study.volumes[role])
            pictures.append(
                _picture(f"axial-{role}", f"{role}, through the liver", renderer.picture("axial", centre[2]))
            )
        last = roles[-1]
        present = {segment.name for segment in scene.segments(study.segmentations[last])}
        shown = tuple(name for name in OUTLINED if name in present)  # not every patient has every organ in view
        renderer.show(study.volumes[last], scene.Overlay(study.segmentations[last], shown, fill=0.2))
        pictures.append(_picture("segments", f"{last}, with segments", renderer.picture("axial", centre[2])))
        pictures.append(_picture("coronal", f"{last}, coronal", renderer.picture("coronal", centre[1])))
    return pictures


def _picture(name: str, caption: str, picture: Any) -> ReportPicture:
    from abdominal_oncology import scene

    return ReportPicture(name, caption, scene.png_bytes(picture))


def _explain(seed: int, rows: Sequence[Mapping[str, Any]]) -> list[Paragraph | ReportTable]:
    exact = all(row["read back exactly"] for row in rows)
    return [
        Paragraph(
            f"Seed {seed}. {len(rows)} series of one made-up patient were written as DICOM files whose names say "
            f"nothing about series or order, found again by their headers, and read back "
            f"{'exactly as written' if exact else 'DIFFERENTLY from what was written'}. Median HU were measured "
            "through segments in the MRML scene; the same scene is in scene.mrb for 3D Slicer."
        ),
        ReportTable("series", "Series and organs", rows, UNITS),
    ]


def _ucum() -> dict[str, str]:
    return {"seconds": "s", "shift": "mm", **dict.fromkeys(STRUCTURES, "[hnsf'U]")}
