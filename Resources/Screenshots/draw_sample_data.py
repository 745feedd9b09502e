"""Draws ``sample-data.png``: the panels' sample patients as Slicer's slice views show them, without a screen.

``python Resources/Screenshots/draw_sample_data.py`` (needs slicer-core). Phantoms, not patients.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from abdominal_oncology.panels import patients
from abdominal_oncology.phantom.result import Phantom
from abdominal_oncology.scene import Overlay, montage, put_study, slice_picture, write_png

HOME = Path(__file__).resolve().parent
SIZE = (420, 420)


def middle_of(patient: Phantom, role: str, structure: str) -> float:
    """Height (z, mm) of a structure's middle."""
    value = next(value for value, name in patient.label_names.items() if name == structure)
    labels = patient.labels[role]
    return float(labels.geometry.to_world(np.argwhere(labels.voxels == value).mean(axis=0))[2])


def main() -> None:
    liver, rectum = patients.liver_lesion_ct(), patients.rectal_mr()
    z = middle_of(liver, "portal", "liver_lesion")
    pictures = [slice_picture(liver.images[role], "axial", z, size=SIZE) for role in ("arterial", "portal", "delayed")]
    for patient, role, height, segments in (
        (liver, "portal", z, ()),
        (rectum, "t2", middle_of(rectum, "t2", "tumour"), ()),
    ):
        labels = {role: patient.labels[role]}
        study = put_study({role: patient.images[role]}, labels, patient.label_names)
        overlay = Overlay(study.segmentations[role], segments)
        pictures.append(slice_picture(patient.images[role], "axial", height, overlay=overlay, size=SIZE))
    pictures.insert(4, slice_picture(rectum.images["t2"], "axial", height, size=SIZE))
    write_png(montage(pictures, columns=3), HOME / "sample-data.png")


if __name__ == "__main__":
    main()
