"""What the PhaseClassifier's logic does: nodes in, findings out. Imported on the first click, not with the panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from abdominal_oncology import __version__
from abdominal_oncology.errors import (
    AbdominalOncologyError,
    Cancelled,
    EmptyMaskError,
    InvalidInputError,
    MissingInputError,
)
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.finding import Finding, FindingWarning, Provenance
from abdominal_oncology.phase.bundles import BUNDLES
from abdominal_oncology.phase.classify import ClassifySettings, classify
from abdominal_oncology.phase.locate import Slab, locate_slab
from abdominal_oncology.phase.measure_regions import measure_points
from abdominal_oncology.phase.region_hu import RegionHU
from abdominal_oncology.phase.series_finding import SeriesFinding
from abdominal_oncology.phase.study import PairedStudy, pair_study
from abdominal_oncology.phase.trusted_reader import TrustedReader
from abdominal_oncology.phase.whole_finding import abdomen_mm, withheld
from abdominal_oncology.phase.words import MEASURED
from abdominal_oncology.progress import Progress, part
from abdominal_oncology.scene.markups import points_by_structure
from abdominal_oncology.scene.nodes import Node, require_node
from abdominal_oncology.scene.organ_labels import labels_from_segmentation
from abdominal_oncology.scene.rename import plain_name
from abdominal_oncology.scene.segments import segments
from abdominal_oncology.scene.volumes import reader_from_volume_node
from abdominal_oncology.worker.models import Models

if TYPE_CHECKING:
    from abdominal_oncology.learning.predictor import Predictor

_VOLUME = "vtkMRMLScalarVolumeNode"


@dataclass(frozen=True)
class Request:
    """What to classify with. ``warnings`` go into every finding."""

    predictor: Predictor | None
    warnings: tuple[FindingWarning, ...] = ()
    fraction: float = 0.3
    seed: int = 0
    segmentation: Node = None
    points: Node = None


def network(models: Models, bundle: str | Path | None) -> tuple[Predictor | None, tuple[FindingWarning, ...]]:
    """The warm network, and why there is none. A bundle that is named must be there; without one kinetics will do."""
    return models.predictor("phase", bundle, BUNDLES, without="the kinetics answered alone")


def classify_volumes(volumes: Sequence[Node], request: Request, progress: Progress) -> list[Finding]:
    """One finding per volume. What is wrong with the request is raised before the first volume is looked at."""
    if not volumes:
        raise MissingInputError("no volume was given", remedy="choose at least one CT volume")
    for node in volumes:
        require_node(node, _VOLUME, "volume")
    ClassifySettings(request.fraction, request.seed)
    if request.segmentation is not None:
        _check_segmentation(request.segmentation)
    if request.points is not None:
        points_by_structure(request.points)
    findings = []
    for n, node in enumerate(volumes):
        stretch = part(progress, n / len(volumes), (n + 1) / len(volumes))
        name = plain_name(node)
        try:
            found = _classify(node, name, request, stretch)
        except Cancelled:
            raise
        except AbdominalOncologyError as error:  # the other volumes are worth an answer all the same
            made_by = Provenance("", software=f"AbdominalOncology {__version__}")
            found = withheld(name, f"cannot tell: {error}", [FindingWarning("not-classified", str(error))], made_by)
        findings.append(found.with_warnings(request.warnings))
    progress(1.0, "done")
    return findings


def pair_volumes(volumes: Sequence[Node], findings: Sequence[Finding | None]) -> PairedStudy:
    """Series are named by the IDs of their nodes and called as these are."""
    if len(volumes) != len(findings):
        raise InvalidInputError(
            f"{len(findings)} findings for {len(volumes)} volumes", remedy="give one finding, or None, for each volume"
        )
    candidates = []
    for node, finding in zip(volumes, findings, strict=True):
        require_node(node, _VOLUME, "volume")
        reader = reader_from_volume_node(node)
        known = None if finding is None else abdomen_mm(finding)
        looks = known is None and finding is not None and finding.decision is not None
        series = SeriesFinding.of_reader(
            node.GetID(), reader, finding, _slab(reader) if looks else None, plain_name(node)
        )
        candidates.append(series if known is None else replace(series, abdomen_mm=known))
    return pair_study(candidates)


def _classify(node: Node, name: str, request: Request, progress: Progress) -> Finding:
    reader = reader_from_volume_node(node)
    labels, names, more = _labels(node, request)
    regions, doubts = _at_points(reader, request)
    settings = ClassifySettings(request.fraction, request.seed, regions_given=regions)
    source = reader.source
    found = classify(
        Case(name, source.patient_id, source.study_uid, {"ct": reader}),
        predictor=request.predictor,
        settings=settings,
        segmentation=labels,
        segment_names=names or None,
        progress=progress,
    )
    return found.with_warnings([*more, *doubts])


def _labels(node: Node, request: Request) -> tuple[Image | None, dict[int, str | int], list[FindingWarning]]:
    """The segmentation on the volume's grid; a volume that it does not reach does without."""
    if request.segmentation is None:
        return None, {}, []
    try:
        labels, names = labels_from_segmentation(request.segmentation, node, MEASURED)
    except EmptyMaskError as elsewhere:
        text = f"the segmentation shows nothing in this volume, regions were found automatically: {elsewhere}"
        return None, {}, [FindingWarning("segmentation-elsewhere", text)]
    return labels, dict(names), []


def _at_points(reader: SliceReader, request: Request) -> tuple[tuple[RegionHU, ...], list[FindingWarning]]:
    if request.points is None:
        return (), []
    try:
        return measure_points(TrustedReader(reader), points_by_structure(request.points)), []
    except InvalidInputError as trouble:
        text = f"the points could not be measured in this volume: {trouble}"
        return (), [FindingWarning("points-unusable", text)]


def _check_segmentation(node: Node) -> None:
    known = [each.structure.name for each in segments(node) if each.structure is not None]
    if not set(known) & set(MEASURED):
        raise MissingInputError(
            "no segment is a structure that says anything about contrast",
            where=str(node.GetName()),
            remedy=f"name segments as one of {', '.join(MEASURED[:7])} …, or give them the terminology",
        )


def _slab(reader: SliceReader) -> Slab | None:
    try:
        return locate_slab(TrustedReader(reader))
    except InvalidInputError:  # not axial: pairing has its own word on that
        return None
