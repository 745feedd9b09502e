"""Whole series and studies into the scene, laid out as Slicer's own DICOM import does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from abdominal_oncology.errors import MissingInputError
from abdominal_oncology.imaging import anatomy
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.reader import SliceReader, read_image
from abdominal_oncology.progress import Progress, part, silent
from abdominal_oncology.scene.attributes import set_fact
from abdominal_oncology.scene.hierarchy import Place, file_series
from abdominal_oncology.scene.nodes import Node
from abdominal_oncology.scene.segmentations import segmentation_node_from_labels
from abdominal_oncology.scene.volumes import volume_node_from_image

_DICOM_FACTS = (  # what Slicer's DICOM import also leaves on a volume node, plus what the clinical layers ask for
    "Modality",
    "SeriesDescription",
    "SeriesNumber",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "FrameOfReferenceUID",
    "ContrastBolusAgent",
    "ContrastBolusStartTime",
    "AcquisitionTime",
    "KVP",
    "ConvolutionKernel",
)


@dataclass(frozen=True)
class SceneStudy:
    """The nodes of one study: volumes by role (``arterial``, ``t2`` …) and segmentations under the same roles."""

    volumes: Mapping[str, Node]
    segmentations: Mapping[str, Node]


def load_dicom_series(series: SliceReader | Image, name: str = "", progress: Progress = silent) -> Node:
    """A series as a volume node under its patient and study, with the DICOM attributes that Slicer sets.

    The name is, if not given, the series number and description, as in Slicer.
    """
    progress(0.0, "reading slices")
    image = series if isinstance(series, Image) else read_image(series, part(progress, 0.0, 0.9))
    header = image.source.header
    node = volume_node_from_image(image, name or _series_name(header))
    for keyword in _DICOM_FACTS:
        if header.get(keyword) not in (None, ""):
            node.SetAttribute(f"DICOM.{keyword}", str(header[keyword]))
    file_series(node, place_of_image(image))
    progress(1.0, "series is in the scene")
    return node


def put_study(
    images: Mapping[str, Image],
    labels: Mapping[str, Image] | None = None,
    label_names: Mapping[int, str] | None = None,
    progress: Progress = silent,
) -> SceneStudy:
    """Images by role into one study, each with its label map (if any) as a coded segmentation beside it.

    A volume is called as its role and carries it as the fact ``AbdominalOncology.Role``. ``label_names`` says what
    label values mean; without it they are the numbers of :mod:`~abdominal_oncology.imaging.anatomy`.
    """
    if not images:
        raise MissingInputError("a study needs at least one image", remedy="give images by role")
    strangers = set(labels or {}) - set(images)
    if strangers:
        raise MissingInputError(f"there are labels but no image for {', '.join(sorted(strangers))}")
    volumes: dict[str, Node] = {}
    segmentations: dict[str, Node] = {}
    for count, (role, image) in enumerate(images.items()):
        progress(count / len(images), f"{role} into the scene")
        volumes[role] = load_dicom_series(image, role)
        set_fact(volumes[role], "Role", role)
        if labels and role in labels:
            names = anatomy.label_names() if label_names is None else label_names
            segmentations[role] = segmentation_node_from_labels(
                labels[role], names, f"{role} segmentation", beside=volumes[role]
            )
    progress(1.0, "study is in the scene")
    return SceneStudy(volumes, segmentations)


def place_of_image(image: Image) -> Place:
    """Patient, study and series of an Image as the subject hierarchy wants them."""
    header, source = image.source.header, image.source
    return Place(
        patient_id=source.patient_id or _text(header, "PatientID"),
        patient_name=_text(header, "PatientName"),
        study_uid=source.study_uid,
        study_description=_text(header, "StudyDescription"),
        study_date=_text(header, "StudyDate"),
        series_uid=source.series_uid,
        series_number=_text(header, "SeriesNumber"),
        modality=_text(header, "Modality") or str(image.modality),
    )


def _text(header: Mapping[str, Any], keyword: str) -> str:
    value = header.get(keyword)
    return "" if value is None else str(value)


def _series_name(header: Mapping[str, Any]) -> str:
    number, description = _text(header, "SeriesNumber"), _text(header, "SeriesDescription")
    return ": ".join(part for part in (number, description) if part) or "series"
