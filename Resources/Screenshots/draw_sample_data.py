"""Draws ``sample-data.png``: the sample patients as Slicer's slice views show them, without a screen.

``python Resources/Screenshots/draw_sample_data.py`` (needs slicer-core). Phantoms, not patients.
"""

from __future__ import annotations

from pathlib import Path

from abdominal_oncology.rectal.phantom import rectal_phantom
from abdominal_oncology.scene import Overlay, montage, put_study, slice_picture, write_png

HOME = Path(__file__).resolve().parent


def main() -> None:
    patient = rectal_phantom(7, stage="T3", matrix=320, slices=24)
    study = put_study(patient.images, {"t2": patient.labels["t2"]}, patient.label_names)
    image, x = patient.images["t2"], patient.truth["centre_mm"]
    pictures = [
        slice_picture(image, "axial", x[2], size=(480, 480)),
        slice_picture(image, "axial", x[2], overlay=Overlay(study.segmentations["t2"]), size=(480, 480)),
    ]
    write_png(montage(pictures, columns=2), HOME / "sample-data.png")


if __name__ == "__main__":
    main()
