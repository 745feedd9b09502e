"""The job ``phase``: the contrast phase of series, one or many. One that cannot be classified stops no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from abdominal_oncology import __version__
from abdominal_oncology.errors import AbdominalOncologyError, Cancelled, InvalidInputError, MissingInputError
from abdominal_oncology.imaging.geometry import Vector
from abdominal_oncology.imaging.reader import SliceReader, read_image
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.finding import Finding, FindingWarning, Provenance
from abdominal_oncology.phase.bundles import BUNDLES
from abdominal_oncology.phase.classify import ClassifySettings, classify
from abdominal_oncology.phase.kinetics import estimate
from abdominal_oncology.phase.measure_regions import measure_points
from abdominal_oncology.phase.region_hu import RegionHU
from abdominal_oncology.phase.trusted_reader import TrustedReader
from abdominal_oncology.phase.whole_finding import withheld
from abdominal_oncology.progress import part
from abdominal_oncology.worker.jobs.request import JobContext, JobRequest, JobResult
from abdominal_oncology.worker.wire import from_plain, to_plain

_USUAL = ClassifySettings()


@dataclass(frozen=True)
class Series:
    """One series to classify. ``labels`` is a label map whose values ``label_names`` names (empty: TotalSegmentator's
    numbers); ``points`` are (x, y, z) in LPS mm by structure. ``warnings`` go into its finding.
    """

    name: str
    image: SliceReader
    labels: SliceReader | None = None
    label_names: Mapping[int, str | int] = field(default_factory=dict)
    points: Mapping[str, Sequence[ArrayLike]] = field(default_factory=dict)
    warnings: tuple[FindingWarning, ...] = ()


@dataclass(frozen=True)
class _SeriesSettings:
    name: str
    label_names: Mapping[int, str | int]
    points: Mapping[str, tuple[Vector, ...]]
    warnings: tuple[FindingWarning, ...]


@dataclass(frozen=True)
class _Settings:
    series: tuple[_SeriesSettings, ...]
    classify: ClassifySettings
    bundle: str | None
    device: str


def phase_request(
    series: Sequence[Series],
    *,
    bundle: str | Path | None = None,
    device: str = "auto",
    settings: ClassifySettings = _USUAL,
) -> JobRequest:
    """A finding for each series, in their order. ``bundle``: name or path; None takes the one that is installed and
    does without where there is none; ``none`` asks for the kinetics alone.
    """
    if not series:
        raise MissingInputError("no series was given", remedy="choose at least one CT series")
    images: dict[str, SliceReader] = {}
    told = []
    for n, each in enumerate(series):
        images[_image(n)] = each.image
        if each.labels is not None:
            images[_labels(n)] = each.labels
        points = {name: tuple(_point(point) for point in some) for name, some in each.points.items()}
        told.append(_SeriesSettings(each.name, dict(each.label_names), points, each.warnings))
    named = None if bundle is None else str(bundle)
    return JobRequest("phase", to_plain(_Settings(tuple(told), settings, named, device)), images)


def get_ready() -> None:
    """The tables of the kinetics, which the first estimate makes."""
    estimate([RegionHU("aorta", 150.0)])


def run(request: JobRequest, context: JobContext) -> JobResult:
    settings: _Settings = from_plain(_Settings, request.settings, "settings of the job phase")
    context.progress(0.0, "looking for the model")
    predictor, no_network = context.models.predictor("phase", settings.bundle, BUNDLES, settings.device)
    findings = []
    count = len(settings.series)
    for n, each in enumerate(settings.series):
        reader, case = request.image(_image(n)), each.name
        labels = request.image(_labels(n)) if _labels(n) in request.images else None
        source = reader.source
        try:
            regions, doubts = _at_points(reader, each)
            found = classify(
                Case(case, source.patient_id, source.study_uid, {"ct": reader}),
                predictor=predictor,
                settings=replace(settings.classify, regions_given=(*settings.classify.regions_given, *regions)),
                segmentation=None if labels is None else read_image(labels),
                segment_names=each.label_names or None,
                progress=part(context.progress, n / count, (n + 1) / count),
            ).with_warnings(doubts)
        except Cancelled:
            raise
        except AbdominalOncologyError as error:  # the other series are worth an answer all the same
            found = _not_classified(case, error)
        findings.append(found.with_warnings([*no_network, *each.warnings]))
    context.progress(1.0, "done")
    return JobResult(tuple(findings))


def _at_points(reader: SliceReader, series: _SeriesSettings) -> tuple[tuple[RegionHU, ...], list[FindingWarning]]:
    if not series.points:
        return (), []
    try:
        return measure_points(TrustedReader(reader), series.points), []
    except InvalidInputError as trouble:
        text = f"the points could not be measured in this volume: {trouble}"
        return (), [FindingWarning("points-unusable", text)]


def _not_classified(case: str, error: AbdominalOncologyError) -> Finding:
    made_by = Provenance("", software=f"AbdominalOncology {__version__}")
    return withheld(case, f"cannot tell: {error}", [FindingWarning("not-classified", str(error))], made_by)


def _image(n: int) -> str:
    return f"ct {n}"


def _labels(n: int) -> str:
    return f"labels {n}"


def _point(point: ArrayLike) -> Vector:
    x, y, z = np.asarray(point, dtype=np.float64).reshape(3).tolist()
    return x, y, z
