"""A task of slices and studies on disk for the tests of batches."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from prediction_doubles import MemoryModel

from abdominal_oncology.errors import (
    EmptyMaskError,
    GeometryMismatchError,
    WrongModalityError,
)
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.volume_file import write_volume_file
from abdominal_oncology.learning.answers import Answers
from abdominal_oncology.learning.batch_cases import cases_of_manifest
from abdominal_oncology.learning.batch_predict import BatchSummary, predict_cases
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.finding import Finding, Measurement, Provenance
from abdominal_oncology.learning.manifest import Manifest, read_manifest
from abdominal_oncology.learning.predictor import Predictor
from abdominal_oncology.learning.samples import Samples
from abdominal_oncology.learning.task import About
from abdominal_oncology.progress import Progress, silent

GRID = Geometry((3, 12, 12), (2.0, 1.0, 1.0))


@dataclass
class SliceTask:
    """Every slice of ``ct`` is a sample, inside of ``liver`` where there is one; the mean answer decides."""

    name: str = "phase"
    question: str = "phase"
    roles: tuple[str, ...] = ("ct",)
    bundles: tuple[str, ...] = ()
    about: About = field(default_factory=About)
    modality = Modality.CT
    prepared: list[str] = field(default_factory=list)
    value: float = 1.0

    def samples(self, case: Case, preparation: Mapping[str, Any], progress: Progress = silent) -> Samples:
        self.prepared.append(case.case)
        image = case.read_image("ct")
        if image.modality is not Modality.CT:
            raise WrongModalityError(f"this is {image.modality}, not CT", where=case.case)
        voxels = image.voxels
        if "liver" in case.masks:
            mask = case.read_mask("liver")
            if mask.geometry != image.geometry:
                raise GeometryMismatchError("the mask does not overlap the image", where=case.case)
            if not mask.voxels.any():
                raise EmptyMaskError("the mask is empty", where=case.case)
        progress(1.0, "ready")
        return Samples(voxels[:, None].astype(np.float32) / 1000, tuple(range(len(voxels))))

    def decide(
        self, case: Case, samples: Samples, answers: Answers, facts: BundleFacts, provenance: Provenance
    ) -> Finding:
        mean = answers.probabilities.mean(axis=0)
        return Finding(
            self.question,
            f"case {case.case}",
            facts.classes[int(mean.argmax())],
            dict(zip(facts.classes, map(float, mean), strict=True)),
            provenance,
            measurements=(Measurement("brightness", self.value * float(samples.inputs.mean()), "HU"),),
        )


def image(seed: int, modality: Modality = Modality.CT) -> Image:
    return Image(np.random.default_rng(seed).integers(-100, 300, GRID.shape, dtype=np.int16), GRID, modality)


def study(folder: Path, names: tuple[str, ...] = ("anna", "bert", "carl", "dora")) -> Manifest:
    """A folder of CT volumes with its table."""
    folder.mkdir(exist_ok=True)
    lines = ["case,patient,image.ct"]
    for seed, name in enumerate(names):
        write_volume_file(image(seed), folder / f"{seed}.nrrd")
        lines.append(f"{name},p-{name},{seed}.nrrd")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return read_manifest(folder / "manifest.csv")


def run(manifest: Manifest, output: Path, task: SliceTask | None = None, **options: Any) -> BatchSummary:
    task = task or SliceTask()
    predictor = options.pop("predictor", None) or Predictor(MemoryModel(), "cpu", "torch")
    return predict_cases(cases_of_manifest(manifest, task), task, predictor, output, **options)  # type: ignore[arg-type]


def table(output: Path) -> list[dict[str, str]]:
    with (output / "findings.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def bad_study(folder: Path) -> Manifest:
    """Good cases between every kind of bad one."""
    study(folder, ("good", "fine"))
    write_volume_file(image(5), folder / "whole.nrrd")
    (folder / "broken.nrrd").write_bytes((folder / "whole.nrrd").read_bytes()[:400])
    (folder / "nonsense.nrrd").write_bytes(b"this is no image")
    values = np.zeros(GRID.shape, np.float32)
    values[1, 2, 3] = np.nan
    write_volume_file(Image(values, GRID, Modality.CT), folder / "nan.nrrd")
    write_volume_file(image(6, Modality.MR), folder / "mr.nrrd")
    liver = Image(np.ones(GRID.shape, np.uint8), GRID, Modality.MASK)
    write_volume_file(liver, folder / "liver.nrrd")
    elsewhere = Geometry(GRID.shape, (2.0, 1.0, 1.0), (500.0, 0.0, 0.0))
    write_volume_file(Image(liver.voxels, elsewhere, Modality.MASK), folder / "far.nrrd")
    write_volume_file(Image(np.zeros(GRID.shape, np.uint8), GRID, Modality.MASK), folder / "empty.nrrd")
    lines = [
        "case,patient,image.ct,mask.liver",
        "good,1,0.nrrd,liver.nrrd",
        "absent,1,not-there.nrrd,",
        "broken,1,broken.nrrd,",
        "nonsense,1,nonsense.nrrd,",
        "nan,1,nan.nrrd,",
        "mr,1,mr.nrrd,",
        "far,1,0.nrrd,far.nrrd",
        "empty,1,0.nrrd,empty.nrrd",
        "nothing,1,,liver.nrrd",
        "fine,2,1.nrrd,",
    ]
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return read_manifest(folder / "manifest.csv")
