"""The job ``phase``: the contrast phase of series, one or many. One that cannot be classified stops no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from abdominal_oncology import __version__
from abdominal_oncology.errors import (
    AbdominalOncologyError,
    Cancelled,
    EmptyMaskError,
    GeometryMismatchError,
    InvalidInputError,
)
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
from abdominal_oncology.phase.words import segmentation_elsewhere
from abdominal_oncology.progress import part
from abdominal_oncology.worker.jobs.phase import SeriesFacts, image_key, labels_key
from abdominal_oncology.worker.jobs.request import JobContext, JobRequest, JobResult
from abdominal_oncology.worker.wire import from_plain, with_defaults


@dataclass(frozen=True)
class _Settings:
    series: tuple[SeriesFacts, ...]
    classify: Mapping[str, Any]
    bundle: str | None
    device: str


def get_ready() -> None:
    """The tables of the kinetics, which the first estimate makes."""
    estimate([RegionHU("aorta", 150.0)])


def run(request: JobRequest, context: JobContext) -> JobResult:
    asked: _Settings = from_plain(_Settings, request.settings, "settings of the job phase")
    settings = with_defaults(ClassifySettings(), asked.classify, "settings of classify")
    context.progress(0.0, "looking for the model")
    predictor, no_network = context.models.predictor(
        "phase", asked.bundle, BUNDLES, asked.device, without="the kinetics answered alone"
    )
    findings = []
    count = len(asked.series)
    for n, each in enumerate(asked.series):
        if each.trouble:
            findings.append(_not_classified(each.name, each.trouble).with_warnings(each.warnings))
            continue
        reader = request.image(image_key(n))
        labels = request.image(labels_key(n)) if labels_key(n) in request.images else None
        source = reader.source
        try:
            regions, doubts = _at_points(reader, each)
            ask = partial(
                classify,
                Case(each.name, source.patient_id, source.study_uid, {"ct": reader}),
                predictor=predictor,
                settings=replace(settings, regions_given=(*settings.regions_given, *regions)),
                progress=part(context.progress, n / count, (n + 1) / count),
            )
            found = _with_labels(ask, labels, each.label_names).with_warnings(doubts)
        except Cancelled:
            raise
        except AbdominalOncologyError as error:  # the other series are worth an answer all the same
            found = _not_classified(each.name, str(error))
        findings.append(found.with_warnings([*no_network, *each.warnings]))
    context.progress(1.0, "done")
    return JobResult(tuple(findings))


def _with_labels(ask: Callable[..., Finding], labels: SliceReader | None, names: Mapping[int, str | int]) -> Finding:
    """A segmentation that lies elsewhere is told and does not cost the series its answer."""
    if labels is None:
        return ask()
    try:
        return ask(segmentation=read_image(labels), segment_names=names or None)
    except (EmptyMaskError, GeometryMismatchError) as elsewhere:
        return ask().with_warnings([segmentation_elsewhere(elsewhere)])


def _at_points(reader: SliceReader, series: SeriesFacts) -> tuple[tuple[RegionHU, ...], list[FindingWarning]]:
    if not series.points:
        return (), []
    try:
        return measure_points(TrustedReader(reader), series.points), []
    except InvalidInputError as trouble:
        text = f"the points could not be measured in this volume: {trouble}"
        return (), [FindingWarning("points-unusable", text)]


def _not_classified(case: str, trouble: str) -> Finding:
    made_by = Provenance("", software=f"AbdominalOncology {__version__}")
    return withheld(case, f"cannot tell: {trouble}", [FindingWarning("not-classified", trouble)], made_by)
