"""Many volumes: one finding file each, the table, and the studies they make. A bad series is a row with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from abdominal_oncology.errors import AbdominalOncologyError, Cancelled
from abdominal_oncology.files import write_atomically
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.learning.batch_files import BatchFolder, CaseResult
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.phase.classify import ClassifySettings, classify
from abdominal_oncology.phase.series_finding import SeriesFinding
from abdominal_oncology.phase.study import PairedStudy, pair_study
from abdominal_oncology.phase.volumes import CtVolume
from abdominal_oncology.phase.whole_finding import abdomen_mm
from abdominal_oncology.progress import Progress, part, silent

if TYPE_CHECKING:
    from abdominal_oncology.learning.predictor import Predictor

STUDIES = "studies.json"
_TROUBLES = (AbdominalOncologyError, OSError, ValueError, ArithmeticError, LookupError, RuntimeError, MemoryError)
"""What the files of one series can cause, here or in a library. Anything else is a mistake of ours and ends it all."""


@dataclass(frozen=True)
class ClassifiedVolumes:
    """``results`` in the order of the volumes; ``studies`` pairs those that have a study."""

    results: tuple[CaseResult, ...]
    studies: PairedStudy


def classify_volumes(
    volumes: Sequence[CtVolume],
    folder: Path,
    *,
    predictor: Predictor | None = None,
    settings: ClassifySettings,
    segmentation: Image | None = None,
    progress: Progress = silent,
) -> ClassifiedVolumes:
    """Write ``cases/NAME.json`` per volume as soon as it is known, and at the end ``findings.csv`` and
    ``studies.json``. What is finished stays when the rest is cancelled."""
    batch = BatchFolder(folder)
    series: list[SeriesFinding] = []
    for number, volume in enumerate(volumes):
        share = part(progress, number / len(volumes), (number + 1) / len(volumes))
        share(0.0, f"{volume.name} ({number + 1} of {len(volumes)})")
        try:
            reader = volume.open()
            case = Case(volume.name, volume.patient, volume.study, {"ct": reader})
            finding = classify(case, predictor=predictor, settings=settings, segmentation=segmentation, progress=share)
            result = CaseResult.of_finding(volume.name, volume.patient, finding, {"ct": reader.source.path})
            if volume.study:
                series.append(_for_pairing(volume, case, finding))
        except Cancelled:
            raise
        except _TROUBLES as error:
            result = CaseResult.of_error(volume.name, volume.patient, error)
        batch.write(result)
    results = batch.collect([volume.name for volume in volumes])
    studies = pair_study(series)
    write_atomically(folder / STUDIES, studies.to_json().encode())
    return ClassifiedVolumes(tuple(results), studies)


def _for_pairing(volume: CtVolume, case: Case, finding: Finding) -> SeriesFinding:
    reader = case.image("ct")
    return SeriesFinding(
        volume.name, finding, reader.geometry, reader.source, reader.modality, abdomen_mm(finding), volume.name
    )
